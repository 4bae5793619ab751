"""HTML pages of executed notebooks, and their index: none of them needs a network."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from tools.execution import Result
from tools.notebook_files import read_source, sources, title, walkthrough

_TEMPLATES = Path(__file__).parent / "page_template"


def notebook_page(notebook: NotebookNode) -> str:
    """Return an executed notebook as a page."""
    exporter = HTMLExporter(
        template_name=_TEMPLATES.name,
        extra_template_basedirs=[str(_TEMPLATES.parent)],
        mathjax_url="",
        require_js_url="",
        jquery_url="",
    )
    body, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": title(notebook)}})
    # Notebooks name each other as sources; the pages lie beside each other too.
    linked = re.sub(r'href="(\w+)\.md"', r'href="\1.html"', body)
    # What the template loads from addresses that we leave empty.
    linked = re.sub(r'<script src="">\s*</script>', "", linked)
    # Wide code scrolls, also for those who have no mouse.
    return linked.replace("<pre>", '<pre tabindex="0">')


def index_page(results: list[Result]) -> str:
    """Return the page that leads to the others, with what each notebook took."""
    template = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True)
    return template.get_template("run.html.j2").render(
        rows=sorted(map(_row, results), key=lambda row: row["facts"].number),
        date=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        source=os.environ.get("ARCHIVES", "auto"),
    )


def _row(result: Result) -> dict[str, Any]:
    (source,) = sources([result.name])
    return {"result": result, "facts": walkthrough(source), "title": title(read_source(source))}
