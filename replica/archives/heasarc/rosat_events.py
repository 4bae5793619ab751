"""Events of a field of the ROSAT All-Sky Survey.

ROSAT scanned great circles through the ecliptic poles, one each orbit, and the circles
moved one degree a day (Voges et al. 1999, A&A 349, 389).  So a scan is a stripe along the
ecliptic meridian, and the stripes crowd towards the ecliptic poles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.time import Time, TimeDelta

from replica.holdings import Product
from replica.protocols.geometry import offsets
from replica.simulation import cassiopeia
from replica.simulation.fits_files import header_of
from replica.simulation.noise import generator
from replica.simulation.sky import PULSAR
from replica.simulation.x_ray_sources import x_ray_sources

#: Sky pixel of X and Y in arcseconds; 90 of them are a pixel of the survey's images.
PIXEL = 0.5
SKY_PIXELS = 46080
FIELD = 6.4  # degrees
RADIUS = 0.95  # degrees: radius of the PSPC's field of view
#: Share of the photons that the mirrors lose at the edge of the field of view: assumed, such that
#: the scans over a field add up to the survey's usual exposures.
EDGE_LOSS = 0.45
SCAN_SPEED = 360 / 5760  # degrees per second: one circle an orbit
_ORBIT = 5760.0  # seconds
_STEP = 1 / 15  # degrees from one scan to the next, at the ecliptic
_BACKGROUND_PHOTONS = 150_000  # before the scans lose half of them
_CRAB_WIDTH = 70.0  # arcseconds, full width at half maximum of the X-ray nebula
#: Angle by which dust scatters photons of 1 keV, arcminutes: standard deviation on each axis for
#: grains of 0.15 micrometres (Mauche & Gorenstein 1986, ApJ 302, 371: 10.4' for 0.1).
_SCATTERING = 10.4 / 1.5
_MISSION_START = Time("1990-06-01T21:06:50", scale="utc")  # zero of the files' times


#: Columns of the event table: form and unit.
_COLUMNS = {
    "X": ("1J", "pixel"),
    "Y": ("1J", "pixel"),
    "PHA": ("1I", "channel"),
    "PI": ("1I", "channel"),
    "TIME": ("1D", "s"),
    "DETX": ("1I", "pixel"),
    "DETY": ("1I", "pixel"),
}


@dataclass(frozen=True)
class Scans:
    """The scans over the field.

    Attributes
    ----------
    angle : float
        Direction of the scans, radians east of north.
    offset : ndarray
        Where each one crosses the field, degrees to the east of the centre, across the scans.
    begin : ndarray
        When each would have begun, seconds since the mission's start.
    start, stop : ndarray
        When the telescope took good data: not at all, if they are equal.
    """

    angle: float
    offset: np.ndarray
    begin: np.ndarray
    start: np.ndarray
    stop: np.ndarray


def event_list(product: Product) -> fits.HDUList:
    scans, events = scans_of(product), events_of(product)
    primary = fits.PrimaryHDU(header=header_of(mission_cards(product)))
    return fits.HDUList(
        [primary, _good_times(scans), _event_table(product, events), _rates(scans, events)]
    )


@lru_cache(maxsize=2)
def scans_of(product: Product) -> Scans:
    """Scans over the field; the radiation belts cost a few, and the begin or end of others."""
    rng = generator(product.obs_id, "scans")
    angle, latitude = _ecliptic_frame(product)
    reach = scan_reach(angle)
    offset = np.arange(-reach, reach, _STEP * np.cos(latitude))
    taken = rng.uniform(0.8, 1.0, offset.size) * (rng.random(offset.size) > 0.08)
    begin = (Time(product.start, scale="utc") - _MISSION_START).sec
    begin = begin + _ORBIT * np.arange(offset.size)
    duration = 2 * reach / SCAN_SPEED
    late = np.where(rng.random(offset.size) < 0.5, 1 - taken, 0) * duration
    return Scans(angle, offset, begin, begin + late, begin + late + taken * duration)


def scan_reach(angle: float) -> float:
    """How far from the centre scans begin and end, degrees: the field's corner and a radius."""
    return FIELD / 2 * (abs(np.cos(angle)) + abs(np.sin(angle))) + RADIUS


