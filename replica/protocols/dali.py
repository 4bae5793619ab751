"""Parameters of a request to a Virtual Observatory service.

Names count in any case, an empty parameter (``a=1&&b=2``) is none at all, and a form that
is posted counts like a query string: IVOA DALI 1.1, section 3.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from starlette.datastructures import MultiDict
from starlette.requests import Request

_WHOLE = re.compile(r"[0-9]{1,4000}")  # int() refuses longer ones


class RequestError(ValueError):
    """A request that a service refuses; the text is the sentence that the user gets."""


async def parameters(request: Request) -> MultiDict:
    """Return the parameters of a GET or POST by their names in capitals."""
    pairs = parse_qsl(request.url.query, keep_blank_values=True)
    if request.method == "POST":
        body = (await request.body()).decode("utf-8", "replace")
        pairs += parse_qsl(body, keep_blank_values=True)
    return MultiDict((name.upper(), value.strip()) for name, value in pairs)


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
