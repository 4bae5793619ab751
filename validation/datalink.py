"""datalinklint of STILTS, on DataLink's answers."""

from __future__ import annotations

from functools import partial

from validation import java
from validation.judging import Case, Judge, Setting
from validation.votable import DATALINKS


def _cases(setting: Setting) -> list[Case]:
    return [Case(name, partial(_lint, setting, url)) for name, url in DATALINKS.items()]


def _lint(setting: Setting, url: str) -> list[str]:
    """Errors begin with E, failures with F; the last line counts them."""
    lines = java.stilts(setting, "datalinklint", f"votable={url}").splitlines()
    if not any(line.startswith("Totals:") for line in lines):
        return [f"gave no totals: {' '.join(lines)[:200]}"]
    return [line for line in lines if line.startswith(("E-", "F-"))]


JUDGE = Judge("datalinklint", "DataLink", _cases, java.PROGRAMS, {})
