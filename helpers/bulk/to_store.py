"""Cut a table of positions into a store on disk; run again, it does the rest."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.bulk.executors import cut_anywhere
from helpers.bulk.provenance import ERROR
from helpers.bulk.shared_image import Outcome, SharedImage
from helpers.bulk.store import (
    Shape,
    StampStore,
    attributes_of,
    check_packages,
    create,
    provenance_folder,
)
from helpers.bulk.tables import Columns, Rows, read_rows
from helpers.bulk.targets import RaDec, Target, Wanted
from helpers.cutout_plan import check_arguments
from helpers.errors import ArchiveAccessError, StoreError
from helpers.image_hdu import HduName

if TYPE_CHECKING:
    from astropy.table import Table
    from astropy.units import Quantity


@dataclass(frozen=True)
class Stored:
    """What a store holds after a run.

    Attributes
    ----------
    stamps, failed : int
        Rows that have a stamp, and rows that have none.
    store, provenance : pathlib.Path
        The Zarr store, and the Parquet table of where its stamps came from.
    """

    stamps: int
    failed: int
    store: Path
    provenance: Path

    def __str__(self) -> str:
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{self.stamps} stamps in {self.store}{failed}; see {self.provenance}"


def store_cutouts(
    table: Table | Path | str,
    store: Path | str,
    size: Quantity | int,
    *,
    location: str = "location",
    ra: str = "ra",
    dec: str = "dec",
    hdu: HduName | None = None,
    dtype: str = "float32",
    executor: Executor | Any = None,
    retry: bool = False,
    progress: bool = True,
) -> Stored:
    """Cut a stamp for each row of a table into a Zarr store.

    ``xarray.open_zarr(store)`` opens it: the array ``stamps`` has the dimensions row, y and x,
    and is NaN where an image ended or could not be cut.  Beside it stands a Parquet table of
    the same name that says for each row address, ETag, pixel origin, FITS header with the WCS,
    and status, or why it failed.  Run it again after an interruption: only the rest is done.

    Parameters
    ----------
    table : astropy.table.Table, pathlib.Path or str
        The table, or a Parquet file, a CSV file or any that `astropy.table.Table.read` knows.
    store : pathlib.Path or str
        Folder of the Zarr store, such as ``crab.zarr``; made if it is not there.
    size : astropy.units.Quantity or int
        As for `cutout`.  The pixels that an angle is follow from the first image that can be
        read.
    location, ra, dec : str
        Names of the columns: where each image is, and the position, ICRS in degrees.
    hdu : int, str or tuple, optional
        As for `cutout`.
    dtype : str
        Type of the pixels in the store, ``float32`` or ``float64``.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        As for `cutouts`.  This process writes.
    retry : bool
        Whether to do rows again that failed before.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Stored
        How many rows have a stamp, and where all of it is.

    Raises
    ------
    StoreError
        If the table has no such columns, the store is of another table or size, or a package is
        missing.
    CutoutError
        If the size is none.
    """
    check_packages()
    check_arguments(RaDec(0, 0).sky(), size, None)
    rows, wanted = read_rows(table, Columns(location, ra, dec)), Wanted(size, hdu)
    target = _opened(Path(store), rows, wanted, dtype)
    if retry:
        target.provenance.remove_errors()
    known = target.provenance.statuses()
    rest = [_target(rows, number) for number in range(len(rows)) if number not in known]
    ready = cut_anywhere(executor, rest, wanted)
    bar = _bar(ready, total=len(rows), initial=len(known), disable=not progress)
    with closing(bar):
        try:
            for number, outcome in bar:
                target.add(number, outcome)
        finally:
            # Also when interrupted: what is ready is done.
            target.flush()
    failed = sum(status == ERROR for status in target.provenance.statuses().values())
    return Stored(len(rows) - failed, failed, target.path, target.provenance.folder)


def _target(rows: Rows, number: int) -> Target:
    position = RaDec(float(rows.ra[number]), float(rows.dec[number]))
    return Target(number, rows.locations[number], position)


def _bar(ready: Iterator[Outcome], **options: Any) -> Generator[Outcome, None, None]:
    from tqdm import tqdm

    yield from tqdm(ready, desc="cutouts", unit="", **options)


def _opened(path: Path, rows: Rows, wanted: Wanted, dtype: str) -> StampStore:
    said = {"rows": rows.digest(), "size": str(wanted.size), "hdu": str(wanted.hdu), "dtype": dtype}
    beside = provenance_folder(path)
    if path.exists():
        _check_same(path, said)
    elif beside.exists():
        raise StoreError(f"{beside} is there without {path}: remove it first")
    else:
        create(path, rows, _shape(rows, wanted), dtype, said)
    return StampStore(path, rows)


def _check_same(path: Path, said: dict[str, Any]) -> None:
    known = attributes_of(path)
    names = {"rows": "another table", "size": "another size", "hdu": "another HDU"}
    names["dtype"] = "another type of pixels"
    for key, name in names.items():
        if known.get(key) != said[key]:
            raise StoreError(f"{path} is there, and is of {name}: choose another store")


def _shape(rows: Rows, wanted: Wanted) -> Shape:
    """How many pixels a stamp has: where the size is an angle, the first image tells."""
    first = "the table has no rows"
    for number in range(len(rows)):
        try:
            image = SharedImage([_target(rows, number)], wanted, 1)
        except ArchiveAccessError as error:
            first = first if number else str(error)
            continue
        for stamp in image.stamps:
            height, width = (asked.stop - asked.start for asked in stamp.part.asked)
            return height, width
        first = first if number else str(image.failed[0][1])
    raise StoreError(f"no row of the table can be cut out; the first: {first}")
