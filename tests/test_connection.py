"""Choosing the world: live, replica, or whichever answers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from replicas import ROOT, fresh_environment

from helpers import SourceError, connect
from helpers import connection as archives

CUT_ONE_PIXEL = """
import sys
from helpers import connect, open_fits
connect()
import requests
from astropy.io import fits
key = "chandra/data/byobsid/1/13751/primary/acisf13751N004_cntr_img2.fits.gz"
with open_fits(f"s3://nasa-heasarc/{key}") as hdus:
    print(int(hdus[0].data.sum()))
"""


def start(program: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program],
        env=fresh_environment(**({"PYTHONPATH": str(ROOT)} | variables)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_another_world_is_refused_with_the_choices(monkeypatch) -> None:
    monkeypatch.setenv("ARCHIVES", "moon")
    with pytest.raises(SourceError, match="auto, live or replica"):
        connect()


def test_within_a_replica_no_second_one_is_started(capsys) -> None:
    before = len(psutil.Process().children(recursive=True))
    connect()
    assert len(psutil.Process().children(recursive=True)) == before
    assert capsys.readouterr().out == (
        "Replica: all data are simulated, nothing leaves this machine.\n"
    )


def test_archives_that_answer_are_taken(monkeypatch, capsys) -> None:
    """The session's replica answers at the archives' addresses, so they look alive."""
    monkeypatch.setenv("ARCHIVES", "auto")
    monkeypatch.delenv("ARCHIVES_REPLICA")
    connect()
    assert capsys.readouterr().out.startswith("Live: ")


@pytest.mark.parametrize("name", archives.PROBES)
def test_an_archive_that_is_silent_is_named(monkeypatch, name: str) -> None:
    # A port on which nobody listens.
    monkeypatch.setattr(archives, "PROBES", archives.PROBES | {name: "http://127.0.0.1:9/"})
    assert archives.silent_archives() == [name]


def test_without_a_network_the_replica_takes_over() -> None:
    nowhere = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    program = start(CUT_ONE_PIXEL, ARCHIVES="auto", **nowhere)
    out, err = program.communicate(timeout=120)
    assert out.startswith("Replica (no answer within 2 s from IRSA, MAST, HEASARC"), err
    assert int(out.splitlines()[1]) > 0


def test_libraries_imported_before_connecting_follow() -> None:
    program = start(
        """
import fsspec, s3fs, aiohttp, requests, certifi
from astropy.io import fits
from helpers import connect
connect()
address = "heasarc.gsfc.nasa.gov/FTP/chandra/data/byobsid/1/13751/primary/"
address += "acisf13751N004_cntr_img2.fits.gz"
with fsspec.open(f"https://{address}") as file:
    assert file.read(2) == bytes.fromhex("1f8b")
assert fits.open(f"https://{address}")[0].header["OBS_ID"] == "13751"
assert fits.open(f"https://{address}", use_fsspec=True)[0].header["OBS_ID"] == "13751"
""",
        ARCHIVES="replica",
    )
    _, err = program.communicate(timeout=120)
    assert program.returncode == 0, err


def test_a_replica_that_cannot_start_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "starlette.py").write_text("raise ImportError('not installed')\n")
    program = start(
        "from helpers import connect; connect()",
        ARCHIVES="replica",
        PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}",
    )
    _, err = program.communicate(timeout=60)
    assert "ReplicaError" in err
    assert "pip install -e '.[replica]'" in err


def replicas_of(process: int) -> list[psutil.Process]:
    children = psutil.Process(process).children(recursive=True)
    return [child for child in children if "replica" in child.cmdline()]


def test_a_killed_kernel_leaves_no_replica_behind() -> None:
    program = start("from helpers import connect; connect(); input()", ARCHIVES="replica")
    assert program.stdout.readline().startswith("Replica")
    replicas = replicas_of(program.pid)
    assert len(replicas) == 1
    program.send_signal(signal.SIGKILL)
    gone, alive = psutil.wait_procs(replicas, timeout=5)
    assert gone == replicas
    assert not alive
    program.wait()


def test_four_kernels_at_once_make_each_file_once(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    programs = [
        start(CUT_ONE_PIXEL, ARCHIVES="replica", REPLICA_CACHE=str(cache)) for _ in range(4)
    ]
    answers = [program.communicate(timeout=120) for program in programs]
    counts = {out.splitlines()[-1] for out, _ in answers}
    assert len(counts) == 1, answers
    made = [path for path in cache.iterdir() if path.is_file()]
    assert len(made) == 1
    # Only the making writes: were it done twice, the second would be younger than the first use.
    assert not list(cache.glob("*.partial"))


def test_importing_helpers_imports_nothing_heavy() -> None:
    program = start(
        "import sys, helpers\n"
        "heavy = {'pyvo', 'astroquery', 'aplpy', 'matplotlib', 's3fs', 'astropy', 'replica'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert program.communicate(timeout=60)[0].strip() == "[]"


def test_live_use_needs_nothing_of_the_replica() -> None:
    needs = ["starlette", "uvicorn", "trustme", "httptools", "filelock", "platformdirs", "replica"]
    program = start(
        "import sys\n"
        f"for name in {needs}: sys.modules[name] = None\n"
        "import helpers\n"
        "for name in helpers.__all__: getattr(helpers, name)\n"
        "print('fine')"
    )
    out, err = program.communicate(timeout=60)
    assert out.strip() == "fine", err


def test_seconds_are_not_lost_in_waiting_for_silent_archives(monkeypatch) -> None:
    """A host that accepts and never answers costs the stated patience, once for all."""
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        monkeypatch.setattr(archives, "TIMEOUT", 0.3)
        monkeypatch.setattr(archives, "PROBES", dict.fromkeys(("a", "b", "c"), url))
        began = time.monotonic()
        assert archives.silent_archives() == ["a", "b", "c"]
    assert time.monotonic() - began < 3 * 0.3 + 5
