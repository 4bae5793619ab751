"""The record of a run, ``build/run.json``, and the sentence that the README takes from it.

The record is one JSON object:

=============  =====================================================================
``date``       when the run ended, ISO 8601, UTC
``world``      ``live`` or ``replica``
``machine``    system, processor and number of cores
``versions``   of Python and of every package that the notebooks require
``data``       seconds that it took to make simulated data first, and how many files
``notebooks``  a list of `tools.execution.Result` as objects, sections included
=============  =====================================================================
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tools.execution import Result
from tools.notebook_files import ROOT

RECORDS = ROOT / "docs"
#: Requests and megabytes that a notebook may take on the replica; more is a failure.
BUDGETS: Mapping[str, tuple[int, float]] = {
    "heasarc_chandra": (90, 6.0),
    "irsa_allwise": (20, 130.0),
    "mast_panstarrs": (40, 110.0),
    "rosat_events": (4, 5.0),
}


def over_budget(result: Result) -> str:
    """Say what a notebook took too much of; empty if nothing."""
    if result.name not in BUDGETS or os.environ.get("ARCHIVES") != "replica":
        return ""
    requests, megabytes = BUDGETS[result.name]
    if result.requests <= requests and result.bytes <= megabytes * 1e6:
        return ""
    return (
        f"it took {result.requests} requests and {result.bytes / 1e6:.1f} MB, "
        f"more than its budget of {requests} and {megabytes}"
    )


def write_record(path: Path, results: list[Result], data: Mapping[str, float]) -> None:
    """Write the record of a run."""
    record = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "world": os.environ.get("ARCHIVES", "auto"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": versions(),
        "data": data,
        "notebooks": [asdict(result) for result in results],
    }
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def versions() -> dict[str, str]:
    """Versions of Python and of every required package."""
    text = (ROOT / "requirements_data_access.txt").read_text(encoding="utf-8")
    names = re.findall(r"^([a-z0-9]+)>=", text, re.MULTILINE)
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def runtime_sentences(cold: Mapping, warm: Mapping) -> str:
    """Say how long the notebooks took, of the records of a first and a later run."""
    files, seconds = cold["data"]["files"], cold["data"]["seconds"]
    first, later = (sum(item["seconds"] for item in run["notebooks"]) for run in (cold, warm))
    moved = sum(item["bytes"] for item in warm["notebooks"])
    return (
        f"Once that is done, a first `make run` takes {seconds + first:.0f} s "
        f"({seconds:.0f} s of them to make {files} files of simulated data), and a later one "
        f"{later:.0f} s, in which {moved / 1e6:.0f} MB are moved "
        f"({warm['machine']}, {warm['date'][:10]})."
    )


def version_table(oldest: Mapping, newest: Mapping) -> str:
    """Say with which versions the tests passed, as a table that a reader may unfold."""
    rows = [
        f"| {name} | {number} | {newest['versions'][name]} |"
        for name, number in oldest["versions"].items()
    ]
    return "\n".join(
        [
            "<details>",
            f"<summary>Tested with these versions, up to {newest['date'][:10]}</summary>",
            "",
            "| package | oldest allowed | newest |",
            "|---|---|---|",
            *rows,
            "",
            "</details>",
        ]
    )


def update_readme() -> None:
    """Write both sentences into the README, from the records in ``docs``."""
    records = {
        name: json.loads((RECORDS / f"run-{name}.json").read_text(encoding="utf-8"))
        for name in ("cold", "warm", "oldest")
    }
    page = ROOT / "README.md"
    text = page.read_text(encoding="utf-8")
    text = _between("runtime", runtime_sentences(records["cold"], records["warm"]), text)
    text = _between("versions", version_table(records["oldest"], records["warm"]), text)
    page.write_text(text, encoding="utf-8")


def _between(name: str, sentence: str, text: str) -> str:
    """Put a sentence between a pair of markers."""
    pattern = rf"(<!-- {name} -->\n).*(\n<!-- /{name} -->)"
    return re.sub(pattern, lambda match: match[1] + sentence + match[2], text, flags=re.DOTALL)


def main() -> None:
    """Keep ``build/run.json`` under a name, and bring the README up to date."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.run_record", description=main.__doc__, epilog=__doc__
    )
    parser.add_argument("keep_as", choices=("cold", "warm", "oldest"))
    name = parser.parse_args().keep_as
    record = (ROOT / "build" / "run.json").read_text(encoding="utf-8")
    (RECORDS / f"run-{name}.json").write_text(record, encoding="utf-8")
    update_readme()


if __name__ == "__main__":
    main()
