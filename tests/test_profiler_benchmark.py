"""The benchmark of what Transfer itself costs."""

from __future__ import annotations

import os

from replicas import RunningReplica

from benchmarks import profiler
from benchmarks.goals import goals
from replica.holdings import select
from replica.storage.cache import ensure


def rows(added: float) -> list[dict]:
    """Forty pairs of cutouts, of which each second one takes longer."""
    measured = {"way": "helpers", "without": [0.1] * 40, "with": [0.1 + added] * 40}
    return profiler.summary([measured | {"afterwards": 0.001}])


def test_the_cost_is_that_of_the_pairs() -> None:
    (row,) = rows(added=0.002)
    assert row["pairs"] == 40
    assert round(row["share"], 6) == 0.02
    assert "| helpers | 40 | 0.100 | 2.00 | 2.0% | 1.0 |" in profiler.markdown([row])


def test_the_goal_is_missed_by_what_is_dear() -> None:
    for added, reached in ((0.002, True), (0.004, False)):
        (goal,) = goals({"profiler": rows(added)})
        assert goal["reached"] is reached


def test_each_way_is_measured(shared_replica: RunningReplica) -> None:
    ensure(select(obs_id="0830p227_ac51", band="W1", kind="int")[0])
    measured = profiler.run({**os.environ, **shared_replica.environment}, rounds=1, pairs=2)
    assert [row["way"] for row in measured] == list(profiler.WAYS)
    assert all(len(row["with"]) == len(row["without"]) == 2 for row in measured)
