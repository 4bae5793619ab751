"""STILTS as a client: the rows that it finds by each protocol, beside those that astropy reads."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

from validation import java
from validation.judging import Case, Judge, Setting

_XAMIN = "https://heasarc.gsfc.nasa.gov/xamin/vo"
_IRSA = "https://irsa.ipac.caltech.edu"
_MAST = "https://mast.stsci.edu"
_RA, _DEC, _RADIUS = "83.63", "22.01", "0.1"


@dataclass(frozen=True)
class Search:
    """A search around the Crab Nebula.

    Attributes
    ----------
    protocol : str
        As STILTS calls it.
    url : str
        The service.
    asked : dict
        What the protocol calls position and size.
    """

    protocol: str
    url: str
    asked: dict[str, str]


_SIA = {"POS": f"{_RA},{_DEC}", "SIZE": str(2 * float(_RADIUS))}
SEARCHES = (
    Search("cone", f"{_XAMIN}/cone?table=chanmaster&", {"RA": _RA, "DEC": _DEC, "SR": _RADIUS}),
    Search("sia", f"{_XAMIN}/sia?table=chanmaster&", _SIA),
    Search("sia", f"{_IRSA}/ibe/sia/wise/allwise/p3am_cdd?", _SIA),
    Search("sia", f"{_MAST}/portal/Mashup/VoQuery.asmx/SiaV1?MISSION=PS1&", _SIA),
    Search("sia2", f"{_IRSA}/SIA?", {"POS": f"CIRCLE {_RA} {_DEC} {_RADIUS}"}),
)


def _cases(setting: Setting) -> list[Case]:
    return [
        Case(f"{each.protocol} {each.url}", partial(_compare, setting, each)) for each in SEARCHES
    ]


def _compare(setting: Setting, search: Search) -> list[str]:
    where = [f"lon={_RA}", f"lat={_DEC}", f"radius={_RADIUS}"]
    service = [f"servicetype={search.protocol}", f"serviceurl={search.url.rstrip('?')}"]
    # By itself it leaves out the JPEGs.
    formats = ["dataformat=ALL"] if search.protocol == "sia" else []
    said = java.stilts(setting, "cone", *service, *formats, *where, "omode=count")
    found = re.search(r"rows: (\d+)", said)
    rows = _rows(setting, search)
    if found and int(found[1]) == rows > 0:
        return []
    return [f"{found[1] if found else said} rows, not {rows}"]


def _rows(setting: Setting, search: Search) -> int:
    from astropy.io.votable import parse_single_table

    answer = setting.get(search.url + urlencode(search.asked))
    return len(parse_single_table(io.BytesIO(answer.content)).array)


JUDGE = Judge("STILTS", "searches", _cases, java.PROGRAMS, {})
