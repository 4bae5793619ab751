"""JupyterLab: what `make lab` sets up, and that saving changes nothing."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.process import BaseProcess
from pathlib import Path

import jupytext
import pytest
from jupyter_server.services.contents.largefilemanager import LargeFileManager
from jupytext.sync_contentsmanager import build_sync_jupytext_contents_manager_class
from nbformat.sign import MemorySignatureStore, NotebookNotary
from replicas import ROOT

from helpers import figures
from tools import open_lab
from tools.notebook_files import NOTEBOOKS, is_notebook, sources
from tools.open_lab import FIRST_PAGE, write_settings

ContentsManager = build_sync_jupytext_contents_manager_class(LargeFileManager)


@pytest.mark.parametrize("name", [source.name for source in sources([])])
def test_saving_an_unchanged_notebook_changes_no_line(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    shutil.copytree(NOTEBOOKS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    # The usual store is a database among the user's files, which stays open.
    notary = NotebookNotary(store_factory=MemorySignatureStore)
    manager = ContentsManager(root_dir=str(folder), notary=notary)
    model = manager.get(name, type="notebook", content=True)
    # JupyterLab writes the name of the kernel that it started.
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    model["content"]["metadata"]["kernelspec"] = kernel
    manager.save(model, name)
    for path in (folder / name, (folder / name).with_suffix(".ipynb")):
        assert path.read_text() == (NOTEBOOKS / path.name).read_text()


def test_the_first_page_is_there_and_links_to_every_notebook() -> None:
    page = NOTEBOOKS / FIRST_PAGE
    assert not is_notebook(page)
    for source in sources([]):
        assert f"({source.name})" in page.read_text(encoding="utf-8")


def test_the_first_page_opens_without_a_question() -> None:
    """A page without a kernel opens with a dialog, over what the reader shall click."""
    page = jupytext.read(NOTEBOOKS / FIRST_PAGE)
    assert page.metadata["kernelspec"]["name"] == "python3"
    assert [cell.cell_type for cell in page.cells] == ["markdown"]


def test_no_worker_is_left_beside_jupyterlab(tmp_path: Path) -> None:
    def make() -> None:
        pool = ProcessPoolExecutor(1)
        pool.submit(int).result()
        pool.shutdown(wait=False)

    left: list[list[BaseProcess]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(open_lab, "make_data", make)
        patch.setattr(open_lab, "SETTINGS", tmp_path / "overrides.json")
        patch.setenv("ARCHIVES", "replica")
        patch.setattr("os.execv", lambda *_: left.append(multiprocessing.active_children()))
        open_lab.main([])
    assert left == [[]]


def test_settings_of_others_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "settings" / "overrides.json"
    write_settings(file)
    settings = json.loads(file.read_text()) | {"theirs": {"kept": True}}
    file.write_text(json.dumps(settings))
    write_settings(file)
    written = json.loads(file.read_text())
    assert written["theirs"] == {"kept": True}
    viewers = written["@jupyterlab/docmanager-extension:plugin"]["defaultViewers"]
    assert viewers == {"markdown": "Jupytext Notebook"}


def test_under_a_jupyter_server_a_figure_is_html_with_alt_text() -> None:
    html = figures._html(b"picture", 'a "bright" spot')
    assert html.startswith('<img alt="a &quot;bright&quot; spot" width="640" src="data:image/png')


def test_make_lab_opens_it() -> None:
    assert "\t$(BIN)/python -m tools.open_lab\n" in (ROOT / "Makefile").read_text()
