"""Fixtures: every network call of the tests goes to a replica that they started."""

from __future__ import annotations

import os
from collections.abc import Iterator

import fsspec.config
import pytest
from astropy.config import set_temp_cache
from closing_session import ClosingSession
from hypothesis import settings
from replicas import RunningReplica, replica

from helpers.remote.fits_cache import remote_fits

# How many examples a property is tried with; --hypothesis-profile thorough takes the other.
# Without a database, a run does not depend on the runs before it.
settings.register_profile("fast", max_examples=100, deadline=None, database=None)
settings.register_profile("thorough", max_examples=20_000, deadline=None, database=None)
settings.load_profile("fast")


@pytest.fixture(scope="session", autouse=True)
def shared_replica(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningReplica]:
    """Run one replica for the whole session; its proxy variables hold in this process."""
    with replica(tmp_path_factory.mktemp("replica")) as running:
        before = dict(os.environ)
        os.environ.update(running.environment)
        # fsspec reads its variables once, when it is imported.
        fsspec.config.set_conf_env(fsspec.config.conf)
        yield running
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="module")
def vocabularies_stay_here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what pyvo downloads out of the user's own cache."""
    with set_temp_cache(tmp_path_factory.mktemp("astropy")):
        yield


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy between this process and what it asks for, and nothing remembered of a file."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "*")
    remote_fits.cache_clear()


@pytest.fixture
def session() -> Iterator[ClosingSession]:
    """A session for pyvo whose connections end with the test."""
    with ClosingSession() as session:
        yield session
