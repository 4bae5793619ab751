"""Documents that a service gives of itself: IVOA VOSI 1.1, with VODataService and TAPRegExt."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

from starlette.responses import Response

from replica.protocols.adql_words import delimited, delimited_table
from replica.protocols.tables import ForeignKey, Table
from replica.protocols.tap_schema import describe_schema
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


def interface(url: str, use: str = "full", version: str = "") -> str:
    """Write the interface element of a standard service."""
    stated = f" version={quoteattr(version)}" if version else ""
    return (
        f'<interface xsi:type="vs:ParamHTTP" role="std"{stated}>'
        f"<accessURL use={quoteattr(use)}>{escape(url)}</accessURL></interface>"
    )


def availability() -> str:
    """Write the VOSI availability document."""
    return (
        '<vosi:availability xmlns:vosi="http://www.ivoa.net/xml/VOSIAvailability/v1.0">'
        "<vosi:available>true</vosi:available>"
        "<vosi:note>The replica answers with simulated data.</vosi:note></vosi:availability>"
    )


_TABLES = (
    'xmlns:vosi="http://www.ivoa.net/xml/VOSITables/v1.0" '
    'xmlns:vs="http://www.ivoa.net/xml/VODataService/v1.1" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)


def table_set(tables: Iterable[Table]) -> str:
    """Write the VOSI tables document: names stand as queries write them."""
    schemas: dict[str, list[Table]] = {}
    for table in tables:
        schemas.setdefault(table.schema, []).append(table)
    inner = "".join(
        f"<schema><name>{escape(delimited(name))}</name>"
        f"<description>{escape(describe_schema(name))}</description>"
        f"{''.join(f'<table>{_table(table)}</table>' for table in members)}</schema>"
        for name, members in schemas.items()
    )
    return f"<vosi:tableset {_TABLES}>{inner}</vosi:tableset>"


def table_document(table: Table) -> str:
    """Write the VOSI document of one table."""
    return f"<vosi:table {_TABLES}>{_table(table)}</vosi:table>"


def _table(table: Table) -> str:
    columns = "".join(_column(field, table.is_standard) for field in table.fields)
    keys = "".join(map(_foreign_key, table.keys))
    return (
        f"<name>{escape(delimited_table(table.name))}</name>"
        f"<description>{escape(table.description)}</description>{columns}{keys}"
    )


def _column(field: Field, is_standard: bool) -> str:
    facts = field.attributes()
    given = {"arraysize": facts["arraysize"], "extendedType": field.xtype}
    attributes = "".join(f" {name}={quoteattr(text)}" for name, text in given.items() if text)
    texts = {"description": field.description, "unit": field.unit, "ucd": field.ucd}
    texts["utype"] = field.utype
    inner = "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in texts.items() if text)
    kind = f'<dataType xsi:type="vs:VOTableType"{attributes}>{facts["datatype"]}</dataType>'
    std = ' std="true"' if is_standard else ""
    return f"<column{std}><name>{escape(delimited(field.name))}</name>{inner}{kind}</column>"


def _foreign_key(key: ForeignKey) -> str:
    """XML of a foreign key in VOSI's ``/tables``."""
    columns = "".join(
        f"<fkColumn><fromColumn>{delimited(own)}</fromColumn>"
        f"<targetColumn>{delimited(target)}</targetColumn></fkColumn>"
        for own, target in key.columns
    )
    target = f"<targetTable>{escape(delimited_table(key.target))}</targetTable>"
    return f"<foreignKey>{target}{columns}</foreignKey>"
