"""Put the notebooks' figures of the Crab Nebula side by side, for the README.

``python -m tools.picture`` reads the paired notebooks, so the picture is one that a run made.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import nbformat
from PIL import Image

from tools.notebook_files import NOTEBOOKS, ROOT, code_cells, walkthroughs

PICTURE = ROOT / "docs" / "crab.png"
PANEL_SIZE = (480, 390)
GAP = 20


def main() -> None:
    """Write the picture."""
    width, height = PANEL_SIZE
    picture = Image.new("RGB", (2 * width + GAP, 2 * height + GAP), "white")
    for place, (name, facts) in enumerate(walkthroughs().items()):
        panel = list(_figures(name))[facts.figure_in_readme]
        panel.thumbnail(PANEL_SIZE, Image.Resampling.LANCZOS)
        column, row = place % 2, place // 2
        picture.paste(panel, (column * (width + GAP), row * (height + GAP)))
    picture.quantize(256).save(PICTURE, optimize=True)


def _figures(name: str) -> Iterator[Image.Image]:
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if png := output.get("data", {}).get("image/png"):
                yield Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")


if __name__ == "__main__":
    main()
