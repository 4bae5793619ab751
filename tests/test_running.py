"""The main job: run the notebooks, name what failed, record what it cost."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from tqdm import tqdm

from tools import run_notebooks, run_record
from tools.execution import Result, Section, execute, run
from tools.notebook_files import sources, walkthroughs
from tools.pages import index_page
from tools.run_notebooks import main, table, write
from tools.run_record import over_budget, runtime_sentences, write_record

FIRST = (
    "import sys; sys.path.insert(0, '..')\n"
    "import requests\n"
    "from helpers import Transfer\n"
    "run = Transfer().start()"
)
ASK = "requests.get('https://nasa-heasarc.s3.amazonaws.com/?list-type=2&delimiter=/').status_code"


def notebook(*cells: str) -> nbformat.NotebookNode:
    return new_notebook(
        cells=[
            new_markdown_cell(cell) if cell.startswith("#") else new_code_cell(cell)
            for cell in cells
        ]
    )


def executed(*cells: str) -> Result:
    with tqdm(disable=True) as bar:
        return run("made", notebook(*cells), bar)


def test_each_section_has_its_own_cost() -> None:
    result = executed("# Title", FIRST, "## One", ASK, "## Two", "1 + 1", "## Three", ASK, ASK)
    assert not result.failure
    assert [section.title for section in result.sections] == ["", "One", "Two", "Three"]
    assert [section.requests for section in result.sections] == [0, 1, 0, 2]
    assert result.requests == 3
    assert result.bytes == sum(section.bytes for section in result.sections) > 0
    assert result.peak_memory > 10_000_000
    assert result.cells == 5


def test_a_text_that_came_in_two_pieces_is_stored_as_one() -> None:
    made = notebook("import time; print('one', flush=True); time.sleep(0.5); print('two')")
    with tqdm(disable=True) as bar:
        assert not run("made", made, bar).failure
    assert [output.text for output in made.cells[0].outputs] == ["one\ntwo\n"]


def test_a_failing_cell_is_named_with_its_error() -> None:
    result = executed(FIRST, "## One", "x = 1", "x / 0  # here", "x = 2")
    assert result.failure == "cell 3 (x / 0  # here): ZeroDivisionError: division by zero"
    assert result.cells == 3
    assert "made, cell 3" in table([result])
    assert "FAILED" in table([result])


def test_a_dead_kernel_is_named() -> None:
    result = executed("import os; os._exit(1)")
    assert result.failure.startswith("cell 1 (import os; os._exit(1)): DeadKernelError")


def test_a_run_that_is_stopped_ends_its_kernel_at_once() -> None:
    async def stop_amid_a_cell() -> float:
        made = notebook("print('here', flush=True); import time; time.sleep(60)")
        with tqdm(disable=True) as bar:
            task = asyncio.create_task(execute("made", made, bar))
            while not made.cells[0].get("outputs"):
                await asyncio.sleep(0.1)
            began = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        return time.monotonic() - began

    before = set(psutil.Process().children())
    assert asyncio.run(stop_amid_a_cell()) < 4  # a kernel that is asked to end is given 5 s
    assert set(psutil.Process().children()) == before


def test_a_typo_lists_the_notebooks_there_are(capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["irsa_alwise"])
    assert caught.value.code == 2
    names = ", ".join(source.stem for source in sources([]))
    assert f"there are {names}" in capsys.readouterr().err


def test_pages_that_cannot_be_written_are_told_before_anything_runs(
    monkeypatch, tmp_path: Path, capsys
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(run_notebooks, "BUILD", tmp_path / "file" / "build")
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 1
    message = f"cannot write pages to {tmp_path / 'file' / 'build'}: Not a directory\n"
    assert capsys.readouterr().err == message


def test_help_says_what_can_be_run(capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    assert "notebooks to run (default: all)" in capsys.readouterr().out


def result(**changes: object) -> Result:
    facts = {
        "name": "irsa_allwise",
        "cells": 3,
        "seconds": 2.0,
        "requests": 5,
        "bytes": 10_000_000,
        "peak_memory": 100,
        "sections": [Section("One", 1.0, 5, 10_000_000)],
    }
    return Result(**(facts | changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"requests": 1000}, "1000 requests"),
        ({"bytes": 10**9}, "1000.0 MB"),
    ],
)
def test_a_budget_of_requests_and_bytes_holds(changes, said: str) -> None:
    assert said in over_budget(result(**changes))
    assert bool(said) == bool(over_budget(result(**changes)))


def test_the_record_holds_what_its_description_says(tmp_path: Path) -> None:
    write_record(tmp_path / "run.json", [result()], {"files": 2, "seconds": 1.5}, 7.5)
    record = json.loads((tmp_path / "run.json").read_text())
    assert all(f"``{name}``" in run_record.__doc__ for name in record)
    assert record["source"] == "replica"
    assert record["seconds"] == 7.5
    assert record["versions"]["astropy"]
    (item,) = record["notebooks"]
    assert item["sections"] == [
        {"title": "One", "seconds": 1.0, "requests": 5, "bytes": 10_000_000}
    ]


def test_the_readme_says_what_the_records_say() -> None:
    """Run ``python -m tools.run_record`` if it does not."""
    records = {
        name: json.loads((run_record.RECORDS / f"run-{name}.json").read_text())
        for name in run_record.KEPT
    }
    page = (run_record.ROOT / "README.md").read_text(encoding="utf-8")
    assert runtime_sentences(records["cold"], records["warm"]) in page
    assert run_record.notebook_table() in page
    versions = (records[name] for name in ("oldest-live", "oldest", "warm"))
    assert run_record.version_table(*versions) in page


def test_pages_need_no_network_and_keep_alt_text(tmp_path: Path) -> None:
    made = notebook("# Title", "1 + 1")
    picture = {"image/png": "iVBORw0KGgo="}
    output = nbformat.v4.new_output(
        "display_data", picture, metadata={"image/png": {"alt": 'a "dot"'}}
    )
    made.cells[1].outputs = [output]
    write("made", made, tmp_path)
    page = (tmp_path / "made.html").read_text(encoding="utf-8")
    assert """<img alt='a "dot"'""" in page
    assert 'src="http' not in page
    assert "<title>Title</title>" in page
    assert (tmp_path / "made.ipynb").exists()


def test_the_index_leads_to_each_page_and_says_what_failed() -> None:
    page = index_page([result(), result(name="rosat_events", failure="cell 3: <Error>")])
    for name, facts in walkthroughs().items():
        assert (f'href="{name}.html"' in page) == (name in ("irsa_allwise", "rosat_events"))
        assert (facts.lesson.split(",")[0] in page) == (f"{name}.html" in page)
    assert "10.0" in page
    assert "cell 3: &lt;Error&gt;" in page
    assert "all data are simulated" in page
