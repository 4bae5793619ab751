"""Which source answers: the live archives, a recording, or the replica with simulated data?"""

from __future__ import annotations

import atexit
import os
import sys
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from helpers.errors import SourceError

if TYPE_CHECKING:
    from helpers.replica_process import ReplicaProcess

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
#: How long a replica at work may take to answer, seconds; one that has died refuses at once.
REPLICA_TIMEOUT = 10.0
#: Set in the environment of every program that a replica answers, or a recording of one.
_CONNECTED = "ARCHIVES_REPLICA"
#: Set in the environment of every program that a recording answers: what there is to say of it.
_RECORDING = "ARCHIVES_RECORDING"
#: In ``ARCHIVES``, before the paths of recordings.
_PREFIX = "recording:"
#: In ``ARCHIVES``, the beginning of the address of another machine's replica.
_SHARED = "http://"
#: Beginnings of values that say where something is.
_WITH_PLACE = (_PREFIX, _SHARED)
#: A host that every replica holds.
_REPLICA_HOST = "irsa.ipac.caltech.edu"
#: File systems that keep connections, and so the proxy of the time when they were made.
_FILE_SYSTEMS = {"s3fs": "S3FileSystem", "fsspec.implementations.http": "HTTPFileSystem"}

#: The replicas that this process, or the one that it was forked from, has started.
_started: list[ReplicaProcess] = []


def simulated() -> bool:
    """Whether this program gets its data from a replica."""
    return _CONNECTED in os.environ


def _connected() -> bool:
    """Whether a replica or a recording answers this program, or did."""
    return simulated() or _RECORDING in os.environ


def replica_died() -> bool:
    """Whether this program was connected to a replica that does not answer any more."""
    return _connected() and not _replica_answers()


def connect() -> None:
    """Choose the source by the environment variable ``ARCHIVES``, and say which it is.

    ``live`` takes the real archives; ``replica`` starts a stand-in on this machine, which
    ends with this process; ``recording:PATH`` replays what was recorded, looked for in the
    current folder and those above it (more paths follow after commas, and the word ``replica``
    lets it simulate the rest); ``http://HOST:PORT`` asks the replica of another machine, such
    as a teacher's, that ``replica serve --host`` runs; ``auto``, the default, takes the real
    archives if all of them answer within `TIMEOUT`, and the replica otherwise.

    Call it as often as you like, also in threads and forked processes: a replica that answers
    is kept, and one that has died is replaced.  Clients that you made before then, such as
    boto3's, still ask the dead one: make them again.

    Raises
    ------
    SourceError
        If ``ARCHIVES`` has another value, or is ``live`` in a program that a replica answers.
    ReplicaError
        If the replica does not start.
    """
    mode = chosen_mode()
    with _lock(os.getpid()):
        source = _stay(mode) if _connected() else _choose(mode)
    # At once, so that a process forked from this one does not print it again.
    print(source, flush=True)  # noqa: T201


def chosen_mode() -> str:
    """Return what ``ARCHIVES`` chooses, in small letters but for a path; ``auto`` if unset.

    Raises
    ------
    SourceError
        If it is none of the values that `connect` knows.
    """
    given = os.environ.get("ARCHIVES", "").strip() or "auto"
    mode = given if given.startswith(_WITH_PLACE) else given.lower()
    if mode not in ("auto", "live", "replica") and not mode.startswith(_WITH_PLACE):
        raise SourceError(
            f"the environment variable ARCHIVES is {mode!r}; set it to auto, live or replica, "
            f"or to {_PREFIX}PATH"
        )
    return mode


@lru_cache(maxsize=1)
def _lock(process: int) -> Lock:
    """One lock for a process: a fork may copy it while it is held."""
    return Lock()


def _choose(mode: str) -> str:
    """Take the live archives, or start a replica or a recording; say which in a sentence."""
    if mode.startswith(_PREFIX):
        _start_replica(*_recording_options(mode))
        return os.environ[_RECORDING]
    if mode.startswith(_SHARED):
        return _join(mode)
    silent = silent_archives() if mode == "auto" else []
    if mode == "live" or (mode == "auto" and not silent):
        return "Live: the answers come from the real archives."
    _start_replica()
    why = f" (no answer within {TIMEOUT:.0f} s from {', '.join(silent)})" if silent else ""
    return _simulated_sentence(why)


