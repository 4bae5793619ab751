"""Table access: IVOA TAP 1.1 on the ADQL engine, with the documents of IVOA VOSI 1.1.

Queries run at once (``/sync``); there are no asynchronous jobs and no uploads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from starlette.datastructures import MultiDict
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from replica import votable
from replica.adql import QueryError, Table, query
from replica.services.parameters import RequestError, parameters, row_limit
from replica.votable import Document, Field

#: Rows of an answer when the query does not say MAXREC: the default of GAVO's service.
MAXREC = 20_000

_NAMESPACES = (
    'xmlns:vosi="http://www.ivoa.net/xml/VOSICapabilities/v1.0" '
    'xmlns:tr="http://www.ivoa.net/xml/TAPRegExt/v1.0" '
    'xmlns:vs="http://www.ivoa.net/xml/VODataService/v1.1" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)
#: What the ADQL engine can do: type of language features to their forms (TAPRegExt 1.0).
_FEATURES = {
    "ivo://ivoa.net/std/TAPRegExt#features-udf": (
        "ivo_hasword(haystack TEXT, needle TEXT) -> INTEGER",
        "ivo_hashlist_has(hashlist TEXT, item TEXT) -> INTEGER",
        "ivo_nocasematch(value TEXT, pattern TEXT) -> INTEGER",
        "ivo_string_agg(expression TEXT, delimiter TEXT) -> TEXT",
        "ivo_interval_overlaps(l1 NUMERIC, h1 NUMERIC, l2 NUMERIC, h2 NUMERIC) -> INTEGER",
        "ivo_to_mjd(d TIMESTAMP) -> DOUBLE PRECISION",
        "ivo_to_jd(d TIMESTAMP) -> DOUBLE PRECISION",
    ),
    "ivo://ivoa.net/std/TAPRegExt#features-adqlgeo": (
        *("POINT", "CIRCLE", "POLYGON", "BOX", "CONTAINS", "INTERSECTS", "DISTANCE"),
        *("COORD1", "COORD2"),
    ),
    "ivo://ivoa.net/std/TAPRegExt#features-adql-string": ("LOWER", "UPPER", "ILIKE"),
    "ivo://ivoa.net/std/TAPRegExt#features-adql-sets": ("UNION", "EXCEPT", "INTERSECT"),
    "ivo://ivoa.net/std/TAPRegExt#features-adql-common-table": ("WITH",),
    "ivo://ivoa.net/std/TAPRegExt#features-adql-offset": ("OFFSET",),
    "ivo://ivoa.net/std/TAPRegExt#features-adql-type": ("CAST",),
    "ivo://org.gavo.dc/std/exts#extra-adql-keywords": ("MOC", "COALESCE", "CASE"),
}


@dataclass(frozen=True)
class TapService:
    """A TAP service.

    Attributes
    ----------
    url : str
        Its base URL, as it is known to the world.
    tables : callable
        Returns the tables that can be queried.
    data_models : tuple of (str, str)
        Identifier and name of the data models that its tables follow.
    """

    url: str
    tables: Callable[[], tuple[Table, ...]]
    data_models: tuple[tuple[str, str], ...] = ()

    def routes(self, path: str) -> list[BaseRoute]:
        """Return the service's routes below `path`."""
        documents = {
            "capabilities": lambda: capabilities(self),
            "tables": lambda: table_set(self.tables()),
            "availability": availability,
        }
        plain = [
            Route(f"{path}/{name}", _xml_endpoint(make), methods=["GET"])
            for name, make in documents.items()
        ]
        return [Route(f"{path}/sync", self._sync, methods=["GET", "POST"]), *plain]

    async def _sync(self, request: Request) -> Response:
        given = await parameters(request)
        try:
            body = await asyncio.to_thread(self._answer, given)
        except (RequestError, QueryError) as problem:
            return Response(votable.error(str(problem)), 400, media_type=votable.MEDIA_TYPE)
        return Response(body, media_type=votable.MEDIA_TYPE)

    def _answer(self, given: MultiDict) -> bytes:
        _check(given)
        tables = self.tables()
        answer = query(tables + tap_schema(tables), given["QUERY"], row_limit(given, MAXREC))
        status = "OVERFLOW" if answer.overflow else "OK"
        about = Document(status=status, infos=(("query", given["QUERY"]),))
        return votable.results(answer.fields, answer.rows, about)


