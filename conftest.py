"""The notebooks are tested on the replica, whatever the environment says."""

import os

import pytest


def pytest_configure() -> None:
    os.environ["ARCHIVES"] = "replica"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Make the notebooks' data first: a client that waits for them too long asks once more.

    Not where a recording answers, which needs none of them.
    """
    recorded = session.config.getoption("recording")
    if not recorded and not hasattr(session.config, "workerinput"):  # xdist: before its workers
        from tools.run_notebooks import make_data

        make_data()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the notebooks first: each starts a replica of its own, before the tests start theirs."""
    items.sort(key=lambda item: item.path.suffix != ".ipynb")
