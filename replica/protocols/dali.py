"""Parameters of a request to a Virtual Observatory service.

Names count in any case, an empty parameter (``a=1&&b=2``) is none at all, and a form that
is posted, plain or multipart, counts like a query string: IVOA DALI 1.1, section 3.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from starlette.datastructures import MultiDict
from starlette.formparsers import MultiPartException
from starlette.requests import Request

_WHOLE = re.compile(r"[0-9]{1,4000}")  # int() refuses longer ones


class RequestError(ValueError):
    """A request that a service refuses; the text is the sentence that the user gets."""


async def parameters(request: Request) -> MultiDict:
    """Return the parameters of a GET or POST by their names in capitals."""
    return (await parameters_and_files(request))[0]


async def parameters_and_files(request: Request) -> tuple[MultiDict, dict[str, bytes]]:
    """Return the parameters by their names in capitals, and the files of a multipart form.

    Raises
    ------
    RequestError
        If the multipart form cannot be read.
    """
    pairs = parse_qsl(request.url.query, keep_blank_values=True)
    files: dict[str, bytes] = {}
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        fields, files = await _multipart(request)
        pairs += fields
    elif request.method == "POST":
        body = (await request.body()).decode("utf-8", "replace")
        pairs += parse_qsl(body, keep_blank_values=True)
    return MultiDict((name.upper(), value.strip()) for name, value in pairs), files


async def _multipart(request: Request) -> tuple[list[tuple[str, str]], dict[str, bytes]]:
    try:
        async with request.form() as form:
            items = form.multi_items()
            fields = [(name, value) for name, value in items if isinstance(value, str)]
            # A file's part is named by `param:`, in any case: TAP 1.1, section 2.7.5.
            return fields, {
                name.lower(): await file.read() for name, file in items if not isinstance(file, str)
            }
    except MultiPartException as problem:
        raise RequestError(f"the multipart form cannot be read: {problem.message}") from problem


def numbers(name: str, text: str, separator: str | None = None) -> list[float]:
    """Read the numbers of a parameter.

    Parameters
    ----------
    name : str
        Name of the parameter, for the sentence.
    text : str
        Its value.
    separator : str, optional
        What stands between two numbers; white space by default.

    Raises
    ------
    RequestError
        If one is not a number.
    """
    try:
        return [float(word) for word in text.split(separator)]
    except ValueError:
        raise RequestError(f"{name}={text} does not hold decimal numbers only") from None


def row_limit(params: MultiDict, default: int) -> int:
    """Return MAXREC, the number of rows to return at most.

    Raises
    ------
    RequestError
        If it is not a whole number.
    """
    text = params.get("MAXREC") or str(default)
    if not _WHOLE.fullmatch(text):
        raise RequestError(f"MAXREC={text[:40]} is not a whole number of rows")
    # No answer has more: what exceeds the number of bytes that a computer holds is no limit.
    return min(int(text), 2**63 - 1)
