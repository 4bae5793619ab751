"""Put the notebooks' figures of the Crab Nebula side by side, for the README.

``python -m tools.picture`` reads the paired notebooks, so the picture is one that a run made.
"""

from __future__ import annotations

import base64
import io

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
        panel = figures(name)[facts.figure_in_readme]
        panel.thumbnail(PANEL_SIZE, Image.Resampling.LANCZOS)
        column, row = place % 2, place // 2
        picture.paste(panel, (column * (width + GAP), row * (height + GAP)))
    picture.quantize(256).save(PICTURE, optimize=True)


def figures(name: str) -> list[Image.Image]:
    """Return the figures of a paired notebook, in their order."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    outputs = [output.get("data", {}) for cell in code_cells(notebook) for output in cell.outputs]
    pictures = [base64.b64decode(data["image/png"]) for data in outputs if "image/png" in data]
    return [Image.open(io.BytesIO(picture)).convert("RGB") for picture in pictures]


if __name__ == "__main__":
    main()
