"""Every fault at every network path of the helpers: the right pixels, or one clear error.

What comes of each is written to docs/faults.md by the last test.
"""

from __future__ import annotations

import json
import re
import socket
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.utils.exceptions import AstropyUserWarning
from fault_page import CELLS as CELLS_HEAD
from fault_page import INTRODUCTION, SERVICES, page, sentences, table
from replicas import ROOT, file_server
from threaded import environment, threaded_replica

from helpers import (
    ArchiveAccessError,
    CloudLocationError,
    Cutout,
    DownloadError,
    FitsError,
    cloud_location,
    cutout,
    cutouts,
    open_fits,
)
from helpers import connection as archives
from helpers.remote import http
from helpers.remote.fits_cache import remote_fits
from replica.holdings import select
from replica.middleware.faults import fault
from replica.server import Settings
from replica.storage.cache import ensure

PAGE = ROOT / "docs" / "faults.md"
CRAB = SkyCoord(83.633210, 22.014460, unit="deg")
SIDE = 20
#: The constants of the module as they are, before a test makes them smaller.
TIMEOUT, MAX_ATTEMPTS, DEADLINE = http.TIMEOUT, http.MAX_ATTEMPTS, http.DEADLINE
RATE = http.SLOWEST_RATE

ALLWISE = select(obs_id="0830p227_ac51", band="W1", kind="int")[0]
STACK = select(obs_id="rings.v3.skycell.1784.059.stk.r", kind="unconv")[0]
CHANDRA = select(obs_id="13751", kind="cntr_img2")[0]
ROSAT = select(obs_id="rs931315n00", kind="im1")[0]
IRSA = "https://irsa.ipac.caltech.edu/ibe/data/wise/allwise/p3am_cdd/"

Pixels = list[np.ndarray]


def stamp(url: str) -> Pixels:
    return [cutout(url, CRAB, SIDE).data]


def image(url: str) -> Pixels:
    with open_fits(url) as hdus:
        return [hdus[0].data]


def corner(url: str) -> Pixels:
    with open_fits(url) as hdus:
        return [hdus[0].section[:3, :3]]


@dataclass(frozen=True)
class Route:
    """A way on which the helpers reach the network, by an address of its own.

    The addresses name the same objects of S3 in its several forms, so that a fault can hit
    one route and leave the others, and so that the header of one address can be known
    (`warm`) before the fault begins: the fault then meets the reading of the pixels.
    """

    name: str
    url: str
    read: Callable[[str], Pixels]
    warm: bool = False

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname


ROUTES = [
    Route("header, plain", f"https://nasa-irsa-wise.s3.amazonaws.com/{ALLWISE.key}", stamp),
    Route(
        "pixels, plain",
        f"https://s3.us-west-2.amazonaws.com/nasa-irsa-wise/{ALLWISE.key}",
        stamp,
        True,
    ),
    Route("header, RICE", f"https://stpubdata.s3.us-east-1.amazonaws.com/{STACK.key}", stamp),
    Route("pixels, RICE", f"https://s3.us-east-1.amazonaws.com/stpubdata/{STACK.key}", stamp, True),
    Route(".gz", f"https://nasa-heasarc.s3.amazonaws.com/{CHANDRA.key}", image),
    Route(".Z", f"https://nasa-heasarc.s3.us-east-1.amazonaws.com/{ROSAT.key}", image),
    Route("HEASARC", f"https://heasarc.gsfc.nasa.gov/FTP/{CHANDRA.key}", image),
    Route("IRSA", IRSA + ALLWISE.key.split("p3am_cdd/")[1], corner),
]
#: One of these fails, the other does not.
SPOILT = f"https://nasa-irsa-wise.s3.us-west-2.amazonaws.com/{ALLWISE.key}"
UNSPOILT = f"https://s3.amazonaws.com/nasa-irsa-wise/{ALLWISE.key}"
TARGETS = [(SPOILT, CRAB), (UNSPOILT, CRAB)]


@dataclass(frozen=True)
class Trouble:
    """A row of the table: a fault of the replica, once or always."""

    name: str
    kind: str
    once: bool = False


