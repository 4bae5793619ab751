"""Rows that the portal shows of the holdings: observations and their products.

Column names are those of the Common Archive Observation Model as MAST serves it
(https://mast.stsci.edu/api/v0/_c_a_o_mfields.html and _productsfields.html).
Values that the holdings do not know are null.  Our choice, as no recorded answer shows
it: of PS1's files the stack itself is SCIENCE; mask, exposure and variance are AUXILIARY.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from replica.archives.mast.facts import OBSERVATIONS, PRODUCTS, facts, fields
from replica.holdings import Product, select
from replica.protocols.geometry import corners
from replica.storage import known_files

Row = dict[str, object]

_MJD_ZERO = datetime(1858, 11, 17)
_SECONDS_A_DAY = 86400


@dataclass(frozen=True)
class Observation:
    """One observation: all products of the holdings with the same ``obs_id``.

    Attributes
    ----------
    obsid : int
        The portal's number of it.  Real ones of the Crab's PS1 stacks begin with
        16000864847; consecutive within a mission, in the order of the holdings.
    products : tuple of Product
        The main product first.
    """

    obsid: int
    products: tuple[Product, ...]

    @property
    def main(self) -> Product:
        """The product that stands for the observation."""
        return self.products[0]


@lru_cache(maxsize=1)
def observations() -> tuple[Observation, ...]:
    """Return all observations of MAST, in the order of the holdings."""
    groups: dict[tuple[str, str], list[Product]] = {}
    for product in select(archive="mast"):
        groups.setdefault((product.collection, product.obs_id), []).append(product)
    seen: dict[str, int] = {}
    found = []
    for (collection, _), products in groups.items():
        first = int(facts("collections", collection=collection)["first_obsid"])
        number = seen.get(collection, 0)
        seen[collection] = number + 1
        found.append(Observation(first + number, tuple(products)))
    return tuple(found)


def data_uri(product: Product) -> str:
    """The ``mast:`` URI of a product, e.g. ``mast:PS1/product/<file name>``."""
    return f"mast:{product.collection}/product/{product.filename}"


def product_of(uri: str) -> Product | None:
    """Return the product of a ``mast:`` URI; None if there is none."""
    return next((item for item in select(archive="mast") if data_uri(item) == uri), None)


def scale(product: Product) -> float:
    """Size of a product's pixels, degrees."""
    return float(facts("collections", collection=product.collection)["pixel"]) / 3600


def observation_row(observation: Observation) -> Row:
    """All columns of an observation except ``distance``, which depends on the query."""
    known = {
        **_identity(observation),
        **_coverage(observation.main),
        "dataURL": data_uri(observation.main),
        "dataRights": "PUBLIC",
        "mtFlag": False,
    }
    return {name: known.get(name) for name in fields(OBSERVATIONS) if name != "distance"}


def _identity(observation: Observation) -> Row:
    main = observation.main
    mission = facts("collections", collection=main.collection)
    return {
        "intentType": "science",
        "obs_collection": main.collection,
        "provenance_name": mission["provenance_name"],
        "instrument_name": main.instrument,
        "project": mission["project"],
        "filters": main.band,
        "wavelength_region": "OPTICAL",
        "target_name": main.target,
        "obs_id": main.obs_id,
        "dataproduct_type": "image",
        "calib_level": int(mission["calib_level"]),
        "obs_title": main.title,
        "t_obs_release": float(mission["t_obs_release"]),
        "obsid": observation.obsid,
        "objID": observation.obsid,
    }


def _coverage(product: Product) -> Row:
    """Where, when and at which wavelengths (nm) the observation was made.

    Wavelengths: Tonry et al. 2012, ApJ 750, 99, Table 4 (PS1); the WFPC2 Instrument
    Handbook, mean and half the effective width to both sides (HST).
    """
    band = facts("filters", band=product.band)
    start = datetime.fromisoformat(product.start) - _MJD_ZERO
    t_min = start.total_seconds() / _SECONDS_A_DAY
    return {
        "s_ra": product.ra,
        "s_dec": product.dec,
        "t_min": t_min,
        "t_max": t_min + product.exposure / _SECONDS_A_DAY,
        "t_exptime": product.exposure,
        "em_min": float(band["em_min"]),
        "em_max": float(band["em_max"]),
        "s_region": _polygon(product),
    }


def _polygon(product: Product) -> str:
    """Footprint as STC-S: the corners, the first one again at the end."""
    points = corners(product)
    return " ".join(["POLYGON ICRS", *(f"{ra:.8f} {dec:.8f}" for ra, dec in [*points, points[0]])])


def product_rows(observation: Observation) -> list[Row]:
    """All columns of the products of an observation."""
    return [_product_row(observation, product) for product in observation.products]


def _product_row(observation: Observation, product: Product) -> Row:
    kind = facts("kinds", collection=product.collection, kind=product.kind)
    mission = facts("collections", collection=product.collection)
    known = {
        "obsID": observation.obsid,
        "obs_collection": product.collection,
        "dataproduct_type": "image",
        "obs_id": product.obs_id,
        "description": kind["description"],
        "type": "S",
        "dataURI": data_uri(product),
        "productType": kind["productType"],
        "productGroupDescription": kind["productGroupDescription"] or None,
        "productSubGroupDescription": kind["productSubGroupDescription"] or None,
        "project": mission["project"],
        "productFilename": product.filename,
        "size": _size(product, int(kind["nominal_size"])),
        "parent_obsid": observation.obsid,
        "dataRights": "PUBLIC",
        "calib_level": int(mission["calib_level"]),
        "filters": product.band,
    }
    return {name: known.get(name) for name in fields(PRODUCTS)}


def _size(product: Product, nominal: int) -> int:
    """Size in bytes; a nominal one of this kind of file where none is known.

    Making a stack takes seconds, and a list of products should not wait for that.
    """
    known = known_files.size(product)
    return nominal if known is None else known
