"""A Zarr store of stamps, with a table of where they came from; what is done stays done."""

from __future__ import annotations

import shutil
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.bulk.provenance import ERROR, PARTIAL, WHOLE, Provenance, Row
from helpers.bulk.tables import Rows
from helpers.errors import ArchiveAccessError, StoreError
from helpers.one_cutout import Cutout

if TYPE_CHECKING:
    import numpy as np

#: Bytes of a chunk, about: a chunk is written again for each batch of stamps in it.
CHUNK = 2**20
#: What waits in memory until it is written: so many outcomes, or bytes of pixels.
BATCH, BATCH_BYTES = 2048, 2**25

Shape = tuple[int, int]


class StampStore:
    """An array ``stamps`` of shape (rows, y, x), NaN where nothing is, and its provenance.

    Parameters
    ----------
    path : pathlib.Path
        Folder of the Zarr store; it must exist, see `create`.
    rows : Rows
        The table that it is of.
    """

    def __init__(self, path: Path, rows: Rows) -> None:
        import zarr

        self.path, self._rows = path, rows
        self.provenance = Provenance(provenance_folder(path))
        self._array: Any = zarr.open_group(path, mode="r+")["stamps"]
        self._waiting: dict[int, Cutout | ArchiveAccessError] = {}
        self._waiting_bytes = 0

    @property
    def shape(self) -> Shape:
        """Rows and columns of a stamp."""
        return self._array.shape[1], self._array.shape[2]

    def add(self, number: int, outcome: Cutout | ArchiveAccessError) -> None:
        """Take the outcome of a row; written, with others, by and by."""
        self._waiting[number] = outcome
        if isinstance(outcome, Cutout):
            self._waiting_bytes += outcome.data.nbytes
        if len(self._waiting) >= BATCH or self._waiting_bytes >= BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what waits: first the stamps, then that they are done."""
        records, chunks = [], defaultdict(list)
        length = self._array.chunks[0]
        for number, outcome in sorted(self._waiting.items()):
            records.append(self._record(number, outcome))
            if records[-1]["status"] != ERROR:
                chunks[number // length].append((number % length, outcome))
        for chunk, stamps in chunks.items():
            self._write(slice(chunk * length, (chunk + 1) * length), stamps)
        if records:
            self.provenance.add(records)
        self._waiting, self._waiting_bytes = {}, 0

    def _write(self, part: slice, stamps: list[tuple[int, Any]]) -> None:
        """Write a chunk, which Zarr replaces as a whole."""
        block = self._array[part]
        for place, stamp in stamps:
            block[place] = self._padded(stamp)
        self._array[part] = block

    def _padded(self, stamp: Cutout) -> np.ndarray:
        import numpy as np

        frame = np.full(self.shape, np.nan, self._array.dtype)
        top, left = (max(0, -asked.start) for asked in stamp.asked)
        height, width = stamp.shape
        frame[top : top + height, left : left + width] = stamp.data
        return frame

    def _record(self, number: int, outcome: Cutout | ArchiveAccessError) -> Row:
        rows = self._rows
        location = rows.locations[number]
        record: Row = {
            "row": number,
            "location": None if location is None else str(location),
            "ra": float(rows.ra[number]),
            "dec": float(rows.dec[number]),
            "url": outcome.url,
        }
        if isinstance(outcome, ArchiveAccessError):
            return record | {"status": ERROR, "message": str(outcome)}
        shape = tuple(asked.stop - asked.start for asked in outcome.asked)
        if shape != self.shape:
            message = (
                f"the stamp has {shape[0]} x {shape[1]} pixels, the store {self.shape[0]} x "
                f"{self.shape[1]}: images of another pixel scale need a store of their own"
            )
            return record | {"status": ERROR, "message": message}
        return record | {
            "etag": outcome.etag,
            "x0": outcome.asked[1].start,
            "y0": outcome.asked[0].start,
            "header": outcome.asked_header(),
            "status": PARTIAL if outcome.partial else WHOLE,
        }


def provenance_folder(store: Path) -> Path:
    """Return where the provenance of a store is: beside it."""
    folder = store.with_suffix(".parquet")
    if folder == store:
        raise StoreError(f"a store cannot be called {store.name}: its table is; try a .zarr")
    return folder


def create(path: Path, rows: Rows, shape: Shape, dtype: str, said: dict[str, Any]) -> None:
    """Make an empty store: there as a whole or not at all, whenever this process is killed.

    Parameters
    ----------
    path : pathlib.Path
        Its folder.
    rows : Rows
        The table that it is of.
    shape : tuple of int
        Rows and columns of a stamp.
    dtype : str
        Type of the pixels.
    said : dict
        What it says of itself, as attributes.
    """
    import numpy as np
    import zarr

    unfinished = path.with_name(f".{path.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    # Format 2, because xarray opens it, by one call and without a warning, in all its versions.
    group = zarr.create_group(unfinished, zarr_format=2, attributes=said)
    length = max(1, CHUNK // max(1, shape[0] * shape[1] * np.dtype(dtype).itemsize))
    group.create_array(
        "stamps",
        shape=(len(rows), *shape),
        chunks=(min(length, max(1, len(rows))), *shape),
        dtype=dtype,
        fill_value=np.nan,
        attributes={"_ARRAY_DIMENSIONS": ["row", "y", "x"], "coordinates": "ra dec"},
    )
    for name, values in (("ra", rows.ra), ("dec", rows.dec)):
        about: dict[str, Any] = {"_ARRAY_DIMENSIONS": ["row"], "units": "deg"}
        group.create_array(name, data=np.array(values, float), attributes=about)
    zarr.consolidate_metadata(unfinished, zarr_format=2)
    unfinished.rename(path)


def attributes_of(path: Path) -> dict[str, Any]:
    """Return what a store says of itself.

    Raises
    ------
    StoreError
        If it is no store of stamps.
    """
    import zarr

    try:
        group = zarr.open_group(path, mode="r")
        return dict(group.attrs) if "stamps" in group else {}
    # Broad, because Zarr raises many things for what is no store.
    except Exception as error:
        raise StoreError(f"{path} is there, but is no store of stamps: {error}") from error


def check_packages() -> None:
    """Make sure that a store can be written.

    Raises
    ------
    StoreError
        If a package is missing.
    """
    missing = [name for name in ("zarr", "pyarrow") if find_spec(name) is None]
    if missing:
        raise StoreError(
            f"to write stamps into a store, install {' and '.join(missing)}: "
            f"pip install {' '.join(missing)}"
        )
