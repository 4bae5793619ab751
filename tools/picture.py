"""Put the figures of the Crab Nebula in all archives side by side, for the README.

``python -m tools.picture`` reads the paired notebook, so the picture is one that a run made.
"""

from __future__ import annotations

import base64
import io

import nbformat
from PIL import Image

from tools.notebook_files import NOTEBOOKS, ROOT, code_cells

PICTURE = ROOT / "docs" / "crab.jpg"
#: The notebook whose figures are shown, and which of them.
SHOWN = "crab_multiwavelength", (1, 0)
HEIGHT = 640
GAP = 20


def main() -> None:
    """Write the picture."""
    name, numbers = SHOWN
    panels = [_as_high_as_all(figures(name)[number]) for number in numbers]
    width = sum(panel.width + GAP for panel in panels) - GAP
    picture = Image.new("RGB", (width, HEIGHT), "white")
    left = 0
    for panel in panels:
        picture.paste(panel, (left, 0))
        left += panel.width + GAP
    picture.save(PICTURE, quality=90, optimize=True)


def _as_high_as_all(panel: Image.Image) -> Image.Image:
    width = round(panel.width * HEIGHT / panel.height)
    return panel.resize((width, HEIGHT), Image.Resampling.LANCZOS)


def figures(name: str) -> list[Image.Image]:
    """Return the figures of a paired notebook, in their order."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    outputs = [output.get("data", {}) for cell in code_cells(notebook) for output in cell.outputs]
    pictures = [base64.b64decode(data["image/png"]) for data in outputs if "image/png" in data]
    return [Image.open(io.BytesIO(picture)).convert("RGB") for picture in pictures]


if __name__ == "__main__":
    main()