def _ecliptic_frame(product: Product) -> tuple[float, float]:
    """Position angle of the ecliptic meridian at the field's centre, and its latitude; radians."""
    centre = SkyCoord(product.ra, product.dec, unit="deg")
    pole = SkyCoord(0, 90, unit="deg", frame="barycentricmeanecliptic").icrs
    latitude = centre.barycentricmeanecliptic.lat.rad
    return float(centre.position_angle(pole).wrap_at("180d").rad), float(latitude)


@lru_cache(maxsize=1)
def events_of(product: Product) -> dict[str, np.ndarray]:
    """Columns of the event table, in order of time."""
    rng = generator(product.obs_id, "events")
    east, north, channel = _sky_positions(product, rng)
    events = _detected(rng, scans_of(product), east, north, channel)
    pulse = events["PI"] * rng.normal(1, 0.01, events["PI"].size)
    events["PHA"] = np.clip(np.rint(pulse), 8, 255)
    order = np.argsort(events["TIME"], kind="stable")
    return {name: column[order] for name, column in events.items()}


def _sky_positions(product: Product, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Offsets east and north in degrees and channels of photons before detection."""
    half, count = FIELD / 2, _BACKGROUND_PHOTONS
    parts = [(*rng.uniform(-half, half, (2, count)), _channels(rng, count, 55.0))]
    seconds = _sending_time(scans_of(product))
    for source, place in sources_of(product):
        count = rng.poisson(source.rate * seconds)
        channels = _channels(rng, count, source.channel)
        photons = source.draw(rng, count) + np.reshape(place, (2, 1))
        if source.absorption:
            photons += _scattering(rng, channels, source.absorption)
        parts.append((*photons, channels))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def sources_of(product: Product) -> list[tuple[Source, tuple[float, float]]]:
    """Return the sources of a field, each with its offsets east and north in degrees."""
    reach = 0.75 * FIELD / np.cos(np.radians(abs(product.dec) + FIELD / 2))
    found = x_ray_sources(
        (product.ra - reach, product.ra + reach),
        (product.dec - FIELD / 2, product.dec + FIELD / 2),
    )
    columns = (found[name].tolist() for name in ("ra", "dec", "rate", "channel"))
    points = (Source((ra, dec), *facts) for ra, dec, *facts in zip(*columns, strict=True))
    placed = [
        (source, offsets(*source.position, product.ra, product.dec))
        for source in (*_REMNANTS, *points)
    ]
    return [(source, at) for source, at in placed if at and max(map(abs, at)) < FIELD / 2]


def background_rate(product: Product) -> float:
    """Counts per second and square arcminute that come from no source."""
    return _BACKGROUND_PHOTONS / (FIELD * 60) ** 2 / _sending_time(scans_of(product))


def _sending_time(scans: Scans) -> float:
    """Seconds for which photons are sent, so that as many are kept as come in the exposure.

    Of these, `_detected` keeps the share that the scans' good times and the mirrors leave.
    """
    step = scans.offset[1] - scans.offset[0]
    return 2 * RADIUS / SCAN_SPEED * (2 * int(RADIUS / step) + 1)


def _scattering(rng: np.random.Generator, channels: np.ndarray, absorption: float) -> np.ndarray:
    """Offsets in degrees, shape (2, n), by which dust before a source scatters its photons.

    The depth is 0.087 times the visual absorption at 1 keV and falls with the square of the
    energy (Predehl & Schmitt 1995, A&A 293, 889); the dust lies anywhere along the way.
    """
    energy = channels / 100  # keV
    scattered = rng.random(channels.size) < 1 - np.exp(-0.087 * absorption / energy**2)
    sigma = _SCATTERING / 60 / energy * rng.random(channels.size) * scattered
    return sigma * rng.standard_normal((2, channels.size))


def _crab(rng: np.random.Generator, count: int) -> np.ndarray:
    return _CRAB_WIDTH / 2.3548 / 3600 * rng.standard_normal((2, count))


def _cassiopeia(rng: np.random.Generator, count: int) -> np.ndarray:
    """Photons of the remnant's image in X-rays."""
    step = 4.0  # arcseconds
    light = cassiopeia.x_rays(step, step).clip(min=0).astype(float)
    chosen = rng.choice(light.size, count, p=light.ravel() / light.sum())
    north, east = np.divmod(chosen, light.shape[1])
    places = np.stack([east, north]) - light.shape[0] / 2 + rng.uniform(-0.5, 0.5, (2, count))
    return places * step / 3600


def _point(rng: np.random.Generator, count: int) -> np.ndarray:
    return np.zeros((2, count))


@dataclass(frozen=True)
class Source:
    """A source of X-rays.

    Attributes
    ----------
    position : tuple of float
        ICRS degrees.
    rate : float
        Counts per second.
    channel : float
        Mean pulse-height channel, higher behind more gas.
    absorption : float
        Visual absorption before it, magnitudes.
    extent : float
        Arcseconds by which it is wider than a point.
    draw : callable
        Draws a number of photons: offsets east and north in degrees, shape (2, count).
    """

    position: tuple[float, float]
    rate: float
    channel: float
    absorption: float = 0.0
    extent: float = 0.0
    draw: Callable[[np.random.Generator, int], np.ndarray] = _point


#: The Crab's photons are thinned: at its 1000 counts per second they would be nearly all of the
#: file.
_REMNANTS = (
    Source(PULSAR, 200.0, 118.0, 1.6, _CRAB_WIDTH, _crab),
    Source(cassiopeia.CENTRE, 60.0, 140.0, 6.8, cassiopeia.BLAST_WAVE, _cassiopeia),
)


def _channels(rng: np.random.Generator, count: int, mean: float) -> np.ndarray:
    """Channels 11 to 240 (0.1 to 2.4 keV) of an absorbed spectrum."""
    channels = np.rint(rng.gamma(6.0, mean / 6.0, count))
    return np.where((channels < 11) | (channels > 240), rng.integers(11, 241, count), channels)


def _detected(
    rng: np.random.Generator, scans: Scans, east: np.ndarray, north: np.ndarray, channel: np.ndarray
) -> dict[str, np.ndarray]:
    """Send each photon to one scan that covers it, and to a place on the detector."""
    across, along = to_scan_axes(east, north, scans.angle)
    step = scans.offset[1] - scans.offset[0]
    reach = int(RADIUS / step)
    scan = np.searchsorted(scans.offset, across) + rng.integers(-reach, reach + 1, across.size)
    covered = (scan >= 0) & (scan < scans.offset.size)
    scan = np.clip(scan, 0, scans.offset.size - 1)
    aside = across - scans.offset[scan]
    chord = np.sqrt(np.clip(RADIUS**2 - aside**2, 0, None))
    ahead = chord * rng.uniform(-1, 1, across.size)
    time = scans.begin[scan] + (along + ahead + scan_reach(scans.angle)) / SCAN_SPEED
    off_axis = np.hypot(aside, ahead)
    likely = chord / RADIUS * (1 - EDGE_LOSS * (off_axis / RADIUS) ** 2)
    kept = covered & (time >= scans.start[scan]) & (time <= scans.stop[scan])
    kept &= rng.random(across.size) < likely
    blur = _blur(channel / 100, off_axis * 60) / 3600
    x, y = (axis + blur * rng.standard_normal(axis.size) for axis in (east, north))
    kept &= np.maximum(np.abs(x), np.abs(y)) < FIELD / 2
    return {
        "TIME": time[kept],
        "X": np.rint(SKY_PIXELS / 2 + 0.5 - x[kept] * 3600 / PIXEL),
        "Y": np.rint(SKY_PIXELS / 2 + 0.5 + y[kept] * 3600 / PIXEL),
        "DETX": np.rint(4119 + aside[kept] * 3600),
        "DETY": np.rint(3929 + ahead[kept] * 3600),
        "PI": channel[kept],
    }


def to_scan_axes(
    east: np.ndarray, north: np.ndarray, angle: float
) -> tuple[np.ndarray, np.ndarray]:
    """Offsets across the scans (to the east) and along them."""
    sin, cos = np.sin(angle), np.cos(angle)
    return east * cos - north * sin, east * sin + north * cos


def _blur(energy: np.ndarray, off_axis: np.ndarray) -> np.ndarray:
    """Standard deviation of the point-spread function, arcseconds.

    The detector's and the telescope's full widths at half maximum for an energy in keV and an
    angle from the axis in arcminutes:
    https://heasarc.gsfc.nasa.gov/docs/rosat/faqs/pspc_psf_faq1.html.  Over the whole field of
    view, as a survey sees a source, the full width at half maximum is 40 arcseconds at 1 keV,
    and the half-power radius 68 arcseconds: the wings are wide.
    """
    detector = 409.65 / energy + 69.28 * energy**2.88 + 66.29  # arcseconds squared
    telescope = 0.29 * off_axis**1.74  # arcseconds
    return np.hypot(np.sqrt(detector), telescope) / 2.3548


def _good_times(scans: Scans) -> fits.BinTableHDU:
    good = scans.stop > scans.start
    columns = [
        fits.Column("START", "1D", "s", array=scans.start[good]),
        fits.Column("STOP", "1D", "s", array=scans.stop[good]),
    ]
    return fits.BinTableHDU.from_columns(columns, name="STDGTI")


def _event_table(product: Product, events: dict[str, np.ndarray]) -> fits.BinTableHDU:
    columns = [
        fits.Column(name, form, unit, array=events[name]) for name, (form, unit) in _COLUMNS.items()
    ]
    table = fits.BinTableHDU.from_columns(columns, header_of([]), name="STDEVT")
    for keyword, *value in [*_identity_cards(product), *_column_wcs_cards(product)]:
        table.header[keyword] = tuple(value)
    return table


def _column_wcs_cards(product: Product) -> list[tuple]:
    """Celestial coordinates of columns 1 and 2, X and Y (FITS standard 4.0, table 22)."""
    middle = (SKY_PIXELS + 1) / 2
    axes = ((1, "RA---TAN", product.ra, -PIXEL / 3600), (2, "DEC--TAN", product.dec, PIXEL / 3600))
    cards = []
    for number, projection, value, step in axes:
        cards += [
            (f"TCTYP{number}", projection, "Projection"),
            (f"TCRPX{number}", middle, "Reference pixel"),
            (f"TCRVL{number}", value, "[deg] Sky position of reference pixel"),
            (f"TCDLT{number}", step, "[deg] Size of a sky pixel"),
            (f"TCUNI{number}", "deg", "Unit of TCRVL and TCDLT"),
            (f"TLMIN{number}", 1, "Smallest legal value"),
            (f"TLMAX{number}", SKY_PIXELS, "Largest legal value"),
        ]
    return cards


def _rates(scans: Scans, events: dict[str, np.ndarray]) -> fits.BinTableHDU:
    """Events per second in each scan."""
    good = scans.stop > scans.start
    start, stop = scans.start[good], scans.stop[good]
    first, last = np.searchsorted(events["TIME"], [start, stop])
    columns = [
        fits.Column("TIME", "1D", "s", array=start),
        fits.Column("RATE", "1E", "count/s", array=(last - first) / (stop - start)),
    ]
    return fits.BinTableHDU.from_columns(columns, name="EVRATE")


def pointings(product: Product) -> fits.HDUList:
    """Where the scans passed, as ancillary data (``anc``)."""
    scans = scans_of(product)
    columns = [
        fits.Column("TIME", "1D", "s", array=scans.begin),
        fits.Column("OFFSET", "1E", "deg", array=scans.offset),
        fits.Column("GOOD", "1E", "s", array=scans.stop - scans.start),
    ]
    primary = fits.PrimaryHDU(header=header_of(mission_cards(product)))
    return fits.HDUList([primary, fits.BinTableHDU.from_columns(columns, name="STDASP")])


def mission_cards(product: Product) -> list[tuple]:
    start = Time(product.start, scale="utc")
    stop = start + TimeDelta(scans_of(product).offset.size * _ORBIT, format="sec")
    return [
        *_identity_cards(product),
        ("DATE-OBS", start.isot[:19], "Start, UTC"),
        ("MJD-OBS", start.mjd, "[d] Start"),
        ("DATE-END", stop.isot[:19], "End, UTC"),
        ("MJDREFI", int(_MISSION_START.mjd), "MJD of the clock's zero, days"),
        ("MJDREFF", round(_MISSION_START.mjd % 1, 12), "MJD of the clock's zero, fraction"),
        ("RADESYS", "FK5", "World coord ref system"),
        ("EQUINOX", 2000.0, "[yr] Equinox of sky coordinates"),
        ("RA_NOM", product.ra, "[deg] Centre of field"),
        ("DEC_NOM", product.dec, "[deg] Centre of field"),
    ]


def _identity_cards(product: Product) -> list[tuple]:
    return [
        ("TELESCOP", "ROSAT", "Telescope"),
        ("INSTRUME", product.detector.replace("-", ""), "Instrument"),
        ("ORIGIN", "simulated", "not made by MPE or GSFC"),
        ("OBJECT", product.target, "Name of field"),
        ("ROR_NUM", int(product.obs_id[2:8]), "ROSAT observation request"),
        ("OBS_MODE", "SCAN", "Survey"),
        ("EXPOSURE", product.exposure, "[s] Mean exposure of a point of the field"),
    ]
