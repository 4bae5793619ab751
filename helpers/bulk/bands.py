"""Decode the tiles of many stamps: those of stamps that share rows only once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from helpers.bulk.stamps import Stamp
from helpers.image_hdu import decoded

if TYPE_CHECKING:
    import numpy as np

log = logging.getLogger(__name__)

#: The most pixels that are decoded at once.
BAND_PIXELS = 2**21

Pixels = Callable[[Stamp], "np.ndarray"]


def decode(image: Any, stamps: Sequence[Stamp]) -> Iterator[tuple[Stamp, Pixels]]:
    """Yield each stamp with what returns its pixels, or raises what its damaged tiles raise.

    Parameters
    ----------
    image : HDU
        The image; all bytes that the stamps need are known.
    stamps : sequence of Stamp
        What to decode.
    """
    tiles = getattr(image, "tile_shape", None)
    alone = partial(_alone, image)
    if tiles is None or len(image.shape) != 2 or tiles[-1] < image.shape[-1]:
        yield from ((stamp, alone) for stamp in stamps)
        return
    for band in _bands(stamps, image.shape[-1]):
        pixels = _together(image, band) if len(band) > 1 else None
        yield from ((stamp, pixels or alone) for stamp in band)


def _bands(stamps: Sequence[Stamp], width: int) -> Iterator[list[Stamp]]:
    """Yield stamps that follow each other without a row between them, a few rows at a time."""
    band: list[Stamp] = []
    for stamp in sorted(stamps, key=lambda stamp: stamp.part.rows.start):
        rows = stamp.part.rows
        if band and (
            rows.start > max(each.part.rows.stop for each in band)
            or (rows.stop - band[0].part.rows.start) * width > BAND_PIXELS
        ):
            yield band
            band = []
        band.append(stamp)
    if band:
        yield band


def _alone(image: Any, stamp: Stamp) -> np.ndarray:
    return decoded(image, stamp.slices)


def _together(image: Any, band: Sequence[Stamp]) -> Pixels | None:
    parts = [stamp.part for stamp in band]
    top, left = (min(part.rows.start for part in parts), min(part.columns.start for part in parts))
    rows = slice(top, max(part.rows.stop for part in parts))
    columns = slice(left, max(part.columns.stop for part in parts))
    try:
        pixels = decoded(image, (rows, columns))
    # Broad, as in `helpers.remote.fits_file.reading`: a damaged tile costs its own stamps only.
    except Exception as error:  # noqa: BLE001
        log.debug("stamps are decoded one by one: %s", error)
        return None

    def part_of(stamp: Stamp) -> np.ndarray:
        rows, columns = stamp.part.rows, stamp.part.columns
        part: np.ndarray = pixels[
            rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ].copy()
        return part

    return part_of