TROUBLES = [
    Trouble("503, once", "503", once=True),
    Trouble("503, always", "503"),
    Trouble("429 with Retry-After, once", "429", once=True),
    Trouble("connection reset before the body, once", "reset", once=True),
    Trouble("connection reset before the body, always", "reset"),
    Trouble("connection reset amid the body, once", "reset-amid-body", once=True),
    Trouble("connection reset amid the body, always", "reset-amid-body"),
    Trouble("body shorter than its Content-Length, once", "short-body", once=True),
    Trouble("body shorter than its Content-Length, always", "short-body"),
    Trouble("short body with a Content-Length that agrees, once", "short-length", once=True),
    Trouble("short body with a Content-Length that agrees, always", "short-length"),
    Trouble("stall beyond the timeout, once", "stall", once=True),
    Trouble("stall beyond the timeout, always", "stall"),
    Trouble("404", "404"),
    Trouble("403", "403"),
    Trouble("301 to another region", "301"),
    Trouble("a page of HTML instead of the file", "html"),
    Trouble("an empty body", "empty"),
]
#: What `connect` takes for no answer; it asks once, for the head of an answer alone.
SILENT = {"503", "reset", "stall"}

Outcome = Pixels | ArchiveAccessError


@pytest.fixture(scope="module", autouse=True)
def impatient() -> Iterator[None]:
    """Shorter pauses and timeouts than the helpers' own, but as many tries."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http, "TIMEOUT", (5.0, 0.7))
        patch.setattr(http, "FIRST_PAUSE", 0.01)
        yield


@contextmanager
def failing(*faults: str) -> Iterator[None]:
    """Let every client of this process talk to a replica with these faults."""
    settings = Settings(faults=[fault(text) for text in faults])
    with threaded_replica(settings) as replica, environment(replica.environment):
        yield


def forget() -> None:
    remote_fits.cache_clear()
    http._session.cache_clear()


@lru_cache
def right_pixels() -> dict[str, Pixels]:
    """What each route gives without a fault; the headers of the warm routes are known then."""
    for product in (ALLWISE, STACK, CHANDRA, ROSAT):
        ensure(product)
    return {route.name: route.read(route.url) for route in ROUTES}


def attempt(route: Route) -> Outcome:
    try:
        return route.read(route.url)
    except ArchiveAccessError as error:
        return error


@dataclass(frozen=True)
class Row:
    """What came of a trouble: on each route, of two cutouts, and of the choice of a source."""

    routes: dict[str, Outcome]
    pair: list
    silent: list[str]


@lru_cache
def row(trouble: Trouble) -> Row:
    """Let a replica fail, and try every route at once."""
    right_pixels()
    forget()
    for route in filter(lambda route: route.warm, ROUTES):
        route.read(route.url)
    hosts = [route.host for route in ROUTES] + [urlsplit(SPOILT).hostname]
    paths = dict.fromkeys(hosts, "/?*") | {"irsa.ipac.caltech.edu": "*"}
    times = ",times=1" if trouble.once else ""
    faults = [f"{trouble.kind},host={host},path={path}{times}" for host, path in paths.items()]
    # IRSA's front page is probed by connect: a fault of its own, ahead of that of its files.
    faults.insert(0, f"{trouble.kind},host=irsa.ipac.caltech.edu,path=/{times}")
    with failing(*faults):
        with ThreadPoolExecutor(len(ROUTES)) as pool:
            outcomes = dict(zip((r.name for r in ROUTES), pool.map(attempt, ROUTES), strict=True))
        return Row(outcomes, cutouts(TARGETS, SIDE, progress=False), archives.silent_archives())


def check_clear(error: ArchiveAccessError, url: str) -> None:
    """One sentence of the package's own, with host and product, raised in its own code."""
    text = str(error)
    assert urlsplit(url).hostname in text
    assert url.rsplit("/", 1)[1] in text
    assert error.url == url
    assert "\n" not in text
    assert not re.search(r"Pool\(|Max retries|object at 0x|Errno", text)
    last = Path(traceback.extract_tb(error.__traceback__)[-1].filename)
    assert last.is_relative_to(ROOT / "helpers")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
def test_the_right_pixels_or_one_clear_error(trouble: Trouble, route: Route) -> None:
    outcome = row(trouble).routes[route.name]
    if trouble.once:
        assert isinstance(outcome, list), outcome
        assert np.array_equal(outcome[0], right_pixels()[route.name][0], equal_nan=True)
    else:
        assert isinstance(outcome, ArchiveAccessError)
        check_clear(outcome, route.url)


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
def test_one_failing_cutout_does_not_spoil_the_others(trouble: Trouble) -> None:
    spoilt, unspoilt = row(trouble).pair
    right = right_pixels()["header, plain"][0]
    assert np.array_equal(unspoilt.data, right)
    if trouble.once:
        assert np.array_equal(spoilt.data, right)
    else:
        check_clear(spoilt, SPOILT)


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
def test_an_archive_that_does_not_answer_is_not_taken_for_live(trouble: Trouble) -> None:
    assert row(trouble).silent == (["IRSA"] if trouble.kind in SILENT else [])


