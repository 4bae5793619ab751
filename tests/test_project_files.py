"""The lists and pages around the code hold together, and the code is clean."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.version import Version
from replicas import ROOT

import helpers

REQUIREMENTS = ROOT / "requirements_data_access.txt"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), *NOTEBOOKS, *sorted((ROOT / "docs").glob("*.md"))]
#: Packages that conda takes from PyPI, since conda-forge may not have them.
FROM_PYPI = {"unlzw3"}


def requirements() -> set[str]:
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    return {line.partition("#")[0].strip() for line in lines} - {""}


def test_conda_and_pip_install_the_same() -> None:
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (from_pip,) = [item["pip"] for item in listed if isinstance(item, dict)]
    from_conda = {item for item in listed if isinstance(item, str)} - {"python>=3.11", "pip"}
    assert from_conda | set(from_pip) == requirements()
    assert {name.partition(">")[0] for name in from_pip} == FROM_PYPI


def test_old_pip_is_led_to_the_boto3_that_fits() -> None:
    """aiobotocore takes a handful of botocore's releases; pip 23 and 24 give up without it."""
    names = [line.partition(">")[0] for line in sorted(requirements())]
    assert "boto3" not in names or "aiobotocore" in names


def test_the_replica_and_the_tests_only_raise_what_live_use_needs() -> None:
    """An extra names a package of the list again only if it must be newer."""
    minima = dict(line.split(">=") for line in requirements())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for extra in ("replica", "test"):
        listed = dict(each.split(">=") for each in project["optional-dependencies"][extra])
        for name in listed.keys() & minima.keys():
            assert Version(listed[name]) > Version(minima[name]), f"{extra}: {name}"


def test_every_requirement_has_a_minimum_and_a_reason() -> None:
    for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines():
        assert line.startswith("#") or re.fullmatch(r"[a-z0-9]+>=[\d.]+ +# .+", line), line


def test_every_notebook_import_is_required() -> None:
    names = {line.partition(">")[0].lower() for line in requirements()}
    code = "\n".join(path.read_text(encoding="utf-8") for path in NOTEBOOKS)
    imported = {m.lower() for m in re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE)}
    ours = {"checks", "helpers", *sys.stdlib_module_names}
    assert imported - ours <= names


def test_the_python_minimum_is_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert f"python{project['requires-python']}" in listed


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=["lint", "format"])
def test_ruff_finds_nothing(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "--quiet", "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_types_hold() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 0, done.stdout


def test_a_misspelt_name_of_the_helpers_is_no_name_for_a_type_checker(tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text("import helpers\n\nhelpers.cutuot\nhelpers.cutout(1)\n")
    done = subprocess.run(
        # What the test before has found out of the packages is used again.
        [
            *(sys.executable, "-m", "mypy", "user.py"),
            *("--config-file", ROOT / "pyproject.toml", "--cache-dir", ROOT / ".mypy_cache"),
        ],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert 'Module has no attribute "cutuot"' in done.stdout
    assert 'Missing positional arguments "position", "size"' in done.stdout


def test_the_citation_names_this_version_and_whose_path_it_follows() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == helpers.__version__
    (path,) = citation["references"]
    assert [author["family-names"] for author in path["authors"]] == ["Eagle", "Turner"]


def test_the_changelog_goes_up_to_this_version() -> None:
    page = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## Unreleased" in page or f"## {helpers.__version__} " in page


def test_words_are_spelled_right() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "codespell_lib", "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_are_well_formed(page: Path) -> None:
    """Web links are complete and secure, and say what is behind them; files exist."""
    links = re.findall(r"!?\[([^\]]*)\]\(([^)\s]*)\)", page.read_text(encoding="utf-8"))
    for words, target in links:
        assert len(words) > 3, f"{page.name}: say what is behind {target}"
        assert words.lower() not in ("here", "link", "this page"), f"{page.name}: {target}"
        if "://" in target:
            assert re.fullmatch(r"https://[\w.-]+\.[a-z]{2,}(/[\w./~%+?=&#:-]*)?", target), target
        else:
            assert (page.parent / target.partition("#")[0]).exists(), f"{page.name}: {target}"
