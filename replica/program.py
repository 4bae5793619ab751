"""Run a program whose requests go to the replica."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from replica.server import CERTIFI_SHIM, Replica


async def run_program(replica: Replica, program: list[str]) -> int:
    """Run a program on the replica; Ctrl-C and SIGTERM are the program's to handle."""
    environment = {
        **os.environ,
        **replica.environment,
        "PYTHONPATH": _before(str(CERTIFI_SHIM), "PYTHONPATH"),
        # `python` is then the one that runs the replica, also where nothing was activated.
        "PATH": _before(str(Path(sys.executable).parent), "PATH"),
    }
    try:
        child = await asyncio.create_subprocess_exec(*program, env=environment)
    except FileNotFoundError:
        print(f"replica: no program is called {program[0]!r}", file=sys.stderr)  # noqa: T201
        return 127
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    loop.add_signal_handler(signal.SIGTERM, child.terminate)
    status = await child.wait()
    return status if status >= 0 else 128 - status


def _before(folder: str, variable: str) -> str:
    """The folders of a variable of the environment, with one more before them."""
    return os.pathsep.join(filter(None, [folder, os.environ.get(variable)]))
