"""The notebooks are tested on the replica, whatever the environment says."""

import os

import pytest


def pytest_configure() -> None:
    os.environ["ARCHIVES"] = "replica"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the notebooks first: each starts a replica of its own, before the tests start theirs."""
    items.sort(key=lambda item: item.path.suffix != ".ipynb")
