"""One machine answers for a room: its replica is asked from others, and nothing else through it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests
from replicas import ROOT, RunningReplica, fresh_environment, replica

IRSA_READS = """
import time
began = time.perf_counter()
from helpers import Transfer, cloud_location, connect, cutout
connect()
import astropy.units as u, pyvo, s3fs
from astropy.coordinates import SkyCoord
crab = SkyCoord(83.633210, 22.014460, unit="deg")
service = pyvo.dal.SIAService("https://irsa.ipac.caltech.edu/ibe/sia/wise/allwise/p3am_cdd?")
rows = service.search(pos=crab, size=0.0889 * u.deg, intersect="covers")
[w1] = [row for row in rows if row["sia_bp_id"] == "W1"]
location = cloud_location(w1)
s3fs.S3FileSystem(anon=True).ls(location.uri.rsplit("/", 1)[0])
with Transfer() as cost:
    stamp = cutout(location, crab, 0.1 * u.deg)
print(stamp.data.sum(), stamp.shape, cost.requests)
"""


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> RunningReplica:
    with replica(tmp_path_factory.mktemp("room"), "--host", "0.0.0.0") as running:
        yield running


def student(program: str, teachers: RunningReplica, **variables: str) -> list[str]:
    """Run a program that asks the teacher's replica; return the lines that it printed."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=fresh_environment(PYTHONPATH=str(ROOT), ARCHIVES=teachers.proxy, **variables),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_its_address_is_one_that_other_machines_know(teachers: RunningReplica) -> None:
    assert "0.0.0.0" not in teachers.proxy
    assert "127.0.0.1" not in teachers.proxy


def test_a_student_gets_data_by_naming_its_address(teachers: RunningReplica) -> None:
    first, pixels = student(IRSA_READS, teachers)
    where = teachers.proxy.removeprefix("http://")
    assert first == f"Replica of {where}: all data are simulated."
    assert pixels.endswith("(262, 262) 2")


def test_a_second_connect_says_the_same(teachers: RunningReplica) -> None:
    first, second = student("from helpers import connect; connect(); connect()", teachers)
    assert first == second


def test_nothing_of_a_student_is_left_behind(teachers: RunningReplica, tmp_path: Path) -> None:
    student("from helpers import connect; connect()", teachers, TMPDIR=str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_other_hosts_are_refused(teachers: RunningReplica) -> None:
    proxies = {"http": teachers.proxy, "https": teachers.proxy}
    assert requests.get("http://example.org/", proxies=proxies).status_code == 403
    with pytest.raises(requests.exceptions.ProxyError, match="403"):
        requests.get("https://example.org/", proxies=proxies)


def test_a_replica_that_is_not_there_is_told(teachers: RunningReplica) -> None:
    with_nobody = fresh_environment(PYTHONPATH=str(ROOT), ARCHIVES="http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "-c", "from helpers import connect; connect()"],
        env=with_nobody,
        capture_output=True,
        text=True,
    )
    last = done.stderr.splitlines()[-1]
    assert "SourceError: no replica answers at http://127.0.0.1:9" in last
    assert "replica serve --host" in last


def test_a_warning_says_who_may_ask(tmp_path: Path) -> None:
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "replica", "serve", "--host", "0.0.0.0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    while time.monotonic() - started < 60 and "export" not in process.stdout.readline():
        pass
    process.terminate()
    _, warning = process.communicate(timeout=60)
    assert "archives' hosts only and passes nothing on" in warning
    assert re.search(r"Others set ARCHIVES=http://\S+:\d+\n", warning)


def test_a_recorder_serves_no_other_machine(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "replica", "serve", "--host", "0.0.0.0"]
    command += ["--record", "--recording", str(tmp_path / "recording")]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 2
    assert "it serves this machine only" in answer.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_thirty_students_at_once_all_get_the_right_pixels(teachers: RunningReplica) -> None:
    with ThreadPoolExecutor(30) as room:
        began = time.perf_counter()
        answers = list(room.map(lambda _: timed(teachers), range(30)))
    memory = psutil.Process(teachers.process.pid).memory_info().rss / 1e6
    assert len({lines[1] for _, lines in answers}) == 1
    slowest = max(seconds for seconds, _ in answers)
    sys.stdout.write(
        f"30 clients on {os.cpu_count()} cores: slowest {slowest:.0f} s, all after "
        f"{time.perf_counter() - began:.0f} s, {memory:.0f} MB in the replica\n"
    )
    assert memory < 1000


def timed(teachers: RunningReplica) -> tuple[float, list[str]]:
    began = time.perf_counter()
    lines = student(IRSA_READS, teachers)
    return time.perf_counter() - began, lines
