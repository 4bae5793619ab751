"""The box for a class: it installs and runs where there is no network."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import nbformat
import pytest
from replicas import ROOT, fresh_environment

from tools import build_box

#: Without a route to anywhere; the loopback alone is brought up.
NO_NETWORK = ("unshare", "--net", "--map-root-user")
LOOPBACK_UP = """
import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh14x", b"lo", 0x49))
"""


def has_network_namespaces() -> bool:
    if not shutil.which("unshare"):
        return False
    return subprocess.run([*NO_NETWORK, "true"], capture_output=True).returncode == 0


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The box's folder, without packages and data."""
    build_box._write_project(tmp_path)
    return tmp_path


def test_students_get_no_solution(project: Path) -> None:
    names = sorted(path.name for path in (project / "student").glob("*.ipynb"))
    assert "irsa_allwise.ipynb" in names
    for name in names:
        notebook = nbformat.read(project / "student" / name, as_version=4)
        assert not [cell for cell in notebook.cells if "solution" in cell.metadata.get("tags", [])]
    assert not (project / "teacher").exists()


@pytest.mark.parametrize("script", ["install.sh", "start.sh"])
def test_a_script_can_be_read_by_any_shell(project: Path, script: str) -> None:
    done = subprocess.run(["sh", "-n", project / script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_another_python_is_refused_in_a_sentence(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("#!/bin/sh\nexit 1\n")
    other.chmod(0o755)
    done = subprocess.run(
        ["sh", project / "install.sh"],
        env=fresh_environment(PYTHON=str(other)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "This box is for Python " + ".".join(map(str, sys.version_info[:2])) in done.stdout


@pytest.mark.parametrize(
    ("step", "accepted"),
    [((0, 0, 0), True), ((0, 0, 1), True), ((0, 0, -1), False), ((0, 1, 0), False)],
)
def test_earlier_releases_are_refused_and_later_ones_accepted(
    project: Path, step: tuple[int, ...], accepted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packages of a box may need a release of Python, as those of 3.11.7 are none for 3.11.2."""
    [code] = re.findall(r'"\$PYTHON" -c \'(.*)\'', (project / "install.sh").read_text())
    version = tuple(map(sum, zip(sys.version_info[:3], step, strict=True)))
    monkeypatch.setattr("sys.version_info", (*version, "final", 0))
    with pytest.raises(SystemExit) as ended:
        exec(code, {})
    assert (ended.value.code == 0) == accepted


def test_a_recording_that_is_none_gives_no_box(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build_box, "_write_wheels", lambda folder: None)
        arguments = [str(tmp_path / "build"), "--recording", str(tmp_path / "empty")]
        assert build_box.main(arguments) == 1
    assert not list((tmp_path / "build").glob("*.tar"))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not has_network_namespaces(), reason="this system has no network namespaces")
def test_it_installs_and_runs_without_a_route_to_anywhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tools.build_box", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, env=fresh_environment(), check=True)
    with tarfile.open(tmp_path / "archives-box.tar") as archive:
        archive.extractall(tmp_path, filter="data")
    box = tmp_path / "archives-box"
    (box / "up.py").write_text(LOOPBACK_UP)
    run = "../.venv/bin/jupyter execute --output=done.ipynb mast_panstarrs.ipynb"
    steps = f"{sys.executable} up.py && sh install.sh && . ./settings.sh && cd student && {run}"
    done = subprocess.run(
        [*NO_NETWORK, "sh", "-c", steps],
        cwd=box,
        env=fresh_environment(
            PYTHON=sys.executable, HOME=str(tmp_path), PIP_CONFIG_FILE="/dev/null"
        ),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "This machine is ready." in done.stdout
    executed = nbformat.read(box / "student" / "done.ipynb", as_version=4)
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
