"""Build the site from the executed notebooks, the pages in ``docs`` and the docstrings.

``python -m tools.build_site [FOLDER]`` writes it into ``build/site``, or a folder of your own.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from pathlib import Path

import nbformat
from sphinx.cmd.build import main as sphinx

import helpers
from helpers.cloud.url_rules import REGIONS
from tools.notebook_files import NOTEBOOKS, ROOT, title, walkthroughs
from tools.picture import figures

#: Pages of `docs` that are pages of the site.
_PAGES = ("helpers", "transfer", "replica", "sky", "recordings", "offline_tests", "faults")
ARCHIVE_OF_BUCKET = {"nasa-irsa": "IRSA", "stpubdata": "MAST", "nasa-heasarc": "HEASARC"}


def main(arguments: list[str] | None = None) -> int:
    """Lay out the sources and run Sphinx; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.build_site", description=__doc__.partition("\n")[0]
    )
    parser.add_argument(
        "folder", type=Path, nargs="?", default=ROOT / "build" / "site", help="where it goes"
    )
    folder = parser.parse_args(arguments).folder.resolve()
    source = folder.with_name(f"{folder.name}-source")
    lay_out(source)
    code = sphinx(["-b", "html", "-W", "--keep-going", "-q", str(source), str(folder)])
    for page in (folder / "notebooks").glob("*.html"):
        page.write_text(with_plain_summaries(page.read_text(encoding="utf-8")), encoding="utf-8")
    if code == 0:
        sys.stdout.write(f"site: {folder / 'index.html'}\n")
    return code


def lay_out(folder: Path) -> None:
    """Copy what the site is made of into a folder, and fill in what is generated."""
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(ROOT / "site", folder)
    for picture in ("crab.jpg", "mosaic.png", "sky.png"):
        shutil.copy(ROOT / "docs" / picture, folder)
    for page in _PAGES:
        text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
        (folder / f"{page}.md").write_text(without_repository_links(text), encoding="utf-8")
    for name, facts in walkthroughs().items():
        _copy_notebook(name, folder / "notebooks")
        figures(name)[facts.figure_in_gallery].save(folder / "_static" / f"{name}.png")
    _fill(folder / "index.md", gallery=gallery("notebooks/"))
    _fill(
        folder / "notebooks" / "index.md", gallery=gallery(""), notebooks="\n".join(walkthroughs())
    )
    _fill(folder / "api.md", names="\n".join(f"   {name}" for name in helpers.__all__))
    _fill(folder / "guide" / "cost.md", costs=costs(), regions=regions())


def with_plain_summaries(html: str) -> str:
    """Let the summaries of hidden cells be named by their text, not by myst-nb's label.

    A name that differs from the text is wrong for those who speak what they see (WCAG 2.5.3).
    """
    html = html.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    return re.sub(r"<summary>.*?</summary>", _without_paragraphs, html, flags=re.DOTALL)


def _without_paragraphs(summary: re.Match[str]) -> str:
    return summary[0].replace("<p ", "<span ").replace("</p>", "</span>")


def without_repository_links(text: str) -> str:
    """Keep the words of links that lead out of the site's pages, into the repository."""
    return re.sub(r"\[([^\]]+)\]\(\.\./[^)]*\)", r"\1", text)


def _copy_notebook(name: str, folder: Path) -> None:
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\]\((\w+)\.md\)", r"](\1.ipynb)", cell.source)
            cell.source = cell.source.replace("](../docs/", "](../")
    nbformat.write(notebook, folder / f"{name}.ipynb")


def _fill(page: Path, **parts: str) -> None:
    """Put generated parts in place of their marks."""
    text = page.read_text(encoding="utf-8")
    for name, part in parts.items():
        text = text.replace(f"<!-- {name} -->", part)
    page.write_text(text, encoding="utf-8")


def _record() -> dict[str, dict]:
    """What each notebook took in the run that is kept in ``docs``."""
    text = (ROOT / "docs" / "run-warm.json").read_text(encoding="utf-8")
    return {item["name"]: item for item in json.loads(text)["notebooks"]}


def gallery(folder: str) -> str:
    """Return cards, one a notebook, with its picture, its lesson and what a run took.

    Parameters
    ----------
    folder : str
        Where the notebooks are, seen from the page.
    """
    record, cards = _record(), []
    for name, facts in walkthroughs().items():
        notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
        took = record.get(name, {"seconds": 0, "bytes": 0})
        cards += [
            f":::{{grid-item-card}} {title(notebook)}",
            f":img-top: /_static/{name}.png",
            f":img-alt: {facts.archive}, the figure of this notebook",
            f":link: {folder}{name}",
            ":link-type: doc",
            f"{facts.archive}: {facts.lesson}.",
            "",
            f"{took['seconds']:.0f} s, {took['bytes'] / 1e6:.0f} MB",
            ":::",
        ]
    return "\n".join(["::::{grid} 1 2 2 2", ":gutter: 3", *cards, "::::"])


def costs() -> str:
    """Return the table of what the recorded run took."""
    rows = [
        f"| [{name}](../notebooks/{name}.ipynb) | {took['requests']} | {took['bytes'] / 1e6:.1f} "
        f"| {took['seconds']:.0f} |"
        for name, took in sorted(_record().items())
    ]
    return "\n".join(["| Notebook | Requests | MB | Seconds |", "|---|---|---|---|", *rows])


def regions() -> str:
    """Return the rows of the buckets that the archives of the walkthroughs have."""
    return "\n".join(
        f"| `{bucket}` | {archive} | `{region}` |"
        for bucket, region in REGIONS.items()
        for beginning, archive in ARCHIVE_OF_BUCKET.items()
        if bucket.startswith(beginning)
    )


if __name__ == "__main__":
    raise SystemExit(main())
