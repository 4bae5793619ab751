"""The AllWISE Source Catalog, ``allwise_p3as_psd``: its 298 columns, with rows of the held tiles.

Columns that are not simulated are empty: apertures, single exposures, 2MASS.  The rows lie in an
SQLite file for each tile, which is made on the first question about it and kept with the images.
"""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path

from starlette.datastructures import MultiDict

from replica.archive_folders import read_table
from replica.archives.irsa import facts as irsa_images
from replica.holdings import Product
from replica.protocols import table_formats
from replica.protocols.adql import query
from replica.protocols.cone import cone_query
from replica.protocols.dali import RequestError, row_limit
from replica.protocols.geometry import offsets
from replica.protocols.tables import Circle, Table
from replica.protocols.votable import Document, Field
from replica.storage import row_file
from replica.storage.cache import ensure_file

NAME = "allwise_p3as_psd"
_MAXREC = 50_000
_STORED = "stored"


@lru_cache(maxsize=1)
def table() -> Table:
    """Return the catalogue; its rows are made when a query first needs them."""
    columns = read_table("irsa", "source_catalogue")
    names = ("name", "datatype", "unit", "ucd", "description")
    fields = tuple(Field(*(column[name] for name in names)) for column in columns)
    facts = (("irsa_dbms", 21), ("irsa_pos", "y"))
    return Table(NAME, "AllWISE Source Catalog", fields, (), facts=facts, databases=databases)


def databases(circles: tuple[Circle, ...] | None) -> list[Path]:
    """Return the SQLite files with the sources in any of the circles; make those that lack."""
    tiles = _tiles()
    identity = "".join(map(str, tiles))
    needed = [tile for tile in tiles if circles is None or _reaches(tile, circles)]
    return [
        ensure_file(
            f"{NAME}-{tile.obs_id}.sqlite",
            "irsa",
            ("allwise", "artifacts", "source"),
            identity + tile.obs_id,
            partial(_make, tile),
        )
        for tile in needed or tiles[:1]  # an empty answer too has columns
    ]


def _reaches(tile: Product, circles: tuple[Circle, ...]) -> bool:
    """Whether a circle touches a tile, or nearly so: its sides are a little bent."""
    for circle in circles:
        place = offsets(circle.ra, circle.dec, tile.ra, tile.dec)
        if place and max(map(abs, place)) < 1.01 * (tile.width / 2 + circle.radius):
            return True
    return False


def _tiles() -> list[Product]:
    """One image of each tile."""
    return irsa_images.products(kind="int", band="W1")


def _make(tile: Product, path: Path) -> None:
    # Imported here: only this needs numpy and astropy.
    from replica.archives.irsa.source_photometry import measure

    columns = read_table("irsa", "source_catalogue")
    stored = {each["name"]: each["datatype"] for each in columns if each["value"] == _STORED}
    shown = ", ".join(_expression(column["name"], column["value"]) for column in columns)
    measured = measure(tile, _tiles())
    cells = zip(*(measured[name].tolist() for name in stored), strict=True)
    view = f"CREATE VIEW {NAME} AS SELECT {shown} FROM sources"
    row_file.write(path, "sources", stored, cells, indexed="dec", view=view)


def _expression(name: str, value: str) -> str:
    """SQL of a column: as stored, what an expression gives, or empty."""
    return f'"{name}"' if value == _STORED else f'{value or "NULL"} AS "{name}"'


def cone(params: MultiDict) -> tuple[bytes, str]:
    """Answer a cone search: the rows within SR degrees of RA and DEC, in the format asked for.

    Returns
    -------
    tuple of bytes and str
        The table, by default as VOTable, and its content type.

    Raises
    ------
    RequestError
        If the table is not known, or a parameter is missing.
    QueryError
        If the answer is too large.
    """
    if (asked := params.get("TABLE", "").lower()) != NAME:
        raise RequestError(f"the replica holds no table {asked!r} for cone searches, but {NAME}")
    form = table_formats.find(params.get("RESPONSEFORMAT") or params.get("FORMAT") or "")
    maxrec = row_limit(params, _MAXREC)
    found = query([table()], cone_query(params, NAME), maxrec)
    about = Document(status="OVERFLOW" if found.overflow else "OK")
    return form.write(found.fields, found.rows, about), form.media_type
