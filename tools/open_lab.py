"""Open JupyterLab on the notebooks, with the replica's data made before.

``python -m tools.open_lab [OPTION ...]`` passes options on to ``jupyter lab``.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from pathlib import Path

from tools.notebook_files import NOTEBOOKS
from tools.run_notebooks import make_data

#: Where JupyterLab looks for settings that hold until the user changes them.
SETTINGS = Path(sys.prefix) / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
#: A double click on a markdown file opens it as a notebook, which jupytext can; its kernel
#: starts without a question, and no news are fetched from the network.
OURS: dict[str, dict[str, object]] = {
    "@jupyterlab/docmanager-extension:plugin": {
        "defaultViewers": {"markdown": "Jupytext Notebook"}
    },
    "@jupyterlab/notebook-extension:tracker": {"autoStartDefaultKernel": True},
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
}
FIRST_PAGE = "start.md"


def main(options: list[str]) -> None:
    """Make the data, then become JupyterLab."""
    os.environ.setdefault("ARCHIVES", "replica")
    if os.environ["ARCHIVES"] == "replica":
        make_data()
        _wait_for_workers()
    write_settings(SETTINGS)
    command = [sys.executable, "-m", "jupyterlab", str(NOTEBOOKS)]
    os.execv(sys.executable, [*command, f"--LabApp.default_url=/lab/tree/{FIRST_PAGE}", *options])


def _wait_for_workers() -> None:
    """Let what made the data end: JupyterLab, in this process's place, would keep it for ever."""
    for worker in multiprocessing.active_children():
        worker.join()


def write_settings(file: Path) -> None:
    """Add ours to a file of settings, which may exist and hold others."""
    settings = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(settings | OURS, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
