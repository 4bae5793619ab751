"""Choosing the source: live, replica, or whichever answers."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from replicas import ROOT, fresh_environment

from helpers import SourceError, connect, connection

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


def start(program: str, python: str = sys.executable, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [python, "-c", program],
        env=fresh_environment(**({"PYTHONPATH": str(ROOT)} | variables)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(program: str, **variables: str) -> list[str]:
    """Run a program to its end; return the lines that it printed."""
    running = start(program, **variables)
    out, err = running.communicate(timeout=120)
    assert running.returncode == 0, err
    return out.splitlines()


def test_another_source_is_refused_with_the_choices(monkeypatch) -> None:
    monkeypatch.setenv("ARCHIVES", "moon")
    with pytest.raises(SourceError, match="ARCHIVES is 'moon'; set it to auto, live or replica"):
        connect()


def test_the_live_archives_are_not_promised_where_a_replica_answers(monkeypatch) -> None:
    monkeypatch.setenv("ARCHIVES", "live")
    with pytest.raises(SourceError, match="start a new program"):
        connect()


@pytest.mark.parametrize("value", ["", " Replica "])
def test_case_and_white_space_do_not_matter(monkeypatch, capsys, value: str) -> None:
    monkeypatch.setenv("ARCHIVES", value)
    connect()
    assert capsys.readouterr().out.startswith("Replica")


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


@pytest.mark.parametrize("name", connection.PROBES)
def test_an_archive_that_is_silent_is_named(monkeypatch, name: str) -> None:
    # A port on which nobody listens.
    monkeypatch.setattr(connection, "PROBES", connection.PROBES | {name: "http://127.0.0.1:9/"})
    assert connection.silent_archives() == [name]


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


def replicas_of(process: int) -> list[psutil.Process]:
    children = psutil.Process(process).children(recursive=True)
    return [child for child in children if "replica" in child.cmdline()]


def test_a_killed_kernel_leaves_no_replica_behind() -> None:
    with start("from helpers import connect; connect(); input()", ARCHIVES="replica") as program:
        assert program.stdout.readline().startswith("Replica")
        replicas = replicas_of(program.pid)
        assert len(replicas) == 1
        program.send_signal(signal.SIGKILL)
        gone, alive = psutil.wait_procs(replicas, timeout=5)
    assert gone == replicas
    assert not alive


READ = """
import os, sys
from helpers import ArchiveAccessError, connect, connection, open_fits
import psutil

def read():
    key = "chandra/data/byobsid/1/13751/primary/acisf13751N004_cntr_img2.fits.gz"
    try:
        with open_fits(f"s3://nasa-heasarc/{key}") as hdus:
            print("read", hdus[0].header["OBS_ID"], flush=True)
    except ArchiveAccessError as error:
        print(type(error).__name__, error, flush=True)

def replicas():
    return [child for child in psutil.Process().children() if "replica" in child.cmdline()]

def kill():
    (replica,) = replicas()
    replica.kill()
    replica.wait()

connect()
"""


def test_a_replica_that_died_is_named_and_replaced(tmp_path: Path) -> None:
    lines = said(
        READ + "read(); kill(); read(); connect(); read(); connect(); print(len(replicas()))",
        ARCHIVES="replica",
        TMPDIR=str(tmp_path),
    )
    plain = "Replica: all data are simulated, nothing leaves this machine."
    assert lines[:2] == [plain, "read 13751"]
    assert lines[2].startswith("DownloadError https://nasa-heasarc.s3")
    assert lines[2].endswith("could not be read: the replica has died; call connect() again")
    assert lines[3].startswith("Replica (a new one, since the last one died: ")
    assert lines[4:] == ["read 13751", plain, "1"]
    assert not list(tmp_path.iterdir())


def test_a_program_that_ends_with_a_dead_replica_leaves_no_folder(tmp_path: Path) -> None:
    said(READ + "kill()", ARCHIVES="replica", TMPDIR=str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_replica_whose_folder_is_gone_is_replaced(tmp_path: Path) -> None:
    """Systems clear their temporary directories."""
    program = "import shutil; shutil.rmtree(os.path.dirname(os.environ['SSL_CERT_FILE']))\n"
    lines = said(
        READ + program + "read(); connect(); read(); print(len(replicas()))",
        ARCHIVES="replica",
        TMPDIR=str(tmp_path),
    )
    assert lines[1].endswith("the replica has died; call connect() again")
    assert lines[2].startswith("Replica (a new one")
    assert lines[3:] == ["read 13751", "1"]


def test_a_replica_that_hangs_is_replaced() -> None:
    program = (
        "from helpers import replica_process\n"
        "connection.REPLICA_TIMEOUT = replica_process.TIMEOUT = 0.5\n"
        "replicas()[0].suspend(); connect(); read(); print(len(replicas()))"
    )
    lines = said(READ + program, ARCHIVES="replica")
    assert lines[1].startswith("Replica (a new one")
    assert lines[2:] == ["read 13751", "1"]


def test_file_systems_made_before_follow_to_the_new_replica() -> None:
    program = (
        "import fsspec, s3fs\n"
        "name = 'heasarc.gsfc.nasa.gov/FTP/chandra/data/byobsid/1/13751/'\n"
        "def count():\n"
        "    print(len(s3fs.S3FileSystem(anon=True).ls('nasa-heasarc/chandra/data/byobsid')),\n"
        "          fsspec.filesystem('https').exists('https://' + name))\n"
        "count(); kill(); connect(); count()"
    )
    lines = said(READ + program, ARCHIVES="replica")
    assert lines[1] == lines[3]
    assert lines[1].endswith("True")


def test_a_forked_child_shares_the_replica_and_replaces_it_for_itself_only() -> None:
    child = (
        "def child():\n"
        "    connect(); read(); print(len(replicas()), flush=True)\n"
        "    os.environ['ARCHIVES_REPLICA'] = 'http://127.0.0.1:9'\n"
        "    connect(); read(); print(len(replicas()), flush=True)\n"
        "    sys.exit()\n"
        "if os.fork() == 0:\n"
        "    child()\n"
        "os.wait(); connect(); read(); print(len(replicas()))"
    )
    lines = said(READ + child, ARCHIVES="replica")
    plain = "Replica: all data are simulated, nothing leaves this machine."
    assert lines[:4] == [plain, plain, "read 13751", "0"]
    assert lines[4].startswith("Replica (a new one")
    assert lines[5:] == ["read 13751", "1", plain, "read 13751", "1"]


def test_threads_that_connect_at_once_share_a_replica() -> None:
    program = (
        "from helpers import connect\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "import psutil\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    assert list(pool.map(lambda _: connect(), range(8))) == [None] * 8\n"
        "print(len(psutil.Process().children()))"
    )
    assert said(program, ARCHIVES="replica")[-1] == "1"


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
        monkeypatch.setattr(connection, "TIMEOUT", 0.3)
        monkeypatch.setattr(connection, "PROBES", dict.fromkeys(("a", "b", "c"), url))
        began = time.monotonic()
        assert connection.silent_archives() == ["a", "b", "c"]
    assert time.monotonic() - began < 3 * 0.3 + 5
