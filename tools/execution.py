"""Execute a notebook, and measure what each of its sections cost."""

from __future__ import annotations

import ast
import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

from jupyter_core.utils import ensure_async
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from tqdm import tqdm
from traitlets.config import Config

from tools.notebook_files import NOTEBOOKS, code_cells

#: Longest time for one cell, seconds: data may have to be made first.
CELL_TIMEOUT = 300
#: What is asked of the kernel: the notebook's own count, and its memory so far.
_COUNTS = {"cost": "(run.requests, run.bytes)"}
# Linux counts in KiB, macOS in bytes (getrusage(2) of each).
_MEMORY = {
    "cost": "(__import__('resource').getrusage(0).ru_maxrss"
    " * (1 if __import__('sys').platform == 'darwin' else 1024),)"
}


@dataclass(frozen=True)
class Section:
    """What the cells below one heading cost.

    Attributes
    ----------
    title : str
        The heading; empty for what stands before the first one.
    seconds : float
        Time on the clock.
    requests, bytes : int
        What the notebook's own `helpers.Transfer` counted.
    """

    title: str
    seconds: float
    requests: int
    bytes: int


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
        From the start of the kernel to its end.
    requests, bytes : int
        What the notebook's own `helpers.Transfer` counted.
    peak_memory : int
        Largest resident size of the kernel, bytes.
    sections : list of Section
        The same, section by section.
    failure : str
        Cell and error, or empty.
    """

    name: str
    cells: int
    seconds: float
    requests: int
    bytes: int
    peak_memory: int
    sections: list[Section]
    failure: str = ""


def run(name: str, notebook: NotebookNode, bar: tqdm) -> Result:
    """Start a kernel, execute a notebook in place and return what became of it."""
    return asyncio.run(execute(name, notebook, bar))


async def execute(name: str, notebook: NotebookNode, bar: tqdm) -> Result:
    """Do the same in an event loop, where others may be executed beside it."""
    began, failure = time.monotonic(), ""
    memory: tuple[int, ...] = (0,)
    sections: list[Section] = []
    async with _kernel(notebook, bar) as client:
        try:
            async for number in _in_sections(client, notebook, sections):
                await client.async_execute_cell(notebook.cells[number], number)
            memory = await _ask(client, _MEMORY)
        except CellExecutionError as error:
            failure = f"cell {_place(notebook, number)}: {error.ename}: {error.evalue}"
        except (CellTimeoutError, DeadKernelError) as error:
            task = asyncio.current_task()
            if task and task.cancelling():  # nbclient takes that for a kernel that died
                raise asyncio.CancelledError from None
            failure = f"cell {_place(notebook, number)}: {type(error).__name__}: {error}"
    return Result(
        name=name,
        cells=sum(cell.execution_count is not None for cell in code_cells(notebook)),
        seconds=time.monotonic() - began,
        requests=sum(section.requests for section in sections),
        bytes=sum(section.bytes for section in sections),
        peak_memory=memory[0],
        sections=sections,
        failure=failure,
    )


@asynccontextmanager
async def _kernel(notebook: NotebookNode, bar: tqdm) -> AsyncIterator[NotebookClient]:
    """Start a kernel, and end it whatever happens; nbclient would take Ctrl-C for itself."""
    with TemporaryDirectory(prefix="kernel-") as sockets:
        client = _client(notebook, sockets, bar)
        manager: Any = client.create_kernel_manager()
        client.km, in_haste = manager, True
        try:
            await client.async_start_new_kernel()
            await client.async_start_new_kernel_client()
            yield client
            in_haste = False
        finally:
            if client.kc is not None:
                client.kc.stop_channels()
            await ensure_async(manager.shutdown_kernel(now=in_haste))


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
        # Where a stream was cut into pieces depends on the machine.
        coalesce_streams=True,
    )


async def _in_sections(
    client: NotebookClient, notebook: NotebookNode, sections: list[Section]
) -> AsyncIterator[int]:
    """Yield the numbers of all cells; add a section to the list wherever one ends."""
    title, began = "", time.monotonic()
    before: tuple[int, ...] = (0, 0)
    for number, cell in enumerate([*notebook.cells, None]):
        heading = _heading(cell)
        if heading is not None:
            now, counts = time.monotonic(), await _ask(client, _COUNTS)
            spent = (after - earlier for after, earlier in zip(counts, before, strict=True))
            sections.append(Section(title, now - began, *spent))
            title, began, before = heading, now, counts
        if cell is not None:
            yield number


def _heading(cell: NotebookNode | None) -> str | None:
    """The heading of a section that begins with this cell; None where none does."""
    if cell is None:
        return ""
    lines = cell.source.splitlines() if cell.cell_type == "markdown" else []
    return next((line.removeprefix("## ") for line in lines if line.startswith("## ")), None)


async def _ask(client: NotebookClient, expression: dict[str, str]) -> tuple[int, ...]:
    """Evaluate an expression in the kernel; zeros while it cannot be."""
    kernel: Any = client.kc
    reply = await ensure_async(
        kernel.execute_interactive("", user_expressions=expression, silent=True, timeout=30)
    )
    answer = reply["content"]["user_expressions"]["cost"]
    return ast.literal_eval(answer["data"]["text/plain"]) if answer["status"] == "ok" else (0, 0)


def _place(notebook: NotebookNode, index: int) -> str:
    """Number among the code cells, and the first line, of the cell at an index."""
    number = len(code_cells(NotebookNode(cells=notebook.cells[: index + 1])))
    return f"{number} ({notebook.cells[index].source.splitlines()[0]})"
