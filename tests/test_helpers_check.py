"""``python -m helpers.check``: what it finds on a good machine, and what on bad ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from replicas import ROOT, fresh_environment


def checked(*flags: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *flags, "-m", "helpers.check"],
        cwd=ROOT,
        env=fresh_environment(**variables),
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_this_machine_is_ready() -> None:
    done = checked()
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("This machine is ready.\n")
    assert "ok    replica: starts and ends" in done.stdout
    assert len(done.stdout.splitlines()) <= 12


@pytest.mark.parametrize(
    ("variables", "found", "remedy"),
    [
        ({"ARCHIVES": "moon"}, "FAIL  ARCHIVES: 'moon'", "set it to auto, live, replica"),
        ({"REPLICA_CACHE": "/proc/none"}, "FAIL  cache: /proc cannot be written", "REPLICA_CACHE"),
        ({"HTTPS_PROXY": "http://127.0.0.1:9"}, "note  proxy: http://127.0.0.1:9", "ask whose"),
        ({"HTTPS_PROXY": "http://127.0.0.1:9"}, "note  live archives: no answer", "=replica"),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(
    variables: dict[str, str], found: str, remedy: str
) -> None:
    done = checked(**variables)
    lines = done.stdout.splitlines()
    [number] = [number for number, line in enumerate(lines) if line.startswith(found)]
    assert remedy in lines[number + 1]
    assert done.returncode == int("FAIL" in found)


def test_without_packages_it_says_what_to_install(tmp_path: Path) -> None:
    done = checked("-S", REPLICA_CACHE=str(tmp_path))
    assert done.returncode == 1
    assert "FAIL  packages: nearly all are missing" in done.stdout
    assert "pip install -r" in done.stdout
    assert "Traceback" not in done.stderr
