"""Events of a Chandra observation (``evt2``): the photons behind its images.

An image is a histogram of the events, so the events are laid out from the images' counts.  In the
middle each one falls on its pixel of the centre image, and anywhere on it; around that, on its
pixel of the full image, where the light is smooth.  Times have no pulsation, and energies do not
differ from place to place: each remnant has one spectrum.
"""

from __future__ import annotations

import numpy as np
from astropy.io import fits

from replica.archives.heasarc import chandra_images as images
from replica.archives.heasarc.chandra_images import DETECTORS, PIXEL, SIZE
from replica.holdings import Product
from replica.simulation.fits_files import header_of
from replica.simulation.noise import generator

#: Sky pixels of ACIS: 8192 on each side, the target on the corner of the four in the middle.
SKY_SIZE, SKY_CENTRE = 8192, 4096.5
#: Places on a sky pixel are kept to this share of it: finer than the telescope sees, and it packs.
_STEP = 1 / 16
_CHANNEL = 14.6  # eV, width of a channel of ACIS' PI (CIAO's description of event files)
#: Lines of Cassiopeia A, of magnesium, silicon, sulphur, argon, calcium and iron: keV, and height
#: over the continuum's.  Round numbers of the published order (Hwang et al. 2004, ApJ 615, L117).
_LINES = ((1.35, 0.6), (1.86, 3.0), (2.45, 2.0), (3.13, 1.0), (3.89, 0.8), (6.64, 5.0))
_LINE_WIDTH = 0.055  # keV, standard deviation: as ACIS resolves them
#: keV at which the gas before a remnant and the mirrors leave one photon in e; before Cassiopeia A
#: there is four times as much gas as before the Crab Nebula.
_CRAB_GAS, _CASSIOPEIA_GAS = 1.1, 1.5


def event_list(product: Product) -> fits.HDUList:
    """Return the events in the order of time, and the good times."""
    rng = generator(product.obs_id, "events")
    x, y = _places(product, rng)
    order = rng.permutation(x.size)
    x, y = x[order], y[order]
    columns = {
        "time": ("1D", "s", _times(product, rng, x.size)),
        _chip_name(product): ("1I", None, _chips(product, x, y)),
        "x": ("1E", "pixel", x),
        "y": ("1E", "pixel", y),
        **_spectrum(product, rng, x.size),
    }
    table = fits.BinTableHDU.from_columns(
        [
            fits.Column(name, form, unit, array=cells)
            for name, (form, unit, cells) in columns.items()
        ],
        header_of([]),
        name="EVENTS",
    )
    for keyword, *value in _cards(product, list(columns)):
        table.header[keyword] = tuple(value)
    primary = fits.PrimaryHDU(header=header_of(images.mission_cards(product)))
    return fits.HDUList([primary, table, images.good_times(product)])


def _places(product: Product, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Sky pixels of all events, float32."""
    full = images.counts(product, images.FULL_BINNING).astype(int)
    full[images.MIDDLE, images.MIDDLE] = 0  # these are in the centre image
    centre, around = (
        _spread(image, binning, rng)
        for image, binning in ((images.counts(product, 1), 1), (full, images.FULL_BINNING))
    )
    return np.concatenate([centre[0], around[0]]), np.concatenate([centre[1], around[1]])


def _spread(
    counts: np.ndarray, binning: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Sky pixels of as many events as an image counts, each anywhere on its pixel."""
    row, column = np.divmod(np.repeat(np.arange(counts.size), counts.ravel()), SIZE)
    steps = round(binning / _STEP)
    edge = SKY_CENTRE - SIZE / 2 * binning
    x, y = (
        edge + binning * axis + _STEP * (rng.integers(0, steps, axis.size) + 0.5)
        for axis in (column, row)
    )
    return x.astype(np.float32), y.astype(np.float32)


def _times(product: Product, rng: np.random.Generator, count: int) -> np.ndarray:
    """Seconds of the mission's clock, in order; ACIS knows the frame of an event only."""
    start, stop = images.span(product)
    if product.instrument == "ACIS":
        frame = images.frame_time(product)
        frames = int((stop - start) / frame)
        return start + frame * (np.sort(rng.integers(0, frames, count)) + 0.5)
    return np.sort(rng.uniform(start, stop, count)).round(4)


def _chip_name(product: Product) -> str:
    return "ccd_id" if product.instrument == "ACIS" else "chip_id"


def _chips(product: Product, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Number of the chip whose centre is closest to each event."""
    detector = DETECTORS[product.detector]
    east, north = -(x - SKY_CENTRE) * PIXEL, (y - SKY_CENTRE) * PIXEL
    across, along = (
        (axis / images.CHIP).astype(np.float32) for axis in images.array_axes(product, east, north)
    )
    distance = [np.maximum(np.abs(across - i), np.abs(along - j)) for i, j in detector.chips]
    closest = np.stack(distance).argmin(axis=0)
    return np.take(detector.numbers, closest).astype(np.int16)


def _spectrum(product: Product, rng: np.random.Generator, count: int) -> dict[str, tuple]:
    """Energies in eV, rounded, and channels."""
    if product.instrument != "ACIS":
        return {"pi": ("1I", "chan", rng.normal(120, 35, count).clip(1, 255).astype(np.int16))}
    energy = np.linspace(0.3, 10, 971)  # keV
    total = np.cumsum(_photons(energy, product.target))
    drawn = np.interp(rng.uniform(0, total[-1], count), total, 1000 * energy).round()
    channel = (drawn / _CHANNEL).astype(np.int32) + 1
    return {"energy": ("1E", "eV", drawn), "pi": ("1J", "chan", channel)}


def _photons(energy: np.ndarray, target: str) -> np.ndarray:
    """How many photons the mirrors collect at each energy: a power law behind gas, and lines."""
    light = energy**-2.1 / (1 + (energy / 5.5) ** 4)
    if target != images.CASSIOPEIA:
        return light * np.exp(-((energy / _CRAB_GAS) ** -2.5))
    at, height = np.array(_LINES).T[:, :, None]
    lines = np.sum(height * np.exp(-0.5 * ((energy - at) / _LINE_WIDTH) ** 2), axis=0)
    return light * (1 + lines) * np.exp(-((energy / _CASSIOPEIA_GAS) ** -2.5))


def _cards(product: Product, names: list[str]) -> list[tuple]:
    """What the table is, and celestial coordinates of x and y (FITS standard 4.0, table 22)."""
    cards = [
        *images.observation_cards(product),
        ("CONTENT", "EVT2", "What data product"),
        ("HDUCLASS", "OGIP", "Kind of table"),
        ("HDUCLAS1", "EVENTS", "Kind of table"),
    ]
    axes = (("x", "RA---TAN", product.ra, -PIXEL), ("y", "DEC--TAN", product.dec, PIXEL))
    for name, projection, value, step in axes:
        number = names.index(name) + 1
        cards += [
            (f"TCTYP{number}", projection, "Projection"),
            (f"TCRPX{number}", SKY_CENTRE, "Reference pixel"),
            (f"TCRVL{number}", value, "[deg] Sky position of reference pixel"),
            (f"TCDLT{number}", step / 3600, "[deg] Size of a sky pixel"),
            (f"TCUNI{number}", "deg", "Unit of TCRVL and TCDLT"),
            (f"TLMIN{number}", 0.5, "Smallest legal value"),
            (f"TLMAX{number}", SKY_SIZE + 0.5, "Largest legal value"),
        ]
    return cards
