"""The pytest options: anybody's tests and notebooks, with recorded answers and no network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from recording_tools import HOST, Upstream, nowhere, upstream
from replicas import ROOT, fresh_environment
from starlette.responses import Response

TESTS = f"""
import subprocess, sys, urllib.request
import requests
def test_in_this_process():
    assert requests.get("{HOST}/a").text == "answer a"
def test_in_a_child():
    code = "import urllib.request as u; print(u.urlopen('{HOST}/b').read().decode())"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "answer b\\n"
"""


def project(folder: Path) -> Path:
    """Write somebody's tests and a notebook with its stored output."""
    folder.mkdir()
    (folder / "test_web.py").write_text(TESTS)
    cell = new_code_cell(f"import requests\nprint(requests.get('{HOST}/c').text)")
    cell.execution_count = 1
    cell.outputs = [new_output("stream", name="stdout", text="answer c\n")]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = new_notebook(cells=[cell], metadata={"kernelspec": kernel})
    nbformat.write(notebook, folder / "page.ipynb")
    return folder


def run_pytest(folder: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--nbval", "-v", *options],
        cwd=folder,
        env=fresh_environment(PYTHONPATH=str(ROOT), **variables),
        capture_output=True,
        text=True,
        timeout=240,
    )


def proxies(variables: dict[str, str]) -> dict[str, str]:
    return {k: v for k, v in variables.items() if "PROXY" in k.upper() or k == "SSL_CERT_FILE"}


@pytest.mark.parametrize(
    "workers",
    [
        pytest.param((), id="alone"),
        pytest.param(("-n", "2"), id="xdist", marks=pytest.mark.slow),
    ],
)
def test_tests_and_notebooks_are_recorded_once_and_pass_without_a_network(
    tmp_path: Path, workers: tuple[str, ...]
) -> None:
    known, folder = Upstream(), project(tmp_path / "project")
    known.answers |= {f"/{name}": Response(f"answer {name}") for name in "abc"}
    with upstream(known) as above:
        variables = proxies(above.environment)
        first = run_pytest(folder, "--recording", "web", "--record", *workers, **variables)
        assert "3 passed" in first.stdout, first.stdout
        if not workers:
            again = run_pytest(folder, "--recording", "web", "--record", **variables)
            assert "3 passed" in again.stdout, again.stdout
    # Only what was missing was asked for.
    assert sorted(request.url.path for request in known.asked) == ["/a", "/b", "/c"]
    offline = run_pytest(folder, "--recording", "web", *workers, **nowhere())
    assert "3 passed" in offline.stdout, offline.stdout
    assert "Recording: real data, recorded on 20" in offline.stdout
    assert "3 requests: 3 by the recording" in offline.stdout


@pytest.mark.slow  # test_recording_replay shows the refusal itself
def test_what_is_not_recorded_fails_and_is_named(tmp_path: Path) -> None:
    known, folder = Upstream(), project(tmp_path / "project")
    known.answers |= {f"/{name}": Response(f"answer {name}") for name in "ab"}
    with upstream(known) as above:
        options = ("--recording", "web", "--record", "test_web.py")
        assert "2 passed" in run_pytest(folder, *options, **proxies(above.environment)).stdout
    offline = run_pytest(folder, "--recording", "web", **nowhere())
    assert "2 passed" in offline.stdout
    assert "1 failed" in offline.stdout
    assert f"GET {HOST}/c is not in the recording" in offline.stdout
    assert "1 refused" in offline.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--recording", "none"], "there is no recording at"),
        (["--record"], "--record needs --recording"),
    ],
)
def test_options_that_cannot_be_used_are_refused(
    tmp_path: Path, options: list[str], words: str
) -> None:
    done = run_pytest(project(tmp_path / "project"), *options)
    assert done.returncode == 4
    assert words in done.stderr
