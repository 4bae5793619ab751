"""Where each stamp of a store came from: a Parquet table that grows part by part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

#: What a row of the table says; the types are pyarrow's.
COLUMNS = {
    "row": "int64",  # of the table of positions, and of the array of stamps
    "location": "string",  # as that table has it
    "ra": "float64",
    "dec": "float64",
    "url": "string",  # where it was read
    "etag": "string",
    "x0": "int64",  # the image's pixel, from 0, at the stamp's first column
    "y0": "int64",
    "header": "string",  # the stamp's FITS header, with its WCS and unit
    "status": "string",  # see below
    "message": "string",  # of an error
}
#: The image ended before the stamp did; the image could not be cut.
WHOLE, PARTIAL, ERROR = "whole", "partial", "error"

Row = dict[str, Any]


class Provenance:
    """A folder of Parquet files, which readers take for one table.

    A part is there as a whole or not at all, whenever this process is killed.

    Parameters
    ----------
    folder : pathlib.Path
        Where the parts are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def statuses(self) -> dict[int, str]:
        """Return the status of each row that is in the table."""
        from pyarrow import parquet

        known: dict[int, str] = {}
        for part in self._parts():
            columns = parquet.read_table(part, columns=["row", "status"]).to_pydict()
            known |= zip(columns["row"], columns["status"], strict=True)
        return known

    def add(self, rows: Sequence[Row]) -> None:
        """Write rows as a further part."""
        last = max((int(part.stem.split("-")[1]) for part in self._parts()), default=-1)
        self._write(self.folder / f"part-{last + 1:06d}.parquet", rows)

    def remove_errors(self) -> None:
        """Remove the rows that say why there is no stamp."""
        from pyarrow import parquet

        for part in list(self._parts()):
            rows = parquet.read_table(part).to_pylist()
            kept = [row for row in rows if row["status"] != ERROR]
            if len(kept) < len(rows):
                self._write(part, kept)

    def _parts(self) -> Iterator[Path]:
        return iter(sorted(self.folder.glob("part-*.parquet")))

    def _write(self, path: Path, rows: Sequence[Row]) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        schema = pa.schema([(name, getattr(pa, kind)()) for name, kind in COLUMNS.items()])
        self.folder.mkdir(exist_ok=True)
        # Readers pass over names that begin with a point.
        unfinished = path.with_name(f".{path.name}")
        table = pa.Table.from_pylist(list(rows), schema=schema)
        parquet.write_table(table, unfinished, compression="zstd")
        unfinished.replace(path)
