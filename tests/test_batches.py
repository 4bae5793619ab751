"""A batch of cutouts: what is wrong with one target costs no other one its result."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from odd_servers import Request, VersionedFile, head, odd_server
from replicas import ROOT, file_server

from helpers import (
    ArchiveAccessError,
    CloudLocationError,
    CompressionError,
    Cutout,
    CutoutError,
    DownloadError,
    FitsError,
    cutout,
    cutouts,
    errors,
    open_fits,
)
from helpers.remote import http
from helpers.remote.byte_ranges import table_rows
from helpers.remote.cancellation import first_done
from helpers.remote.fits_cache import remote_fits

SIDE = 5
CENTRE = SkyCoord(150.0, 2.0, unit="deg")
FAR = SkyCoord(83.63, 22.01, unit="deg")
SITE = EarthLocation(lon=-70 * u.deg, lat=-29 * u.deg)
WHOLE = np.arange(180 * 240, dtype="float32").reshape(180, 240)


def header(**cards: object) -> fits.Header:
    basic = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0}
    basic |= {"CRPIX1": 120.5, "CRPIX2": 90.5, "CDELT1": -0.001, "CDELT2": 0.001}
    return fits.Header(basic | cards)


def written(*hdus: object) -> bytes:
    file = io.BytesIO()
    fits.HDUList(list(hdus)).writeto(file)
    return file.getvalue()


def image(data: np.ndarray = WHOLE, **cards: object) -> bytes:
    return written(fits.PrimaryHDU(data, header(**cards)))


def with_damaged_tiles(kind: str) -> bytes:
    """An image compressed in tiles, whose tiles are overwritten."""
    tiled = fits.CompImageHDU(WHOLE.astype("int16"), header(), compression_type=kind)
    data = bytearray(written(fits.PrimaryHDU(), tiled))
    with fits.open(io.BytesIO(data), disable_image_compression=True) as hdus:
        start = table_rows(hdus[1])[1]
        tiles = range(start, start + hdus[1].header["PCOUNT"])
    data[tiles.start : tiles.stop] = b"\xff" * len(tiles)
    return bytes(data)


#: Distorted like an image of Spitzer's camera IRAC: away from it the distortion has no inverse.
SIP = {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "A_ORDER": 3, "B_ORDER": 3}
SIP |= {"A_0_2": 2.97e-6, "A_1_1": 2.17e-5, "A_2_0": -1.64e-5, "A_3_0": -1.6e-7}
SIP |= {"B_0_2": 3.0e-5, "B_0_3": -1.64e-7, "B_1_1": -2.2e-5, "B_2_1": -1.66e-7}

FILES: dict[str, Callable[[], bytes]] = {
    "good.fits": image,
    "page.fits": lambda: b"<html>We are back soon</html>",
    "short.fits": lambda: image()[:60_000],
    "rice.fits": lambda: with_damaged_tiles("RICE_1"),
    "gzip.fits": lambda: with_damaged_tiles("GZIP_1"),
    "damaged.fits.gz": lambda: gzip.compress(image())[:-2000],
    "cube.fits": lambda: image(np.zeros((3, 180, 240), "float32")),
    "singular.fits": lambda: image(CD1_1=0.0, CD1_2=0.0, CD2_1=0.0, CD2_2=0.0),
    "distorted.fits": lambda: image(**SIP),
    "table.fits": lambda: written(
        fits.PrimaryHDU(), fits.BinTableHDU.from_columns([fits.Column("A", "J", array=[1])])
    ),
}


@pytest.fixture(scope="module", autouse=True)
def _direct() -> Iterator[None]:
    """No proxy between this process and what it asks for, and no pauses between tries."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, "*")
        patch.setattr(http, "FIRST_PAUSE", 0.001)
        yield


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """What astropy says of damaged files is not what is tested here."""
    remote_fits.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("served")
    for name, make in FILES.items():
        (folder / name).write_bytes(make())
    with file_server(folder) as base:
        yield folder, base


