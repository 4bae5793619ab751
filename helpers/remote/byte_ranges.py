"""Which bytes of a FITS file hold a part of an image.

Plain images: FITS standard 4.0, section 5 and Table 8.  Tile-compressed images: section 10.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from helpers.errors import FitsError
from helpers.remote.sparse_file import Range

if TYPE_CHECKING:
    import numpy as np
    from astropy.io import fits

#: Columns of a tile-compressed image that point into the heap (FITS standard, 10.1.3).
HEAP_COLUMNS = ("COMPRESSED_DATA", "GZIP_COMPRESSED_DATA", "UNCOMPRESSED_DATA")

Slices = tuple[slice, ...]


class PlainImage:
    """Where the pixels of a plain image are.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Header of the image.
    data_start : int
        Where its data begin in the file.
    """

    def __init__(self, header: fits.Header, data_start: int) -> None:
        shape = [header[f"NAXIS{axis}"] for axis in range(header["NAXIS"], 0, -1)]
        item = abs(header["BITPIX"]) // 8
        self._start, self._shape = data_start, shape
        self._strides = [item * math.prod(shape[axis + 1 :]) for axis in range(len(shape))]

    def ranges(self, slices: Slices) -> np.ndarray:
        """Return the ranges of bytes of a part, shape (n, 2), rising; rows taken whole are one.

        Parameters
        ----------
        slices : tuple of slice
            The part, in numpy's order of axes, with step 1.
        """
        import numpy as np

        # Behind this axis all axes are taken whole, so that it runs on in the file.
        run = max(
            axis
            for axis, length in enumerate(self._shape)
            if axis == 0 or _is_some(slices[axis], length)
        )
        starts = np.array([self._start], np.int64)
        for part, stride in zip(slices[:run], self._strides, strict=False):
            starts = np.add.outer(starts, stride * np.arange(part.start, part.stop)).ravel()
        part, stride = slices[run], self._strides[run]
        return np.stack([starts + part.start * stride, starts + part.stop * stride], axis=1)


def _is_some(part: slice, length: int) -> bool:
    return bool(part.stop - part.start < length)


def table_rows(table: fits.BinTableHDU) -> Range:
    """Return the range of a table's rows, which point to the tiles in its heap."""
    start = table.fileinfo()["datLoc"]
    return start, start + table.header["NAXIS1"] * table.header["NAXIS2"]


def tiles(table: fits.BinTableHDU, rows: bytes, slices: Slices) -> np.ndarray:
    """Return the ranges of bytes of the compressed tiles under a part, shape (n, 2).

    Parameters
    ----------
    table : astropy.io.fits.BinTableHDU
        The compressed image as the table that it is.
    rows : bytes
        The table's rows, as `table_rows` names them.
    slices : tuple of slice
        The part, in numpy's order of axes, with step 1.
    """
    import numpy as np

    header = table.header
    records = np.frombuffer(rows, dtype=table.columns.dtype.newbyteorder(">"))
    needed = records[_tile_numbers(header, slices)]
    heap = table_rows(table)[0] + header.get("THEAP", len(rows))
    ranges = []
    for column in table.columns:
        if column.name in HEAP_COLUMNS:
            ranges += _heap_ranges(needed[column.name], _item_size(column.format), heap)
    return np.array(ranges, np.int64).reshape(-1, 2)


def _tile_numbers(header: fits.Header, slices: Slices) -> list[int]:
    """Numbers of the tiles that a part touches; the first axis runs fastest (10.1.1)."""
    axes = range(header["ZNAXIS"], 0, -1)
    numbers = [0]
    for axis, part in zip(axes, slices, strict=True):
        length = header[f"ZNAXIS{axis}"]
        tile = header.get(f"ZTILE{axis}", length if axis == 1 else 1)
        along = range(part.start // tile, (part.stop - 1) // tile + 1)
        count = math.ceil(length / tile)
        numbers = [number * count + index for number in numbers for index in along]
    return numbers


def _heap_ranges(descriptors: np.ndarray, item: int, heap: int) -> list[Range]:
    """Ranges of variable-length arrays: each descriptor is a count and an offset (7.3.5)."""
    return [
        (heap + int(offset), heap + int(offset) + int(count) * item)
        for count, offset in descriptors
        if count > 0
    ]


def _item_size(column_format: str) -> int:
    """Bytes of an element of a variable-length column such as ``1PB(512)``."""
    sizes = {"L": 1, "B": 1, "A": 1, "I": 2, "J": 4, "K": 8, "E": 4, "D": 8}
    code = column_format.lstrip("0123456789")[1:2]
    if code not in sizes:
        raise FitsError(f"the compressed image has a column of format {column_format!r}")
    return sizes[code]
