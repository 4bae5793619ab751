"""Documents that a service gives of itself: IVOA VOSI 1.1, with VODataService and TAPRegExt."""

from __future__ import annotations

from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from starlette.responses import Response

from replica.protocols.adql import Table
from replica.protocols.votable import Field

_NAMESPACES = (
    'xmlns:vosi="http://www.ivoa.net/xml/VOSICapabilities/v1.0" '
    'xmlns:tr="http://www.ivoa.net/xml/TAPRegExt/v1.0" '
    'xmlns:vs="http://www.ivoa.net/xml/VODataService/v1.1" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)


def document(root: str) -> Response:
    """Answer with an XML document."""
    return Response(f'<?xml version="1.0"?>\n{root}', media_type="text/xml")


def capabilities_document(url: str, own: str, more: tuple[str, ...] = ()) -> str:
    """Write a capabilities document: a service's `own` element, and the VOSI ones at `url`."""
    vosi = "".join(
        f'<capability standardID="ivo://ivoa.net/std/VOSI#{name}">{interface(f"{url}/{name}")}'
        "</capability>"
        for name in ("capabilities", "availability", *more)
    )
    return f"<vosi:capabilities {_NAMESPACES}>{own}{vosi}</vosi:capabilities>"


def interface(url: str, use: str = "full") -> str:
    """Write the interface element of a standard service."""
    return (
        '<interface xsi:type="vs:ParamHTTP" role="std">'
        f"<accessURL use={quoteattr(use)}>{escape(url)}</accessURL></interface>"
    )


def availability() -> str:
    """Write the VOSI availability document."""
    return (
        '<vosi:availability xmlns:vosi="http://www.ivoa.net/xml/VOSIAvailability/v1.0">'
        "<vosi:available>true</vosi:available>"
        "<vosi:note>The replica answers with simulated data.</vosi:note></vosi:availability>"
    )


def table_set(tables: tuple[Table, ...]) -> str:
    """Write the VOSI tables document."""
    schemas = "".join(
        f"<schema><name>{schema}</name>{''.join(map(_table, members))}</schema>"
        for schema, members in groupby(tables, key=lambda table: table.schema)
    )
    return (
        '<vosi:tableset xmlns:vosi="http://www.ivoa.net/xml/VOSITables/v1.0" '
        'xmlns:vs="http://www.ivoa.net/xml/VODataService/v1.1" '
        f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{schemas}</vosi:tableset>'
    )


def _table(table: Table) -> str:
    columns = "".join(map(_column, table.fields))
    description = f"<description>{escape(table.description)}</description>"
    return f'<table type="output"><name>{table.name}</name>{description}{columns}</table>'


def _column(field: Field) -> str:
    facts = field.attributes()
    size = f" arraysize={quoteattr(facts['arraysize'])}" if facts["arraysize"] else ""
    texts = {"description": field.description, "unit": field.unit, "ucd": field.ucd}
    inner = "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in texts.items() if text)
    kind = f'<dataType xsi:type="vs:VOTableType"{size}>{facts["datatype"]}</dataType>'
    return f"<column><name>{field.name}</name>{inner}{kind}</column>"
