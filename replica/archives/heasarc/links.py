"""HEASARC's links to the files of an observation.

Both forms of an identifier are understood: ``ivo://nasa.heasarc/chanmaster?1/<product>`` and,
at ``/xamin/vo/datalink/chanmaster``, ``1:<product>``; without a product it names the folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from replica.archives.heasarc import facts as chanmaster
from replica.archives.heasarc.facts import Observation
from replica.holdings import Product
from replica.protocols.datalink import Link, links_table, not_found
from replica.storage.cache import ensure

_IDENTIFIER = re.compile(
    r"(?:ivo://nasa\.heasarc/chanmaster\?)?(?P<row>\d{1,9})(?:[/:](?P<product>[\w.]+))?"
)


def answer(identifiers: list[str]) -> bytes:
    """Answer with the links of all identifiers; makes the files to tell their sizes."""
    return links_table(link for identifier in identifiers for link in _links(identifier))


def _links(identifier: str) -> Iterator[Link]:
    match = _IDENTIFIER.fullmatch(identifier)
    observation = _observation(match["row"]) if match else None
    if match and observation and not match["product"]:
        yield {"ID": identifier} | _folder(observation)
        return
    if not match or not observation or not (named := _named(observation, match["product"])):
        yield not_found(identifier)
        return
    for product in named:
        yield {"ID": identifier, "semantics": "#this"} | _file(product)
        preview = _preview(observation, product)
        if preview:
            yield {"ID": identifier, "semantics": "#preview"} | _file(preview)


def _observation(row: str) -> Observation | None:
    return next((each for each in chanmaster.observations() if each.row == int(row)), None)


def _named(observation: Observation, name: str) -> list[Product]:
    """Products with that identifier; the older ``chandra.obs.img`` names all FITS images."""
    exact = [p for p in observation.products if chanmaster.product_id(p) == name]
    group = [
        product
        for product in observation.products
        if re.fullmatch(rf"{re.escape(name)}\..*fits", chanmaster.product_id(product))
    ]
    return exact or group


def _preview(observation: Observation, product: Product) -> Product | None:
    """The JPEG that shows a FITS image."""
    wanted = f"{product.kind}_jpg"
    return next((each for each in observation.products if each.kind == wanted), None)


def _file(product: Product) -> Link:
    return {
        "access_url": chanmaster.access_url(product.key),
        "description": product.title,
        "content_type": chanmaster.content_type(product),
        "content_length": ensure(product).stat().st_size,
        "content_qualifier": "image",
        "local_semantics": chanmaster.product_id(product),
        "link_auth": "false",
        "cloud_access": chanmaster.cloud_access(product.bucket, product.key),
    }


def _folder(observation: Observation) -> Link:
    return {
        "access_url": chanmaster.access_url(observation.folder),
        "description": "Folder of the observation",
        "semantics": "#this",
        "content_type": "directory",
        "link_auth": "false",
        "cloud_access": chanmaster.cloud_access(observation.first.bucket, observation.folder),
    }
