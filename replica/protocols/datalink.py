"""Links from an identifier to its files and services: IVOA DataLink 1.1."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from replica.protocols import votable
from replica.protocols.votable import Document, Field

MEDIA_TYPE = f"{votable.MEDIA_TYPE};content=datalink"
_STANDARD = "ivo://ivoa.net/std/DataLink#links-1.1"

#: One link, by the names of the columns; what it lacks is empty.
Link = dict[str, Any]

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


def links_table(links: Iterable[Link]) -> bytes:
    """Write the table of links."""
    rows = [[link.get(field.name) for field in _FIELDS] for link in links]
    return votable.results(
        _FIELDS, rows, Document(name="links", infos=(("standardID", _STANDARD),))
    )


def not_found(identifier: str) -> Link:
    """Return the row of an identifier that is not known (DataLink 1.1, section 3.2.4)."""
    message = f"NotFoundFault: there is nothing with the identifier {identifier}"
    return {"ID": identifier, "error_message": message, "semantics": "#this"}
