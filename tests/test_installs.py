"""What is installed: the wheel is whole, old pip finds the versions, ours are the helpers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from email.message import Message
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.specifiers import SpecifierSet
from replicas import ROOT, fresh_environment

from tools.notebook_files import code_cells, read_source, sources

PACKAGES = ("helpers", "replica")
#: What setuptools reads besides the packages.
SOURCES = ("pyproject.toml", "requirements_data_access.txt", "README.md", "LICENSE")
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
#: A client that trusts certifi's file alone, and one that reads the proxy variables.
ASK = (
    "from astropy.utils.data import download_file; import requests\n"
    "assert open(download_file('https://heasarc.gsfc.nasa.gov/FTP/', cache=False)).read()\n"
    "print(requests.get('https://nasa-heasarc.s3.amazonaws.com/?list-type=2').status_code)\n"
)


def files_of_the_packages() -> set[str]:
    paths = (path for package in PACKAGES for path in (ROOT / package).rglob("*"))
    kept = (path for path in paths if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in kept}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this state, built in a copy: what lies in build/ must not get in."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        shutil.copy(ROOT / name, folder)
    for name in PACKAGES:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    done = subprocess.run(
        [sys.executable, "-c", BUILD, folder / "dist"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return folder / "dist" / done.stdout.splitlines()[-1]


def metadata(wheel: Path) -> Message:
    with ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


def test_the_wheel_holds_each_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == files_of_the_packages()
    assert "helpers/py.typed" in packed
    assert "replica/proxy/certifi_shim/certifi/__init__.py" in packed
    assert {f"replica/archives/{name}/holdings.csv" for name in ("irsa", "mast")} < packed


def test_the_wheel_asks_for_what_live_use_needs_and_for_the_rest_by_extra(wheel: Path) -> None:
    asked = metadata(wheel).get_all("Requires-Dist") or []
    lines = (ROOT / "requirements_data_access.txt").read_text(encoding="utf-8").splitlines()
    needed = {line.partition("#")[0].strip() for line in lines} - {""}
    assert {each for each in asked if "extra ==" not in each} == needed
    extra = {each.partition(";")[0] for each in asked if each.endswith('extra == "replica"')}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert extra == set(project["optional-dependencies"]["replica"])


@pytest.mark.parametrize(
    ("python", "taken"), [("3.9.18", False), ("3.10.13", False), ("3.11.0", True), ("3.14.8", True)]
)
def test_pip_refuses_a_python_that_is_too_old(wheel: Path, python: str, taken: bool) -> None:
    assert SpecifierSet(metadata(wheel)["Requires-Python"]).contains(python) == taken


def test_a_package_that_is_too_old_for_the_replica_is_named(tmp_path: Path) -> None:
    (tmp_path / "astropy-7.0.0.dist-info").mkdir()
    facts = "Metadata-Version: 2.1\nName: astropy\nVersion: 7.0.0\n"
    (tmp_path / "astropy-7.0.0.dist-info" / "METADATA").write_text(facts)
    done = subprocess.run(
        [sys.executable, "-m", "replica", "serve"],
        cwd=ROOT,
        env=fresh_environment(PYTHONPATH=str(tmp_path)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    told = "replica: missing packages: astropy>=8.0 (here is 7.0.0); install them with: "
    assert done.stderr.startswith(told)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("source", sources([]), ids=lambda source: source.stem)
def test_a_notebook_imports_our_helpers_and_no_others(source: Path, tmp_path: Path) -> None:
    """A stranger's lies beside the notebook, another one first among the installed packages."""
    (tmp_path / "helpers").symlink_to(ROOT / "helpers")
    for folder in ("notebooks", "installed"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "helpers.py").write_text("raise ImportError('a stranger')\n")
    first = code_cells(read_source(source))[0].source
    path = re.search(r"^sys\.path.*$", first, re.MULTILINE)
    imports = re.findall(r"^from helpers import .*$", first, re.MULTILINE)
    assert path, f"{source.name} does not say where helpers is"
    assert imports, f"{source.name} does not import helpers in its first cell"
    code = "\n".join(["import sys", path[0], *imports, "import helpers; print(helpers.__file__)"])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path / "notebooks",
        env=os.environ | {"PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
    )
    imported = Path(done.stdout.strip()).resolve()
    assert imported == ROOT / "helpers" / "__init__.py", done.stderr


@pytest.fixture
def pip(tmp_path: Path) -> list[str | Path]:
    """The pip that came with this Python, in an empty environment of its own."""
    venv.create(tmp_path / "venv", with_pip=True)
    return [tmp_path / "venv" / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]


@pytest.mark.slow
def test_the_pip_of_this_python_finds_the_versions_in_minutes(pip: list[str | Path]) -> None:
    """Where nothing leads it, it tries the versions of boto3 one by one, and gives up."""
    done = subprocess.run(
        [*pip, "install", "--dry-run", "-r", ROOT / "requirements_data_access.txt"],
        env=fresh_environment(),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert "Would install" in done.stdout


@pytest.mark.slow
def test_the_installed_replica_runs_a_program_from_any_folder(
    wheel: Path, pip: list[str | Path], tmp_path: Path
) -> None:
    subprocess.run(
        [*pip, "install", "-q", f"{wheel}[replica]"], env=fresh_environment(), check=True
    )
    python = pip[0]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = subprocess.run(
        [python, "-m", "replica", "run", "--", "python", "-c", ASK],
        cwd=elsewhere,
        env=fresh_environment(),
        capture_output=True,
        text=True,
    )
    assert done.stdout == "200\n", done.stderr
    where = "import helpers; helpers.connect(); print(helpers.__file__)"
    done = subprocess.run(
        [python, "-c", where],
        cwd=elsewhere,
        env=fresh_environment(ARCHIVES="replica"),
        capture_output=True,
        text=True,
    )
    said, file = done.stdout.splitlines()
    assert said == "Replica: all data are simulated, nothing leaves this machine."
    assert Path(file).is_relative_to(tmp_path / "venv")
