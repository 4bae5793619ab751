"""Tables that come with a query: IVOA TAP 1.1, section 2.7.5.

``UPLOAD=mine,param:file`` takes the part of a multipart form that is called ``file``, and
``UPLOAD=mine,https://...`` what is at an address of the replica; queries call it
``TAP_UPLOAD.mine``.
"""

from __future__ import annotations

import io
import re
from collections.abc import Awaitable, Callable
from typing import Any
from xml.parsers.expat import ExpatError

from starlette.datastructures import MultiDict

from replica.protocols.dali import RequestError
from replica.protocols.tables import Table
from replica.protocols.votable import Field

SCHEMA = "TAP_UPLOAD"
_NAME = re.compile(r"[A-Za-z]\w*", re.ASCII)
_SCALARS = ("short", "int", "long", "float", "double")
#: Datatypes without a number of SQLite's; bits, characters and complex numbers become text.
_AS_INTEGER = {"boolean": "short", "unsignedByte": "short"}

Fetch = Callable[[str], Awaitable[bytes]]


def sources(params: MultiDict) -> dict[str, str]:
    """Return the names of the uploaded tables, each with where it is.

    Raises
    ------
    RequestError
        If UPLOAD cannot be read.
    """
    found: dict[str, str] = {}
    for pair in (each for text in params.getlist("UPLOAD") for each in text.split(";") if each):
        name, _, uri = (part.strip() for part in pair.partition(","))
        if not _NAME.fullmatch(name.removeprefix(f"{SCHEMA}.")) or not uri:
            raise RequestError(f"UPLOAD={pair}: write it like UPLOAD=mytable,param:myfile")
        if name.lower() in found:
            raise RequestError(f"UPLOAD: there are two tables {name}")
        found[name.removeprefix(f"{SCHEMA}.").lower()] = uri
    return found


async def contents(params: MultiDict, files: dict[str, bytes], fetch: Fetch) -> dict[str, bytes]:
    """Return the content of each uploaded table by its name.

    Parameters
    ----------
    params : MultiDict
        Of the request.
    files : dict
        Parts of the request's form.
    fetch : callable
        Gets what is at an address.

    Raises
    ------
    RequestError
        If a part is not there, or an address cannot be had.
    """
    found: dict[str, bytes] = {}
    for name, uri in sources(params).items():
        scheme, _, place = uri.partition(":")
        if scheme == "param":
            if place.lower() not in files:
                raise RequestError(f"UPLOAD={name},{uri}: the form has no file called {place}")
            found[name] = files[place.lower()]
        elif scheme in ("http", "https"):
            found[name] = await _fetched(name, uri, fetch)
        else:
            raise RequestError(f"UPLOAD={name},{uri}: the address begins with param: or http")
    return found


async def _fetched(name: str, uri: str, fetch: Fetch) -> bytes:
    try:
        return await fetch(uri)
    except RequestError as problem:
        raise RequestError(f"UPLOAD={name},{uri}: {problem}") from problem


def tables(contents: dict[str, bytes]) -> tuple[Table, ...]:
    """Read uploaded VOTables.

    Raises
    ------
    RequestError
        If one is not a VOTable, or two of its columns have the same name.
    """
    return tuple(_table(name, content) for name, content in contents.items())


def _table(name: str, content: bytes) -> Table:
    from astropy.io import votable

    try:
        document = votable.parse(io.BytesIO(content), verify="ignore")
        table = next(document.iter_tables())
    except (ExpatError, ValueError, LookupError, SyntaxError, StopIteration) as problem:
        raise RequestError(f"UPLOAD: {name} is not a VOTable with a table: {problem}") from problem
    names = [field.name for field in table.fields]
    if len({each.lower() for each in names}) < len(names):
        raise RequestError(f"UPLOAD: two columns of {name} have the same name")
    fields = tuple(map(_field, table.fields))
    # The array calls its columns by their identifiers, which may be others.
    columns = (map(_cell, table.array[each]) for each in table.array.dtype.names)
    rows = tuple(zip(*columns, strict=True))
    return Table(f"{SCHEMA}.{name}", "A table that came with the query", fields, rows)


def _field(field: Any) -> Field:
    plain = field.datatype in _SCALARS and field.arraysize in (None, "1")
    kind = field.datatype if plain else "char*"
    if field.datatype in _AS_INTEGER and field.arraysize in (None, "1"):
        kind = _AS_INTEGER[field.datatype]
    elif field.datatype == "unicodeChar":
        kind = "unicodeChar*"
    unit, ucd, description = (
        str(each or "") for each in (field.unit, field.ucd, field.description)
    )
    return Field(field.name, kind, unit, ucd, description, field.xtype or "", field.utype or "")


def _cell(value: Any) -> Any:
    """The value as SQLite takes it: None for what is missing, a text for an array."""
    import numpy as np

    if value is np.ma.masked or value is None:
        return None
    if isinstance(value, np.ndarray):
        return " ".join(map(str, np.ma.filled(value, 0).ravel().tolist()))
    if isinstance(value, bytes | np.bytes_):
        return bytes(value).decode("utf-8", "replace")
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, bool):
        return int(plain)
    return plain if isinstance(plain, int | float | str) else str(plain)
