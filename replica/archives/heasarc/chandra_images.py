"""Chandra images: counts of the centre and of the full field, which agree where both look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from astropy.time import Time, TimeDelta

from replica.holdings import Product
from replica.simulation import cassiopeia, xrays
from replica.simulation.fits_files import header_of
from replica.simulation.noise import blur, generator, sample
from replica.simulation.sky import PULSAR

CASSIOPEIA = "Cas A"
#: Photons per second on ACIS-S: 280 million in 1 Ms (Hwang et al. 2004, ApJ 615, L117).
_CASSIOPEIA_RATE = 280.0
#: Share of its neutron star: a tenth of a photon per second (Pavlov et al. 2000, ApJ 531, L53).
_NEUTRON_STAR_SHARE = 0.1 / _CASSIOPEIA_RATE
_FWHM = 0.9  # arcseconds, of the image of a point
_STEP = 0.5  # arcseconds: pixel of Cassiopeia A's template
SIZE = 1024
PIXEL = 0.492  # arcseconds, a sky pixel of ACIS
#: Sky pixels on a side of the full image's pixels, and the part of it that the centre shows.
FULL_BINNING, MIDDLE = 4, slice(SIZE * 3 // 8, SIZE * 5 // 8)
#: Chandra's time counts seconds (TT) from here: MJD 50814.
_EPOCH = Time(50814, format="mjd", scale="tt")
CHIP = 8.4 * 60  # side of an ACIS chip, arcseconds


#: Observations that read only the rows of the chip around the Crab Nebula, in short frames, to
#: pile up less (Hester et al. 2002, ApJ 577, L49; Weisskopf et al. 2013, ApJ 765, 56).  Which of
#: those that are held did so, and with how many rows, is rounded from memory.
_EARLY = ("1994", "1995", "1996", "1998", "1999", "2000", "2001")
_MONITORING = ("13146", "13152", "13751", "14416")
_ROWS, _SUBARRAY_ROWS = 1024, 300
#: Seconds for which ACIS exposes a frame, by its rows, and seconds between two exposures
#: (Chandra Proposers' Observatory Guide, chapter 6).
_FRAME, _TRANSFER = {_ROWS: 3.2, _SUBARRAY_ROWS: 0.2}, 0.04104


@dataclass(frozen=True)
class Detector:
    """Facts of a detector, for the replica's purposes.

    A chip is the place of its centre from the aim point, in sides of a chip.
    """

    name: str  # DETNAM
    rate: float  # counts per second of the Crab Nebula
    background: float  # counts per second and sky pixel
    piled_up: bool
    chips: tuple[tuple[float, float], ...]
    numbers: tuple[int, ...]  # of the chips


_ACIS_I_CHIPS = tuple((x, y) for x in (-0.3, 0.72) for y in (-0.72, 0.3))
_HRC_I_CHIPS = tuple((x, y) for x in (-1.2, -0.4, 0.4, 1.2) for y in (-1.2, -0.4, 0.4, 1.2))
_HRC_S_CHIPS = tuple((float(x), 0.0) for x in range(-4, 5))
DETECTORS = {
    "ACIS-S": Detector("ACIS-7", 330.0, 1.5e-6, True, ((0.0, 0.14),), (7,)),
    "ACIS-I": Detector("ACIS-0123", 240.0, 6e-7, True, _ACIS_I_CHIPS, (0, 1, 2, 3)),
    "HRC-I": Detector("HRC-I", 180.0, 3e-6, False, _HRC_I_CHIPS, (0,) * 16),
    "HRC-S": Detector("HRC-S", 160.0, 3e-6, False, _HRC_S_CHIPS, (1, 1, 1, 2, 2, 2, 3, 3, 3)),
}


def image(product: Product) -> fits.HDUList:
    """Return the image with its header, and the good times."""
    binning = binning_of(product)
    found = counts(product, binning)
    return fits.HDUList([fits.PrimaryHDU(found, _header(product, found)), good_times(product)])


def binning_of(product: Product) -> int:
    """Sky pixels on a side of an image's pixel."""
    return FULL_BINNING if product.kind.startswith("full") else 1


def counts(product: Product, binning: int) -> np.ndarray:
    """Counts of an observation's image, int16, shape (1024, 1024), north up and east left."""
    drawn = _drawn(product, binning)
    if binning == FULL_BINNING:
        size = SIZE // FULL_BINNING
        middle = _drawn(product, 1).reshape(size, FULL_BINNING, size, FULL_BINNING)
        drawn[MIDDLE, MIDDLE] = middle.sum(axis=(1, 3))
    return np.minimum(drawn, 32767).astype(np.int16)


def _drawn(product: Product, binning: int) -> np.ndarray:
    """Poisson counts of an image by itself."""
    expected = _expected(product, binning) * product.exposure
    return generator(product.obs_id, binning).poisson(expected)


