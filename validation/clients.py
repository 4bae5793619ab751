"""Clients that nobody of this project wrote, each of which reads an object and lists a folder."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from replica.holdings import select
from replica.storage.cache import ensure
from validation.judging import Case, Judge, Setting, not_installed

BUCKET = "nasa-heasarc"
KEY = "chandra/data/byobsid/1/13751/primary/acisf13751N004_cntr_img2.fits.gz"
FOLDER = "rosat/data/pspc/processed_data/900000/rs931315n00/"
_URL = f"{BUCKET}.s3.amazonaws.com/{KEY}"


@dataclass(frozen=True)
class Client:
    """A client, and how it is led to the replica beyond the standard variables.

    Attributes
    ----------
    script : str
        For bash, or for Python if `is_python`.  It prints the SHA-256 of the object, and if the
        client can list, the number of keys in the folder.
    lists : bool
        Whether it can list.
    programs, packages : mapping
        What it needs, each with the command that installs it.
    """

    name: str
    script: str
    lists: bool
    is_python: bool = False
    programs: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)


_OBSTORE = f"""
import hashlib, obstore
from obstore.store import S3Store

store = S3Store({BUCKET!r}, region="us-east-1", skip_signature=True)
print(hashlib.sha256(bytes(obstore.get(store, {KEY!r}).bytes())).hexdigest())
print(sum(len(page) for page in obstore.list(store, {FOLDER!r})))
"""
# It reads none of the proxy variables; and by itself it would decompress what ends with .gz.
_PYARROW = f"""
import hashlib, os
from pyarrow.fs import FileSelector, S3FileSystem

proxy = os.environ["HTTPS_PROXY"]
cloud = S3FileSystem(anonymous=True, region="us-east-1", proxy_options=proxy)
with cloud.open_input_stream("{BUCKET}/{KEY}", compression=None) as file:
    print(hashlib.sha256(file.read()).hexdigest())
print(len(cloud.get_file_info(FileSelector("{BUCKET}/{FOLDER}"))))
"""
_AWSCLI = f"""
aws s3 cp --no-sign-request s3://{BUCKET}/{KEY} - | sha256sum
aws s3 ls --no-sign-request s3://{BUCKET}/{FOLDER} | wc -l
"""
# It fails on AWS_CA_BUNDLE, and trusts SSL_CERT_FILE; a copy is checked against the ETag.
_RCLONE = f"""
unset AWS_CA_BUNDLE
s3=:s3,provider=AWS,region=us-east-1:{BUCKET}
rclone --config /dev/null copy $s3/{KEY} .
sha256sum < {KEY.rpartition("/")[2]}
rclone --config /dev/null lsf $s3/{FOLDER} | wc -l
"""
# Debian's is built with GnuTLS, which knows no variable for certificates.
_WGET = f"""
echo "ca_certificate = $SSL_CERT_FILE" > wgetrc
WGETRC=wgetrc wget -q -O - https://{_URL} | sha256sum
"""
_CURL = f"curl -sSf https://{_URL} | sha256sum"
_TUNNEL = f"curl -sSf --proxytunnel http://{_URL} | sha256sum"
_IN_THE_EXTRA = "pip install -e '.[validate]'"

CLIENTS = (
    Client("awscli", _AWSCLI, True, programs={"aws": "apt-get install awscli"}),
    Client("rclone", _RCLONE, True, programs={"rclone": "apt-get install rclone"}),
    Client("obstore", _OBSTORE, True, True, packages={"obstore": _IN_THE_EXTRA}),
    Client("pyarrow", _PYARROW, True, True, packages={"pyarrow": _IN_THE_EXTRA}),
    Client("wget", _WGET, False, programs={"wget": "apt-get install wget"}),
    Client("curl", _CURL, False, programs={"curl": "apt-get install curl"}),
    Client("curl --proxytunnel", _TUNNEL, False, programs={"curl": "apt-get install curl"}),
)


def mistakes(client: Client, environment: Mapping[str, str], folder: Path) -> list[str]:
    """Let a client read and list; return what it has got wrong, a sentence each.

    Parameters
    ----------
    client : Client
        Which one.
    environment : mapping
        The variables that lead to the replica.
    folder : pathlib.Path
        An empty folder to work in.
    """
    if missing := not_installed(client.programs, client.packages):
        return [f"is not installed: {', '.join(missing.values())}"]
    shell = [sys.executable, "-c"] if client.is_python else ["bash", "-o", "pipefail", "-ec"]
    done = subprocess.run(
        [*shell, client.script],
        cwd=folder,
        env={**os.environ, **environment, "AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode:
        return [f"failed: {' '.join(done.stderr.split())[-300:]}"]
    found, expected = done.stdout.replace("-", "").split(), _expected(client)
    return [] if found == expected else [f"got {found}, not {expected}"]


def _expected(client: Client) -> list[str]:
    content = ensure(select(bucket=BUCKET, key=KEY)[0]).read_bytes()
    keys = [each for each in select(bucket=BUCKET) if each.key.startswith(FOLDER)]
    return [hashlib.sha256(content).hexdigest(), *([str(len(keys))] if client.lists else [])]


def _cases(setting: Setting) -> list[Case]:
    return [Case(client.name, partial(_mistakes, setting, client)) for client in CLIENTS]


def _mistakes(setting: Setting, client: Client) -> list[str]:
    folder = setting.folder / client.name.replace(" ", "")
    folder.mkdir()
    return mistakes(client, setting.environment, folder)


JUDGE = Judge(
    "clients",
    "an object and a folder of S3",
    _cases,
    {name: how for client in CLIENTS for name, how in client.programs.items()},
    {name: how for client in CLIENTS for name, how in client.packages.items()},
)
