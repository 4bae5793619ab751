"""Use the replica of another machine, such as the teacher's in a class."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

from helpers.errors import SourceError

#: How long the other machine may take to answer, seconds.
TIMEOUT = 10.0
#: Where a replica says how to use it.
INTRODUCTION = "/replica.json"


def environment_of(url: str) -> dict[str, str]:
    """Ask a replica how to use it, and keep its certificate until this program ends.

    The certificate comes over plain HTTP, so do this in a network that you trust: whoever runs
    the replica can answer for every host, to this program alone.

    Parameters
    ----------
    url : str
        ``http://HOST:PORT``, as ``python -m replica serve --host`` prints it.

    Returns
    -------
    dict of str to str
        Variables that lead every HTTP client to it.

    Raises
    ------
    SourceError
        If no replica answers there.
    """
    import requests

    try:
        with requests.Session() as session:
            session.trust_env = False  # the replica is asked directly, through no proxy
            answer = session.get(url.rstrip("/") + INTRODUCTION, timeout=TIMEOUT)
        answer.raise_for_status()
        facts = answer.json()
        environment: dict[str, str] = facts["environment"]
        folder, certificate = facts["folder"], facts["certificate"]
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        raise SourceError(
            f"no replica answers at {url}: is `python -m replica serve --host` running there, and "
            "are both machines in the same network? ARCHIVES=replica starts one on this machine"
        ) from error
    environment.pop("ARCHIVES", None)  # keeps saying which machine it is
    own = _own_folder(Path(environment["SSL_CERT_FILE"]).name, certificate)
    return {name: value.replace(folder, str(own)) for name, value in environment.items()}


def _own_folder(name: str, certificate: str) -> Path:
    """Make a folder for the certificate and astropy's cache; it is removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="archives-replica-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / name).write_text(certificate)
    (folder / "astropy-cache").mkdir()
    return folder
