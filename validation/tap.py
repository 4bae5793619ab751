"""taplint of STILTS, the Virtual Observatory's judge of TAP services."""

from __future__ import annotations

import json
from functools import partial

from validation import java
from validation.judging import Case, Judge, Setting

SERVICES = {
    "IRSA": "https://irsa.ipac.caltech.edu/TAP",
    "HEASARC": "https://heasarc.gsfc.nasa.gov/xamin/vo/tap",
    "MAST": "https://mast.stsci.edu/vo-tap/api/v0.1/caom",
    "Pan-STARRS": "https://mast.stsci.edu/vo-tap/api/v0.1/ps1dr2",
    "registry": "http://reg.g-vo.org/tap",
}


def _cases(setting: Setting) -> list[Case]:
    return [Case(url, partial(_lint, setting, url)) for url in SERVICES.values()]


def _lint(setting: Setting, url: str) -> list[str]:
    report = json.loads(java.stilts(setting, "taplint", "format=json", f"tapurl={url}"))
    return [
        f"{section['code']}-{each['code']}: {each['text']}"
        for section in report["sections"]
        for each in section["reports"]
        if each["level"] in ("ERROR", "FAILURE")
    ]


JUDGE = Judge("taplint", "TAP services", _cases, java.PROGRAMS, {})
