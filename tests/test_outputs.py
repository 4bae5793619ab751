"""What two runs of a notebook may differ in: what must vary, and how a machine rounds."""

from __future__ import annotations

import base64
import io

import nbformat
import numpy as np
import pytest
from PIL import Image

from tools.outputs import COLOUR_TOLERANCE, PIXEL_TOLERANCE, same_outputs

RANDOM = np.random.default_rng(1)
PIXELS = RANDOM.integers(0, 200, (100, 120, 3), dtype=np.uint8)


def stream(text: str) -> list[nbformat.NotebookNode]:
    return [nbformat.v4.new_output("stream", text=text)]


def figure(pixels: np.ndarray, alt: str = "The Crab Nebula.") -> list[nbformat.NotebookNode]:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    data = {"image/png": base64.b64encode(file.getvalue()).decode(), "text/plain": alt}
    return [nbformat.v4.new_output("display_data", data, metadata={"image/png": {"alt": alt}})]


def changed(count: int, step: int) -> np.ndarray:
    """The picture with that many pixels brighter by a step."""
    pixels = PIXELS.copy()
    pixels.reshape(-1, 3)[:count] += np.uint8(step)
    return pixels


ALLOWED = int(PIXELS.size / 3 * PIXEL_TOLERANCE)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2 requests, 3.87 MB, 12.05 s", True),
        ("3 requests, 3.87 MB, 0.17 s", False),
        ("2 requests, 3.88 MB, 0.17 s", False),
    ],
)
def test_of_texts_only_what_must_vary_is_ignored(text: str, same: bool) -> None:
    assert same_outputs(stream("2 requests, 3.87 MB, 0.17 s"), stream(text)) == same


def test_a_text_among_the_errors_is_another_text() -> None:
    errors = [nbformat.v4.new_output("stream", name="stderr", text="two\n")]
    assert not same_outputs(stream("one\ntwo\n"), [*stream("one\n"), *errors])


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (figure(PIXELS), True),
        (figure(changed(ALLOWED, COLOUR_TOLERANCE)), True),
        (figure(changed(ALLOWED + 1, COLOUR_TOLERANCE)), False),
        (figure(changed(1, COLOUR_TOLERANCE + 1)), False),
        (figure(PIXELS[:-1]), False),
        (figure(PIXELS, alt="Another nebula."), False),
        (stream("no figure"), False),
        ([], False),
        (figure(PIXELS) * 2, False),
    ],
    ids=[
        *("equal", "rounded", "too many pixels", "too large a step", "another shape"),
        *("another alt text", "no figure", "nothing", "two figures"),
    ],
)
def test_a_figure_may_differ_by_how_a_machine_rounds(other: list, same: bool) -> None:
    assert same_outputs(figure(PIXELS), other) == same
