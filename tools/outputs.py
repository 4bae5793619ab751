"""Compare the outputs of two runs of a notebook: text exactly, figures within a tolerance."""

from __future__ import annotations

import base64
import io
import json
import re
from configparser import ConfigParser

import numpy as np
from nbformat import NotebookNode
from PIL import Image

from tools.notebook_files import NOTEBOOKS

PNG = "image/png"
#: Machines round differently in the last digit, which may move a pixel to the next colour of
#: the map.  Two such steps are allowed in one pixel of a thousand; a changed letter is more.
COLOUR_TOLERANCE = 16
PIXEL_TOLERANCE = 1e-3


def same_outputs(one: list[NotebookNode], other: list[NotebookNode]) -> bool:
    """Whether two lists of outputs differ only in what must vary from run to run."""
    pictures = list(zip(_pictures(one), _pictures(other), strict=False))
    return sanitised(one) == sanitised(other) and all(same_picture(*pair) for pair in pictures)


def same_picture(one: bytes, other: bytes) -> bool:
    """Whether two PNG files show the same, but for pixels that were rounded differently."""
    if one == other:
        return True
    first, second = _pixels(one), _pixels(other)
    if first.shape != second.shape:
        return False
    steps = np.abs(first - second).max(axis=-1)
    return bool(steps.max() <= COLOUR_TOLERANCE and np.mean(steps > 0) <= PIXEL_TOLERANCE)


def sanitised(outputs: list[NotebookNode]) -> str:
    """Return outputs as text, without figures, in which what must vary is replaced."""
    config = ConfigParser(interpolation=None)
    config.read(NOTEBOOKS / "outputs_that_vary.cfg", encoding="utf-8")
    text = json.dumps([_without_picture(output) for output in outputs], sort_keys=True)
    for section in config.sections():
        text = re.sub(config[section]["regex"], config[section]["replace"], text)
    return text


def _without_picture(output: NotebookNode) -> dict:
    data = output.get("data", {})
    return {**output, "data": {**data, PNG: "a figure"}} if PNG in data else dict(output)


def _pictures(outputs: list[NotebookNode]) -> list[bytes]:
    found = (output.get("data", {}).get(PNG) for output in outputs)
    return [base64.b64decode(picture) for picture in found if picture]


def _pixels(picture: bytes) -> np.ndarray:
    """Red, green and blue, shape (rows, columns, 3)."""
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
