"""Execute the notebooks, write pages of them, and say what each of them cost.

``python -m tools.run_notebooks [NAME ...]``; the source is chosen by ``ARCHIVES``, which is
``replica`` here unless it is set.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile

import nbformat
from nbformat import NotebookNode
from tqdm import tqdm

from helpers.connection import PROBES, TIMEOUT, silent_archives
from tools.execution import Result, execute
from tools.notebook_files import ROOT, code_cells, data_patterns, read_source, sources
from tools.pages import index_page, notebook_page
from tools.run_record import over_budget, write_record

BUILD = ROOT / "build"
#: Notebooks that run at a time.  Kernel and replica wait for each other, so one leaves a core idle.
_AT_ONCE = 2
_NO_NETWORK = (
    f"no archive answers within {TIMEOUT:.0f} s, so the pages in {BUILD} stay as they are; "
    "without a network, run the notebooks on the replica: make run"
)


def main(arguments: list[str] | None = None) -> int:
    """Run the named notebooks, or all; return 1 if one failed."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.run_notebooks", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("name", nargs="*", help="notebooks to run (default: all)")
    options = parser.parse_args(arguments)
    try:
        paths = sources(options.name)
    except FileNotFoundError as error:
        parser.error(str(error))
    os.environ.setdefault("ARCHIVES", "replica")
    if os.environ["ARCHIVES"] == "live" and len(silent_archives()) == len(PROBES):
        parser.exit(1, f"{_NO_NETWORK}\n")
    try:
        _make_folder()
    except OSError as error:
        parser.exit(1, f"cannot write pages to {BUILD}: {error.strerror}\n")
    try:
        return _run(paths)
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; what is in build/ may be of an earlier run\n")
        return 130


def _make_folder() -> None:
    """Make the folder of the pages, and see whether a file can be written there."""
    BUILD.mkdir(exist_ok=True)
    TemporaryFile(dir=BUILD).close()


def _run(paths: list[Path]) -> int:
    began = time.monotonic()
    data = make_data() if os.environ["ARCHIVES"] == "replica" else {"files": 0, "seconds": 0}
    results = asyncio.run(run_all(paths, BUILD))
    write_record(BUILD / "run.json", results, data, time.monotonic() - began)
    (BUILD / "index.html").write_text(index_page(results), encoding="utf-8")
    sys.stdout.write(table(results))
    return 1 if any(result.failure for result in results) else 0


def make_data() -> dict[str, float]:
    """Make the replica's files that the notebooks read; return how many and the seconds."""
    from replica.storage.build import build, missing

    patterns = data_patterns()
    files, began = len(missing(patterns)), time.monotonic()
    build(patterns)
    return {"files": files, "seconds": round(time.monotonic() - began, 1)}


async def run_all(paths: list[Path], folder: Path) -> list[Result]:
    """Run notebooks, two at a time; executed notebooks and pages go into `folder`."""
    notebooks = {path.stem: read_source(path) for path in paths}
    total = sum(len(code_cells(notebook)) for notebook in notebooks.values())
    turns, running = asyncio.Semaphore(_AT_ONCE), dict[str, None]()
    with (
        tqdm(total=total, desc="running notebooks", unit="cell") as bar,
        ThreadPoolExecutor(1) as writer,
    ):

        async def run(name: str, notebook: NotebookNode) -> Result:
            async with turns:
                running[name] = None
                bar.set_postfix_str(", ".join(running))
                result = await execute(name, notebook, bar)
                del running[name]
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(writer, write, name, notebook, folder)
            return replace(result, failure=result.failure or over_budget(result))

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run(*each)) for each in notebooks.items()]
    return [task.result() for task in tasks]


def write(name: str, notebook: NotebookNode, folder: Path) -> None:
    """Write the executed notebook and an HTML page of it that needs no network."""
    nbformat.write(notebook, folder / f"{name}.ipynb")
    (folder / f"{name}.html").write_text(notebook_page(notebook), encoding="utf-8")


def table(results: list[Result]) -> str:
    """Format results as a table, failures behind it."""
    head = f"{'notebook':20}{'cells':>6}{'seconds':>9}{'requests':>10}{'MB':>9}  result\n"
    rows = [
        f"{result.name:20}{result.cells:6}{result.seconds:9.1f}{result.requests:10}"
        f"{result.bytes / 1e6:9.1f}  {'FAILED' if result.failure else 'ok'}\n"
        for result in results
    ]
    failures = [f"{result.name}, {result.failure}\n" for result in results if result.failure]
    return "\n" + head + "".join(rows) + "".join(failures) + "pages: build/index.html\n"


if __name__ == "__main__":
    raise SystemExit(main())
