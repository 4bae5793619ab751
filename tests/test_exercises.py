"""Exercises: solutions pass their checks, wrong answers do not, students see no solution."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.nddata import Cutout2D
from astropy.table import Table
from astropy.wcs import WCS
from replicas import ROOT

from tools.class_notebooks import student_version
from tools.notebook_files import NOTEBOOKS, code_cells, walkthroughs

sys.path.insert(0, str(NOTEBOOKS))
import checks

CENTRE = SkyCoord(83.63, 22.01, unit="deg")
RANDOM = np.random.default_rng(5)


def sky_wcs() -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = (CENTRE.ra.deg, CENTRE.dec.deg), (101, 101)
    wcs.wcs.cdelt = -0.5 / 3600, 0.5 / 3600
    return wcs


def cost(requests: int, moved: int) -> SimpleNamespace:
    return SimpleNamespace(requests=requests, bytes=moved)


GOOD_COSTS = {2**20: cost(7, 6_000_000), 2**18: cost(20, 5_000_000), 2**16: cost(61, 4_000_000)}
ONE_COST = cost(61, 4_000_000)


def edge(north: float = 0.75, width: float = 0.2) -> SimpleNamespace:
    """A cutout of an image of 1.564 degrees, in pixels of 1.375 arcsec."""
    wcs = sky_wcs()
    wcs.wcs.cdelt, wcs.wcs.crpix = (-1.375 / 3600, 1.375 / 3600), (2048, 2048)
    part = Cutout2D(
        np.zeros((4095, 4095), np.int8),
        CENTRE.directional_offset_by(0 * u.deg, north * u.deg),
        width * u.deg,
        wcs=wcs,
    )
    return SimpleNamespace(partial=part.shape[0] != part.shape[1], shape=part.shape, wcs=part.wcs)


IMAGE = SimpleNamespace(
    data=7.6 + 10 * np.exp(-((np.indices((100, 100)) - 50) ** 2).sum(axis=0) / 200),
    header={"MAGZP": 20.5},
)
JANSKY = checks.W1_ZERO_JANSKY * 10 ** (-0.4 * 20.5)
NET = float((IMAGE.data - np.median(IMAGE.data[:20, :20])).sum())

STACK = {"BOFFSET": 2.0, "BSOFTEN": 100.0, "EXPTIME": 560.0}
A = 2.5 * np.log10(np.e)


def encoded(flux, header):
    return A * np.arcsinh((flux - header["BOFFSET"]) / (2 * header["BSOFTEN"]))


STAR = 40.0 + 5000 * np.exp(-((np.indices((60, 60)) - 30) ** 2).sum(axis=0) / 8)
STAR_COUNTS = float((STAR - 40).sum())
MAGNITUDE = 25 + 2.5 * np.log10(560) - 2.5 * np.log10(STAR_COUNTS)

IMAGES = Table(
    {
        "obsid": ["5", "3", "9", "7"],
        "detector": ["ACIS-S", "HRC-I", "ACIS-S", "ACIS-I"],
        "time": [52000.0, 51000.0, 51500.0, 51200.0],
    }
)
COUNTS = RANDOM.poisson(3, (50, 50))


def torus() -> SimpleNamespace:
    rows, columns = np.indices((200, 200))
    return SimpleNamespace(data=10.0 + 0.05 * (columns - 100.0) + 0.02 * rows, wcs=sky_wcs())


def asymmetry(first: int, second: int) -> float:
    rows, columns = np.indices((200, 200))
    position = sky_wcs().pixel_to_world(columns, rows)
    radius, angle = CENTRE.separation(position).arcsec, CENTRE.position_angle(position).deg
    ring = (radius > 15) & (radius < 45)
    near, far = (torus().data[ring & (abs(angle - m) < 30)].mean() for m in (first, second))
    return near / far


DISTANCE = np.abs(RANDOM.normal(0, 4, 2000))
CHANNELS = np.where(DISTANCE < 5, 60, 20)
INSIDE = {r: int((r > DISTANCE).sum()) for r in (1, 3, 5)}


def decode(data: bytes) -> bytes:
    if len(data) % 3:
        raise ValueError("it ends too early")
    return data


DATA = bytes(300)
SILENT = [3]

CHANDRA_WCS, GRID = sky_wcs(), sky_wcs()
GRID.wcs.cdelt = -1 / 3600, 1 / 3600
FLUXES = {"W1": 12.0, "r": 6.8}
FREQUENCIES = [8.9e13, 4.9e14]
INDEX = float(np.log(6.8 / 12.0) / np.log(4.9 / 0.89))


def round_source(width: float) -> SimpleNamespace:
    """A source whose half-light radius is 1.177 times its width, in pixels of 2 arcsec."""
    wcs = sky_wcs()
    wcs.wcs.cdelt, wcs.wcs.crpix = (-2 / 3600, 2 / 3600), (121, 121)
    radius = np.hypot(*(np.indices((240, 240)) - 120.0)) / 30
    return SimpleNamespace(data=7.0 + np.exp(-0.5 * (radius / width) ** 2), wcs=wcs)


OBSERVATIONS = Table({"detector": ["A", "A", "B"], "exposure": [10.0, 5.0, 7.0]})


def by_detector(numbers: tuple[int, int], totals: tuple[float, float]) -> Table:
    return Table({"detector": ["A", "B"], "number": numbers, "total": totals})


OBJECTS = [{"Key": f"a/b.{end}", "Size": n} for end, n in (("fits", 5e6), ("fits", 3e6), ("gz", 1))]
TARGETS = Table({"target": ["Crab", "Cas A"], "ra": [83.6, 350.9], "dec": [22.0, 58.8]})
FIELDS = Table({"seq_id": ["F1", "F2", "F3"], "ra": [83, 351, 20], "dec": [23, 60, 0]})


def stars_on(peak: float) -> np.ndarray:
    """Stamps of 32 pixels with a star in the middle, and noise."""
    radius = np.hypot(*(np.indices((32, 32)) - 15.5))
    return peak * np.exp(-((radius / 3) ** 2)) + np.random.default_rng(3).normal(
        7, 0.1, (9, 32, 32)
    )


def rows_of(stamps: int, failed: int) -> SimpleNamespace:
    return SimpleNamespace(stamps=stamps, failed=failed)


LONGER = bytes(range(240)) * 12 + bytes(2880)

#: Check, the arguments behind the answer, the solution, three typical wrong answers.
CASES = {
    "check_block_sizes": (
        (),
        GOOD_COSTS,
        [..., dict.fromkeys(GOOD_COSTS, ONE_COST), {1: cost(7, 6_000_000)}],
    ),
    "check_edge": ((CENTRE, 0.75, 0.2), edge(), [..., edge(0.2), edge(width=0.3), edge(-0.75)]),
    "check_flux": ((IMAGE,), NET * JANSKY, [..., NET, float(IMAGE.data.sum()) * JANSKY, 1.0]),
    "check_stored_value": (
        (STACK,),
        encoded,
        [..., lambda f, h: encoded(f, h) / A, lambda f, h: np.arcsinh(f), lambda f, h: 1.0],
    ),
    "check_magnitude": (
        (STAR, STACK, 30, 30),
        MAGNITUDE,
        [..., MAGNITUDE - 2.5 * np.log10(560), MAGNITUDE - 1, MAGNITUDE + 5],
    ),
    "check_tiles": (
        (SimpleNamespace(shape=(1279, 1280)), 1),
        1279,
        [..., 1280, 1279 * 1280, "many"],
    ),
    "check_oldest": ((IMAGES,), "9", [..., "3", "5", 0]),
    "check_rate": (
        (COUNTS, {"EXPOSURE": 5000.0}),
        COUNTS.sum() / 5000,
        [..., COUNTS.sum(), 5000 / COUNTS.sum(), "fast"],
    ),
    "check_asymmetry": (
        (torus(), CENTRE),
        asymmetry(315, 135),
        [..., asymmetry(135, 315), asymmetry(45, 225), 1.0],
    ),
    "check_growth": ((), 0.201, [..., 3.88, 0.002, -0.2]),
    "check_ring": ((), 92.5, [..., 92.5 / 1.375, 92.5 / 60, 185.0]),
    "check_events_inside": (
        (DISTANCE,),
        INSIDE,
        [..., {r: int((r > DISTANCE * 60).sum()) for r in INSIDE}, {1: 0, 3: 0, 5: 0}, 7],
    ),
    "check_hard_fraction": (
        (CHANNELS, DISTANCE),
        float(np.mean(CHANNELS[DISTANCE < 5] >= 52)),
        [..., float(np.mean(CHANNELS >= 52)), 0.0, "half"],
    ),
    "check_silent_cuts": (
        (DATA, decode),
        SILENT,
        [..., sorted(set(range(1, 5)) - set(SILENT)), [1], 3],
    ),
    "check_interpolated_counts": ((CHANDRA_WCS, GRID), 0.25, [..., 1.0, 4.0, "less"]),
    "check_spectral_index": ((FLUXES, FREQUENCIES), INDEX, [..., -INDEX, 6.8 / 12.0, "falling"]),
    "check_half_radius": (
        (round_source(1.0), CENTRE),
        1.177,
        [..., 1.177 * 60, 1.6, round_source],
    ),
    "check_by_detector": (
        (OBSERVATIONS,),
        by_detector((2, 1), (15.0, 7.0)),
        [..., by_detector((3, 9), (15.0, 7.0)), by_detector((2, 1), (7.5, 7.0)), OBSERVATIONS],
    ),
    "check_folder_sizes": (
        (OBJECTS,),
        {"fits": 8.0, "gz": 1e-6},
        [..., {"fits": 8e6, "gz": 1}, {"fits": 3.0, "gz": 1e-6}, {".fits": 8.0, ".gz": 1e-6}],
    ),
    "check_nearest": (
        (TARGETS, FIELDS),
        {"Crab": "F1", "Cas A": "F2"},
        [..., {"Crab": "F1"}, {"Crab": "F1", "Cas A": "F3"}, {"Crab": 1.0, "Cas A": 1.3}],
    ),
    "check_times_read": (
        (1000, 524_160, cost(25, 26_160_000)),
        1000 * 524_160 / 26_160_000,
        [..., 26_160_000 / 524_160_000, 1000 / 25, 1000],
    ),
    "check_egress": (
        (16_380,),
        1e6 * 64 * 16_380 / 1e9 * 0.02,
        [..., 1e6 * 32 * 16_380 / 1e9 * 0.02, 1e6 * 64 * 16_380 / 1e9 * 0.09, 64 * 16_380],
    ),
    "check_stack_contrast": (
        (stars_on(50.0), stars_on(5.0)),
        10.0,
        [..., 0.1, 2.5, "fainter"],
    ),
    "check_failed_row": ((), rows_of(2, 1), [..., rows_of(3, 0), rows_of(9_999, 1), rows_of(1, 2)]),
    "check_tail": ((LONGER,), LONGER[-2880:], [..., LONGER, LONGER[-100:], LONGER[:2880]]),
    "check_exposure": ((480.0, 14_711.0), 483.4, [..., 14_711.0, 483.4 * 512**2, 4.8]),
    "check_copies": (
        (["g", "r"], {"a": "s3://a", "b": "s3://b", "c": None}),
        {"g": 2, "r": 2},
        [..., {"g": 3, "r": 3}, {"r": 2}, {"g": 1, "r": 1}],
    ),
}


def test_every_check_is_tested() -> None:
    assert set(CASES) == {check.__name__ for check in checks.CHECKS}


@pytest.mark.parametrize("name", CASES)
def test_a_check_accepts_the_solution(name: str) -> None:
    arguments, solution, _ = CASES[name]
    assert getattr(checks, name)(solution, *arguments).startswith("Right: ")


@pytest.mark.parametrize(
    ("name", "number"), [(name, n) for name, case in CASES.items() for n in range(len(case[2]))]
)
def test_a_check_refuses_a_wrong_answer_and_says_why(name: str, number: int) -> None:
    arguments, _, wrong = CASES[name]
    said = getattr(checks, name)(wrong[number], *arguments)
    assert said.startswith("Not yet: ")
    assert len(said.split()) > 5


def stored(name: str) -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


def tagged(notebook: nbformat.NotebookNode, tag: str) -> list[nbformat.NotebookNode]:
    return [cell for cell in code_cells(notebook) if tag in cell.metadata.get("tags", [])]


@pytest.mark.parametrize("name", walkthroughs())
class TestEachNotebook:
    def test_has_exercises_with_solution_and_check(self, name: str) -> None:
        notebook = stored(name)
        count = len(tagged(notebook, "exercise"))
        assert 2 <= count <= 4
        assert len(tagged(notebook, "solution")) == len(tagged(notebook, "check")) == count

    def test_solutions_pass_their_checks(self, name: str) -> None:
        for cell in tagged(stored(name), "check"):
            assert cell.outputs[0]["text"].startswith("Right: "), cell.source

    def test_an_unchanged_answer_is_not_right_yet(self, name: str) -> None:
        for cell in tagged(stored(name), "exercise"):
            assert cell.source.endswith(" = ...")

    def test_students_see_no_word_of_a_solution(self, name: str) -> None:
        notebook = stored(name)
        student = json.dumps(student_version(notebook))
        kept = "\n".join(
            cell.source for cell in notebook.cells if cell not in tagged(notebook, "solution")
        )
        for cell in tagged(notebook, "solution"):
            own = [line for line in cell.source.splitlines()[1:] if line not in kept]
            assert own
            for line in own:
                assert json.dumps(line.strip())[1:-1] not in student or len(line.strip()) < 8, line
        assert "Right: " not in student


def test_make_class_writes_both_versions(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tools.class_notebooks", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in walkthroughs():
        assert (tmp_path / "student" / f"{name}.ipynb").exists()
        assert tagged(nbformat.read(tmp_path / "teacher" / f"{name}.ipynb", 4), "solution")
    for version in ("student", "teacher"):
        assert (tmp_path / version / "checks.py").exists()
