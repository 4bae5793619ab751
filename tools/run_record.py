"""The record of a run, ``build/run.json``, and what the README takes from it.

The record is one JSON object:

=============  =====================================================================
``date``       when the run ended, ISO 8601, UTC
``source``     ``live`` or ``replica``
``machine``    system, processor and number of cores
``versions``   of Python and of every package that the notebooks require
``seconds``    that all of it took on the clock: several notebooks run at a time
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
from tools.notebook_files import ROOT, walkthroughs

RECORDS = ROOT / "docs"
#: The runs of which a record is kept.
KEPT = ("cold", "warm", "oldest", "oldest-live")


def over_budget(result: Result) -> str:
    """Say what a notebook took too much of; empty if nothing."""
    if os.environ.get("ARCHIVES") != "replica":
        return ""
    budget = walkthroughs()[result.name]
    requests, megabytes = budget.requests_at_most, budget.megabytes_at_most
    if result.requests <= requests and result.bytes <= megabytes * 1e6:
        return ""
    return (
        f"it took {result.requests} requests and {result.bytes / 1e6:.1f} MB, "
        f"more than its budget of {requests} and {megabytes}"
    )


def write_record(
    path: Path, results: list[Result], data: Mapping[str, float], seconds: float
) -> None:
    """Write the record of a run."""
    record = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "source": os.environ.get("ARCHIVES", "auto"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": versions(),
        "seconds": round(seconds, 1),
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
    moved = sum(item["bytes"] for item in warm["notebooks"])
    return (
        f"After that, the first `make run` takes {cold['seconds']:.0f} s, {seconds:.0f} s of which "
        f"it spends on making {files} files of simulated data. "
        f"A later one takes {warm['seconds']:.0f} s and moves {moved / 1e6:.0f} MB "
        f"({warm['machine']}, {warm['date'][:10]})."
    )


def version_table(live: Mapping, oldest: Mapping, newest: Mapping) -> str:
    """Say with which versions the notebooks ran, as a table that a reader may unfold."""
    all_extras, latest = oldest["versions"], newest["versions"]
    rows = [
        f"| {name} | {number} | {all_extras.get(name, '–')} | {latest.get(name, '–')} |"
        for name, number in live["versions"].items()
    ]
    return "\n".join(
        [
            "<details>",
            f"<summary>Tested with these versions, up to {newest['date'][:10]}</summary>",
            "",
            "| package | oldest for live use | oldest with the replica | newest |",
            "|---|---|---|---|",
            *rows,
            "",
            "</details>",
        ]
    )


def notebook_table() -> str:
    """Say what the notebooks teach, a row each, from their front matter."""
    rows = [
        f"| [{name}](notebooks/{name}.md) | {facts.archive} | {facts.method} | {facts.lesson} |"
        for name, facts in walkthroughs().items()
    ]
    head = ["| Notebook | Archive | Method | What you learn |", "|---|---|---|---|"]
    return "\n".join([*head, *rows])


def update_readme() -> None:
    """Write what is generated into the README, from front matter and the records in ``docs``."""
    records = {
        name: json.loads((RECORDS / f"run-{name}.json").read_text(encoding="utf-8"))
        for name in KEPT
    }
    page = ROOT / "README.md"
    text = page.read_text(encoding="utf-8")
    text = _between("notebooks", notebook_table(), text)
    text = _between("runtime", runtime_sentences(records["cold"], records["warm"]), text)
    versions = (records[name] for name in ("oldest-live", "oldest", "warm"))
    text = _between("versions", version_table(*versions), text)
    page.write_text(text, encoding="utf-8")


def _between(name: str, sentence: str, text: str) -> str:
    """Put a sentence between a pair of markers."""
    pattern = rf"(<!-- {name} -->\n).*(\n<!-- /{name} -->)"
    return re.sub(pattern, lambda match: match[1] + sentence + match[2], text, flags=re.DOTALL)


def main() -> None:
    """Keep ``build/run.json`` under a name if one is given, and bring the README up to date."""
    parser = argparse.ArgumentParser(prog="python -m tools.run_record", description=main.__doc__)
    parser.add_argument("keep_as", nargs="?", choices=KEPT, help="which run it was")
    name = parser.parse_args().keep_as
    if name:
        record = (ROOT / "build" / "run.json").read_text(encoding="utf-8")
        (RECORDS / f"run-{name}.json").write_text(record, encoding="utf-8")
    update_readme()


if __name__ == "__main__":
    main()