def elsewhere(request: Request) -> list[bytes]:
    return [head("302 Found", "Location: http://[::1", "Content-Length: 0")]


Target = object
Kind = type[ArchiveAccessError]


@pytest.fixture(scope="module")
def bad(served: tuple[Path, str]) -> Iterator[list[tuple[Target, Kind]]]:
    """Seventeen targets that cannot be cut out, each for another reason, and what they give."""
    _, base = served
    good = f"{base}/good.fits"
    with odd_server(elsewhere) as odd:
        yield [
            ((f"{base}/missing.fits", CENTRE), DownloadError),
            ((f"{base}/page.fits", CENTRE), FitsError),
            ((f"{base}/short.fits", CENTRE), DownloadError),
            ((f"{base}/rice.fits", CENTRE), FitsError),
            ((f"{base}/gzip.fits", CENTRE), FitsError),
            ((f"{base}/damaged.fits.gz", CENTRE), CompressionError),
            ((f"{base}/cube.fits", CENTRE), CutoutError),
            ((f"{base}/singular.fits", CENTRE), FitsError),
            ((f"{base}/table.fits", CENTRE), FitsError),
            ((f"{base}/distorted.fits", FAR), CutoutError),
            ((good, FAR), CutoutError),
            ((good, SkyCoord(AltAz(az=10 * u.deg, alt=20 * u.deg, location=SITE))), CutoutError),
            ((good, SkyCoord(np.nan, np.nan, unit="deg")), CutoutError),
            ((good, (150.0, 2.0)), CutoutError),
            ((good, CENTRE, "and more"), CutoutError),
            ((f"http://{'a' * 70}.example.org/a.fits", CENTRE), DownloadError),
            ((f"{odd}/a.fits", CENTRE), DownloadError),
        ]


class Batch:
    """A thousand targets, the bad ones among them, and a check of what came of them."""

    def __init__(self, folder: Path, base: str, bad: list[tuple[Target, Kind]]) -> None:
        wcs = WCS(header())
        self.pixels = [(5 + n % 230, 5 + n % 170) for n in range(1000)]
        # Three of four are read from this machine, which takes less time.
        places = [f"{base}/good.fits", *[folder / "good.fits"] * 3]
        self.targets: list[Target] = [
            (places[n % 4], wcs.pixel_to_world(x + 0.2, y + 0.2))
            for n, (x, y) in enumerate(self.pixels)
        ]
        self.kinds: dict[int, Kind] = {}
        for number, (target, kind) in zip(range(20, 1000, 57), bad, strict=False):
            self.targets[number], self.kinds[number] = target, kind

    def check(self, outcomes: list[Cutout | ArchiveAccessError]) -> None:
        assert len(outcomes) == 1000
        failed = {n: type(each) for n, each in enumerate(outcomes) if not isinstance(each, Cutout)}
        assert failed == self.kinds
        assert len(failed) == 17
        for (x, y), outcome in zip(self.pixels, outcomes, strict=True):
            if isinstance(outcome, Cutout):
                assert np.array_equal(outcome.data, WHOLE[y - 2 : y + 3, x - 2 : x + 3])


@pytest.fixture(scope="module")
def batch(served: tuple[Path, str], bad: list[tuple[Target, Kind]]) -> Batch:
    return Batch(*served, bad)


def test_a_thousand_targets_with_seventeen_bad_ones_in_threads(batch: Batch) -> None:
    batch.check(cutouts(batch.targets, SIDE, progress=False))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_thousand_targets_with_seventeen_bad_ones_in_processes(batch: Batch, method: str) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context(method)) as executor:
        batch.check(cutouts(batch.targets, SIDE, executor=executor, progress=False))


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


