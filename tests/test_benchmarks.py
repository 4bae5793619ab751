"""The benchmarks: counts are those of the replica's log, and the report is complete."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks import lzw, report, single
from benchmarks.__main__ import machine, main
from benchmarks.goals import goals
from benchmarks.methods import HELPERS, ORIGINAL
from benchmarks.networks import NEAR, RunningReplica, replicas
from benchmarks.subprocess_runner import MeasurementError, call
from replica.holdings import select
from replica.storage.cache import ensure

CASE = "AllWISE"


@dataclass(frozen=True)
class Run:
    """Two ways that ran against a replica, and the log's entries of each."""

    rows: list[dict]
    logged: list[list[dict]]
    needed: int


def logged(replica: RunningReplica) -> list[dict]:
    return [json.loads(line) for line in replica.log.read_text().splitlines()]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    ensure(select(obs_id="0830p227_ac51", band="W1", kind="int")[0])
    rows, entries = [], []
    with replicas(tmp_path_factory.mktemp("benchmarks"), NEAR) as (replica,):
        for way in (HELPERS, ORIGINAL):
            before = len(logged(replica))
            (found,) = single.run([(replica, CASE, way)])
            rows += found
            entries.append(logged(replica)[before:])
        needed = call("benchmarks.single:needed_bytes", CASE, environment=replica.environment)
        yield Run(rows, entries, needed)


def test_counts_are_those_of_the_log(ran: Run) -> None:
    for row, entries in zip(ran.rows, ran.logged, strict=True):
        assert row["requests"] == len(entries) > 0
        assert row["bytes"] == sum(entry["bytes"] for entry in entries)


def test_a_cutout_takes_little_more_than_its_rows(ran: Run) -> None:
    ours, original = ran.rows
    assert ran.needed == (232 * 4095 + 233) * 4
    assert ours["requests"] <= 2
    assert ours["bytes"] <= 1.03 * ran.needed
    assert original["bytes"] > 10 * ours["bytes"]


def test_the_same_pixels_are_recognised(ran: Run) -> None:
    other = ran.rows[1] | {"sum": ran.rows[1]["sum"] + 1.0}
    for rows, same in ((ran.rows, True), ([ran.rows[0], other], False)):
        assert [row["same_pixels"] for row in single.summary(rows)] == [True, same]


def test_the_table_has_a_line_for_each_way_and_for_what_a_way_cannot(ran: Run) -> None:
    results = {
        "machine": machine() | {"load": [0.0, 0.0]},
        "needed": {case: ran.needed for case in single.CASES},
        "single": single.summary(ran.rows),
        "cannot": [{"case": CASE, "network": NEAR.name, "way": "astrocut", "error": "ValueError"}],
        "skipped": [],
        "goals": [],
    }
    section = report.markdown(results).partition(f"## {CASE}")[2].partition("##")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1
    assert [line.split(" | ")[0].strip("| ") for line in lines[2:]] == [
        HELPERS,
        ORIGINAL,
        "astrocut",
    ]


def test_the_command_writes_tables_and_json(tmp_path: Path) -> None:
    assert main(["--quick", "--only", "imports", "--folder", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "benchmarks.json").read_text())
    assert results.keys() == {"machine", "imports", "skipped", "goals"}
    assert results["machine"].keys() == {"system", "python", "cores", "versions", "load"}
    assert all(row["heavy"] == [] for row in results["imports"])
    text = (tmp_path / "benchmarks.md").read_text()
    assert all(row["goal"] in text for row in results["goals"])


def test_decoders_are_compared_on_the_same_content(tmp_path: Path) -> None:
    rows = lzw.summary(list(lzw.run([lzw.FALLBACK, lzw.OURS], tmp_path, size=100_000)))
    assert all(row["right"] for row in rows)
    assert rows[0]["output"] == rows[1]["output"] >= 100_000
    assert len(goals({"lzw": rows})) == 2


def test_a_failure_in_the_fresh_process_is_reported() -> None:
    with pytest.raises(MeasurementError, match="KeyError"):
        call("benchmarks.many:measure", "no such engine", 1, "no log")
