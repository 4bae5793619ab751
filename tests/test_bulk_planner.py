"""A batch of cutouts reads each byte once, and gives what single cutouts give."""

from __future__ import annotations

import gzip
import io
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st
from odd_servers import Request, VersionedFile, head, odd_server
from test_cutouts import TARGET, VARIANTS, image_header, pixels

from helpers import Cutout, DownloadError, cutout, cutouts, iter_cutouts
from helpers.bulk.batch import THREADS
from helpers.bulk.pieces import PIECE, pieces
from helpers.bulk.positions import pixels_of
from helpers.bulk.targets import RaDec
from helpers.remote import http
from helpers.remote.fits_cache import FIRST_READ, remote_fits
from helpers.remote.link import ENOUGH, Answer, Link, link_to
from helpers.remote.sparse_file import merge
from helpers.wcs import celestial_wcs, pixel_of

SIDE = 16
ETAG = 'ETag: "first"'


@pytest.fixture(autouse=True)
def _without_pauses(direct: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "FIRST_PAUSE", 0.001)


def written(hdus: fits.HDUList) -> bytes:
    file = io.BytesIO()
    hdus.writeto(file)
    return file.getvalue()


def plain(rows: int = 1500, columns: int = 1000, dtype: str = "float32") -> bytes:
    header = image_header(CRPIX1=columns / 2, CRPIX2=rows / 2)
    return written(fits.HDUList([fits.PrimaryHDU(pixels(rows, columns, dtype=dtype), header)]))


def tiled(kind: str, rows: int = 1500, columns: int = 1000) -> bytes:
    header = image_header(CRPIX1=columns / 2, CRPIX2=rows / 2)
    shape = (30, 50) if kind == "HCOMPRESS_1" else None
    data = pixels(rows, columns, dtype="int16")
    image = fits.CompImageHDU(data, header, compression_type=kind, tile_shape=shape)
    return written(fits.HDUList([fits.PrimaryHDU(), image]))


def places(data: bytes, number: int, reach: float = 0.95) -> list[SkyCoord]:
    """Positions all over the image of a file, the same ones each time."""
    with fits.open(io.BytesIO(data)) as hdus:
        wcs = celestial_wcs(hdus[-1].header)
    random = np.random.default_rng(3)
    middle = np.array(wcs.pixel_shape) / 2
    where = middle + middle * random.uniform(-reach, reach, (number, 2))
    return [wcs.pixel_to_world(*place) for place in where]


def spans(requests: Sequence[Request], size: int) -> list[tuple[int, int]]:
    return sorted(span for each in requests if (span := each.range_of(size)))


def read_twice(found: Sequence[tuple[int, int]]) -> int:
    return sum(stop - start for start, stop in found) - union(found)


def union(ranges: Sequence[tuple[int, int]]) -> int:
    return sum(stop - start for start, stop in merge(ranges, gap=0))


def wanted(data: bytes, positions: Sequence[SkyCoord]) -> int:
    """The union of what lies between each stamp's first and last pixel in a plain file."""
    return union([wanted_by(data, position) for position in positions])