def search_sia() -> int:
    from pyvo.dal import SIAService

    service = SIAService("https://irsa.ipac.caltech.edu/ibe/sia/wise/allwise/p3am_cdd?")
    return len(service.search(CRAB, size=0.04))


def search_sia_in_vain() -> int:
    from pyvo.dal import SIAService

    service = SIAService("https://irsa.ipac.caltech.edu/ibe/sia/wise/allwise/p3am_cdd?")
    return len(service.search(SkyCoord(0, -89, unit="deg"), size=0.04))


def search_registry(keyword: str = "chandra") -> int:
    from pyvo import regsearch

    return len(regsearch(servicetype="sia", keywords=keyword))


def search_mast(target: str = "rings.v3.skycell.1784.059.stk.r") -> int:
    from astroquery.mast import Observations

    return len(Observations.query_criteria(obs_id=target))


#: Kind of answer: a search that finds something, and one that does not.
SEARCHES: dict[str, tuple[Callable[[], int], Callable[[], int]]] = {
    "VOTable of an image search (pyvo)": (search_sia, search_sia_in_vain),
    "VOTable of the registry (pyvo)": (search_registry, lambda: search_registry("unheard-of")),
    "JSON of MAST (astroquery)": (search_mast, lambda: search_mast("unheard-of")),
}
SPOILT_ANSWERS = {
    "malformed, cut in half": "short-length",
    "HTML instead": "html",
    "an empty body": "empty",
    "503": "503",
}


@lru_cache
def search_outcome(search: str, spoilt: str) -> str:
    """Name the exception of a search whose answer is spoilt; the number of rows without one."""
    # Once unspoilt: pyvo asks for the registry's capabilities only the first time.
    SEARCHES[search][0]()
    with failing(SPOILT_ANSWERS[spoilt]):
        try:
            return f"{SEARCHES[search][0]()} rows"
        except Exception as error:  # noqa: BLE001 - whatever a library of others raises
            return f"`{type(error).__module__.split('.')[0]}` raises `{type(error).__name__}`"


@pytest.mark.parametrize("spoilt", SPOILT_ANSWERS)
@pytest.mark.parametrize("search", SEARCHES)
def test_a_spoilt_search_is_an_error_of_its_library(search: str, spoilt: str) -> None:
    assert SEARCHES[search][0]() > 0
    assert re.fullmatch(
        r"`(pyvo|astroquery|requests)` raises `\w+`", search_outcome(search, spoilt)
    )


@pytest.mark.filterwarnings("ignore::astroquery.exceptions.NoResultsWarning")
@pytest.mark.parametrize("search", SEARCHES)
def test_a_search_in_vain_is_an_empty_table(search: str) -> None:
    assert SEARCHES[search][1]() == 0


CELLS: dict[str, object] = {
    "an empty cell": "",
    "a masked cell": np.ma.masked,
    "a page of HTML": "<!DOCTYPE html><html><body>We are back soon</body></html>",
    "JSON cut short": '{"aws": {"bucket_name": "nasa-irsa-wise", "key": "wise/al',
    "JSON without a bucket": '{"aws": {"key": "wise/a.fits"}}',
    "a row without addresses": {"obs_id": "1", "cloud_access": ""},
    "a table without rows": Table({"cloud_access": [], "access_url": []}),
}


def cell_outcome(cell: object) -> str:
    with pytest.raises(CloudLocationError) as caught:
        cloud_location(cell)
    return f"`{type(caught.value).__name__}: {caught.value}`"


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_that_says_nothing_is_an_error_of_the_package(name: str) -> None:
    assert "\n" not in cell_outcome(CELLS[name])


def on_the_wire(kind: str) -> tuple[dict[str, str], bytes, OSError | None]:
    """Ask by a bare socket; return the headers, the body, and how the connection broke."""
    request = f"GET /{ROSAT.key} HTTP/1.1\r\nHost: nasa-heasarc.s3.amazonaws.com\r\n\r\n"
    received, broken = b"", None
    with threaded_replica(Settings(faults=[fault(kind)])) as replica:
        address = urlsplit(replica.proxy)
        with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
            connection.sendall(request.encode())
            try:
                while block := connection.recv(2**16):
                    received += block
            except OSError as error:
                broken = error
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines), body, broken


@pytest.mark.parametrize("kind", ["reset", "reset-amid-body", "short-body"])
def test_broken_connections_are_real_on_the_wire(kind: str) -> None:
    size = ensure(ROSAT).stat().st_size
    headers, body, broken = on_the_wire(kind)
    assert isinstance(broken, ConnectionResetError) == kind.startswith("reset")
    if kind == "reset":
        assert not headers
    else:
        assert int(headers["content-length"]) == size
        assert 0 < len(body) < size


