"""Pan-STARRS' mean objects for queries in ADQL: ``dbo.meanobjectview`` of the service ``ps1dr2``.

The columns are those of the search at ``catalogs.mast.stsci.edu``.  The rows lie in an SQLite
file for each skycell, which is made on the first query about it and kept with the images.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

from replica.archives.mast.facts import table as facts_table
from replica.protocols.tables import Circle, Table
from replica.protocols.tap_documents import Example
from replica.protocols.votable import Field
from replica.storage import row_file
from replica.storage.cache import ensure_file

NAME = "dbo.meanobjectview"
#: A byte without a sign becomes a short number.
_DATATYPES = {"unsignedByte": "short"}

EXAMPLES = (
    Example(
        "objects",
        "Objects near the Crab Pulsar",
        "Mean magnitudes of the objects within half an arcminute.",
        "SELECT objname, gmeanpsfmag, rmeanpsfmag, imeanpsfmag FROM dbo.meanobjectview "
        "WHERE 1 = CONTAINS(POINT('ICRS', ramean, decmean), "
        "CIRCLE('ICRS', 83.63321, 22.01446, 0.00833)) ORDER BY imeanpsfmag",
    ),
)


@lru_cache(maxsize=1)
def tables() -> tuple[Table, ...]:
    """Return the tables of the service ``ps1dr2``."""
    described = "Pan-STARRS objects, with means of the single exposures"
    return (Table(NAME, described, fields(), (), databases=_databases),)


@lru_cache(maxsize=1)
def fields() -> tuple[Field, ...]:
    """Return the table's columns; names are in small letters, as MAST's tables have them."""
    # Imported here: it takes numpy and astropy, for which a start need not wait.
    from replica.archives.mast.ps1_search import all_columns

    return tuple(
        replace(field, name=name, datatype=_DATATYPES.get(field.datatype, field.datatype))
        for name, field in all_columns().items()
        if name != "distance"
    )


def _databases(circles: tuple[Circle, ...] | None) -> list[Path]:
    """The files of the skycells that a circle may touch."""
    from replica.archives.mast.ps1_objects import skycells, skycells_near

    every = list(skycells())
    near = {name for circle in circles or () for name in skycells_near(*circle)}
    needed = every if circles is None else [name for name in every if name in near]
    identity = f"{skycells()}{facts_table('ps1_columns')}"
    sources = ("ps1_objects", "ps1_search", "ps1_table", "panstarrs")
    return [
        ensure_file(
            f"ps1_mean-{name}.sqlite", "mast", sources, identity + name, partial(_make, name)
        )
        for name in needed or every[:1]  # an empty answer too has columns
    ]


def _make(skycell: str, path: Path) -> None:
    from replica.archives.mast.ps1_search import cells

    datatypes = {field.name: field.datatype for field in fields()}
    rows = zip(*cells(skycell), strict=True)
    row_file.write(path, NAME, datatypes, rows, indexed="decmean")
