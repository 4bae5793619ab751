"""A remote file that is replaced: never the pixels of one version at the places of another."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from odd_servers import Request, VersionedFile, odd_server
from replicas import file_server

from helpers import DownloadError, cutout, open_fits
from helpers.remote.chunks import Version
from helpers.remote.fits_cache import remote_fits
from helpers.remote.fits_file import RemoteFitsFile

TARGET = SkyCoord(150.0, 2.0, unit="deg")
SIDE = 4


@pytest.fixture(autouse=True)
def _forgetful() -> Iterator[None]:
    remote_fits.cache_clear()
    yield
    remote_fits.cache_clear()


def image(level: float, row: float = 300.5, rows: int = 400) -> bytes:
    """A file whose pixels have this value, and whose reference is in this row.

    Row 100 is known with the header, row 300 is not.
    """
    header = fits.Header(
        {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0}
        | {"CRPIX1": 50.5, "CRPIX2": row, "CDELT1": -0.001, "CDELT2": 0.001}
    )
    file = io.BytesIO()
    fits.PrimaryHDU(np.full((rows, 100), level, dtype="float32"), header).writeto(file)
    return file.getvalue()


TAGS = {
    "strong ETag": ('ETag: "first"', 'ETag: "second"'),
    "weak ETag": ('ETag: W/"first"', 'ETag: W/"second"'),
    "ETag without quotes": ("ETag: first", "ETag: second"),
    "Last-Modified": (
        "Last-Modified: Thu, 13 Nov 2025 02:13:20 GMT",
        "Last-Modified: Fri, 14 Nov 2025 02:13:20 GMT",
    ),
}


@pytest.mark.parametrize("obeys", [True, False], ids=["obeys If-Match", "ignores If-Match"])
@pytest.mark.parametrize("told", TAGS)
def test_a_file_replaced_by_one_of_the_same_size_is_read_anew(told: str, obeys: bool) -> None:
    before, after = TAGS[told]
    file = VersionedFile(image(1.0, row=100.5), (before,), obeys)
    with odd_server(file) as base:
        assert (cutout(f"{base}/a.fits", TARGET, SIDE).data == 1).all()
        file.data, file.lines = image(2.0), (after,)
        stamp = cutout(f"{base}/a.fits", TARGET, SIDE)
    assert (stamp.data == 2).all()
    assert np.allclose(stamp.wcs.world_to_pixel(TARGET), (1.5, 1.5))
    assert stamp.header["CRPIX2"] == pytest.approx(2.5)


def test_a_file_that_is_replaced_amid_a_cutout_is_read_anew() -> None:
    file = VersionedFile(image(1.0, row=100.5), ('ETag: "first"',))

    def replaced_after_the_first_answer(request: Request) -> list[bytes]:
        answer = file(request)
        file.data, file.lines = image(2.0), ('ETag: "second"',)
        return answer

    with odd_server(replaced_after_the_first_answer) as base:
        stamp = cutout(f"{base}/a.fits", TARGET, SIDE)
    assert (stamp.data == 2).all()
    assert np.allclose(stamp.wcs.world_to_pixel(TARGET), (1.5, 1.5))


@pytest.mark.parametrize("obeys", [True, False], ids=["obeys If-Match", "ignores If-Match"])
def test_a_file_that_never_stays_the_same_is_told(obeys: bool) -> None:
    file = VersionedFile(image(1.0), obeys=obeys)

    def always_another(request: Request) -> list[bytes]:
        file.lines = (f'ETag: "{len(file.requests)}"',)
        return file(request)

    with (
        odd_server(always_another) as base,
        pytest.raises(DownloadError, match="another file now") as caught,
    ):
        cutout(f"{base}/a.fits", TARGET, SIDE)
    assert caught.value.url == f"{base}/a.fits"
    assert len(file.requests) == 4


@pytest.mark.parametrize("rows", [400, 350, 450], ids=["same size", "shorter", "longer"])
def test_an_open_file_that_is_replaced_is_told_and_can_be_opened_again(rows: int) -> None:
    file = VersionedFile(image(1.0), ('ETag: "first"',), obeys=False)
    with odd_server(file) as base:
        with open_fits(f"{base}/a.fits") as hdus:
            file.data, file.lines = image(2.0, rows=rows), ('ETag: "second"',)
            with pytest.raises(DownloadError, match="another file now") as caught:
                hdus[0].section[390:399]
        assert caught.value.url == f"{base}/a.fits"
        with open_fits(f"{base}/a.fits") as hdus:
            assert (hdus[0].section[100:110] == 2).all()


def test_who_still_reads_the_old_file_leaves_nothing_in_the_new_one() -> None:
    file = VersionedFile(image(1.0, row=100.5), ('ETag: "first"',))
    with odd_server(file) as base:
        url = f"{base}/a.fits"
        old = RemoteFitsFile(remote_fits(url))
        with old.open() as hdus:
            file.data, file.lines = image(2.0), ('ETag: "second"',)
            cutout(url, TARGET, SIDE)
            old.wcs(0, hdus)
            with pytest.raises(DownloadError, match="another file now"):
                hdus[0].section[390:399]
        before = len(file.requests)
        stamp = cutout(url, TARGET, SIDE)
    assert (stamp.data == 2).all()
    assert np.allclose(stamp.wcs.world_to_pixel(TARGET), (1.5, 1.5))
    assert len(file.requests) == before + 1


def test_a_served_file_that_is_replaced_by_one_of_the_same_size_is_read_anew(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.fits"
    path.write_bytes(image(1.0, row=100.5))
    with file_server(tmp_path) as base:
        assert (cutout(f"{base}/a.fits", TARGET, SIDE).data == 1).all()
        path.write_bytes(image(2.0))
        os.utime(path, (1_900_000_000, 1_900_000_000))
        assert (cutout(f"{base}/a.fits", TARGET, SIDE).data == 2).all()


def test_a_strong_tag_is_asked_for_and_a_second_cutout_takes_one_request() -> None:
    file = VersionedFile(image(1.0), ('ETag: "first"',))
    with odd_server(file) as base:
        cutout(f"{base}/a.fits", TARGET, SIDE)
        cutout(f"{base}/a.fits", TARGET, SIDE)
    assert [request.headers.get("if-match") for request in file.requests] == [
        None,
        '"first"',
        '"first"',
    ]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Version(5), Version(5), True),
        (Version(5), Version(6), False),
        (Version(5, '"a"'), Version(5, '"a"'), True),
        (Version(5, '"a"'), Version(5, '"b"'), False),
        (Version(5, '"a"', "Mon"), Version(5, '"a"', "Tue"), True),
        (Version(5, 'W/"a"', "Mon"), Version(5, 'W/"a"', "Tue"), False),
        (Version(5, 'W/"a"', "Mon"), Version(5, '"a"', "Mon"), True),
        (Version(5, '"a"', "Mon"), Version(5, "", "Mon"), True),
        (Version(5, '"a"', "Mon"), Version(5, "", "Tue"), False),
        (Version(5, "", "Mon"), Version(5, "", ""), True),
    ],
)
def test_versions_are_told_apart_by_what_both_say(one, other, same) -> None:
    assert one.agrees(other) is same
    assert other.agrees(one) is same
