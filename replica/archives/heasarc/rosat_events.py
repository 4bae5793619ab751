"""Events of a field of the ROSAT All-Sky Survey.

ROSAT scanned great circles through the ecliptic poles, one each orbit, and the circles
moved one degree a day (Voges et al. 1999, A&A 349, 389).  Near the Crab the ecliptic
meridians run nearly north, so a scan is a stripe along declination here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from astropy.io import fits
from astropy.time import Time, TimeDelta

from replica.holdings import Product
from replica.protocols.geometry import offsets
from replica.simulation import cassiopeia
from replica.simulation.fits_files import header_of
from replica.simulation.noise import generator
from replica.simulation.sky import PULSAR

#: Sky pixel of X and Y in arcseconds; 90 of them are a pixel of the survey's images.
PIXEL = 0.5
SKY_PIXELS = 46080
FIELD = 6.4  # degrees
RADIUS = 0.95  # degrees: radius of the PSPC's field of view
SCAN_SPEED = 360 / 5760  # degrees per second: one circle an orbit
_ORBIT = 5760.0  # seconds
_STEP = 1 / 15  # degrees from one scan to the next
_BACKGROUND_PHOTONS = 130_000  # before the scans lose a third of them
_OTHER_SOURCES = 46
_CRAB_WIDTH, _POINT_WIDTH = 105.0, 90.0  # full widths at half maximum, arcseconds
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
    offset : ndarray
        Where each one crosses the field, degrees east of the centre.
    start, stop : ndarray
        Times in seconds since the mission's start.
    weight : ndarray
        Share of each scan's events that were kept, 0 to 1; 0 if the scan was lost.
    """

    offset: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    weight: np.ndarray


def event_list(product: Product) -> fits.HDUList:
    scans, events = scans_of(product), events_of(product)
    primary = fits.PrimaryHDU(header=header_of(mission_cards(product)))
    return fits.HDUList(
        [primary, _good_times(scans), _event_table(product, events), _rates(scans, events)]
    )


def scans_of(product: Product) -> Scans:
    """Scans eastward over the field; a few are lost to the radiation belts."""
    rng = generator(product.obs_id, "scans")
    reach = FIELD / 2 + RADIUS
    offset = np.arange(-reach, reach, _STEP)
    weight = rng.uniform(0.8, 1.0, offset.size) * (rng.random(offset.size) > 0.08)
    first = (Time(product.start, scale="utc") - _MISSION_START).sec
    start = first + _ORBIT * np.arange(offset.size)
    duration = 2 * reach / SCAN_SPEED
    return Scans(offset, start, start + duration, weight)


@lru_cache(maxsize=1)
def events_of(product: Product) -> dict[str, np.ndarray]:
    """Columns of the event table, in order of time."""
    rng = generator(product.obs_id, "events")
    x, y, energy = _sky_positions(product, rng)
    events = _detected(rng, scans_of(product), x, y)
    events["PI"] = energy[events.pop("kept")]
    events["PHA"] = np.clip(np.rint(events["PI"] * rng.normal(1, 0.01, events["PI"].size)), 8, 255)
    order = np.argsort(events["TIME"], kind="stable")
    return {name: column[order] for name, column in events.items()}


