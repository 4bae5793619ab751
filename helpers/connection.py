"""Which world am I in: the live archives, or the replica with simulated data?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile
from threading import Thread
from typing import Any

from helpers.errors import ReplicaError, SourceError

#: One address of each archive and of the cloud; all of them must answer.
PROBES: Mapping[str, str] = {
    "IRSA": "https://irsa.ipac.caltech.edu/",
    "MAST": "https://mast.stsci.edu/",
    "HEASARC": "https://heasarc.gsfc.nasa.gov/",
    "the registry": "http://reg.g-vo.org/tap/availability",
    "the cloud": "https://nasa-heasarc.s3.amazonaws.com/",
}
#: How long an archive may take to answer, seconds.
TIMEOUT = 2.0
#: Set in the environment of every program that already talks to a replica.
_CONNECTED = "ARCHIVES_REPLICA"


def simulated() -> bool:
    """Whether this program gets its data from a replica."""
    return _CONNECTED in os.environ


def connect() -> None:
    """Choose the world by the environment variable ``ARCHIVES``, and say which it is.

    ``live`` takes the real archives; ``replica`` starts a stand-in on this machine, which
    ends with this process; ``auto``, the default, takes the real archives if all of them
    answer within `TIMEOUT`, and the replica otherwise.

    Raises
    ------
    SourceError
        If ``ARCHIVES`` has another value.
    ReplicaError
        If the replica does not start.
    """
    world, reason = _choose(os.environ.get("ARCHIVES", "auto").lower())
    if world == "live":
        print("Live: the answers come from the real archives.")  # noqa: T201
        return
    if not simulated():
        os.environ.update(_start_replica())
        _tell_imported_libraries()
    print(f"Replica{reason}: all data are simulated, nothing leaves this machine.")  # noqa: T201


def _choose(world: str) -> tuple[str, str]:
    """Return ``live`` or ``replica``, and the reason if it was not asked for by name."""
    if world not in ("auto", "live", "replica"):
        raise SourceError(f"ARCHIVES is {world!r}: set it to auto, live or replica")
    if simulated():
        return "replica", ""
    silent = silent_archives() if world == "auto" else []
    if silent:
        return "replica", f" (no answer within {TIMEOUT:.0f} s from {', '.join(silent)})"
    return ("live" if world == "auto" else world), ""


def silent_archives() -> list[str]:
    """Return the names of the archives that do not answer within `TIMEOUT`."""
    answered: set[str] = set()

    def ask(name: str, url: str) -> None:
        if _answers(url):
            answered.add(name)

    # Threads that need not be waited for: looking up a name knows no time limit.
    threads = [Thread(target=ask, args=probe, daemon=True) for probe in PROBES.items()]
    for thread in threads:
        thread.start()
    end = time.monotonic() + TIMEOUT
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return [name for name in PROBES if name not in answered]


def _answers(url: str) -> bool:
    import requests

    try:
        answer = requests.head(url, timeout=TIMEOUT)
    except requests.RequestException:
        return False
    return answer.status_code < 500


def _start_replica() -> dict[str, str]:
    """Start the replica as a child; return the variables that lead to it."""
    command = [sys.executable, "-m", "replica", "serve", "--json", "--parent", str(os.getpid())]
    with TemporaryFile("w+") as complaints:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            cwd=Path(__file__).parent.parent,
        )
        line = process.stdout.readline()
        if line:
            return json.loads(line)["environment"]
        complaints.seek(0)
        last = (complaints.read().strip().splitlines() or ["it said nothing"])[-1]
    advice = "install what it needs with: python -m pip install -e '.[replica]'"
    raise ReplicaError(f"the replica did not start ({last}); {advice}")


def _tell_imported_libraries() -> None:
    """Pass the new variables on to libraries that read them once, when imported."""
    import certifi
    import fsspec.config

    fsspec.config.set_conf_env(fsspec.config.conf)
    for protocol in ("http", "https"):
        fsspec.config.conf[protocol]["get_client"] = _trusting_client
    # astropy's download_file trusts certifi's list and offers no other way in.
    certifi.where = _certificates


def _certificates() -> str:
    return os.environ["SSL_CERT_FILE"]


async def _trusting_client(**arguments: Any) -> Any:
    """Make an aiohttp session that trusts what the environment says now."""
    import ssl

    import aiohttp

    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context())
    return aiohttp.ClientSession(connector=connector, **arguments)
