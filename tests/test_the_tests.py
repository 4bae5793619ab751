"""The tests would notice: each of these changes makes them fail, and names its place."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from replicas import ROOT, fresh_environment

_COPIED = ("helpers", "notebooks", "replica", "tests", "tools", "conftest.py", "pyproject.toml")


def replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    """Change the first place that matches in one file of a copy."""

    def change(copy: Path) -> None:
        path = copy / name
        text = path.read_text(encoding="utf-8")
        changed = re.sub(old, new, text, count=1)
        assert changed != text, f"nothing to change in {name}"
        path.write_text(changed, encoding="utf-8")

    return change


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project that may be spoiled."""
    for name in _COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__py*"))
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "requirements_data_access.txt", tmp_path)
    return tmp_path


def run_tests(copy: Path, *targets: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-x", *targets],
        cwd=copy,
        env=fresh_environment(PYTHONPATH=str(copy)),
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.mark.parametrize(
    ("change", "target", "place"),
    [
        pytest.param(
            replace("notebooks/rosat_events.ipynb", r"(\d)(\d{5} events in)", r"7\2"),
            "notebooks/rosat_events.ipynb",
            r"rosat_events\.ipynb::Cell \d+[\s\S]*7\d{5} eve",
            id="one stored output",
        ),
        pytest.param(
            replace("helpers/remote/fits_cache.py", r"FIRST_READ = 2\*\*16", "FIRST_READ = 2**18"),
            "notebooks/irsa_allwise.ipynb",
            r"irsa_allwise\.ipynb::Cell \d+[\s\S]*2 requests, ",
            id="one constant in a helper",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            replace("replica/archives/heasarc/holdings.csv", r"(,13751,.*),5000,", r"\1,5100,"),
            "notebooks/heasarc_chandra.ipynb",
            r"heasarc_chandra\.ipynb::Cell \d+[\s\S]*5100",
            id="one row of the holdings",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            replace("notebooks/mast_panstarrs.md", r"```\{code-cell\} ipython3", "```python"),
            "tests/test_notebooks.py",
            r"mast_panstarrs\.md has 1 fences of plain python.*make notebooks",
            id="one fence",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            replace(
                "notebooks/mast_panstarrs.md", r"Its position is given", "The position is given"
            ),
            "tests/test_notebooks.py",
            r"mast_panstarrs\.ipynb is out of step: run make notebooks",
            id="one sentence without its pair",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_change_is_noticed_and_its_place_named(copy, change, target, place) -> None:
    change(copy)
    done = run_tests(copy, target)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(place, done.stdout), done.stdout
