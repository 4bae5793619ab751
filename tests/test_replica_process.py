"""The replica as a child process: its options, its end, and what it says when it cannot start."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import psutil
import pytest
import requests
from replicas import ROOT, fresh_environment

from helpers import ReplicaError
from helpers.replica_process import start_replica

AVAILABILITY = "http://reg.g-vo.org/tap/availability"
SERVE = [sys.executable, "-m", "replica", "serve", "--json"]
EXTRA = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def ask(environment: dict[str, str]) -> requests.Response:
    return requests.get(AVAILABILITY, proxies={"http": environment["HTTP_PROXY"]})


def folders(directory: Path) -> list[Path]:
    return list(directory.glob("replica-*"))


def test_options_and_variables_reach_the_replica(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    variables = {"TMPDIR": str(tmp_path)}
    started = start_replica("--log", str(log), "--latency", "200ms", environment=variables)
    assert folders(tmp_path) == [started.folder]
    answer = ask(started.environment)
    assert answer.elapsed.total_seconds() >= 0.2
    assert started.stop() == ""
    assert json.loads(log.read_text())["host"] == "reg.g-vo.org"
    assert not folders(tmp_path)
    assert started.process.returncode == 0
    assert started.stop() == ""


def test_an_interrupt_of_the_whole_group_leaves_the_replica_running() -> None:
    """Jupyter's stop button interrupts the kernel's process group."""
    program = (
        "import os, signal\n"
        "from helpers.replica_process import start_replica\n"
        "started = start_replica()\n"
        "try:\n"
        "    os.killpg(0, signal.SIGINT)\n"
        "    signal.pause()\n"
        "except KeyboardInterrupt:\n"
        "    pass\n"
        "import requests, time\n"
        "time.sleep(0.5)\n"
        f"proxies = {{'http': started.environment['HTTP_PROXY']}}\n"
        f"print(requests.get({AVAILABILITY!r}, proxies=proxies).status_code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=fresh_environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=60,
    )
    assert done.stdout == "200\n", done.stderr


def test_a_new_replica_removes_what_killed_ones_left(tmp_path: Path) -> None:
    variables = {"TMPDIR": str(tmp_path)}
    living = start_replica(environment=variables)
    with subprocess.Popen(
        [*SERVE], cwd=ROOT, env=os.environ | variables, stdout=subprocess.PIPE, text=True
    ) as killed:
        left_over = Path(json.loads(killed.stdout.readline())["certificate"]).parent
        killed.kill()
    foreign = tmp_path / "replica-notes"
    foreign.mkdir()
    assert left_over.exists()
    new = start_replica(environment=variables)
    assert not left_over.exists()
    assert ask(living.environment).ok
    assert set(folders(tmp_path)) == {living.folder, new.folder, foreign}
    living.stop()
    new.stop()
    assert folders(tmp_path) == [foreign]


def test_a_replica_that_was_killed_leaves_no_folder_once_it_is_stopped(tmp_path: Path) -> None:
    started = start_replica(environment={"TMPDIR": str(tmp_path)})
    started.process.send_signal(signal.SIGKILL)
    started.process.wait()
    assert folders(tmp_path) == [started.folder]
    started.stop()
    assert not folders(tmp_path)


def test_an_interrupt_while_it_starts_leaves_no_replica(monkeypatch) -> None:
    before = psutil.Process().children()

    def interrupted(line: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("helpers.replica_process.json.loads", interrupted)
    with pytest.raises(KeyboardInterrupt):
        start_replica()
    assert psutil.Process().children() == before


def test_a_wrong_option_is_told_in_its_own_sentence() -> None:
    with pytest.raises(ReplicaError, match=r"did not start: .*cannot read 'soon': write it like"):
        start_replica("--latency", "soon")


def test_an_interpreter_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ReplicaError, match=r"did not start: .*No such file.*python"):
        start_replica(python=tmp_path / "python")


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter without any package."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, symlinks=True)
    return folder / "bin" / "python"


def test_missing_packages_are_named_with_a_command_that_works_anywhere(
    bare_python: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [bare_python, "-c", "from helpers import connect; connect()"],
        cwd=tmp_path,
        env=fresh_environment(PYTHONPATH=str(ROOT), ARCHIVES="replica"),
        capture_output=True,
        text=True,
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith("helpers.errors.ReplicaError: the replica did not start: missing packa")
    names = [need.partition(">")[0] for need in EXTRA["replica"]]
    needs = " ".join(f"'{need}'" for need in EXTRA["replica"])
    assert f": {', '.join(names)}; install them with: {bare_python} -m pip" in last
    assert last.endswith(f" -m pip install {needs}")


@pytest.mark.parametrize("command", [["serve"], ["run", "--", "true"], ["build"], ["check"]])
def test_the_command_line_says_the_same_in_one_line(bare_python: Path, command: list[str]) -> None:
    done = subprocess.run(
        [bare_python, "-m", "replica", *command], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("replica: missing packages: ")
    assert done.stderr.count("\n") == 1


def test_helpers_without_a_replica_beside_them_say_so(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "helpers", tmp_path / "helpers")
    done = subprocess.run(
        [sys.executable, "-c", "from helpers import connect; connect()"],
        cwd=tmp_path,
        env=fresh_environment(PYTHONPATH=str(tmp_path), ARCHIVES="replica"),
        capture_output=True,
        text=True,
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith("helpers.errors.ReplicaError: there is no replica beside the helpers")
    assert str(tmp_path) in last
    assert last.endswith("set ARCHIVES=live for the real archives")


@pytest.mark.parametrize("program", ["import helpers", "run_module('replica')"])
def test_an_old_python_is_told_in_one_sentence(program: str) -> None:
    pretended = "import sys; from runpy import run_module; sys.version_info = (3, 10, 13); "
    done = subprocess.run(
        [sys.executable, "-c", pretended + program], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.endswith(
        f"Python 3.11 or newer is needed, and {sys.executable} is 3.10.13\n"
    )
    assert done.stderr.count("\n") == 1
