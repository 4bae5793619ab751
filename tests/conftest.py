"""Fixtures: every network call of the tests goes to a replica that they started."""

from __future__ import annotations

import os
from collections.abc import Iterator

import fsspec.config
import pytest
from replicas import RunningReplica, replica


@pytest.fixture(scope="session", autouse=True)
def shared_replica(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningReplica]:
    """One replica for the whole session; its proxy variables hold in this process."""
    with replica(tmp_path_factory.mktemp("replica")) as world:
        before = dict(os.environ)
        os.environ.update(world.environment)
        # fsspec reads its variables once, when it is imported.
        fsspec.config.set_conf_env(fsspec.config.conf)
        yield world
        os.environ.clear()
        os.environ.update(before)
