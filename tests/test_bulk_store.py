"""Stamps on disk: what xarray opens, where they came from, and what an interruption leaves."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import astropy.units as u
import numpy as np
import pyarrow as pa
import pytest
import xarray
from astropy.io import fits
from astropy.table import MaskedColumn, Table
from astropy.wcs import WCS
from odd_servers import VersionedFile, odd_server
from pyarrow import parquet
from replicas import ROOT
from test_bulk_planner import ETAG, SIDE, places, plain

from helpers import CutoutError, StoreError, cutout, store_cutouts
from helpers.bulk import store as store_module
from helpers.bulk.command import main, parser
from helpers.remote.fits_cache import remote_fits
from helpers.wcs import celestial_wcs

pytestmark = pytest.mark.usefixtures("direct")


@pytest.fixture(scope="module")
def file() -> VersionedFile:
    return VersionedFile(plain(), (ETAG,))


@pytest.fixture
def base(file: VersionedFile) -> Iterator[str]:
    file.requests.clear()
    with odd_server(lambda request: [*file(request)]) as base:
        yield base


def table_of(base: str, file: VersionedFile, number: int, reach: float = 0.99) -> Table:
    """A table whose stamps lie all over an image, over its edges too; every tenth row is bad."""
    positions = places(file.data, number, reach)
    table = Table({"where": [f"{base}/{n % 3}.fits" for n in range(number)]})
    table["alpha"] = [each.ra.deg for each in positions]
    table["delta"] = [each.dec.deg for each in positions]
    table["delta"][::10] = -60.0
    return table


NAMES = {"location": "where", "ra": "alpha", "dec": "delta", "progress": False}


def provenance(path: Path) -> list[dict]:
    return parquet.read_table(path).sort_by("row").to_pylist()


@pytest.fixture
def stored(base: str, file: VersionedFile, tmp_path: Path) -> tuple[Table, Path]:
    table = table_of(base, file, 100)
    done = store_cutouts(table, tmp_path / "a.zarr", SIDE, **NAMES)
    assert (done.stamps, done.failed) == (90, 10)
    return table, tmp_path / "a.zarr"


def test_xarray_opens_the_stamps_in_one_line(stored) -> None:
    table, path = stored
    with xarray.open_zarr(path) as found:
        assert found.stamps.dims == ("row", "y", "x")
        assert found.stamps.shape == (100, SIDE, SIDE)
        assert set(found.coords) == {"ra", "dec"}
        for number in range(0, 100, 7):
            pixels = found.stamps[number].values
            if number % 10 == 0:
                assert np.isnan(pixels).all()
                continue
            row = table[number]
            position = places_of(row)
            right = cutout(row["where"], position, SIDE)
            assert np.array_equal(pixels[np.isfinite(pixels)], right.data.ravel())


def places_of(row):
    from astropy.coordinates import SkyCoord

    return SkyCoord(row["alpha"], row["delta"], unit="deg")


def test_the_provenance_says_where_each_pixel_came_from(stored, file: VersionedFile) -> None:
    table, path = stored
    rows = provenance(path.with_suffix(".parquet"))
    assert [row["row"] for row in rows] == list(range(100))
    assert {row["status"] for row in rows} == {"whole", "partial", "error"}
    with fits.open(io.BytesIO(file.data)) as hdus, xarray.open_zarr(path) as found:
        image, wcs = hdus[0].data, celestial_wcs(hdus[0].header)
        for row in rows:
            assert (row["location"], row["ra"]) == tuple(table[row["row"]]["where", "alpha"])
            if row["status"] == "error":
                assert "lies outside" in row["message"]
                continue
            assert (row["etag"], row["url"]) == ('"first"', row["location"])
            header = fits.Header.fromstring(row["header"])
            at = WCS(header).pixel_to_world(3, 5)
            x, y = map(float, wcs.world_to_pixel(at))
            assert (x, y) == pytest.approx((row["x0"] + 3, row["y0"] + 5), abs=1e-6)
            assert (header["NAXIS1"], header["NAXIS2"]) == (SIDE, SIDE)
            pixel = found.stamps.values[row["row"], 5, 3]
            inside = 0 <= round(float(x)) < 1000 and 0 <= round(float(y)) < 1500
            assert (
                np.isnan(pixel) if not inside else pixel == image[round(float(y)), round(float(x))]
            )


def test_running_again_does_nothing_and_rows_that_failed_only_on_request(
    stored, file: VersionedFile
) -> None:
    table, path = stored
    file.requests.clear()
    remote_fits.cache_clear()
    again = store_cutouts(table, path, SIDE, **NAMES)
    assert (again.stamps, again.failed, len(file.requests)) == (90, 10, 0)
    before = provenance(path.with_suffix(".parquet"))
    retried = store_cutouts(table, path, SIDE, retry=True, **NAMES)
    assert (retried.stamps, retried.failed) == (90, 10)
    assert 0 < len(file.requests) <= 6
    assert provenance(path.with_suffix(".parquet")) == before


@pytest.mark.parametrize("kind", ["table", "parquet", "csv", "ecsv", "units"])
def test_a_table_may_come_in_any_form(kind: str, base: str, file, tmp_path: Path) -> None:
    table = table_of(base, file, 12)
    given: object = table
    if kind == "units":
        table["alpha"] = (table["alpha"] * u.deg).to(u.hourangle)
    elif kind == "parquet":
        given = tmp_path / "t.parquet"
        parquet.write_table(pa.table({n: table[n].tolist() for n in table.colnames}), given)
    elif kind != "table":
        given = tmp_path / f"t.{kind}"
        table.write(given)
    done = store_cutouts(given, tmp_path / "a.zarr", SIDE, **NAMES)
    assert (done.stamps, done.failed) == (10, 2)


def test_a_row_without_an_address_or_a_position_fails_by_itself(base, file, tmp_path) -> None:
    table = table_of(base, file, 9)[1:]
    table["where"] = MaskedColumn(table["where"], mask=[1, 0, 0, 0, 0, 0, 0, 0])
    table["alpha"] = MaskedColumn(table["alpha"], mask=[0, 1, 0, 0, 0, 0, 0, 0])
    done = store_cutouts(table, tmp_path / "a.zarr", SIDE, **NAMES)
    assert (done.stamps, done.failed) == (6, 2)
    assert [row["status"] for row in provenance(done.provenance)][:3] == ["error", "error", "whole"]


def test_an_angle_is_as_many_pixels_as_the_first_image_says(base, file, tmp_path) -> None:
    done = store_cutouts(
        table_of(base, file, 12), tmp_path / "a.zarr", (72, 36) * u.arcsec, **NAMES
    )
    with xarray.open_zarr(done.store) as found:
        assert found.stamps.shape == (12, 20, 10)


def test_an_image_of_another_scale_is_an_error_in_its_row(base, file, tmp_path) -> None:
    with fits.open(io.BytesIO(file.data)) as hdus:
        hdus[0].header["CDELT1"] /= 2
        hdus[0].header["CDELT2"] /= 2
        hdus.writeto(tmp_path / "fine.fits")
    table = table_of(base, file, 12, reach=0.1)[1:3]
    table["where"] = table["where"].astype("U200")
    table["where"][1] = str(tmp_path / "fine.fits")
    done = store_cutouts(table, tmp_path / "a.zarr", 36 * u.arcsec, **NAMES)
    assert (done.stamps, done.failed) == (1, 1)
    assert "20 x 20 pixels, the store 10 x 10" in provenance(done.provenance)[1]["message"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"location": "url"}, "no column 'url'; it has where, alpha, delta"),
        ({"ra": "where"}, "positions must be numbers"),
        ({"store": "a.parquet"}, "cannot be called a.parquet"),
        ({"store": "other"}, "is no store of stamps"),
        ({"size": 9}, "of another size"),
        ({"hdu": 0}, "of another HDU"),
        ({"dtype": "float64"}, "of another type"),
        ({"table": "no/such.parquet"}, "cannot be read"),
        ({"table": "no/such.csv"}, "cannot be read"),
    ],
    ids=lambda each: str(each)[:20],
)
def test_what_cannot_be_stored_is_said_in_a_sentence(stored, change, message: str) -> None:
    table, path = stored
    (path.parent / "other").mkdir()
    options = {"table": table, "store": path.name, "size": SIDE, **NAMES, **change}
    given, place, size = (options.pop(name) for name in ("table", "store", "size"))
    with pytest.raises(StoreError, match=message):
        store_cutouts(given, path.parent / place, size, **options)


def test_other_rows_need_another_store(stored) -> None:
    table, path = stored
    with pytest.raises(StoreError, match="of another table"):
        store_cutouts(table[1:], path, SIDE, **NAMES)


def test_a_size_that_is_none_is_refused(base, file, tmp_path) -> None:
    with pytest.raises(CutoutError, match="size"):
        store_cutouts(table_of(base, file, 3), tmp_path / "a.zarr", -1, **NAMES)


def test_a_missing_package_gets_a_sentence(monkeypatch, base, file, tmp_path) -> None:
    monkeypatch.setattr(store_module, "find_spec", lambda name: None)
    with pytest.raises(StoreError, match=r"install zarr and pyarrow: pip install zarr pyarrow"):
        store_cutouts(table_of(base, file, 3), tmp_path / "a.zarr", SIDE, **NAMES)


# The command


def command(table: Path, store: Path, *options: str) -> list[str]:
    columns = ["--location", "where", "--ra", "alpha", "--dec", "delta"]
    return [str(table), str(store), "--size", str(SIDE), *columns, *options]


def test_the_command_says_what_it_did(base, file, tmp_path, capsys) -> None:
    table_of(base, file, 20).write(tmp_path / "t.csv")
    assert main(command(tmp_path / "t.csv", tmp_path / "a.zarr")) == 1
    printed = capsys.readouterr()
    assert "18 stamps in" in printed.out
    assert "2 failed; see" in printed.out
    assert "20/20" in printed.err
    assert main(command(tmp_path / "none.csv", tmp_path / "b.zarr", "--quiet")) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_every_option_of_the_command_is_explained() -> None:
    page = (ROOT / "docs/helpers.md").read_text(encoding="utf-8")
    for action in parser()._actions:
        assert action.help
        for option in action.option_strings:
            assert option in ("-h", "--help") or f"`{option}" in page


def test_processes_write_the_same_store(base, file, tmp_path) -> None:
    table_of(base, file, 40).write(tmp_path / "t.csv")
    main(command(tmp_path / "t.csv", tmp_path / "a.zarr", "--quiet"))
    main(command(tmp_path / "t.csv", tmp_path / "b.zarr", "--quiet", "--processes", "2"))
    same_stores(tmp_path / "a.zarr", tmp_path / "b.zarr")


def same_stores(one: Path, other: Path) -> None:
    with xarray.open_zarr(one) as first, xarray.open_zarr(other) as second:
        assert first.identical(second)
    rows = [provenance(path.with_suffix(".parquet")) for path in (one, other)]
    assert rows[0] == rows[1]
    assert len({row["row"] for row in rows[0]}) == len(rows[0])


def kill_again_and_again(start: list[str], asked: list[str], times: int) -> None:
    """Run a command and kill it when it has asked for a few files more, then let it end.

    `asked` grows with each request of the command.
    """
    dice = random.Random(5)
    for more in [*(dice.randint(1, 12) for _ in range(times)), None]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        running = subprocess.Popen(
            [sys.executable, "-c", start[0], *start[1:]], env=environment, stderr=subprocess.PIPE
        )
        if more is None:
            _, said = running.communicate(timeout=240)
            assert running.returncode == 1, said
            return
        enough = len(asked) + more
        while len(asked) < enough:
            assert running.poll() is None, "it ended before it could be killed"
            time.sleep(0.01)
        running.kill()
        running.communicate()


SLOWLY = """
import sys
from helpers.bulk import store
store.BATCH = 20  # so that much is written before it is killed
from helpers.bulk.command import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("times", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_a_store_whose_writer_is_killed_again_and_again_is_as_if_it_was_not(
    file: VersionedFile, tmp_path: Path, times: int
) -> None:
    asked: list[str] = []

    def slow(request):
        asked.append(request)
        time.sleep(0.15)
        return file(request)

    count = 240 if times == 1 else 960  # more than is done between the kills
    with odd_server(slow) as base:
        table = table_of(base, file, count)
        table["where"] = [f"{base}/{number // 4}.fits" for number in range(count)]
        table.write(tmp_path / "t.csv")
        start = [SLOWLY, *command(tmp_path / "t.csv", tmp_path / "a.zarr", "--quiet")]
        kill_again_and_again(start, asked, times)
        main(command(tmp_path / "t.csv", tmp_path / "b.zarr", "--quiet"))
    same_stores(tmp_path / "a.zarr", tmp_path / "b.zarr")


def test_an_interrupt_keeps_what_is_done(base, file, tmp_path, monkeypatch, capsys) -> None:
    table_of(base, file, 600).write(tmp_path / "t.csv")
    monkeypatch.setattr(store_module, "BATCH", 50)
    original, count = store_module.StampStore.flush, []

    def interrupting(self) -> None:
        original(self)
        count.append(1)
        if len(count) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(store_module.StampStore, "flush", interrupting)
    assert main(command(tmp_path / "t.csv", tmp_path / "a.zarr", "--quiet")) == 130
    assert "run the same command again" in capsys.readouterr().err
    done = len(provenance(tmp_path / "a.parquet"))
    assert 150 <= done < 600
    file.requests.clear()
    assert main(command(tmp_path / "t.csv", tmp_path / "a.zarr", "--quiet")) == 1
    assert len(provenance(tmp_path / "a.parquet")) == 600
