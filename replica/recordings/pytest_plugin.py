"""pytest options that answer every web request of the tests from a recording.

``pytest --recording PATH`` replays; with ``--record`` what is missing is asked for and kept.
All clients are served, in the tests' own process and in those that they start, such as
notebooks' kernels under nbval.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import pytest

#: Set in every program that talks to a recording, so also in the workers of pytest-xdist.
_CONNECTED = "ARCHIVES_RECORDING"
#: How long the server may take to end, seconds: it searches what was recorded for secrets.
_TIMEOUT = 600


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--recording`` and ``--record``."""
    group = parser.getgroup("recording", "answer web requests from a recording")
    group.addoption(
        "--recording",
        action="append",
        default=[],
        metavar="PATH",
        help="folder or zip file; again for more; the word replica adds the archives' replica",
    )
    group.addoption(
        "--record",
        action="store_true",
        help="ask the network for what --recording has not, and keep it there",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Start the server, unless this is a worker, whose environment leads to it already."""
    names = config.getoption("recording")
    if config.getoption("record") and not names:
        raise pytest.UsageError("--record needs --recording PATH")
    if names and _CONNECTED not in os.environ:
        server = Server(names, record=config.getoption("record"))
        config.add_cleanup(server.stop)
        config.pluginmanager.register(server, "recording-server")


class Server:
    """The server behind which the recording is, and a plugin that says what it did.

    Parameters
    ----------
    names : list of str
        Paths of recordings.
    record : bool
        Whether what is missing is recorded.
    """

    def __init__(self, names: list[str], *, record: bool) -> None:
        self._before = dict(os.environ)
        self._said: IO[str] = TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            list(_command(names, record=record)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            self._process.wait()
            raise pytest.UsageError(self._everything_said() or "the recording cannot be used")
        os.environ.update(json.loads(line)["environment"])
        os.environ["PYTHONPATH"] = os.pathsep.join(
            filter(None, [str(_certifi_shim()), os.environ.get("PYTHONPATH")])
        )
        _tell_imported_libraries()

    def stop(self) -> None:
        """End the server; what was recorded is then whole."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(timeout=_TIMEOUT)
        if self._process.stdout:
            self._process.stdout.close()
        self._said.close()
        os.environ.clear()
        os.environ.update(self._before)

    def pytest_report_header(self) -> str:
        """Say what answers."""
        return os.environ[_CONNECTED]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say how many requests were answered, and which were not."""
        self._process.terminate()
        self._process.wait(timeout=_TIMEOUT)
        terminalreporter.section("recording")
        terminalreporter.write_line(self._everything_said())

    def _everything_said(self) -> str:
        self._said.seek(0)
        return self._said.read().strip()


def _command(names: list[str], *, record: bool) -> Iterator[str]:
    yield from (sys.executable, "-m", "replica", "serve", "--json", "--parent", str(os.getpid()))
    for name in names:
        # Kernels and workers have folders of their own.
        yield from ("--recording", name if name == "replica" else str(Path(name).resolve()))
    if record:
        yield "--record"


def _certifi_shim() -> Path:
    from replica.server import CERTIFI_SHIM

    return CERTIFI_SHIM


def _tell_imported_libraries() -> None:
    """Pass the variables on to libraries that read them once, when they are imported."""
    import certifi

    certificate = os.environ["SSL_CERT_FILE"]
    # astropy's download_file trusts certifi's list and offers no other way in.
    certifi.where = lambda: certificate
    if "fsspec" in sys.modules:
        from fsspec.config import conf, set_conf_env

        set_conf_env(conf)