def wanted_by(data: bytes, position: SkyCoord) -> tuple[int, int]:
    with fits.open(io.BytesIO(data)) as hdus:
        wcs, (height, width) = celestial_wcs(hdus[0].header), hdus[0].shape
        start = hdus[0].fileinfo()["datLoc"]
    x, y = (round(float(each)) for each in wcs.world_to_pixel(position))
    top, bottom = max(0, y - SIDE // 2), min(height, y + SIDE // 2)
    left, right = max(0, x - SIDE // 2), min(width, x + SIDE // 2)
    return start + 4 * (top * width + left), start + 4 * ((bottom - 1) * width + right)


def around(centre: SkyCoord, angle: float, distance: float) -> SkyCoord:
    return centre.directional_offset_by(angle * u.deg, distance * u.deg)


def same(one: Cutout, other: Cutout) -> bool:
    return (
        # Pickling brings pixels into the order of bytes of the machine.
        one.data.dtype.newbyteorder("=") == other.data.dtype.newbyteorder("=")
        and np.array_equal(one.data, other.data, equal_nan=one.data.dtype.kind == "f")
        and one.header == other.header
        and bool(one.wcs.wcs.compare(other.wcs.wcs))
        and (one.partial, one.url, one.asked, one.etag)
        == (other.partial, other.url, other.asked, other.etag)
    )


#: Bytes a second of a slow line.
SLOW = 4e6


def over_a_slow_line(file: VersionedFile) -> Callable[[Request], Iterator[bytes]]:
    """Serve a file over a line that all answers share."""
    line = threading.Lock()

    def answer(request: Request) -> Iterator[bytes]:
        start, body = file(request)
        yield start
        with line:
            time.sleep(len(body) / SLOW)
        yield body

    return answer


# Bytes


@pytest.mark.parametrize("number", [5, 60, 400])
def test_each_byte_is_read_once_and_little_else(number: int) -> None:
    file = VersionedFile(plain(), (ETAG,))
    positions = places(file.data, number)
    with odd_server(over_a_slow_line(file)) as base:
        # It has been slow so far, so that no gap between stamps is worth reading.
        for answer in answers(latency=0.01, bandwidth=SLOW, number=64):
            link_to(base).record(answer)
        outcomes = cutouts([(f"{base}/a.fits", each) for each in positions], SIDE, progress=False)
    assert all(isinstance(each, Cutout) for each in outcomes)
    found = spans(file.requests, len(file.data))
    assert read_twice(found) == 0
    assert union(found) - FIRST_READ <= 1.05 * wanted(file.data, positions)


@pytest.mark.parametrize("kind", ["RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1", "PLIO_1"])
def test_tiles_are_read_once(kind: str) -> None:
    file = VersionedFile(tiled(kind), (ETAG,))
    positions = places(file.data, 80)
    with odd_server(file) as base:
        outcomes = cutouts([(f"{base}/a.fits", each) for each in positions], SIDE, progress=False)
        found = spans(file.requests, len(file.data))
        for position, outcome in list(zip(positions, outcomes, strict=True))[::8]:
            assert same(outcome, cutout(f"{base}/a.fits", position, SIDE))
    assert read_twice(found) == 0
    assert union(found) <= len(file.data)


def test_a_link_that_nobody_used_is_measured_before_much_is_asked_for() -> None:
    file, may_answer, asked = VersionedFile(plain(3000), (ETAG,)), threading.Event(), []

    def answer(request: Request) -> list[bytes]:
        start, stop = request.range_of(len(file.data)) or (0, 0)
        if start >= FIRST_READ:
            asked.append(stop - start)
            may_answer.wait(30)
        return file(request)

    with odd_server(answer) as base:
        targets = [(f"{base}/a.fits", each) for each in places(file.data, 300)]
        found: list[object] = []
        reading = threading.Thread(
            target=lambda: found.extend(cutouts(targets, SIDE, progress=False))
        )
        reading.start()
        time.sleep(1)
        assert ENOUGH <= sum(asked) < ENOUGH + PIECE
        may_answer.set()
        reading.join()
    assert sum(asked) > 2 * ENOUGH
    assert all(isinstance(each, Cutout) for each in found)


def test_a_file_of_which_most_is_wanted_is_read_in_large_pieces() -> None:
    file = VersionedFile(plain(), (ETAG,))
    with odd_server(file) as base:
        targets = [(f"{base}/a.fits", each) for each in places(file.data, 1500)]
        assert len(cutouts(targets, SIDE, progress=False)) == 1500
    # The beginning, and the rest in pieces.
    assert len(file.requests) <= 2 + len(file.data) / PIECE


def test_a_compressed_file_is_fetched_once_for_all_its_targets() -> None:
    inner = plain(180, 240)
    file = VersionedFile(gzip.compress(inner), (ETAG,))
    with odd_server(file) as base:
        targets = [(f"{base}/a.fits.gz", each) for each in places(inner, 100)]
        outcomes = cutouts(targets, SIDE, progress=False)
    assert len(file.requests) == 1
    assert {each.etag for each in outcomes} == {'"first"'}


def test_one_file_under_two_names_is_one_file(shared_replica) -> None:
    from test_cutouts import ALLWISE, CRAB, address

    from helpers import cloud_location
    from replica.storage.cache import ensure

    ensure(ALLWISE)
    places = [address(ALLWISE), cloud_location(address(ALLWISE)).https_url]
    with shared_replica.requests_inside() as requests, pytest.MonkeyPatch.context() as patch:
        for name in ("NO_PROXY", "no_proxy"):
            patch.delenv(name)
        one, two = cutouts([(place, CRAB) for place in places], 64, progress=False)
    assert same(one, two)
    assert len(requests) == 2


# Results


# A batch has no planes.
@pytest.mark.parametrize("variant", [name for name in VARIANTS if "plane" not in VARIANTS[name][1]])
@pytest.mark.parametrize("remote", [True, False], ids=["remote", "local"])
def test_a_batch_gives_what_single_cutouts_give(tmp_path, variant: str, remote: bool) -> None:
    make, options, _ = VARIANTS[variant]
    options = dict(options)
    centre = options.pop("at", TARGET)
    path = tmp_path / "image.fits"
    make().writeto(path)
    positions = [
        centre.directional_offset_by(angle * u.deg, 0.03 * u.deg)
        for angle in (10, 95, 200, 290) * 3
    ]
    with odd_server(VersionedFile(path.read_bytes(), (ETAG,))) as base:
        place = f"{base}/image.fits" if remote else path
        outcomes = cutouts([(place, each) for each in positions], 20, progress=False, **options)
        for position, outcome in zip(positions, outcomes, strict=True):
            assert same(outcome, cutout(place, position, 20, **options))


def test_stamps_over_the_edges_say_what_was_asked_for() -> None:
    file = VersionedFile(plain(180, 240), (ETAG,))
    wcs = WCS(fits.Header.fromstring(file.data[:2880].decode()))
    positions = [
        wcs.pixel_to_world(*place) for place in ((2.3, 3.3), (237.3, 90.3), (120.3, 178.3))
    ]
    with odd_server(file) as base:
        found = cutouts([(f"{base}/a.fits", each) for each in positions], SIDE, progress=False)
    assert [(each.asked[0].start, each.asked[1].start) for each in found] == [
        (-4, -5),
        (83, 230),
        (171, 113),
    ]
    assert [each.shape for each in found] == [(12, 11), (16, 10), (9, 16)]


@pytest.mark.parametrize(
    "ctypes",
    [("RA---TAN", "DEC--TAN"), ("DEC--TAN", "RA---TAN"), ("GLON-CAR", "GLAT-CAR")],
)
def test_positions_are_found_together_as_one_by_one(ctypes: tuple[str, str]) -> None:
    values = (2.0, 150.0) if ctypes[0].startswith("DEC") else (150.0, 2.0)
    cards = {"CTYPE1": ctypes[0], "CTYPE2": ctypes[1], "CRVAL1": values[0], "CRVAL2": values[1]}
    wcs = celestial_wcs(fits.Header({**image_header(), "NAXIS": 2, **cards}))
    centre = wcs.pixel_to_world(120, 90).icrs
    positions = [
        centre.directional_offset_by(angle * u.deg, 0.05 * u.deg) for angle in range(0, 360, 36)
    ]
    positions = [SkyCoord(each.ra, each.dec) for each in positions]
    as_numbers = [RaDec(each.ra.deg, each.dec.deg) for each in positions]
    for given_ in (positions, as_numbers):
        found = pixels_of(wcs, given_)
        assert np.allclose(found, [pixel_of(wcs, each) for each in positions], rtol=0, atol=1e-9)


def test_odd_positions_are_asked_for_one_by_one() -> None:
    wcs = celestial_wcs(fits.Header({**image_header(), "NAXIS": 2}))
    odd = [TARGET, SkyCoord(np.nan, 2, unit="deg"), TARGET.galactic, TARGET]
    found = pixels_of(wcs, odd)
    assert [each is None for each in found] == [False, True, True, False]


# Errors, changes, interruptions


def failing_at(file: VersionedFile, first: int) -> Callable[[Request], list[bytes]]:
    def answer(request: Request) -> list[bytes]:
        span = request.range_of(len(file.data))
        if span and span[0] <= first < span[1]:
            return [head("403 Forbidden", "Content-Length: 0")]
        return file(request)

    return answer


def test_a_piece_that_cannot_be_read_costs_only_the_stamps_in_it() -> None:
    file = VersionedFile(plain(), (ETAG,))
    positions = places(file.data, 40)
    middle = wanted_by(file.data, positions[17])[0]
    with odd_server(failing_at(file, middle)) as base:
        outcomes = cutouts([(f"{base}/a.fits", each) for each in positions], SIDE, progress=False)
    failed = [each for each in outcomes if not isinstance(each, Cutout)]
    assert 0 < len(failed) < 20
    assert all(isinstance(each, DownloadError) and "403" in str(each) for each in failed)


@pytest.mark.parametrize("obeys", [True, False], ids=["If-Match", "no If-Match"])
def test_a_file_that_changes_meanwhile_is_begun_anew(obeys: bool) -> None:
    """What was cut before is of the old version, the rest of the new one, nothing of both."""
    file = VersionedFile(plain(), (ETAG,), obeys=obeys)
    old, new = file.data, plain()[:-2880] + bytes(2880)
    changed = np.frombuffer(old, ">f4", offset=2880 * 2)[: 1000 * 1000] + 500
    new = old[:5760] + changed.astype(">f4").tobytes() + old[5760 + changed.nbytes :]
    lock = threading.Lock()

    def answer(request: Request) -> list[bytes]:
        with lock:
            if len(file.requests) == 3:
                file.data, file.lines = new, ('ETag: "second"',)
            return file(request)

    positions = places(old, 60)
    with odd_server(answer) as base:
        outcomes = cutouts([(f"{base}/a.fits", each) for each in positions], SIDE, progress=False)
    versions = {'"first"': old, '"second"': new}
    assert {each.etag for each in outcomes} >= {'"second"'}
    for position, outcome in zip(positions, outcomes, strict=True):
        with odd_server(VersionedFile(versions[outcome.etag])) as base:
            remote_fits.cache_clear()
            right = cutout(f"{base}/a.fits", position, SIDE)
        assert np.array_equal(outcome.data, right.data)


def test_a_file_that_changes_all_the_time_is_an_error_for_its_targets() -> None:
    file = VersionedFile(plain(), (ETAG,))

    def answer(request: Request) -> list[bytes]:
        file.lines = (f'ETag: "{len(file.requests)}"',)
        return file(request)

    with odd_server(answer) as base:
        targets = [(f"{base}/a.fits", each) for each in places(file.data, 10, reach=0.2)]
        outcomes = cutouts(targets, SIDE, progress=False)
    assert {type(each) for each in outcomes} == {http.FileChangedError}


def test_stamps_come_while_others_are_still_being_read() -> None:
    """And nothing more is read while nobody asks for the next one."""
    files = VersionedFile(plain(100, 100), (ETAG,))
    position = places(files.data, 1, reach=0.1)[0]
    with odd_server(files) as base:
        ready = iter_cutouts(
            [(f"{base}/{n}.fits", position) for n in range(400)], SIDE, progress=False
        )
        numbers = [next(ready)[0]]
        time.sleep(0.5)
        assert len(files.requests) <= 4 * THREADS
        numbers += [number for number, _ in ready]
    assert sorted(numbers) == list(range(400))


def test_who_stops_asking_stops_the_reading() -> None:
    files = VersionedFile(plain(100, 100), (ETAG,))
    position = places(files.data, 1, reach=0.1)[0]
    with odd_server(files) as base:
        ready = iter_cutouts(
            [(f"{base}/{n}.fits", position) for n in range(400)], SIDE, progress=False
        )
        next(ready)
        ready.close()
        time.sleep(0.5)
        then = len(files.requests)
        time.sleep(0.5)
        assert len(files.requests) == then < 200


def test_an_empty_batch_gives_nothing() -> None:
    assert cutouts([], SIDE, progress=False) == []


def test_the_bar_counts_each_target_once(capsys: pytest.CaptureFixture[str]) -> None:
    file = VersionedFile(plain(180, 240), (ETAG,))
    with odd_server(file) as base:
        targets = [(f"{base}/a.fits", each) for each in places(file.data, 7)]
        cutouts([*targets, "none"], SIDE)
    assert re.search(r"cutouts: 100%.* 8/8 ", capsys.readouterr().err)


# Pieces, and the gap between them


@st.composite
def ranges(draw: st.DrawFn) -> np.ndarray:
    pairs = st.tuples(st.integers(0, 5 * PIECE), st.integers(1, PIECE))
    drawn = draw(st.lists(pairs, max_size=30))
    return np.array(sorted((start, start + size) for start, size in drawn)).reshape(-1, 2)


@given(ranges(), st.integers(0, PIECE))
def test_pieces_cover_all_ranges_once_and_no_wide_gap(ranges: np.ndarray, gap: int) -> None:
    found = list(pieces(ranges, lambda: gap))
    asked = [(int(start), int(stop)) for start, stop in ranges]
    assert all(0 < stop - start <= PIECE for start, stop in found)
    assert all(before[1] <= after[0] for before, after in pairwise(found))
    assert union([*found, *asked]) == union(found)
    between = sum(stop - start for start, stop in merge(asked, gap)) - union(asked)
    assert union(found) - union(asked) <= max(between, 0.05 * union(asked) + between)


def answers(latency: float, bandwidth: float, number: int = 20, size: int = 2**20) -> list[Answer]:
    """What came one behind the other."""
    seconds = latency + size / bandwidth
    return [
        Answer(number * seconds, number * seconds + latency, (number + 1) * seconds, size)
        for number in range(number)
    ]


def link(*arguments: float, **options: int) -> Link:
    """A link over which such answers came."""
    known = Link()
    for answer in answers(*arguments, **options):
        known.record(answer)
    return known


def test_a_link_that_nobody_used_has_the_stated_start() -> None:
    assert (Link().latency, Link().bandwidth) == (0.030, 50e6)
    assert 2**16 < Link().merge_gap(THREADS) < 2**18


@pytest.mark.parametrize(("latency", "bandwidth"), [(0.03, 50e6), (0.04, 5e6), (0.001, 300e6)])
def test_a_link_is_known_by_its_answers(latency: float, bandwidth: float) -> None:
    known = link(latency, bandwidth)
    assert known.latency == pytest.approx(latency)
    assert known.bandwidth == pytest.approx(bandwidth)


def test_small_answers_say_nothing_of_the_bandwidth() -> None:
    assert link(0.03, 1e9, size=300).bandwidth == 50e6


def test_small_answers_do_not_make_a_known_bandwidth_unknown() -> None:
    known = link(0.03, 5e6)
    for answer in answers(0.03, 1e9, number=200, size=300):
        known.record(answer)
    assert known.measured
    assert known.bandwidth == pytest.approx(5e6)


def test_answers_at_the_same_time_share_the_link() -> None:
    known = Link()
    for _ in range(10):
        known.record(Answer(0.0, 0.1, 1.1, 10**6))
    assert known.bandwidth == pytest.approx(10e6)


def test_the_gap_grows_with_latency_and_bandwidth_and_shrinks_with_company() -> None:
    slow, fast, far = link(0.04, 5e6), link(0.04, 50e6), link(0.2, 50e6)
    assert slow.merge_gap(32) < fast.merge_gap(32) < far.merge_gap(32)
    assert far.merge_gap(32) < far.merge_gap(4) <= 2**20
