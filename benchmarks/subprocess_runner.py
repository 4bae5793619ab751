"""Measure in a fresh interpreter: no way of working finds what another one left behind."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
#: Seconds until the replica has logged what a client dropped or left half read.
SETTLE = 0.1


class MeasurementError(RuntimeError):
    """A way of working failed; the message is the end of what it said."""


def call(function: str, *arguments: Any, environment: Mapping[str, str] | None = None) -> Any:
    """Call a function in a fresh interpreter and return its result.

    Parameters
    ----------
    function : str
        Such as ``"benchmarks.single:measure"``.
    *arguments
        Whatever JSON can hold; so must the result be.
    environment : mapping, optional
        All environment variables of the new process; by default those of this one.

    Raises
    ------
    MeasurementError
        If the function raises.
    """
    command = [
        sys.executable,
        "-m",
        "benchmarks.subprocess_runner",
        function,
        json.dumps(arguments),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    if done.returncode:
        raise MeasurementError(f"{function}{arguments}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def cost(work: Callable[[], Any], log: Path | None = None) -> tuple[Any, dict[str, float]]:
    """Do some work; return its result, and its seconds, extra memory, requests and bytes.

    Parameters
    ----------
    work : callable
        What to do.
    log : pathlib.Path, optional
        The replica's access log: the requests that it gained, and the bytes of their bodies.
    """
    before = _logged(log)
    peak = peak_memory()
    began = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - began
    facts = {"seconds": seconds, "memory": peak_memory() - peak}
    if log is not None:
        time.sleep(SETTLE)
        requests = _logged(log)[len(before) :]
        facts |= {"requests": len(requests), "bytes": sum(entry["bytes"] for entry in requests)}
    return result, facts


def _logged(log: Path | None) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()] if log else []


def peak_memory() -> int:
    """The most memory that this process has had, in bytes."""
    status = Path("/proc/self/status")
    if not status.exists():
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    # On Linux ru_maxrss begins with the peak of the parent process; this line does not.
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def main() -> None:
    """Call the function that the command line names; print its result as JSON."""
    module, _, name = sys.argv[1].partition(":")
    result = getattr(import_module(module), name)(*json.loads(sys.argv[2]))
    sys.stdout.write(f"\n{json.dumps(result)}\n")


if __name__ == "__main__":
    main()