def _join(url: str) -> str:
    """Ask the replica of another machine from now on; say so in a sentence."""
    from helpers.shared_replica import environment_of

    os.environ.update(environment_of(url))
    _tell_imported_libraries()
    return _shared_sentence(url)


def _shared_sentence(url: str) -> str:
    where = url.removeprefix(_SHARED).rstrip("/")
    return os.environ.get(_RECORDING) or f"Replica of {where}: all data are simulated."


def _stay(mode: str) -> str:
    """Keep to the replica, the same or a new one; say so in a sentence."""
    if mode.startswith(_SHARED) and mode.rstrip("/") == os.environ.get("HTTP_PROXY"):
        return _shared_sentence(mode) if _replica_answers() else _join(mode)
    if _RECORDING in os.environ:
        return _stay_with_recording(mode)
    if mode == "live" or mode.startswith(_WITH_PLACE):
        raise SourceError(
            f"ARCHIVES is {mode!r}, but a replica answers this program: its proxy variables are "
            "set; start a new program, or restart the kernel, with that value"
        )
    if _replica_answers():
        return _simulated_sentence("")
    _start_replica()
    return _simulated_sentence(
        " (a new one, since the last one died: clients made before, such as boto3's, "
        "must be made again)"
    )


def _stay_with_recording(mode: str) -> str:
    if _replica_answers():
        return os.environ[_RECORDING]
    if not mode.startswith(_PREFIX):
        raise SourceError(
            "the recording that answered this program has ended; start the program again"
        )
    return _choose(mode)


def _recording_options(mode: str) -> list[str]:
    """Options of ``replica serve`` for the recordings that ``ARCHIVES`` names."""
    names = mode.removeprefix(_PREFIX).split(",")
    return [
        option
        for name in names
        for option in ("--recording", name if name == "replica" else str(_find(name)))
    ]


def _find(name: str) -> Path:
    """Look for a path in the current folder and those above it."""
    here = Path.cwd()
    found = [folder / name for folder in (here, *here.parents) if (folder / name).exists()]
    return found[0] if found else here / name


def _simulated_sentence(why: str) -> str:
    return f"Replica{why}: all data are simulated, nothing leaves this machine."


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


def _replica_answers() -> bool:
    """Whether the proxy answers, and proves to be this very replica: ports are used again."""
    import ssl
    from contextlib import closing
    from http.client import HTTPException, HTTPSConnection
    from urllib.parse import urlsplit

    proxy = urlsplit(os.environ.get(_CONNECTED) or os.environ.get("HTTPS_PROXY", ""))
    try:
        connection = HTTPSConnection(
            proxy.hostname or "",
            proxy.port,
            timeout=REPLICA_TIMEOUT,
            context=ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE")),
        )
        connection.set_tunnel(_REPLICA_HOST)
        with closing(connection):
            connection.connect()
    except (OSError, HTTPException):
        return False
    return True


def _start_replica(*options: str) -> None:
    """Start a replica, or a recording, in place of an earlier one; let every client know."""
    from helpers.replica_process import start_replica

    while _started:
        _started.pop().stop()
    replica = start_replica(*options)
    _started.append(replica)
    atexit.register(replica.stop)
    for name in (_CONNECTED, _RECORDING):
        os.environ.pop(name, None)
    os.environ.update(replica.environment)
    _tell_imported_libraries()


def _tell_imported_libraries() -> None:
    """Pass the new variables on to libraries that read them once, when imported."""
    import certifi
    import fsspec.config

    fsspec.config.set_conf_env(fsspec.config.conf)
    for protocol in ("http", "https"):
        fsspec.config.conf[protocol]["get_client"] = _trusting_client
    for module, name in _FILE_SYSTEMS.items():
        if module in sys.modules:
            getattr(sys.modules[module], name).clear_instance_cache()
    # astropy's download_file trusts certifi's list and offers no other way in.
    certifi.where = _certificates
    # It keeps its opener, with the proxy and the certificate of an earlier replica.
    if opener := getattr(sys.modules.get("astropy.utils.data"), "_build_urlopener", None):
        opener.cache_clear()


def _certificates() -> str:
    return os.environ["SSL_CERT_FILE"]


async def _trusting_client(**arguments: Any) -> Any:
    """Make an aiohttp session that trusts what the environment says now."""
    import ssl

    import aiohttp

    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context())
    return aiohttp.ClientSession(connector=connector, **arguments)