def _sky_positions(product: Product, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Offsets east and north in degrees and channels of photons before detection."""
    half, count = FIELD / 2, _BACKGROUND_PHOTONS
    parts = [(*rng.uniform(-half, half, (2, count)), _channels(rng, count, 55.0))]
    for remnant in _REMNANTS:
        place = offsets(*remnant.position, product.ra, product.dec)
        if place is not None and np.max(np.abs(place)) < half:
            photons = remnant.draw(rng, remnant.photons) + np.reshape(place, (2, 1))
            parts.append((*photons, _channels(rng, remnant.photons, remnant.channel)))
    for _ in range(_OTHER_SOURCES):
        point, count = rng.uniform(-half, half, 2), int(min(30 * rng.pareto(1.2) + 12, 2500))
        colour = rng.uniform(40, 110)
        photons = _blob(rng, count, _POINT_WIDTH) + np.reshape(point, (2, 1))
        parts.append((*photons, _channels(rng, count, colour)))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def _blob(rng: np.random.Generator, count: int, width: float) -> np.ndarray:
    """Photons of a point, degrees, shape (2, count): a Gaussian and a tenth in wide wings."""
    sigma = width / 2.3548 / 3600 * np.where(rng.random(count) < 0.1, 2.5, 1.0)
    return sigma * rng.standard_normal((2, count))


def _crab(rng: np.random.Generator, count: int) -> np.ndarray:
    return _blob(rng, count, _CRAB_WIDTH)


def _cassiopeia(rng: np.random.Generator, count: int) -> np.ndarray:
    """Photons of the remnant's image in X-rays, spread as those of points are."""
    step = 4.0  # arcseconds
    light = cassiopeia.x_rays(step, step).clip(min=0).astype(float)
    chosen = rng.choice(light.size, count, p=light.ravel() / light.sum())
    north, east = np.divmod(chosen, light.shape[1])
    places = np.stack([east, north]) - light.shape[0] / 2 + rng.uniform(-0.5, 0.5, (2, count))
    return places * step / 3600 + _blob(rng, count, _POINT_WIDTH)


@dataclass(frozen=True)
class Remnant:
    """A supernova remnant of the survey.

    Attributes
    ----------
    position : tuple of float
        ICRS degrees.
    photons : int
        How many come from it before the scans lose a third of them.
    channel : float
        Mean pulse-height channel, higher behind more gas.
    draw : callable
        Draws a number of photons: offsets east and north in degrees, shape (2, count).
    """

    position: tuple[float, float]
    photons: int
    channel: float
    draw: Callable[[np.random.Generator, int], np.ndarray]


#: The Crab's photons are thinned: at its 1000 counts per second they would be nearly all of the
#: file.  Cassiopeia A gives about 60 counts per second, for some 800 seconds.
_REMNANTS = (
    Remnant(PULSAR, 150_000, 118.0, _crab),
    Remnant(cassiopeia.CENTRE, 70_000, 140.0, _cassiopeia),
)


def _channels(rng: np.random.Generator, count: int, mean: float) -> np.ndarray:
    """Channels 11 to 240 (0.1 to 2.4 keV) of an absorbed spectrum."""
    channels = np.rint(rng.gamma(6.0, mean / 6.0, count))
    return np.where((channels < 11) | (channels > 240), rng.integers(11, 241, count), channels)


def _detected(
    rng: np.random.Generator, scans: Scans, x: np.ndarray, y: np.ndarray
) -> dict[str, np.ndarray]:
    """Send each photon to one scan that covers it, and to a place on the detector."""
    reach = int(RADIUS / _STEP)
    nearest = np.searchsorted(scans.offset, x)
    scan = nearest + rng.integers(-reach, reach + 1, x.size)
    inside = (scan >= 0) & (scan < scans.offset.size)
    scan = np.clip(scan, 0, scans.offset.size - 1)
    across = x - scans.offset[scan]
    chord = np.sqrt(np.clip(RADIUS**2 - across**2, 0, None))
    along = chord * rng.uniform(-1, 1, x.size)
    likely = scans.weight[scan] * chord / RADIUS
    kept = inside & (rng.random(x.size) < likely)
    kept &= np.maximum(np.abs(x), np.abs(y)) < FIELD / 2
    time = scans.start[scan] + (y + along + FIELD / 2 + RADIUS) / SCAN_SPEED
    return {
        "TIME": time[kept],
        "X": np.rint(SKY_PIXELS / 2 + 0.5 - x[kept] * 3600 / PIXEL),
        "Y": np.rint(SKY_PIXELS / 2 + 0.5 + y[kept] * 3600 / PIXEL),
        "DETX": np.rint(4119 + across[kept] * 3600),
        "DETY": np.rint(3929 + along[kept] * 3600),
        "kept": kept,
    }


def _good_times(scans: Scans) -> fits.BinTableHDU:
    good = scans.weight > 0
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
    edges = np.searchsorted(events["TIME"], [scans.start, scans.stop])
    columns = [
        fits.Column("TIME", "1D", "s", array=scans.start),
        fits.Column(
            "RATE", "1E", "count/s", array=(edges[1] - edges[0]) / (scans.stop - scans.start)
        ),
    ]
    return fits.BinTableHDU.from_columns(columns, name="EVRATE")


def pointings(product: Product) -> fits.HDUList:
    """Where the scans passed, as ancillary data (``anc``)."""
    scans = scans_of(product)
    columns = [
        fits.Column("TIME", "1D", "s", array=scans.start),
        fits.Column("OFFSET", "1E", "deg", array=scans.offset),
        fits.Column("FRACTION", "1E", array=scans.weight),
    ]
    primary = fits.PrimaryHDU(header=header_of(mission_cards(product)))
    return fits.HDUList([primary, fits.BinTableHDU.from_columns(columns, name="STDASP")])


def mission_cards(product: Product) -> list[tuple]:
    start = Time(product.start, scale="utc")
    stop = start + TimeDelta((FIELD + 2 * RADIUS) / _STEP * _ORBIT, format="sec")
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
