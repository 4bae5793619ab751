"""Start the replica as a process of its own: for `connect`, for tests and for benchmarks.

helpers never imports replica: all that it knows of it is its command line.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from helpers.errors import ReplicaError

#: Where the folder of the package replica is: beside that of helpers.
ROOT = Path(__file__).parent.parent
#: How long a replica may take to end, seconds; it gives open connections two.
TIMEOUT = 10.0


@dataclass(frozen=True)
class ReplicaProcess:
    """A replica that this process has started.

    Attributes
    ----------
    process : subprocess.Popen
        The replica.
    environment : dict
        The variables that lead every HTTP client to it.
    parent : int
        Id of the process that started it.
    """

    process: subprocess.Popen[str]
    environment: dict[str, str]
    parent: int
    _complaints: IO[str]

    @property
    def folder(self) -> Path:
        """Its folder in the temporary directory."""
        return Path(self.environment["SSL_CERT_FILE"]).parent

    def stop(self) -> str:
        """End the replica and remove its folder; return what it wrote to its standard error.

        A forked child leaves it to its parent.
        """
        if os.getpid() != self.parent or self._complaints.closed:
            return ""
        _end(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)  # is there if the replica was killed
        with self._complaints:
            return _written(self._complaints)


def start_replica(
    *options: str,
    environment: Mapping[str, str] | None = None,
    python: str | Path = sys.executable,
) -> ReplicaProcess:
    """Start a replica that ends with this process, and wait until it answers.

    Parameters
    ----------
    *options : str
        Options of ``python -m replica serve``, such as ``"--latency", "30ms"``.
    environment : mapping, optional
        Variables that are added to those of this process.
    python : str or pathlib.Path, optional
        The interpreter that runs it.

    Returns
    -------
    ReplicaProcess
        The running replica.

    Raises
    ------
    ReplicaError
        If it does not start; the message ends with the last line that it wrote.
    """
    if not (ROOT / "replica").is_dir():
        raise ReplicaError(
            f"there is no replica beside the helpers in {ROOT}: use the helpers of a clone of "
            "the project, or set ARCHIVES=live for the real archives"
        )
    try:
        return _start(options, {**os.environ, **(environment or {})}, python)
    except OSError as error:
        raise ReplicaError(f"the replica did not start: {error}") from error


def _start(
    options: tuple[str, ...], environment: Mapping[str, str], python: str | Path
) -> ReplicaProcess:
    parent = os.getpid()
    with ExitStack() as on_failure:
        # It stays open as long as the replica may write into it.
        complaints = on_failure.enter_context(TemporaryFile("w+", errors="replace"))
        process = subprocess.Popen(
            [python, "-m", "replica", "serve", "--json", "--parent", str(parent), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            cwd=ROOT,
            env=environment,
            # Jupyter's stop button and Ctrl-C interrupt the whole group of this process.
            start_new_session=True,
        )
        on_failure.callback(_end, process)
        line = process.stdout.readline() if process.stdout else ""
        if line:
            replica = ReplicaProcess(process, json.loads(line)["environment"], parent, complaints)
            on_failure.pop_all()
            return replica
        _end(process)
        last = (_written(complaints).splitlines() or ["it said nothing"])[-1]
    raise ReplicaError(f"the replica did not start: {last.removeprefix('replica: ')}")


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


def _written(file: IO[str]) -> str:
    file.seek(0)
    return file.read()
