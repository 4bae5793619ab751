"""Images of a field of the ROSAT All-Sky Survey: counts, background, exposure, previews."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from astropy.io import fits
from PIL import Image

from replica.archives.heasarc.rosat_events import (
    EDGE_LOSS,
    FIELD,
    RADIUS,
    SCAN_SPEED,
    SKY_PIXELS,
    events_of,
    mission_cards,
    scan_reach,
    scans_of,
    to_scan_axes,
)
from replica.holdings import Product
from replica.simulation.fits_files import NOTICE, header_of

SIZE = 512
#: Channels of the images 1 (broad), 2 (hard) and 3 (soft), from and below.
_CHANNELS = {"1": (11, 236), "2": (52, 202), "3": (11, 42)}


def counts(product: Product) -> fits.HDUList:
    """The events of a band (``im1`` to ``im3``) in pixels of 45 arcsec."""
    image = _histogram(product, product.kind[-1])
    return _image(product, image.astype(np.int32), "count")


def mean_channel(product: Product) -> fits.HDUList:
    """The mean channel of the events on each pixel (``ime``), 0 where there are none."""
    number = _histogram(product, "1")
    total = _histogram(product, "1", weighted=True)
    image = np.divide(total, number, out=np.zeros_like(total), where=number > 0)
    return _image(product, image.astype(np.float32), "channel")


def background(product: Product) -> fits.HDUList:
    """Counts of a band expected without sources (``bk1`` to ``bk3``)."""
    image, seconds = _histogram(product, product.kind[-1]), _seconds(product)
    lit = seconds > 0
    level = np.median(image[lit]) or image[lit].mean() / 2
    expected = level * seconds / np.median(seconds[lit])
    return _image(product, expected.astype(np.float32), "count")


def exposure(product: Product) -> fits.HDUList:
    """Seconds on each pixel (``mex``)."""
    return _image(product, _seconds(product), "s")


def preview(product: Product, path: Path) -> None:
    """Write an image as GIF, north up, in grey levels that follow the logarithm."""
    kind = product.kind.removesuffix("_gif")
    weighted = kind == "ime"
    image = _histogram(product, "1" if weighted else kind[-1], weighted=weighted)
    grey = np.log1p(image) * (255 / np.log1p(image.max()))
    picture = Image.fromarray(grey[::-1].astype(np.uint8))
    picture.save(path, "GIF", comment=NOTICE[0].encode())


def _histogram(product: Product, band: str, *, weighted: bool = False) -> np.ndarray:
    """Events of a band on each pixel, or the sum of their channels."""
    events = events_of(product)
    low, high = _CHANNELS[band]
    chosen = (events["PI"] >= low) & (events["PI"] < high)
    bins = np.linspace(0.5, SKY_PIXELS + 0.5, SIZE + 1)
    weights = events["PI"][chosen] if weighted else None
    y, x = events["Y"][chosen], events["X"][chosen]
    return np.histogram2d(y, x, (bins, bins), weights=weights)[0]


@lru_cache(maxsize=1)
def _seconds(product: Product) -> np.ndarray:
    """Exposure of each pixel, as if it had been on the axis: what the scans let it see.

    It changes little from pixel to pixel, so it is computed for four by four of them.
    """
    axis = ((np.arange(SIZE // 4) + 0.5) / (SIZE // 4) - 0.5) * FIELD
    seconds = seconds_at(product, *np.meshgrid(-axis, axis))
    return np.repeat(np.repeat(seconds, 4, axis=0), 4, axis=1).astype(np.float32)


def seconds_at(product: Product, east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """Exposure of places in a field, seconds; offsets from its centre in degrees."""
    scans = scans_of(product)
    across, along = to_scan_axes(east, north, scans.angle)
    seconds = np.zeros(across.shape)
    for offset, *good in zip(
        scans.offset, scans.start - scans.begin, scans.stop - scans.begin, strict=True
    ):
        aside = across - offset
        chord = np.sqrt(np.clip(RADIUS**2 - aside**2, 0, None))
        ends = [
            np.clip(moment * SCAN_SPEED - scan_reach(scans.angle) - along, -chord, chord)
            for moment in good
        ]
        seconds += _unvignetted(aside, ends[1]) - _unvignetted(aside, ends[0])
    return seconds / SCAN_SPEED


def _unvignetted(aside: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """Integral of the mirrors' efficiency along a scan, from its middle to `ahead`; degrees."""
    return ahead - EDGE_LOSS / RADIUS**2 * (aside**2 * ahead + ahead**3 / 3)


def _image(product: Product, image: np.ndarray, unit: str) -> fits.HDUList:
    return fits.HDUList([fits.PrimaryHDU(image, _header(product, unit))])


def _header(product: Product, unit: str) -> fits.Header:
    middle, scale = (SIZE + 1) / 2, FIELD / SIZE
    cards = [
        ("CTYPE1", "RA---TAN", "Projection"),
        ("CTYPE2", "DEC--TAN", "Projection"),
        ("CRPIX1", middle, "Reference pixel"),
        ("CRPIX2", middle, "Reference pixel"),
        ("CRVAL1", product.ra, "[deg] RA of reference pixel"),
        ("CRVAL2", product.dec, "[deg] Dec of reference pixel"),
        ("CDELT1", -scale, "[deg] Pixel size"),
        ("CDELT2", scale, "[deg] Pixel size"),
        ("BUNIT", unit, "Unit of pixels"),
    ]
    return header_of([*mission_cards(product), *cards])
