"""The notebooks are tested on the replica, whatever the environment says."""

import os
from itertools import count
from tempfile import TemporaryDirectory
from typing import Any

import nbval.kernel
import pytest
from jupyter_client.manager import KernelManager


def pytest_configure(config: pytest.Config) -> None:
    os.environ["ARCHIVES"] = "replica"
    _let_kernels_use_sockets(config)


def _let_kernels_use_sockets(config: pytest.Config) -> None:
    """Give each kernel of nbval sockets in a folder of ours, in place of ports.

    Another program can take a port between its choice and the kernel's start, which then hangs.
    """
    folder, numbers = TemporaryDirectory(prefix="kernels-"), count()
    config.add_cleanup(folder.cleanup)

    def manager(**given: Any) -> KernelManager:
        return KernelManager(transport="ipc", ip=f"{folder.name}/{next(numbers)}", **given)

    nbval.kernel.KernelManager = manager


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
