"""Which products exist: one row of ``holdings.csv`` each.

The discovery services say what this table says, and the object store serves what
the row's simulator makes.  A new product is a new row.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files


@dataclass(frozen=True)
class Product:
    """One file of an archive.

    Attributes
    ----------
    archive, collection : str
        The archive (``irsa``, ``mast``, ``heasarc``) and its collection.
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
        Module of :mod:`replica.simulators` that makes the file.
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
    """Return every product of the table, in the table's order."""
    text = files("replica").joinpath("holdings.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(
        Product(**{name: float(cell) if name in _NUMBERS else cell for name, cell in row.items()})
        for row in rows
    )


def select(**facts: str) -> list[Product]:
    """Return the products whose attributes equal all of `facts`."""
    return [
        product
        for product in holdings()
        if all(getattr(product, name) == value for name, value in facts.items())
    ]


def buckets() -> set[str]:
    """Return the names of all buckets."""
    return {product.bucket for product in holdings()} - {""}
