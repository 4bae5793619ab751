"""HEASARC's tables of observations and of sources: what can be searched, and what lies behind it.

``chanmaster`` and ``rassmaster`` lead to the products that the replica holds; ``rassbsc`` and
``rassfsc`` list the sources in ROSAT's; the others have a few simulated rows near the Crab Nebula.
The links of all but the first two say that there is no product.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from replica.archive_folders import Row, read_table
from replica.archives.heasarc import facts as chanmaster
from replica.archives.heasarc.facts import DATALINK
from replica.archives.heasarc.rass_fields import RassField, rass_fields
from replica.holdings import Product, select
from replica.protocols.tables import Table
from replica.protocols.time import to_mjd
from replica.protocols.votable import Field

_NUMBERS = {"double": float, "int": int, "short": int}


@dataclass(frozen=True)
class Entry:
    """A row of a table as its links see it.

    Attributes
    ----------
    table, row, identifier : str
        Name of the table, number of the row, and what the archive calls the observation.
    key : str
        What stands for the row in an IVOA identifier: its number, or the identifier.
    products : tuple of Product
        The files that the replica holds.
    """

    table: str
    row: str
    identifier: str
    key: str
    products: tuple[Product, ...]

    @property
    def ivoid(self) -> str:
        """IVOA identifier of the row."""
        return f"ivo://nasa.heasarc/{self.table}?{self.key}"


@dataclass(frozen=True)
class Catalogue:
    """A table of observations or sources.

    Attributes
    ----------
    table : Table
        Its columns and rows.
    identifier, key : str
        Columns of the observation's name, and of what stands in an IVOA identifier.
    radius : str
        Arcminutes within which it is searched by default.
    shown : tuple of str
        The columns that a search shows by default.
    """

    table: Table
    identifier: str
    key: str
    radius: str
    shown: tuple[str, ...]

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """The rows as entries."""
        names = [field.name for field in self.table.fields]
        return tuple(self._entry(dict(zip(names, cells, strict=True))) for cells in self.table.rows)

    def _entry(self, facts: dict[str, Any]) -> Entry:
        row, name, key = (str(facts[each]) for each in ("__row", self.identifier, self.key))
        held = _products(self.table.name).get(name.lower(), ())
        return Entry(self.table.name, row, name, key, held)


@lru_cache(maxsize=1)
def catalogues() -> tuple[Catalogue, ...]:
    """Return all tables of observations and sources."""
    shown = tuple(field.name for field in chanmaster.table().fields[1:])
    own = Catalogue(chanmaster.table(), "obsid", "obsid", "21", shown)
    return (own, *map(_catalogue, read_table("heasarc", "catalogues")))


def catalogue(name: str) -> Catalogue | None:
    """Return the table with that name, in any case and with or without its schema."""
    wanted = name.lower().removeprefix("public.")
    return next((each for each in catalogues() if each.table.name == wanted), None)


@lru_cache(maxsize=1)
def metainfo() -> Table:
    """Return HEASARC's table about its tables, as far as `astroquery.heasarc` reads it.

    It names the columns that are shown by default, in their order, and the radius in
    arcminutes within which a table is searched.
    """
    rows: list[tuple[str, ...]] = []
    for each in catalogues():
        name = each.table.name
        rows += [
            ("parameter", "order", f"{name}.{column}", str(number))
            for number, column in enumerate(each.shown, start=1)
        ]
        rows.append(("table", "defaultSearchRadius", name, each.radius))
    fields = tuple(Field(name) for name in ("type", "relation", "name", "value"))
    return Table("metainfo", "About the tables", fields, tuple(rows))


@lru_cache(maxsize=8)
def _products(table: str) -> dict[str, tuple[Product, ...]]:
    """Products of a table's observations by their names in small letters."""
    found: dict[str, tuple[Product, ...]] = {}
    for product in select(archive="heasarc", collection=table):
        found[product.obs_id] = (*found.get(product.obs_id, ()), product)
    return found


def _catalogue(about: Row) -> Catalogue:
    name = about["name"]
    columns = [row for row in read_table("heasarc", "columns") if row["table"] == name]
    fields = tuple(_field(column) for column in columns)
    rows = _rows(fields, _facts(name))
    table = Table(name, about["description"], fields, rows)
    shown = tuple(column["name"] for column in columns if column["shown"] == "1")
    return Catalogue(table, about["identifier"], about["key"], about["radius"], shown)


def _facts(name: str) -> list[Row]:
    """Rows of a table by its columns' names."""
    if name == "rassmaster":
        return _rass_rows()
    if name in ("rassbsc", "rassfsc"):
        # Imported here: only this needs numpy.
        from replica.archives.heasarc.rass_sources import rows

        return rows(name)
    return read_table("heasarc", name)


def _field(column: Row) -> Field:
    names = ("name", "datatype", "unit", "ucd", "description")
    field = Field(*(column[name] for name in names))
    return replace(field, links=f"{DATALINK}/{column['table']}") if field.name == "__row" else field


def _rows(fields: Iterable[Field], facts: Iterable[Row]) -> tuple[tuple[Any, ...], ...]:
    """Cells in the order of the columns; what a row does not say is missing."""
    fields, facts = list(fields), list(facts)
    if any(field.name == "lii" for field in fields):
        facts = _with_directions(facts)
    return tuple(tuple(_cell(field, row.get(field.name, "")) for field in fields) for row in facts)


def _cell(field: Field, text: str) -> Any:
    if field.is_text:
        return text
    return _NUMBERS[field.datatype](text) if text else None


def _with_directions(facts: list[Row]) -> list[Row]:
    """Add galactic coordinates and unit vectors; the vector's x and y are as HEASARC has them."""
    from astropy.coordinates import SkyCoord

    places = SkyCoord([row["ra"] for row in facts], [row["dec"] for row in facts], unit="deg")
    galactic = places.galactic
    lii, bii = galactic.l.deg.round(8).tolist(), galactic.b.deg.round(8).tolist()
    return [
        row | {"lii": str(lii[n]), "bii": str(bii[n])} | _direction(row)
        for n, row in enumerate(facts)
    ]


def _direction(row: Row) -> Row:
    ra, dec = math.radians(float(row["ra"])), math.radians(float(row["dec"]))
    vector = (math.cos(dec) * math.sin(ra), math.cos(dec) * math.cos(ra), math.sin(dec))
    return {f"__{axis}_ra_dec": repr(part) for axis, part in zip("xyz", vector, strict=True)}


def _rass_rows() -> list[Row]:
    return [_rass_row(field) for field in rass_fields()]


def _rass_row(field: RassField) -> Row:
    """A field of the survey; exposure and dates only of those that are held."""
    name = f"RS{field.number}N00"
    held = _products("rassmaster").get(name.lower(), ())
    start = int(to_mjd(held[0].start)) if held else 0
    simulated = {"exposure": f"{held[0].exposure:.0f}", "start_date": str(start)} if held else {}
    return {
        "__row": str(field.row),
        "seq_id": name,
        **dict(instrument="PSPC", filter="N", site="MPE", fits_type="RFITS V4."),
        "ra": f"{field.ra:.5f}",
        "dec": f"{field.dec:.5f}",
        **dict(dist_date="51568", public_date="51615", index_id="n00", proc_rev="3"),
        "ror": str(field.number),
        "title": f"RASS 3/{field.zone:02}/{field.segment:02}",
        **simulated,
    }