def test_the_pause_that_a_server_asks_for_is_made(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    settings = Settings(log=log, faults=[fault("429,times=1")])
    forget()
    with threaded_replica(settings) as replica, environment(replica.environment):
        http.read_chunk(SPOILT, 0, 10)
    first, second = map(json.loads, log.read_text().splitlines())
    assert (first["status"], second["status"]) == (429, 206)
    assert second["time"] - first["time"] >= 1  # the fault says Retry-After: 1


def test_no_new_try_begins_after_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "TIMEOUT", (5.0, 0.3))
    monkeypatch.setattr(http, "DEADLINE", 0.2)
    forget()
    with failing("stall"), pytest.raises(DownloadError, match="tried once"):
        cutout(SPOILT, CRAB, SIDE)


def test_a_page_in_place_of_a_header_is_not_remembered() -> None:
    forget()
    with failing("html,times=1"):
        with pytest.raises(FitsError, match="<!DOCTYPE html>"):
            cutout(SPOILT, CRAB, SIDE)
        stamp_after = cutout(SPOILT, CRAB, SIDE)
    assert np.array_equal(stamp_after.data, right_pixels()["header, plain"][0])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("served")
    with file_server(folder) as base:
        yield folder, base


def write_image(path: Path, rows: int, level: float) -> None:
    header = fits.Header(
        {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 83.63, "CRVAL2": 22.01}
        | {"CRPIX1": 50.5, "CRPIX2": 200.5, "CDELT1": -0.001, "CDELT2": 0.001}
    )
    data = np.full((rows, 100), level, dtype="float32")
    fits.PrimaryHDU(data, header).writeto(path, overwrite=True)


def test_a_file_that_is_replaced_meanwhile_is_read_anew(served) -> None:
    folder, base = served
    url = f"{base}/replaced.fits"
    write_image(folder / "replaced.fits", 400, 1.0)
    assert (cutout(url, CRAB, SIDE).data == 1).all()
    write_image(folder / "replaced.fits", 500, 2.0)
    assert (cutout(url, CRAB, SIDE).data == 2).all()


def test_a_file_cut_short_at_the_archive_is_told(served) -> None:
    folder, base = served
    write_image(folder / "short.fits", 400, 1.0)
    with (folder / "short.fits").open("r+b") as file:
        file.truncate(2880 * 20)
    with (
        pytest.warns(AstropyUserWarning, match="truncated"),
        pytest.raises(DownloadError, match=r"short\.fits is cut short"),
    ):
        cutout(f"{base}/short.fits", CRAB, SIDE)


def cell(outcome: Outcome | Cutout) -> str:
    return f"`{type(outcome).__name__}`" if isinstance(outcome, ArchiveAccessError) else "pixels"


def errors_of(trouble: Trouble) -> list[ArchiveAccessError]:
    outcomes = [*row(trouble).routes.values(), row(trouble).pair[0]]
    return [outcome for outcome in outcomes if isinstance(outcome, ArchiveAccessError)]


def fault_table() -> str:
    lines = []
    for trouble in TROUBLES:
        outcomes = [*row(trouble).routes.values(), row(trouble).pair[0]]
        source = "replica" if row(trouble).silent else "live"
        lines.append([trouble.name, *map(cell, outcomes), source])
    return table(["fault", *(route.name for route in ROUTES), "one of two", "connect"], lines)


def search_table() -> str:
    lines = [
        [name, *(search_outcome(search, name) for search in SEARCHES)] for name in SPOILT_ANSWERS
    ]
    lines.append(["no rows", *(f"{in_vain()} rows" for _, in_vain in SEARCHES.values())])
    return table(["answer", *SEARCHES], lines)


@pytest.mark.filterwarnings("ignore::astroquery.exceptions.NoResultsWarning")
def test_the_page_in_the_docs_says_what_was_seen() -> None:
    facts = {"connect": TIMEOUT[0], "read": TIMEOUT[1], "tries": MAX_ATTEMPTS, "patience": DEADLINE}
    written = page(
        INTRODUCTION.format(**facts, bound=DEADLINE + sum(TIMEOUT), rate=RATE / 1000),
        fault_table(),
        "## What the errors say\n",
        sentences({trouble.name: errors_of(trouble) for trouble in TROUBLES}),
        SERVICES,
        search_table(),
        CELLS_HEAD,
        table(["cell", "outcome"], [[name, cell_outcome(each)] for name, each in CELLS.items()]),
    )
    before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    PAGE.write_text(written, encoding="utf-8")
    assert written == before, f"{PAGE} is written anew: look at git diff, and commit it"
