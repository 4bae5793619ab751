"""The notebooks as files: MyST sources, their pairs, and what their front matter says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import jupytext
from nbformat import NotebookNode

ROOT = Path(__file__).parent.parent
NOTEBOOKS = ROOT / "notebooks"


@dataclass(frozen=True)
class Walkthrough:
    """What the front matter of a notebook says of it, under ``walkthrough``.

    Attributes
    ----------
    number : int
        Its place in the README, from 1.
    archive, method, lesson : str
        Its row in the README's table.
    code_cells : int
        How many code cells it has: fewer means that some are no longer cells.
    requests_at_most, megabytes_at_most : float
        What a run on the replica may take.
    data : list of str
        Patterns of the keys that it reads, to be made before it runs.
    figure_in_gallery : int
        Which of its figures the gallery of the site shows, from 0.
    """

    number: int
    archive: str
    method: str
    lesson: str
    code_cells: int
    requests_at_most: float
    megabytes_at_most: float
    data: list[str]
    figure_in_gallery: int


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
    """Whether a markdown file is a notebook: its front matter names a kernel, which runs cells."""
    text = path.read_text(encoding="utf-8")
    return "\nkernelspec:" in text and "\n```{code-cell}" in text


def pair_of(source: Path) -> Path:
    """Path of the executed notebook that belongs to a source."""
    return source.with_suffix(".ipynb")


def read_source(source: Path) -> NotebookNode:
    """Read a MyST source; its cells get names that do not change from run to run."""
    notebook = jupytext.read(source)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02d}"
    return notebook


def walkthrough(source: Path) -> Walkthrough:
    """Return what the front matter of a source says.

    Raises
    ------
    ValueError
        If a field is missing, or is none of `Walkthrough`; the message names the file.
    """
    found = jupytext.read(source).metadata.get("walkthrough", {})
    try:
        return Walkthrough(**found)
    except TypeError as error:
        raise ValueError(f"{source.name}, front matter, walkthrough: {error}") from error


def walkthroughs() -> dict[str, Walkthrough]:
    """Return all notebooks by name, in the README's order."""
    found = {source.stem: walkthrough(source) for source in sources([])}
    return dict(sorted(found.items(), key=lambda item: item[1].number))


def data_patterns() -> list[str]:
    """Return patterns of the keys that any notebook reads."""
    return [pattern for facts in walkthroughs().values() for pattern in facts.data]


def title(notebook: NotebookNode) -> str:
    """Return the notebook's title: its first heading."""
    lines = (line for cell in notebook.cells for line in cell.source.splitlines())
    return next((line.removeprefix("# ") for line in lines if line.startswith("# ")), "")


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the cells that hold code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]
