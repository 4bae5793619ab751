"""The notebooks are tested on the replica, whatever the environment says."""

import os


def pytest_configure() -> None:
    os.environ["ARCHIVES"] = "replica"
