"""Write the notebooks for a class: without solutions for students, with them for the teacher.

``python -m tools.class_notebooks [FOLDER]`` writes ``student`` and ``teacher`` into
``build/class``, or a folder of your own.
"""

from __future__ import annotations

import argparse
import copy
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools.notebook_files import NOTEBOOKS, ROOT, code_cells, walkthroughs


def main(arguments: list[str] | None = None) -> int:
    """Write both versions of all notebooks."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.class_notebooks", description=__doc__.partition("\n")[0]
    )
    parser.add_argument(
        "folder", type=Path, nargs="?", default=ROOT / "build" / "class", help="where they go"
    )
    folder = parser.parse_args(arguments).folder
    write_versions(folder, VERSIONS)
    for version in VERSIONS:
        sys.stdout.write(f"{folder / version}\n")
    return 0


def write_versions(folder: Path, versions: Iterable[str]) -> None:
    """Write some of `VERSIONS` into folders of their names, with what the notebooks import."""
    # The notebooks look for helpers in the folder above them.
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "helpers", folder / "helpers", dirs_exist_ok=True, ignore=ignored)
    for version in versions:
        (folder / version).mkdir(parents=True, exist_ok=True)
        shutil.copy(NOTEBOOKS / "checks.py", folder / version)
        for name in walkthroughs():
            notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
            nbformat.write(VERSIONS[version](notebook), folder / version / f"{name}.ipynb")


def student_version(notebook: NotebookNode) -> NotebookNode:
    """Return a copy without solutions, and without outputs that a solution made."""
    student = copy.deepcopy(notebook)
    student.cells = [cell for cell in student.cells if not _has_tag(cell, "solution")]
    for cell in code_cells(student):
        if _has_tag(cell, "check") or _has_tag(cell, "exercise"):
            cell.outputs, cell.execution_count = [], None
    return student


def teacher_version(notebook: NotebookNode) -> NotebookNode:
    """Return the notebook as it is."""
    return notebook


def _has_tag(cell: NotebookNode, tag: str) -> bool:
    return tag in cell.metadata.get("tags", [])


VERSIONS: Mapping[str, Callable[[NotebookNode], NotebookNode]] = {
    "student": student_version,
    "teacher": teacher_version,
}

if __name__ == "__main__":
    raise SystemExit(main())
