"""Batches on the replica: bytes beside those that are wanted, each byte once, memory."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from benchmarks import bulk, report
from benchmarks.goals import goals
from benchmarks.networks import DISTANT, NEAR, RunningReplica, make_data, replicas


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningReplica]:
    make_data()
    with replicas(tmp_path_factory.mktemp("bulk"), NEAR) as (replica,):
        yield replica


@pytest.fixture(
    scope="module", params=["AllWISE", pytest.param("Pan-STARRS", marks=pytest.mark.slow)]
)
def measured(request: pytest.FixtureRequest, running: RunningReplica) -> tuple[Any, list[dict]]:
    """A thousand stamps, and the requests that they took."""
    before = len(running.log.read_text().splitlines())
    batch = bulk.Batch(request.param, request.param, bulk.COUNT)
    (row,) = bulk.run([(batch, running)])
    lines = running.log.read_text().splitlines()[before:]
    return row, [json.loads(line) for line in lines]


def test_a_thousand_stamps_read_little_more_than_they_need(measured) -> None:
    row, _ = measured
    assert row["failed"] == 0
    assert row["bytes"] <= 1.05 * row["union"]
    # Pieces of at most 1 MiB, of which few are much smaller.
    assert row["requests"] <= 8 + 1.2 * row["bytes"] / 2**20


def test_each_byte_is_read_once(measured) -> None:
    _, requests = measured
    files = defaultdict(list)
    for entry in requests:
        first, last = entry["range"].removeprefix("bytes=").split("-")
        files[entry["path"]].append((int(first), int(last) + 1))
    for spans in files.values():
        spans.sort()
        assert all(one[1] <= other[0] for one, other in pairwise(spans))


def test_the_report_has_a_line_for_each_batch_and_its_goals(tmp_path: Path) -> None:
    rows = [
        {"batch": batch.__dict__, "network": network.name, "seconds": 4.0, "requests": 9}
        | {"bytes": 210_000_000, "union": 207_000_000, "memory": 1e8, "failed": 0}
        for network in (NEAR, DISTANT)
        for batch in (*bulk.STAMPS, *bulk.GAPS)
    ]
    found = bulk.summary(rows, [NEAR, DISTANT])
    assert len(found) == 2 * len({batch.title for batch in (*bulk.STAMPS, *bulk.GAPS)})
    text = report._bulk(found)
    assert all(batch.title in text for batch in bulk.STAMPS)
    reached = goals({"bulk": found})
    assert len(reached) == len(bulk.STAMPS) + 6 + 1 + 2
    assert all(each["reached"] for each in reached)
    worse = [row | {"bytes": 300_000_000} for row in rows]
    assert not goals({"bulk": bulk.summary(worse, [NEAR, DISTANT])})[0]["reached"]
