"""Pack what a class needs into one archive that installs and runs without a network.

``python -m tools.build_box`` writes ``build/archives-box.tar``: exact versions of all packages
for this Python and this kind of machine, the notebooks for students, the helpers, and the
replica with its data made, or a recording instead.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from replica.recordings import RecordingError
from replica.recordings.storage import open_recording
from tools.class_notebooks import write_versions
from tools.notebook_files import ROOT, data_patterns

NAME = "archives-box"
LOCK = "requirements_class.txt"
#: What of the project goes into the box, beside the notebooks.
PROJECT = ("replica", "docs", "requirements_data_access.txt", "README.md", "LICENSE")

INSTALL = """\
#!/bin/sh
# Sets up what the notebooks need, from this folder alone.
set -e
cd "$(dirname "$0")"
PYTHON=${{PYTHON:-python3}}
# The packages are those for this release: some refuse an earlier one of the same series.
if ! "$PYTHON" -c 'import sys; sys.exit(not {version} <= sys.version_info[:3] < {end})'; then
    echo "This box is for Python {python}, from {release} on, on {machine}."
    echo "Type: PYTHON=python{python} sh install.sh"
    exit 1
fi
"$PYTHON" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-index \\
    --find-links wheels -r {lock}
. ./settings.sh
.venv/bin/python -m helpers.check
echo "Now type: sh start.sh"
"""
START = """\
#!/bin/sh
# Opens JupyterLab on the notebooks; Ctrl-C ends it.
cd "$(dirname "$0")"
. ./settings.sh
exec .venv/bin/jupyter lab student
"""
SETTINGS = """\
# Where the notebooks get their data: here.
export ARCHIVES="{source}"
export REPLICA_CACHE="$PWD/data"
"""


def main(arguments: list[str] | None = None) -> int:
    """Write the box; return 1 if a part of it cannot be had."""
    options = _parser().parse_args(arguments)
    folder = options.folder / NAME
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    steps: dict[str, Callable[[], None]] = {
        "notebooks": lambda: _write_project(folder),
        "packages": lambda: _write_wheels(folder),
        "data": lambda: _write_data(folder, options.recording),
        "archive": lambda: _pack(folder),
    }
    try:
        for name in (bar := tqdm(steps, unit="step")):
            bar.set_description(name)
            steps[name]()
    except (OSError, RecordingError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"no box: {error}\n")
        return 1
    archive = folder.with_suffix(".tar")
    sys.stdout.write(f"{archive}: {archive.stat().st_size / 1e6:.0f} MB\n")
    sys.stdout.write(f"On another machine: tar xf {archive.name} && sh {NAME}/install.sh\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.build_box", description=__doc__.partition("\n")[0]
    )
    parser.add_argument(
        "folder", type=Path, nargs="?", default=ROOT / "build", help="where it goes"
    )
    parser.add_argument(
        "--recording", type=Path, metavar="PATH", help="pack this recording instead of the data"
    )
    return parser


def _write_project(folder: Path) -> None:
    """Notebooks for students, helpers, the replica, and two scripts."""
    write_versions(folder, ("student",))
    for name in PROJECT:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder)
    shutil.copy(ROOT / LOCK, folder)
    version = sys.version_info[:3]
    install = INSTALL.format(
        version=version,
        end=(version[0], version[1] + 1),
        python=".".join(map(str, version[:2])),
        release=".".join(map(str, version)),
        machine=f"{platform.system()} {platform.machine()}",
        lock=LOCK,
    )
    (folder / "install.sh").write_text(install, encoding="utf-8")
    (folder / "start.sh").write_text(START, encoding="utf-8")


def _write_wheels(folder: Path) -> None:
    """Every package that the lock file names, for the Python that runs this."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    command += ["--wheel-dir", str(folder / "wheels"), "--requirement", str(ROOT / LOCK)]
    subprocess.run(command, check=True)


def _write_data(folder: Path, recording: Path | None) -> None:
    """The data of all notebooks, or a recording."""
    source = "replica"
    if recording is not None:
        open_recording(recording)
        target = folder / "recording"
        copy = shutil.copytree if recording.is_dir() else shutil.copy
        copy(recording, target)
        source = "recording:recording"
    else:
        command = [sys.executable, "-m", "replica", "build", *data_patterns()]
        environment = os.environ | {"REPLICA_CACHE": str(folder / "data")}
        subprocess.run(command, check=True, cwd=ROOT, env=environment, capture_output=True)
    settings = SETTINGS.format(source=source)
    (folder / "settings.sh").write_text(settings, encoding="utf-8")


def _pack(folder: Path) -> None:
    """One archive, not compressed: wheels are, and noise does not shrink."""
    with tarfile.open(folder.with_suffix(".tar"), "w") as archive:
        archive.add(folder, arcname=NAME)
    shutil.rmtree(folder)


if __name__ == "__main__":
    raise SystemExit(main())
