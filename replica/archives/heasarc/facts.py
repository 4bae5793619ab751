"""Chandra's observations at HEASARC: what the table ``chanmaster`` and its products say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

from replica.holdings import Product, buckets, select
from replica.protocols.tables import Table
from replica.protocols.time import to_mjd
from replica.protocols.votable import Field

HOST = "https://heasarc.gsfc.nasa.gov"
DATALINK = f"{HOST}/xamin/vo/datalink"
TABLE = "chanmaster"

#: Kind of a product to the last part of its identifier.
_PRODUCT_IDS = {
    "cntr_img2": "chandra.obs.img.cntr.fits",
    "cntr_img2_jpg": "chandra.obs.img.cntr.jpg",
    "full_img2": "chandra.obs.img.full.fits",
    "full_img2_jpg": "chandra.obs.img.full.jpg",
    "evt2": "chandra.obs.evt2.fits",
}


@dataclass(frozen=True)
class Observation:
    """One row of the table: number of the row, and the observation's files."""

    row: int
    products: tuple[Product, ...]

    @property
    def first(self) -> Product:
        """A product that tells what holds for the observation as a whole."""
        return self.products[0]


@lru_cache(maxsize=1)
def observations() -> tuple[Observation, ...]:
    """Return all observations; rows are numbered in the order of the holdings."""
    products = select(archive="heasarc", collection=TABLE)
    numbers = dict.fromkeys(product.obs_id for product in products)
    return tuple(
        Observation(row, tuple(p for p in products if p.obs_id == number))
        for row, number in enumerate(numbers, start=1)
    )


def product_id(product: Product) -> str:
    """Identify a product within its observation, as ``chandra.obs.img.cntr.fits``."""
    return _PRODUCT_IDS[product.kind]


def content_type(product: Product) -> str:
    """Content type as the services of HEASARC write it."""
    if product.kind == "evt2":
        return "application/fits"
    return "image/jpeg" if product.key.endswith(".jpg") else "image/fits"


def access_url(key: str) -> str:
    """Address at HEASARC of a key in its bucket."""
    return f"{HOST}/FTP/{key}"


def folder_of(product: Product) -> str:
    """Key of the folder of a product's observation: ``.../byobsid/1/13751/``."""
    return product.key.partition("/primary/")[0].removesuffix(product.filename).rstrip("/") + "/"


def slashed_url(product: Product, key: str) -> str:
    """Address of a key as links give it: with two slashes before the observation's folder."""
    parent, _, name = folder_of(product).rstrip("/").rpartition("/")
    return access_url(f"{parent}//{name}{key.removeprefix(f'{parent}/{name}')}")


def cloud_access(bucket: str, key: str) -> str:
    """Where a file or folder is in the cloud, as JSON; empty if it is not there."""
    if not bucket:
        return ""
    return json.dumps({"aws": {"bucket_name": bucket, "key": key, "region": buckets()[bucket]}})


_FIELDS = (
    Field("__row", "char*", "", "meta.record", "Number of the row", links=f"{DATALINK}/{TABLE}"),
    Field("obsid", "char*", "", "meta.id;meta.main", "Number of the observation"),
    Field("status", "char*", "", "meta.code.status", "Status of the observation"),
    Field("name", "char*", "", "meta.id;src", "Name of the target"),
    Field("ra", "double", "deg", "pos.eq.ra;meta.main", "Right ascension"),
    Field("dec", "double", "deg", "pos.eq.dec;meta.main", "Declination"),
    Field("time", "double", "d", "time.start;obs.exposure", "Start of the observation"),
    Field("detector", "char*", "", "meta.id;instr.det", "Detector"),
    Field("grating", "char*", "", "instr.setup", "Grating"),
    Field("exposure", "double", "s", "time.duration;obs.exposure", "Exposure time"),
    Field("type", "char*", "", "meta.code.class", "Type of the observation"),
    Field("pi", "char*", "", "meta.id.PI", "Principal investigator"),
    Field("public_date", "int", "d", "time.release", "When the data became public"),
)


@lru_cache(maxsize=1)
def table() -> Table:
    """Return the table as it can be queried."""
    rows = tuple((str(each.row), *facts(each.first).values()) for each in observations())
    return Table(TABLE, "Chandra Observations (simulated)", _FIELDS, rows)


def facts(product: Product) -> dict[str, object]:
    """Return what the table says of a product's observation."""
    start = to_mjd(product.start)
    return {
        "obsid": product.obs_id,
        "status": "archived",
        "name": product.target,
        "ra": product.ra,
        "dec": product.dec,
        "time": start,
        "detector": product.detector,
        "grating": "NONE",
        "exposure": product.exposure,
        "type": "GO",
        "pi": "",
        "public_date": int(start) + 365,  # a year after it was taken, Chandra's usual period
    }
