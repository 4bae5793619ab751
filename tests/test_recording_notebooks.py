"""Our notebooks: recorded from a second replica, replayed with that gone, outputs compared."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from products import made
from recording_tools import (
    Upstream,
    ask,
    body_bytes,
    command,
    nowhere,
    recording,
    replaying,
    upstream,
)
from replicas import ROOT, RunningReplica, fresh_environment, replica
from test_connection import start

from replica.recordings.catalogue import Catalogue
from replica.recordings.storage import open_recording

_COPIED = ("helpers", "notebooks", "replica", "tools", "docs", "requirements_data_access.txt")
CHANDRA = (
    "https://nasa-heasarc.s3.amazonaws.com/chandra/data/byobsid/1/13751/primary/"
    "acisf13751N004_cntr_img2.fits.gz"
)


def through(running: RunningReplica) -> dict[str, str]:
    """The variables of a machine whose own proxy is a replica."""
    return {k: v for k, v in running.environment.items() if "ARCHIVES" not in k}


def recipe() -> list[str]:
    """What ``make record`` runs."""
    makefile = (ROOT / "Makefile").read_text()
    line = re.search(r"^record:.*\n\t\$\(BIN\)/python -m replica (.*)$", makefile, re.MULTILINE)
    assert line
    return line[1].replace("$(BIN)/python", sys.executable).split()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_our_notebooks_pass_strictly_on_a_recording_with_the_upstream_gone(tmp_path: Path) -> None:
    copy = tmp_path / "project"
    for name in _COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__py*"))
        else:
            shutil.copy(ROOT / name, copy)
    (tmp_path / "log").mkdir()
    network = ("--latency", "30ms", "--bandwidth", "50MB/s")
    with replica(tmp_path / "log", *network) as above:
        done = subprocess.run(
            [sys.executable, "-m", "replica", *recipe()],
            cwd=copy,
            env=fresh_environment(PYTHONPATH=str(copy), **through(above)),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        served = sum(request["bytes"] for request in above.requests())
    path = copy / "recordings" / "notebooks"
    assert json.loads((path / "manifest.json").read_text())["data"] == "simulated"
    touched = sum(
        version.length for version in Catalogue(open_recording(path).entries()).versions()
    )
    # Bytes that were read twice are there once, and of most files only a part is.
    assert body_bytes(path) < min(touched, served)
    replayed = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "notebooks", "--recording", str(path)],
        cwd=ROOT,
        env=fresh_environment(REPLICA_CACHE=str(tmp_path / "none"), **nowhere()),
        capture_output=True,
        text=True,
    )
    assert replayed.returncode == 0, replayed.stdout
    assert "refused" not in replayed.stdout
    assert not (tmp_path / "none").exists()
    sys.stdout.write(f"{body_bytes(path)} bytes recorded of {touched} in the files touched\n")


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory, shared_replica: RunningReplica) -> Path:
    """A recording of a replica."""
    path = tmp_path_factory.mktemp("recordings") / "simulated"
    get = ("python", "-c", f"import requests; requests.get({CHANDRA!r})")
    command("record", str(path), "--", *get, **through(shared_replica))
    return path


READ = f"""
from helpers import connect
connect()
connect()
from helpers.connection import simulated
print(simulated())
import requests
print(len(requests.get({CHANDRA!r}).content))
print(requests.get("https://irsa.ipac.caltech.edu/SIA?POS=circle+1+1+1").status_code)
"""


@pytest.mark.parametrize(
    ("more", "rest", "status"),
    [("", "", "403"), (",replica", "; the replica simulates what was not recorded", "200")],
)
def test_connect_replays_a_recording_and_says_what_it_is(
    simulated: Path, more: str, rest: str, status: str
) -> None:
    program = start(READ, ARCHIVES=f"recording:{simulated}{more}")
    out, err = program.communicate(timeout=120)
    first, second, *others = out.splitlines()
    assert re.fullmatch(
        r"Recording: simulated data of a replica, recorded on \d{4}-\d\d-\d\d" + rest + r"\.", first
    ), err
    assert second == first
    size = made(CHANDRA.rpartition("/")[2]).stat().st_size
    assert others == ["True", str(size), status]


def test_a_recording_is_found_in_the_folders_above(simulated: Path) -> None:
    (simulated.parent / "notebooks").mkdir()
    program = subprocess.run(
        [sys.executable, "-c", "from helpers import connect; connect()"],
        cwd=simulated.parent / "notebooks",
        env=fresh_environment(PYTHONPATH=str(ROOT), ARCHIVES="recording:simulated"),
        capture_output=True,
        text=True,
    )
    assert program.stdout.startswith("Recording: simulated data"), program.stderr


def test_real_data_are_not_called_simulated(tmp_path: Path) -> None:
    with upstream(Upstream()) as above, recording(tmp_path / "real", above) as recorder:
        ask(recorder, "https://archive.example.org/object")
    with replaying(tmp_path / "real") as player:
        assert "ARCHIVES_REPLICA" not in player.source.environment(player.proxy)
    code = "from helpers import connect\nconnect()\n"
    code += "from helpers.connection import simulated\nprint(simulated())"
    out, err = start(code, ARCHIVES=f"recording:{tmp_path / 'real'}").communicate(timeout=120)
    assert re.fullmatch(r"Recording: real data, recorded on \d{4}-\d\d-\d\d\.\nFalse\n", out), err


def test_a_recording_that_is_not_there_is_said(tmp_path: Path) -> None:
    program = start("from helpers import connect; connect()", ARCHIVES=f"recording:{tmp_path}/no")
    _, err = program.communicate(timeout=120)
    assert "there is no recording at" in err
    assert "python -m replica record" in err


def test_within_a_recording_another_source_is_not_chosen(simulated: Path, tmp_path: Path) -> None:
    """As under `run --recording` and pytest's option: what was chosen outside holds."""
    code = "import os; os.environ['ARCHIVES'] = 'replica'\nfrom helpers import connect; connect()"
    done = command("run", "--recording", str(simulated), "--", "python", "-c", code, **nowhere())
    assert done.stdout.startswith("Recording: simulated data of a replica"), done.stderr