def _check(given: MultiDict) -> None:
    """Refuse what the service cannot do, in a sentence."""
    if (given.get("REQUEST") or "doQuery").lower() != "doquery":
        raise RequestError(f"REQUEST={given['REQUEST']} is not doQuery")
    if (given.get("LANG") or "ADQL").upper().split("-")[0] != "ADQL":
        raise RequestError(f"LANG={given['LANG']} is not known: the language is ADQL")
    if "UPLOAD" in given:
        raise RequestError("UPLOAD is not offered by the replica")
    form = given.get("RESPONSEFORMAT") or given.get("FORMAT") or "votable"
    if "votable" not in form.lower() and form.lower() != "text/xml":
        raise RequestError(f"FORMAT={form} is not offered by the replica: answers are VOTables")
    if not given.get("QUERY"):
        raise RequestError("QUERY is missing: it holds the ADQL")


def tap_schema(tables: tuple[Table, ...]) -> tuple[Table, ...]:
    """Describe the tables in the tables of TAP_SCHEMA (TAP 1.1, section 4)."""
    schemas = tuple((name, "") for name in dict.fromkeys(table.schema for table in tables))
    described = tuple((t.schema, t.name, "table", t.description) for t in tables)
    columns = tuple(
        (table.name, f.name, f.datatype, f.unit, f.ucd, f.utype, f.description)
        for table in tables
        for f in table.fields
    )
    return (
        _texts("schemas", ("schema_name", "description"), schemas),
        _texts("tables", ("schema_name", "table_name", "table_type", "description"), described),
        _texts(
            "columns",
            ("table_name", "column_name", "datatype", "unit", "ucd", "utype", "description"),
            columns,
        ),
    )


def _texts(name: str, columns: tuple[str, ...], rows: tuple[tuple, ...]) -> Table:
    return Table(f"tap_schema.{name}", "", tuple(Field(column) for column in columns), rows)


def _xml_endpoint(make: Callable[[], str]) -> Callable[[Request], Response]:
    def endpoint(request: Request) -> Response:
        return document(make())

    return endpoint


def document(root: str) -> Response:
    """Answer with an XML document."""
    return Response(f'<?xml version="1.0"?>\n{root}', media_type="text/xml")


def capabilities(service: TapService) -> str:
    """Write the VOSI capabilities document of a TAP service."""
    models = "".join(
        f"<dataModel ivo-id={quoteattr(identifier)}>{escape(name)}</dataModel>"
        for identifier, name in service.data_models
    )
    features = "".join(
        f"<languageFeatures type={quoteattr(kind)}>"
        + "".join(f"<feature><form>{escape(form)}</form></feature>" for form in forms)
        + "</languageFeatures>"
        for kind, forms in _FEATURES.items()
    )
    body = (
        f"{interface(service.url)}{models}<language><name>ADQL</name>"
        '<version ivo-id="ivo://ivoa.net/std/ADQL#v2.0">2.0</version>'
        '<version ivo-id="ivo://ivoa.net/std/ADQL#v2.1">2.1</version>'
        f"<description>ADQL on SQLite</description>{features}</language>"
        f"<outputFormat><mime>{votable.MEDIA_TYPE}</mime><alias>votable</alias></outputFormat>"
        f'<outputLimit><default unit="row">{MAXREC}</default></outputLimit>'
    )
    tap = f'<capability standardID="ivo://ivoa.net/std/TAP" xsi:type="tr:TableAccess">{body}'
    return capabilities_document(service.url, f"{tap}</capability>", ("tables",))


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