class Slow:
    """A server that takes its time for each answer, and interrupts this process once."""

    def __init__(self, seconds: float, at: int) -> None:
        self._seconds, self._at = seconds, at
        self._file = VersionedFile(image())
        self.asked = 0
        self.interrupted = 0.0

    def __call__(self, request: Request) -> list[bytes]:
        self.asked += 1
        if self.asked == self._at:
            self.interrupted = time.monotonic()
            interrupt()
        time.sleep(self._seconds)
        return self._file(request)


def test_a_thousand_targets_with_seventeen_bad_ones_after_an_interrupt(batch: Batch) -> None:
    slow = Slow(seconds=0, at=1)
    with odd_server(slow) as base:
        targets = list(batch.targets)
        targets[300] = (f"{base}/a.fits", CENTRE)
        with pytest.raises(KeyboardInterrupt):
            cutouts(targets, SIDE, progress=False)
    batch.check(cutouts(batch.targets, SIDE, progress=False))


@pytest.mark.parametrize("number", range(17))
def test_each_bad_target_is_one_clear_error_by_itself(batch: Batch, number: int) -> None:
    """Also where it is cut out by itself, and its address survives the way out of a process."""
    index = sorted(batch.kinds)[number]
    [error] = cutouts([batch.targets[index]], SIDE, progress=False)
    assert type(error) is batch.kinds[index]
    assert "\n" not in str(error)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.url) == (type(error), str(error), error.url)
    location, position, *rest = batch.targets[index]
    if isinstance(position, SkyCoord) and not rest:
        assert error.url == location
        with pytest.raises(batch.kinds[index]):
            cutout(location, position, SIDE)


# Other ways to be bad


@pytest.mark.parametrize(
    "location",
    [None, 5, 1.5, b"a.fits", {}, [], np.ma.masked, "", "\x00", "no/such/file.fits", "/", SkyCoord],
    ids=repr,
)
@pytest.mark.parametrize("read", [open_fits, lambda location: cutout(location, CENTRE, SIDE)])
def test_a_location_that_is_none_is_an_error_of_the_package(read, location: object) -> None:
    with pytest.raises((CloudLocationError, FitsError)):
        read(location)


@pytest.mark.parametrize("target", [None, 5, (), "ab", CENTRE, ("a", CENTRE, 3), {"url": CENTRE}])
def test_a_target_that_is_no_pair_is_an_error_in_its_place(served, target: object) -> None:
    folder, _ = served
    outcomes = cutouts([target, (folder / "good.fits", CENTRE)], SIDE, progress=False)
    assert isinstance(outcomes[0], ArchiveAccessError)
    assert isinstance(outcomes[1], Cutout)


@pytest.mark.parametrize(
    "size",
    [
        np.inf * u.deg,
        np.nan * u.deg,
        [3 * u.arcsec, np.inf * u.deg],
        (3, 5, 7),
        [],
        (3, 0),
        [[1, 2], [3, 4]] * u.deg,
        1e-9 * u.deg,
    ],
    ids=repr,
)
def test_a_size_that_no_image_can_have_is_refused(served, size: object) -> None:
    folder, _ = served
    with pytest.raises(CutoutError):
        cutout(folder / "good.fits", CENTRE, size)


@pytest.mark.parametrize("size", [10**6, 10**400, 1e300 * u.deg, 1e300 * u.pixel])
def test_a_size_beyond_the_image_gives_all_of_it(served, size: object) -> None:
    folder, _ = served
    whole = cutout(folder / "good.fits", CENTRE, size)
    assert np.array_equal(whole.data, WHOLE)
    assert whole.partial


@pytest.mark.parametrize("hdu", [1, 7, -9, "SCI", ("SCI", 2), 1.5, object(), (1, 2, 3), ["SCI"]])
def test_an_hdu_that_is_none_or_no_image_is_an_error_of_the_package(served, hdu: object) -> None:
    folder, base = served
    for location in (folder / "table.fits", f"{base}/table.fits"):
        with pytest.raises(FitsError, match=r"table\.fits has no"):
            cutout(location, CENTRE, SIDE, hdu=hdu)


