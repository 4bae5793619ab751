"""The notebooks are tested on the replica, whatever the environment says."""

import os

import pytest


def pytest_configure() -> None:
    os.environ["ARCHIVES"] = "replica"


def pytest_xdist_auto_num_workers() -> int:
    """Three processes on two cores: tests of faults and time-outs wait more than they work."""
    return (os.cpu_count() or 1) * 3 // 2


def pytest_sessionstart(session: pytest.Session) -> None:
    """Make the notebooks' data first: a client that waits for them too long asks once more.

    Not where a recording answers, which needs none of them.
    """
    recorded = session.config.getoption("recording")
    if not recorded and not hasattr(session.config, "workerinput"):  # xdist: before its workers
        from tools.run_notebooks import make_data

        make_data()


#: A long file that begins last is waited for alone.
_LONG = (
    "test_check",
    "test_simulators",
    "test_recording_plugin",
    "test_recording_replay",
    "test_project_files",
    "test_the_tests",
    "test_connection",
    "test_faults",
    "test_batches",
    "test_serving",
    "test_bulk_planner",
    "test_bulk_store",
    "test_tap",
    "test_recording_commands",
    "test_hardening",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the notebooks first, which start replicas of their own; then the longest files."""
    items.sort(key=lambda item: (item.path.suffix != ".ipynb", item.path.stem not in _LONG))
