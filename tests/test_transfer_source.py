"""What the source of a script says of a line that reads."""

from __future__ import annotations

import ast

import pytest

from helpers.transfer.source_code import Source


def source(code: str) -> Source:
    return Source(ast.parse(code))


@pytest.mark.parametrize(
    "code",
    [
        "x = hdus[1].data[10:20, 10:20]",
        "x = hdus[1].data.astype(float)[10:20]",
        "c = Cutout2D(hdus[0].data, pos, size, wcs=w)",
        "c = Cutout2D(data=hdus[0].data, position=pos, size=3)",
        "d = hdus[0].data\nprint(d.shape)\nc = Cutout2D(d, p, 3)",
        "d = fits.getdata(u)\nc = d[1:3, 4:5]",
        "d, h = fits.getdata(u, header=True)\nc = d[1:3]",
        "r = f(hdus[0].data)\ndef f(image):\n    return image[1:3]",
        "r = f(1, image=hdus[0].data)\ndef f(n, image):\n    return image[n:3]",
        "for u in us: d = fits.getdata(u); c = d[1:3]",
    ],
)
def test_a_part_is_seen(code: str) -> None:
    assert source(code).takes_part(1)


@pytest.mark.parametrize(
    "code",
    [
        "x = hdus[1].data",
        "x = hdus[1].data[:]",
        "x = hdus[1].data[10]",
        "x = hdus[1].data['flux'][3:5]",
        "x = hdus[1].header['NAXIS']",
        "d = hdus[0].data\nprint(d.sum())\nc = Cutout2D(d, p, 3)",
        "d = hdus[0].data\nc = [Cutout2D(d, p, 3) for p in positions]",
        "d = hdus[0].data\ne = d\nc = d[1:3]",
        "r = f(hdus[0].data)\ndef f(image):\n    return f(image)",
        "r = g(hdus[0].data)",
        "r = f(hdus[0].data, 1)\ndef f(*images):\n    return images[1:3]",
        "table.data = 3",
    ],
)
def test_all_is_taken_as_far_as_one_can_see(code: str) -> None:
    assert not source(code).takes_part(1)


@pytest.mark.parametrize(
    ("code", "number", "expected"),
    [
        ("for x in xs:\n    read(x)", 2, 1),
        ("for x in xs:\n    for y in ys:\n        read(x)", 3, 2),
        ("for x in read():\n    pass", 1, 0),
        ("r = [read(x) for x in xs]", 1, 1),
        ("r = list(map(read, xs))", 1, 1),
        ("while more:\n    read()", 2, 1),
        ("read()", 1, 0),
    ],
)
def test_loops_around_a_line_are_counted(code: str, number: int, expected: int) -> None:
    assert len(source(code).loops(number)) == expected
