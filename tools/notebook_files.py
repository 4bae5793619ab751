"""The notebooks as files: MyST sources, their pairs, and what pairs them."""

from __future__ import annotations

from pathlib import Path

import jupytext
from nbformat import NotebookNode

ROOT = Path(__file__).parent.parent
NOTEBOOKS = ROOT / "notebooks"


def sources(names: list[str]) -> list[Path]:
    """Return the MyST sources with these names, or all of them.

    Raises
    ------
    FileNotFoundError
        If a name is not that of a notebook; the message lists the names there are.
    """
    found = {path.stem: path for path in sorted(NOTEBOOKS.glob("*.md")) if is_notebook(path)}
    unknown = [name for name in names if Path(name).stem not in found]
    if unknown:
        raise FileNotFoundError(f"no notebook {', '.join(unknown)}; there are {', '.join(found)}")
    return [found[Path(name).stem] for name in names] or list(found.values())


def is_notebook(path: Path) -> bool:
    """Whether a markdown file is a notebook: its front matter names a kernel."""
    return "\nkernelspec:" in path.read_text(encoding="utf-8")


def pair_of(source: Path) -> Path:
    """Path of the executed notebook that belongs to a source."""
    return source.with_suffix(".ipynb")


def read_source(source: Path) -> NotebookNode:
    """Read a MyST source; its cells get names that do not change from run to run."""
    notebook = jupytext.read(source)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02d}"
    return notebook


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the cells that hold code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]
