"""One query to a TAP service: what a request asks, and the answer in the format it wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import MultiDict

from replica.protocols import table_formats, upload
from replica.protocols.adql import Limit, query
from replica.protocols.dali import RequestError, row_limit
from replica.protocols.table_formats import FORMATS, Format
from replica.protocols.tables import Table
from replica.protocols.tap_schema import with_tap_schema
from replica.protocols.votable import Document

#: Rows of an answer when the query does not say MAXREC: the default of GAVO's service.
MAXREC = 20_000


@dataclass(frozen=True)
class Result:
    """An answer: its bytes and their content type."""

    body: bytes
    media_type: str


def answer(
    tables: Sequence[Table],
    params: MultiDict,
    uploads: dict[str, bytes],
    limit: Limit,
    formats: Sequence[Format] = FORMATS,
) -> Result:
    """Run the query of a request.

    Parameters
    ----------
    tables : sequence of Table
        Of the service.
    params : MultiDict
        The request's parameters by their names in capitals.
    uploads : dict
        Content of the uploaded tables by their names.
    limit : Limit
        The query's time.
    formats : sequence of Format
        Those of the service, the default first.

    Raises
    ------
    RequestError
        If the request cannot be understood.
    QueryError
        If the query cannot be answered.
    """
    check(params)
    form = table_formats.find(params.get("RESPONSEFORMAT") or params.get("FORMAT") or "", formats)
    every = (*with_tap_schema(tables), *upload.tables(uploads))
    found = query(every, params["QUERY"], row_limit(params, MAXREC), limit)
    status = "OVERFLOW" if found.overflow else "OK"
    about = Document(status=status, infos=(("query", params["QUERY"]),))
    return Result(form.write(found.fields, found.rows, about), form.media_type)


def check(params: MultiDict) -> None:
    """Refuse what the service cannot do, in a sentence."""
    if (params.get("REQUEST") or "doQuery").lower() != "doquery":
        raise RequestError(f"REQUEST={params['REQUEST']} is not doQuery")
    if (params.get("LANG") or "ADQL").upper() not in ("ADQL", "ADQL-2.0", "ADQL-2.1"):
        raise RequestError(f"LANG={params['LANG']} is not known: the language is ADQL")
    if not params.get("QUERY"):
        raise RequestError("QUERY is missing: it holds the ADQL")