@pytest.mark.parametrize("plane", ["1", 1.5, -1, 3])
def test_a_plane_that_is_none_is_refused(served, plane: object) -> None:
    folder, _ = served
    with pytest.raises(CutoutError, match="plane"):
        cutout(folder / "cube.fits", CENTRE, SIDE, plane=plane)


def test_what_a_library_raised_stays_visible_as_the_cause(served) -> None:
    _, base = served
    with pytest.raises(FitsError) as caught:
        cutout(f"{base}/rice.fits", CENTRE, SIDE)
    assert type(caught.value.__cause__).__name__ == "CfitsioException"
    with pytest.raises(CutoutError) as caught:
        cutout(f"{base}/distorted.fits", FAR, SIDE)
    assert type(caught.value.__cause__).__name__ == "NoConvergence"


class Ending:
    """A target that ends the process which unpacks it."""

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (1,)


def test_a_process_that_dies_costs_no_exception(served) -> None:
    folder, _ = served
    targets = [(folder / "good.fits", CENTRE), (Ending(), CENTRE), (folder / "good.fits", CENTRE)]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        outcomes = cutouts(targets, SIDE, executor=executor, progress=False)
    assert len(outcomes) == 3
    assert isinstance(outcomes[1], CutoutError)
    assert "BrokenProcessPool" in str(outcomes[1])


def test_what_cannot_be_sent_to_a_process_is_an_error_in_its_place(served) -> None:
    folder, _ = served
    targets = [(lambda: None, CENTRE), (folder / "good.fits", CENTRE)]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        outcomes = cutouts(targets, SIDE, executor=executor, progress=False)
    assert isinstance(outcomes[0], CutoutError)
    assert isinstance(outcomes[1], Cutout)


class Choosy(Executor):
    """An executor that takes every second task."""

    def __init__(self) -> None:
        self._taken = 0

    def submit(self, function, /, *arguments, **options) -> Future:
        self._taken += 1
        if self._taken % 2:
            raise RuntimeError("no room")
        future: Future = Future()
        future.set_result(function(*arguments, **options))
        return future


def test_what_an_executor_refuses_is_an_error_in_its_place(served) -> None:
    folder, _ = served
    targets = [(folder / "good.fits", CENTRE)] * 4
    outcomes = cutouts(targets, SIDE, executor=Choosy(), progress=False)
    assert [type(each) for each in outcomes] == [CutoutError, Cutout] * 2
    assert "RuntimeError: no room" in str(outcomes[0])


@pytest.mark.parametrize(
    "kind",
    [
        each
        for each in (*vars(errors).values(), http.FileChangedError)
        if isinstance(each, type) and issubclass(each, ArchiveAccessError)
    ],
)
def test_errors_survive_pickling_with_their_address(kind: Kind) -> None:
    again = pickle.loads(pickle.dumps(kind("it failed", "https://example.org/a.fits")))
    assert type(again) is kind
    assert (str(again), again.url) == ("it failed", "https://example.org/a.fits")


# Interrupts


@pytest.mark.parametrize("processes", [False, True], ids=["threads", "processes"])
def test_an_interrupt_returns_at_once_and_leaves_the_queue(processes: bool) -> None:
    """Six hundred targets at a second for each request would take half a minute in threads."""
    slow = Slow(seconds=0.4 if processes else 1, at=5)
    with odd_server(slow) as base:
        targets = [(f"{base}/{number}.fits", CENTRE) for number in range(600)]
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
            with pytest.raises(KeyboardInterrupt):
                cutouts(targets, SIDE, executor=executor if processes else None, progress=False)
            assert time.monotonic() - slow.interrupted < 2
            then = slow.asked
        time.sleep(2.5)
        # What was under way may end, and have read the header and not the pixels; in processes
        # there are five units of up to four files in the pool.
        assert slow.asked - then <= (5 * 4 * 2 if processes else 32)


