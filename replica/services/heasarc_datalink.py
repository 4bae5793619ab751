"""HEASARC's links to the files of an observation: IVOA DataLink 1.1.

Both forms of an identifier are understood: ``ivo://nasa.heasarc/chanmaster?1/<product>`` and,
at ``/xamin/vo/datalink/chanmaster``, ``1:<product>``; without a product it names the folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from replica import votable
from replica.cache import ensure
from replica.holdings import Product
from replica.services import heasarc_chanmaster as chanmaster
from replica.services.heasarc_chanmaster import Observation
from replica.votable import Document, Field

MEDIA_TYPE = f"{votable.MEDIA_TYPE};content=datalink"
_STANDARD = "ivo://ivoa.net/std/DataLink#links-1.1"
_IDENTIFIER = re.compile(
    r"(?:ivo://nasa\.heasarc/chanmaster\?)?(?P<row>\d+)(?:[/:](?P<product>[\w.]+))?"
)

_FIELDS = (
    Field("ID", "char*", "", "meta.id;meta.main", "Identifier of the file"),
    Field("access_url", "char*", "", "meta.ref.url", "Where the file is"),
    Field("service_def", "char*", "", "meta.ref", "Service that makes it"),
    Field("error_message", "char*", "", "meta.code.error", "Why there is no link"),
    Field("description", "char*", "", "meta.note", "What it is"),
    Field("semantics", "char*", "", "meta.code", "What it is to the identifier"),
    Field("content_type", "char*", "", "meta.code.mime", "Content type"),
    Field("content_length", "long", "byte", "phys.size;meta.file", "Size"),
    Field("content_qualifier", "char*", "", "meta.code", "Kind of its content"),
    Field("local_semantics", "char*", "", "meta.code", "What it is, in this archive's terms"),
    Field("link_auth", "char*", "", "meta.code", "Whether one must be known to get it"),
    Field("cloud_access", "char*", "", "", "Where the copy in the cloud is, as JSON"),
)


def answer(identifiers: list[str]) -> bytes:
    """Answer with the links of all identifiers; makes the files to tell their sizes.

    An identifier that is not known has a row with an error message (DataLink 1.1,
    section 3.2.4).
    """
    rows = [
        [link.get(field.name) for field in _FIELDS]
        for identifier in identifiers
        for link in _links(identifier)
    ]
    document = Document(name="links", infos=(("standardID", _STANDARD),))
    return votable.results(_FIELDS, rows, document)


def _links(identifier: str) -> Iterator[dict[str, Any]]:
    match = _IDENTIFIER.fullmatch(identifier)
    observation = _observation(match["row"]) if match else None
    if match and observation and not match["product"]:
        yield {"ID": identifier} | _folder(observation)
        return
    named = _named(observation, match["product"]) if match and observation else []
    if not named:
        sentence = f"NotFoundFault: there is nothing with the identifier {identifier}"
        yield {"ID": identifier, "error_message": sentence, "semantics": "#this"}
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


def _file(product: Product) -> dict[str, Any]:
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


def _folder(observation: Observation) -> dict[str, Any]:
    return {
        "access_url": chanmaster.access_url(observation.folder),
        "description": "Folder of the observation",
        "semantics": "#this",
        "content_type": "directory",
        "link_auth": "false",
        "cloud_access": chanmaster.cloud_access(observation.first.bucket, observation.folder),
    }
