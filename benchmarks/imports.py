"""What ``import helpers`` costs beyond ``import numpy``, each in a fresh interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from benchmarks.subprocess_runner import ROOT

Row = dict[str, Any]

#: Packages that only some notebooks need and that take long to import.
HEAVY = ("aplpy", "astropy", "astroquery", "boto3", "matplotlib", "pyvo", "requests", "s3fs")
_NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
_PROGRAM = """
import json, sys, time
import numpy
began = time.perf_counter()
{statement}
seconds = time.perf_counter() - began
print(json.dumps([seconds, [name for name in {heavy} if name in sys.modules]]))
"""


def statements() -> dict[str, str]:
    """Return what is imported: the package, and every name of it."""
    import helpers

    names = ", ".join(helpers.__all__)
    return {"import helpers": "import helpers", "every name of it": f"from helpers import {names}"}


def plan(rounds: int) -> list[str]:
    """Return what to run; such short runs can be many."""
    return list(statements()) * (3 * rounds)


def run(steps: Sequence[str]) -> Iterator[Row]:
    """Time each statement in a fresh interpreter that has imported numpy."""
    for name in statements():
        _time(name)  # leaves bytecode, as any second start finds it
    for name in steps:
        yield _time(name)


def _time(name: str) -> Row:
    program = _PROGRAM.format(statement=statements()[name], heavy=HEAVY)
    environment = {key: value for key, value in os.environ.items() if key != _NO_BYTECODE}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        check=True,
    )
    seconds, heavy = json.loads(done.stdout)
    return {"statement": name, "seconds": seconds, "heavy": heavy}


def summary(measured: Sequence[Row]) -> list[Row]:
    """Reduce all rounds to a row of medians for each statement."""
    rows = []
    for name in dict.fromkeys(row["statement"] for row in measured):
        found = [row for row in measured if row["statement"] == name]
        seconds = [row["seconds"] for row in found]
        rows.append(
            {
                "statement": name,
                "rounds": len(found),
                "seconds": median(seconds),
                "slowest": max(seconds),
                "heavy": sorted({heavy for row in found for heavy in row["heavy"]}),
            }
        )
    return rows