def test_an_interrupt_that_does_not_wake_the_waiting_thread_is_noticed_soon() -> None:
    """As one that comes just before the wait: the signal goes to another thread."""
    never: Future[None] = Future()

    def interrupt_here() -> None:
        time.sleep(0.2)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    other = threading.Thread(target=interrupt_here)
    other.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        first_done([never])
    other.join()
    assert time.monotonic() - began < 2


def test_an_interrupted_batch_can_be_run_again_at_once(served) -> None:
    folder, _ = served
    slow = Slow(seconds=0.2, at=10)
    with odd_server(slow) as base:
        targets = [(f"{base}/{number % 7}.fits", CENTRE) for number in range(100)]
        with pytest.raises(KeyboardInterrupt):
            cutouts(targets, SIDE, progress=False)
        outcomes = cutouts(targets, SIDE, progress=False)
    right = cutout(folder / "good.fits", CENTRE, SIDE).data
    assert all(np.array_equal(outcome.data, right) for outcome in outcomes)


INTERRUPTED = """
import sys, time
from astropy.coordinates import SkyCoord
from helpers import cutouts
from helpers.remote import http
from helpers.remote.byte_ranges import table_rows
from helpers.remote.cancellation import first_done

http.TIMEOUT = (2.0, 2.0)
targets = [(f"{sys.argv[1]}/{n}.fits", SkyCoord(150, 2, unit="deg")) for n in range(600)]
try:
    cutouts(targets, 5, progress=False)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_a_script_that_is_interrupted_ends_with_the_requests_under_way() -> None:
    """Threads that try on would keep it alive: each request is tried five times here."""
    asked = threading.Event()

    def silent(request: Request) -> list[bytes]:
        asked.set()
        time.sleep(60)
        return []

    with odd_server(silent) as base:
        command = [sys.executable, "-c", INTERRUPTED, base]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as script:
            assert asked.wait(60)
            script.send_signal(signal.SIGINT)
            began = time.monotonic()
            output, _ = script.communicate(timeout=60)
    assert output == "interrupted\n"
    assert time.monotonic() - began < 6


def test_an_interrupt_of_one_cutout_does_not_wait_for_its_ranges() -> None:
    """Parts of rows that are 2 MB apart are fetched side by side; one of them interrupts."""
    data = np.zeros((8, 600_000), "float32")
    file = VersionedFile(written(fits.PrimaryHDU(data, header(CRPIX1=300_000.0, CRPIX2=4.5))))
    interrupted: list[float] = []

    def slow_for_pixels(request: Request) -> Iterator[bytes]:
        if request.range_of(len(file.data))[0] > 0:
            if not interrupted:
                interrupted.append(time.monotonic())
                interrupt()
            time.sleep(5)
        yield from file(request)

    with odd_server(slow_for_pixels) as base:
        with pytest.raises(KeyboardInterrupt):
            cutout(f"{base}/wide.fits", CENTRE, SIDE)
        assert time.monotonic() - interrupted[0] < 2


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_amid_a_first_read_does_not_wait_for_it() -> None:
    """The thread that reads does not exist in the child, so nobody there would release its lock."""
    file, asked, answer = VersionedFile(image()), threading.Event(), threading.Event()

    def slow_at_first(request: Request) -> Iterator[bytes]:
        if not asked.is_set():
            asked.set()
            answer.wait(60)
        yield from file(request)

    with odd_server(slow_at_first) as base:
        target = (f"{base}/a.fits", CENTRE)
        reader = threading.Thread(target=cutout, args=(*target, SIDE))
        reader.start()
        assert asked.wait(20)
        with ProcessPoolExecutor(1, mp_context=get_context("fork")) as executor:
            [outcome] = cutouts([target], SIDE, executor=executor, progress=False)
        answer.set()
        reader.join(20)
    assert isinstance(outcome, Cutout)
