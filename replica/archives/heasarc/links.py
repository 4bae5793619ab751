"""HEASARC's links to the files of an observation.

At ``/xamin/vo/datalink`` an identifier is ``ivo://nasa.heasarc/<table>?<key>``; what its key is
depends on the table.  At ``/xamin/vo/datalink/<table>`` it is the number of a row.  Either may
name a product behind a slash or a colon; without one it leads to the folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from replica.archives.heasarc import facts as chanmaster
from replica.archives.heasarc.catalogues import Entry, catalogue
from replica.archives.heasarc.facts import DATALINK, HOST
from replica.holdings import Product
from replica.protocols.datalink import MEDIA_TYPE, Link, links_table, not_found
from replica.storage import known_files
from replica.storage.cache import ensure

_IVOID = re.compile(
    r"ivo://nasa\.heasarc/(?P<table>\w+)\?(?P<key>\w{1,20})(?:/(?P<product>[\w.]+))?"
)
_ROW = re.compile(r"(?P<key>\d{1,9})(?:[/:](?P<product>[\w.]+))?")
#: Group of products that a row's links lead to.
_GROUPS = {"chanmaster": "chandra.obs"}


def answer(identifiers: list[str], table: str = "") -> bytes:
    """Answer with the links of all identifiers; a file is made only if its size is not known.

    Parameters
    ----------
    identifiers : list of str
        As above.
    table : str
        Table whose rows the numbers name, if the address has one.
    """
    return links_table(link for each in identifiers for link in _links(each, table))


def _links(identifier: str, table: str) -> Iterator[Link]:
    entry, name = _find(identifier, table)
    if entry is None:
        yield not_found(identifier)
    elif not entry.products:
        yield _no_product(entry)
    elif not name:
        yield from _entry_links(entry)
    else:
        yield from _product_links(identifier, entry, name)


def _find(identifier: str, table: str) -> tuple[Entry | None, str]:
    """The row that an identifier names, and the product behind it."""
    if match := _IVOID.fullmatch(identifier):
        return _entry(match["table"], "key", match["key"]), match["product"] or ""
    if match := _ROW.fullmatch(identifier):
        return _entry(table, "row", match["key"]), match["product"] or ""
    return None, ""


def _entry(table: str, attribute: str, value: str) -> Entry | None:
    found = catalogue(table)
    entries = found.entries if found else ()
    return next((e for e in entries if getattr(e, attribute).lower() == value.lower()), None)


def _no_product(entry: Entry) -> Link:
    message = (
        f"NotFoundFault: the replica holds no product of {entry.identifier} in {entry.table}: "
        "the row is there to be searched"
    )
    return {"ID": entry.ivoid, "error_message": message, "semantics": "#this"}


def _entry_links(entry: Entry) -> Iterator[Link]:
    """Publications, products and folder of a row, in HEASARC's order."""
    bibliography = f"{HOST}/xamin/bib?table={entry.table}&id={entry.key}"
    yield {
        "ID": entry.ivoid,
        "access_url": bibliography,
        "description": "Publications",
        "semantics": "#documentation",
        "content_type": "text/html",
    }
    if group := _GROUPS.get(entry.table):
        yield {
            "ID": entry.ivoid,
            "access_url": f"{DATALINK}?datalink_key&id={entry.ivoid}/{group}",
            "description": "Products of the observation",
            "semantics": "#auxiliary",
            "content_type": MEDIA_TYPE,
        }
    first = entry.products[0]
    folder = chanmaster.folder_of(first)
    yield {
        "ID": entry.ivoid,
        "access_url": chanmaster.slashed_url(first, folder),
        "description": "Folder of the observation",
        "semantics": "#this",
        "content_type": "directory",
        "link_auth": "false",
        "cloud_access": chanmaster.cloud_access(first.bucket, folder),
    }


def _product_links(identifier: str, entry: Entry, name: str) -> Iterator[Link]:
    named = _named(entry, name) if entry.table == chanmaster.TABLE else []
    if not named:
        yield not_found(identifier)
    for product in named:
        yield {"ID": identifier, "semantics": "#this"} | _file(product)
        preview = _preview(entry, product)
        if preview:
            yield {"ID": identifier, "semantics": "#preview"} | _file(preview)


def _named(entry: Entry, name: str) -> list[Product]:
    """Products with that identifier; ``chandra.obs.img`` names all images."""
    exact = [p for p in entry.products if chanmaster.product_id(p) == name]
    group = [
        product
        for product in entry.products
        if re.fullmatch(rf"{re.escape(name)}\..*fits", chanmaster.product_id(product))
    ]
    return exact or group


def _preview(entry: Entry, product: Product) -> Product | None:
    """The JPEG that shows a FITS image."""
    wanted = f"{product.kind}_jpg"
    return next((each for each in entry.products if each.kind == wanted), None)


def _file(product: Product) -> Link:
    return {
        "access_url": chanmaster.slashed_url(product, product.key),
        "description": product.title,
        "content_type": chanmaster.content_type(product),
        "content_length": _size(product),
        "content_qualifier": "event" if product.kind == "evt2" else "image",
        "local_semantics": chanmaster.product_id(product),
        "link_auth": "false",
        "cloud_access": chanmaster.cloud_access(product.bucket, product.key),
    }


def _size(product: Product) -> int:
    known = known_files.size(product)
    return ensure(product).stat().st_size if known is None else known