def rate(product: Product) -> float:
    """Photons per second of the remnant that an observation looks at."""
    return _CASSIOPEIA_RATE if product.target == CASSIOPEIA else DETECTORS[product.detector].rate


def _expected(product: Product, binning: int) -> np.ndarray:
    """Counts per second and pixel."""
    detector = DETECTORS[product.detector]
    step = PIXEL * binning
    east, north = _offsets(product, step)
    if product.target == CASSIOPEIA:
        light = _cassiopeia(product, east, north) * rate(product)
    else:
        light = _crab(detector.piled_up, east, north, step) * rate(product)
        if detector.piled_up:
            light += _readout_streak(light, array_axes(product, east, north)[0], step)
    return (light + detector.background * binning**2) * _exposed(product, step)


def _offsets(product: Product, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Arcseconds east and north of the remnant; the image's centre is the row's position."""
    centre = cassiopeia.CENTRE if product.target == CASSIOPEIA else PULSAR
    axis = (np.arange(SIZE) - (SIZE - 1) / 2) * step
    east, north = np.meshgrid(-axis, axis)
    cos = np.cos(np.radians(product.dec))
    return east + (product.ra - centre[0]) * 3600 * cos, north + (product.dec - centre[1]) * 3600


def _crab(piled_up: bool, east: np.ndarray, north: np.ndarray, step: float) -> np.ndarray:
    """The nebula and its pulsar, the sum is 1; evaluated only near the pulsar."""
    light = np.zeros(east.shape)
    near = np.ix_(np.abs(north[:, 0]) < 155, np.abs(east[0]) < 155)
    nebula = blur(xrays.nebula(east[near], north[near]), _FWHM / step)
    distance = np.hypot(east[near], north[near])
    pulsar = 40 * (1 + (distance / 0.6) ** 2) ** -1.6
    if piled_up:
        pulsar = np.where(distance < 4, pulsar.clip(max=4), pulsar)
        hole = 1 / (1 + np.exp(-(distance - 1.7) / 0.22))
        light[near] = (nebula + pulsar * 1.4) * hole
    else:
        light[near] = nebula + 3 * pulsar
    return light.clip(min=0) / light.sum()


def _cassiopeia(product: Product, east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """The remnant, as large as it was then, and its neutron star, the sum is 1."""
    template = cassiopeia.x_rays(_STEP, _FWHM)
    pixel = _STEP * cassiopeia.scale(Time(product.start).decimalyear)
    middle = template.shape[0] / 2
    light = sample(template, north / pixel + middle, east / pixel + middle).astype(float)
    light *= (1 - _NEUTRON_STAR_SHARE) / light.sum()
    star_north = (cassiopeia.NEUTRON_STAR[1] - cassiopeia.CENTRE[1]) * 3600
    turn = (cassiopeia.NEUTRON_STAR[0] - cassiopeia.CENTRE[0]) * 3600
    star_east = turn * np.cos(np.radians(cassiopeia.CENTRE[1]))
    distance = np.hypot(east - star_east, north - star_north)
    star = (1 + (distance / 0.6) ** 2) ** -1.6
    light += _NEUTRON_STAR_SHARE * star / star.sum()
    return light.clip(min=0)


def _roll(product: Product) -> float:
    """Roll angle of the spacecraft, degrees; it differs from observation to observation."""
    return float(generator("roll", product.obs_id).uniform(0, 360))


def array_axes(
    product: Product, east: np.ndarray, north: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Offsets across the columns of the chips and along them, arcseconds."""
    roll = np.radians(_roll(product))
    sin, cos = np.sin(roll), np.cos(roll)
    return east * cos - north * sin, east * sin + north * cos


def _readout_streak(light: np.ndarray, across: np.ndarray, step: float) -> np.ndarray:
    """Out-of-time events: light smeared along the columns, the pulsar's and the nebula's."""
    narrow = np.exp(-((across / max(0.7, step / 2)) ** 2))
    wide = np.exp(-((across / 38) ** 2))
    return light.sum() * (0.012 * narrow / narrow.sum() + 0.010 * wide / wide.sum())


def _exposed(product: Product, step: float) -> np.ndarray:
    """Whether each pixel was on a chip."""
    axis = (np.arange(SIZE) - (SIZE - 1) / 2) * step
    across, along = array_axes(product, *np.meshgrid(-axis, axis))
    exposed = np.zeros(across.shape, bool)
    for x, y in DETECTORS[product.detector].chips:
        exposed |= (np.abs(across / CHIP - x) < 0.497) & (np.abs(along / CHIP - y) < 0.497)
    if _rows(product) < _ROWS:
        exposed &= np.abs(along) < _rows(product) / 2 * PIXEL
    return exposed


def _rows(product: Product) -> int:
    """How many rows of the chips an observation reads; those of a subarray lie about the target."""
    return _SUBARRAY_ROWS if product.obs_id in (*_EARLY, *_MONITORING) else _ROWS


def frame_time(product: Product) -> float:
    """Return the seconds from one frame of ACIS to the next."""
    return _FRAME[_rows(product)] + _TRANSFER


def _frame_cards(product: Product) -> list[tuple]:
    """Which rows of the chips ACIS read, and for how long it exposed a frame."""
    if product.instrument != "ACIS":
        return []
    rows = _rows(product)
    target = (0.5 - DETECTORS[product.detector].chips[0][1]) * _ROWS
    first = round(target - rows / 2) if rows < _ROWS else 1
    return [
        ("FIRSTROW", first, "Index of first row of CCD (sub)array readout"),
        ("NROWS", rows, "Number of rows in (sub)array readout"),
        ("EXPTIME", _FRAME[rows], "[s] Exposure of a frame"),
    ]


def _times(product: Product) -> tuple[Time, Time]:
    start = Time(product.start, scale="utc")
    return start, start + TimeDelta(product.exposure * 1.02, format="sec")


def span(product: Product) -> tuple[float, float]:
    """Return start and stop of an observation, seconds of the mission's clock."""
    start, stop = _times(product)
    return _seconds(start), _seconds(stop)


def _seconds(moment: Time) -> float:
    return round((moment.tt - _EPOCH).sec, 6)


def good_times(product: Product) -> fits.BinTableHDU:
    """Return the GTI table: one interval."""
    start, stop = span(product)
    columns = [
        fits.Column("START", "1D", "s", array=np.array([start])),
        fits.Column("STOP", "1D", "s", array=np.array([stop])),
    ]
    header = fits.Header([*mission_cards(product), ("HDUNAME", "GTI", "ASCDM block name")])
    return fits.BinTableHDU.from_columns(columns, header, name="GTI")


def mission_cards(product: Product) -> list[tuple]:
    """Cards that all tables and images of an observation have."""
    start, stop = _times(product)
    detector = DETECTORS[product.detector]
    return [
        ("TELESCOP", "CHANDRA", "Telescope"),
        ("INSTRUME", product.instrument, "Instrument"),
        ("DETNAM", detector.name, "Detector"),
        ("GRATING", "NONE", "Grating"),
        ("OBS_ID", product.obs_id, "Observation id"),
        ("OBJECT", product.target, "Source name"),
        ("TIMESYS", "TT", "Time system"),
        ("MJDREF", 50814.0, "[d] MJD zero point for times"),
        ("TIMEUNIT", "s", "Unit of time"),
        ("DATE-OBS", start.isot[:19], "Date and time of observation start"),
        ("DATE-END", stop.isot[:19], "Date and time of observation stop"),
        ("MJD-OBS", round(start.mjd, 8), "[d] MJD of observation start"),
        ("TSTART", _seconds(start), "[s] Observation start time"),
        ("TSTOP", _seconds(stop), "[s] Observation end time"),
    ]


def observation_cards(product: Product) -> list[tuple]:
    """Cards that events and images share: exposure, pointing and frame."""
    return [
        ("ORIGIN", "simulated", "not made by the CXC"),
        *mission_cards(product),
        *_frame_cards(product),
        ("ONTIME", product.exposure * 1.01, "[s] Sum of GTIs"),
        ("LIVETIME", product.exposure, "[s] Livetime"),
        ("EXPOSURE", product.exposure, "[s] Exposure time"),
        ("RA_TARG", product.ra, "[deg] Observer's specified target RA"),
        ("DEC_TARG", product.dec, "[deg] Observer's specified target Dec"),
        ("ROLL_NOM", round(_roll(product), 6), "[deg] Nominal roll"),
        ("RADESYS", "ICRS", "World coord ref system"),
        ("EQUINOX", 2000.0, "[yr] Equinox of sky coordinates"),
    ]


def _header(product: Product, counts: np.ndarray) -> fits.Header:
    scale = PIXEL * binning_of(product) / 3600
    cards = [
        ("HDUNAME", "EVENTS_IMAGE", "ASCDM block name"),
        *observation_cards(product),
        ("BUNIT", "count", "Unit of pixels"),
        ("CTYPE1", "RA---TAN", "Projection"),
        ("CTYPE2", "DEC--TAN", "Projection"),
        ("CRVAL1", product.ra, "[deg] RA of reference pixel"),
        ("CRVAL2", product.dec, "[deg] Dec of reference pixel"),
        ("CRPIX1", (SIZE + 1) / 2, "Reference pixel"),
        ("CRPIX2", (SIZE + 1) / 2, "Reference pixel"),
        ("CDELT1", -scale, "[deg] Pixel size"),
        ("CDELT2", scale, "[deg] Pixel size"),
        ("CUNIT1", "deg", "Unit"),
        ("CUNIT2", "deg", "Unit"),
        ("DATAMIN", int(counts.min()), "Smallest pixel"),
        ("DATAMAX", int(counts.max()), "Largest pixel"),
    ]
    return header_of(cards)
