"""Execute the notebooks on the replica and write their outputs into the paired ``.ipynb``.

``python -m tools.pair_notebooks [NAME ...]``; run again it changes nothing: an output that
differs only in what must vary (``notebooks/outputs_that_vary.cfg``), and a figure that another
machine rounded differently, stay as they were.  So do the outputs of a cell with the tag
``nbval-ignore-output``, which shows measured seconds, while its source is the same.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import nbformat
from ipykernel.ipkernel import IPythonKernel
from nbformat import NotebookNode
from tqdm import tqdm

from tools.execution import run
from tools.notebook_files import code_cells, pair_of, read_source, sources
from tools.outputs import same_outputs
from tools.run_notebooks import make_data

#: Written when a pair is out of step, and by the tests that find it so.
COMMAND = "make notebooks"
#: Tag of cells whose outputs are different in each run.
VARIES = "nbval-ignore-output"


def main(arguments: list[str] | None = None) -> int:
    """Pair the named notebooks, or all; return 1 if a cell failed."""
    parser = argparse.ArgumentParser(prog="python -m tools.pair_notebooks", description=__doc__)
    parser.add_argument("name", nargs="*", help="notebooks to pair (default: all)")
    options = parser.parse_args(arguments)
    os.environ["ARCHIVES"] = "replica"
    make_data()
    failures = [failure for source in sources(options.name) if (failure := pair(source))]
    sys.stderr.writelines(failures)
    return 1 if failures else 0


def pair(source: Path) -> str:
    """Execute one source and write its pair; return the failure, if there is one."""
    notebook = read_source(source)
    with tqdm(total=len(code_cells(notebook)), desc=source.stem, unit="cell") as bar:
        result = run(source.stem, notebook, bar)
    if result.failure:
        return f"{source.name}, {result.failure}\n"
    # What JupyterLab would write, so that saving an unchanged notebook changes no line.
    notebook.metadata["language_info"] = dict(IPythonKernel.language_info)
    notebook.metadata["jupytext"].pop("text_representation", None)
    if pair_of(source).exists():
        _keep_what_is_equal(notebook, nbformat.read(pair_of(source), as_version=4))
    nbformat.write(notebook, pair_of(source))
    return ""


def _keep_what_is_equal(new: NotebookNode, old: NotebookNode) -> None:
    # Its version would make a difference between machines that is none.
    kernel = old.metadata.get("language_info", new.metadata["language_info"])
    new.metadata["language_info"] = kernel
    for cell, before in zip(code_cells(new), code_cells(old), strict=False):
        if _is_only_timed(cell, before) or same_outputs(cell.outputs, before.outputs):
            cell.outputs = before.outputs


def _is_only_timed(cell: NotebookNode, before: NotebookNode) -> bool:
    timed = VARIES in cell.metadata.get("tags", []) and len(before.outputs) > 0
    return timed and cell.source == before.source


if __name__ == "__main__":
    raise SystemExit(main())
