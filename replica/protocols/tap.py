"""Table access: IVOA TAP 1.1 on the ADQL engine.

Queries run at once (``/sync``); there are no asynchronous jobs and no uploads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from starlette.datastructures import MultiDict
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from replica.protocols import votable
from replica.protocols.adql import QueryError, Table, query
from replica.protocols.dali import RequestError, parameters, row_limit
from replica.protocols.vosi import (
    availability,
    capabilities_document,
    document,
    interface,
    table_set,
)
from replica.protocols.votable import Document, Field

#: Rows of an answer when the query does not say MAXREC: the default of GAVO's service.
MAXREC = 20_000

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
        Its base URL, as clients know it.
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
        params = await parameters(request)
        try:
            body = await asyncio.to_thread(self._answer, params)
        except (RequestError, QueryError) as problem:
            return Response(votable.error(str(problem)), 400, media_type=votable.MEDIA_TYPE)
        return Response(body, media_type=votable.MEDIA_TYPE)

    def _answer(self, params: MultiDict) -> bytes:
        _check(params)
        tables = self.tables()
        answer = query(tables + tap_schema(tables), params["QUERY"], row_limit(params, MAXREC))
        status = "OVERFLOW" if answer.overflow else "OK"
        about = Document(status=status, infos=(("query", params["QUERY"]),))
        return votable.results(answer.fields, answer.rows, about)


def _check(params: MultiDict) -> None:
    """Refuse what the service cannot do, in a sentence."""
    if (params.get("REQUEST") or "doQuery").lower() != "doquery":
        raise RequestError(f"REQUEST={params['REQUEST']} is not doQuery")
    if (params.get("LANG") or "ADQL").upper().split("-")[0] != "ADQL":
        raise RequestError(f"LANG={params['LANG']} is not known: the language is ADQL")
    if "UPLOAD" in params:
        raise RequestError("UPLOAD is not offered by the replica")
    form = params.get("RESPONSEFORMAT") or params.get("FORMAT") or "votable"
    if "votable" not in form.lower() and form.lower() != "text/xml":
        raise RequestError(f"FORMAT={form} is not offered by the replica: answers are VOTables")
    if not params.get("QUERY"):
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
