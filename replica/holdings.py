"""Which products exist: one row each of the ``holdings.csv`` in an archive's folder.

The discovery services say what this table says, and the object store serves what
the row's simulator makes.  A new product is a new row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from replica.archive_folders import ARCHIVES, Row, read_table, read_tables


@dataclass(frozen=True)
class Product:
    """One file of an archive.

    Attributes
    ----------
    archive, collection : str
        The archive's folder, for instance ``irsa``, and the archive's name of the collection.
    obs_id, title, target, instrument, detector, band, kind : str
        What the discovery services say of it; empty where they say nothing.
    ra, dec : float
        Centre of the field, ICRS degrees.
    width, height : float
        Size of the field in degrees, along right ascension and declination.
    start : str
        Start of the observation, ISO 8601, UTC.
    exposure : float
        Exposure time in seconds.
    bucket, key : str
        Where the object store keeps it; an empty bucket says that the archive
        has no cloud copy of the product.
    simulator : str
        Module of the archive's folder that makes the file.
    """

    archive: str
    collection: str
    obs_id: str
    title: str
    target: str
    instrument: str
    detector: str
    band: str
    kind: str
    ra: float
    dec: float
    width: float
    height: float
    start: str
    exposure: float
    bucket: str
    key: str
    simulator: str

    @property
    def filename(self) -> str:
        """Last part of the key."""
        return self.key.rsplit("/", 1)[-1]


_NUMBERS = ("ra", "dec", "width", "height", "exposure")


@lru_cache(maxsize=1)
def holdings() -> tuple[Product, ...]:
    """Return every product, in the order of the archives and of their tables."""
    return tuple(
        _product(archive, row) for archive in ARCHIVES for row in read_table(archive, "holdings")
    )


def _product(archive: str, row: Row) -> Product:
    facts: dict[str, Any] = {**row, **{name: float(row[name]) for name in _NUMBERS}}
    return Product(archive=archive, **facts)


def select(**facts: str) -> list[Product]:
    """Return the products whose attributes equal all of `facts`."""
    return [
        product
        for product in holdings()
        if all(getattr(product, name) == value for name, value in facts.items())
    ]


@lru_cache(maxsize=1)
def buckets() -> dict[str, str]:
    """Return the region of each bucket, by the bucket's name."""
    return {row["bucket"]: row["region"] for row in read_tables("buckets")}
