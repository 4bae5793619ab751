"""Execute the notebooks, write pages of them, and say what each of them cost.

``python -m tools.run_notebooks [NAME ...]``; the world is chosen by ``ARCHIVES``, which is
``replica`` here unless it is set.
"""

from __future__ import annotations

import argparse
import ast
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from tqdm import tqdm
from traitlets.config import Config

from tools.notebook_files import NOTEBOOKS, ROOT, code_cells, read_source, sources

BUILD = ROOT / "build"
#: Longest time for one cell, seconds: data may have to be made first.
CELL_TIMEOUT = 300
#: Keys of the files that the notebooks read, made before they run so that a bar can show it.
DATA = (
    "*0830p227_ac51/*",
    "*1784.059.stk.?.unconv.fits",
    "*acisf*cntr_img2.fits.gz",
    "rosat/*",
)


@dataclass(frozen=True)
class Result:
    """What became of a notebook.

    Attributes
    ----------
    name : str
        The notebook's name.
    cells : int
        Code cells that ran.
    seconds : float
        From the kernel's start to its end.
    requests, bytes : int
        What the notebook's own `helpers.Transfer` counted; -1 if it did not come so far.
    failure : str
        Cell and error, or empty.
    """

    name: str
    cells: int
    seconds: float
    requests: int
    bytes: int
    failure: str = ""


def main(arguments: list[str] | None = None) -> int:
    """Run the named notebooks, or all; return 1 if a cell failed."""
    parser = argparse.ArgumentParser(prog="python -m tools.run_notebooks", description=__doc__)
    parser.add_argument("name", nargs="*", help="notebooks to run (default: all)")
    options = parser.parse_args(arguments)
    try:
        paths = sources(options.name)
    except FileNotFoundError as error:
        parser.error(str(error))
    os.environ.setdefault("ARCHIVES", "replica")
    if os.environ["ARCHIVES"] == "replica":
        make_data()
    results = run_all(paths, BUILD)
    sys.stdout.write(table(results))
    return 1 if any(result.failure for result in results) else 0


def make_data() -> None:
    """Make the replica's files that the notebooks read, with a progress bar."""
    from replica.build import build

    build(list(DATA))


def run_all(paths: list[Path], folder: Path) -> list[Result]:
    """Run notebooks one after the other; executed notebooks and pages go into `folder`."""
    folder.mkdir(exist_ok=True)
    notebooks = {path: read_source(path) for path in paths}
    total = sum(len(code_cells(notebook)) for notebook in notebooks.values())
    results = []
    with tqdm(total=total, desc="running notebooks", unit="cell") as bar:
        for path, notebook in notebooks.items():
            bar.set_postfix_str(path.stem)
            results.append(run(path.stem, notebook, bar))
            write(path.stem, notebook, folder)
    return results


def run(name: str, notebook: NotebookNode, bar: tqdm) -> Result:
    """Execute a notebook in place and return what became of it."""
    began, failure, cost = time.monotonic(), "", (-1, -1)
    with TemporaryDirectory(prefix="kernel-") as sockets:
        client = _client(notebook, sockets, bar)
        with client.setup_kernel():
            try:
                for number, cell in enumerate(notebook.cells):
                    client.execute_cell(cell, number)
                cost = _cost(client)
            except CellExecutionError as error:
                failure = f"cell {_number(notebook, number)}: {error.ename}: {error.evalue}"
            except (CellTimeoutError, DeadKernelError) as error:
                failure = f"cell {_number(notebook, number)}: {type(error).__name__}: {error}"
    cells = sum(cell.execution_count is not None for cell in code_cells(notebook))
    return Result(name, cells, time.monotonic() - began, *cost, failure)


def _client(notebook: NotebookNode, sockets: str, bar: tqdm) -> NotebookClient:
    # Sockets in a folder of our own: nobody else on the machine can reach the kernel.
    manager = {"transport": "ipc", "ip": f"{sockets}/kernel"}
    return NotebookClient(
        notebook,
        config=Config(KernelManager=manager),
        kernel_name="python3",
        timeout=CELL_TIMEOUT,
        resources={"metadata": {"path": str(NOTEBOOKS)}},
        on_cell_executed=lambda **_: bar.update(),
        record_timing=False,
    )


def _number(notebook: NotebookNode, index: int) -> str:
    """Number among the code cells, and the first line, of the cell at an index."""
    number = len(code_cells(NotebookNode(cells=notebook.cells[: index + 1])))
    return f"{number} ({notebook.cells[index].source.splitlines()[0]})"


def _cost(client: NotebookClient) -> tuple[int, int]:
    """Ask the kernel for the requests and bytes of the notebook's variable ``run``."""
    asked = {"cost": "(run.requests, run.bytes)"}
    ask = run_sync(client.kc.execute_interactive)
    reply = ask("", user_expressions=asked, silent=True, timeout=30)
    cost = reply["content"]["user_expressions"]["cost"]
    return ast.literal_eval(cost["data"]["text/plain"]) if cost["status"] == "ok" else (-1, -1)


def write(name: str, notebook: NotebookNode, folder: Path) -> None:
    """Write the executed notebook and an HTML page of it that needs no network."""
    nbformat.write(notebook, folder / f"{name}.ipynb")
    exporter = HTMLExporter(
        template_name="page_template",
        extra_template_basedirs=[str(Path(__file__).parent)],
        mathjax_url="",
        require_js_url="",
        jquery_url="",
    )
    body, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": name}})
    (folder / f"{name}.html").write_text(body, encoding="utf-8")


def table(results: list[Result]) -> str:
    """Format results as a table, failures behind it."""
    head = f"{'notebook':20}{'cells':>6}{'seconds':>9}{'requests':>10}{'MB':>9}  result\n"
    rows = [
        f"{result.name:20}{result.cells:6}{result.seconds:9.1f}{max(result.requests, 0):10}"
        f"{max(result.bytes, 0) / 1e6:9.1f}  {'FAILED' if result.failure else 'ok'}\n"
        for result in results
    ]
    failures = [f"{result.name}, {result.failure}\n" for result in results if result.failure]
    return "\n" + head + "".join(rows) + "".join(failures)


if __name__ == "__main__":
    raise SystemExit(main())
