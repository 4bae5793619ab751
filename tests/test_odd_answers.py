"""Answers and addresses that no standard allows: the right pixels, or one error of the package."""

from __future__ import annotations

import gzip
import io
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from odd_servers import Answer, Request, head, odd_server
from replicas import file_server
from urllib3.connection import HTTPConnection

from helpers import ArchiveAccessError, DownloadError, Transfer, cutout, open_fits
from helpers.remote import http
from helpers.remote.fits_cache import remote_fits

TARGET = SkyCoord(150.0, 2.0, unit="deg")
SIDE = 4


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is remembered, and tries follow one another at once."""
    monkeypatch.setattr(http, "FIRST_PAUSE", 0.001)
    remote_fits.cache_clear()


def image() -> bytes:
    header = fits.Header(
        {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0}
        | {"CRPIX1": 60.5, "CRPIX2": 250.5, "CDELT1": -0.001, "CDELT2": 0.001}
    )
    data = np.random.default_rng(1).normal(100, 20, (300, 120)).astype("float32")
    file = io.BytesIO()
    fits.PrimaryHDU(data, header).writeto(file)
    return file.getvalue()


IMAGE = image()
PIXELS = fits.getdata(io.BytesIO(IMAGE))[248:252, 58:62]


def part_of(data: bytes, *lines: str) -> Answer:
    """Answer with the range that is asked for, and these lines in the head."""

    def answer(request: Request) -> list[bytes]:
        start, stop = request.range_of(len(data))
        told = f"Content-Range: bytes {start}-{stop - 1}/{len(data)}"
        return [head("206 Partial Content", told, *lines), data[start:stop]]

    return answer


def whole(data: bytes, *lines: str) -> Answer:
    """Answer with the whole file, whatever is asked for, and these lines in the head."""
    return lambda request: [head("200 OK", *lines), data]


def silent_about_length(data: bytes, *lines: str) -> Answer:
    """Answer with the whole file in pieces that announce themselves."""

    def answer(request: Request) -> Iterator[bytes]:
        yield head("200 OK", "Transfer-Encoding: chunked", *lines)
        for start in range(0, len(data), 10_000):
            piece = data[start : start + 10_000]
            yield b"%x\r\n%b\r\n" % (len(piece), piece)
        yield b"0\r\n\r\n"

    return answer


@pytest.mark.parametrize("label", [(), ("Content-Encoding: gzip",), ("Content-Encoding: x-gzip",)])
@pytest.mark.parametrize("send", [part_of, whole, silent_about_length])
@pytest.mark.parametrize("name", ["image.fits.gz", "in-disguise.fits"])
def test_a_stored_gzip_may_be_called_an_encoding(name: str, send, label: tuple[str, ...]) -> None:
    packed = gzip.compress(IMAGE)
    with odd_server(send(packed, *label)) as base, Transfer() as transfer:
        stamp = cutout(f"{base}/{name}", TARGET, SIDE)
    assert np.array_equal(stamp.data, PIXELS)
    assert transfer.requests == (1 if name.endswith(".gz") else 2)


def test_a_plain_file_that_comes_encoded_against_our_wish_is_read() -> None:
    answer = whole(gzip.compress(IMAGE), "Content-Encoding: gzip")
    with odd_server(answer) as base:
        assert np.array_equal(cutout(f"{base}/image.fits", TARGET, SIDE).data, PIXELS)


SIZE = str(len(IMAGE))


@pytest.mark.parametrize(
    "lines",
    [
        (f"Content-Length: {SIZE}, {SIZE}",),
        (f"Content-Length: {SIZE}", f"Content-Length: {SIZE}"),
        ("Retry-After: nan",),
        ('ETag: "a", "b"',),
        ("ETag: \xe9\xff",),
        ("Last-Modified: yesterday",),
    ],
)
def test_an_odd_head_that_can_be_understood_does_no_harm(lines: tuple[str, ...]) -> None:
    with odd_server(whole(IMAGE, *lines)) as base:
        assert np.array_equal(cutout(f"{base}/image.fits", TARGET, SIDE).data, PIXELS)


def raw(*pieces: bytes) -> Answer:
    return lambda request: pieces


def ranged(told: str, *lines: str) -> Answer:
    return raw(head("206 Partial Content", f"Content-Range: {told}", *lines), IMAGE[: 2**16])


def redirect(target: str) -> Answer:
    return raw(head("302 Found", f"Location: {target}", "Content-Length: 0"))


ODD: dict[str, Answer] = {
    "Content-Length of letters": whole(IMAGE, "Content-Length: abc"),
    "negative Content-Length": whole(IMAGE, "Content-Length: -5"),
    "Content-Length of 5000 digits": whole(IMAGE, f"Content-Length: {'9' * 5000}"),
    "two Content-Lengths": whole(IMAGE, f"Content-Length: {SIZE}, 12"),
    "two lines of Content-Length": whole(IMAGE, "Content-Length: 12", f"Content-Length: {SIZE}"),
    "a body of exabytes": whole(IMAGE, f"Content-Length: {10**18}"),
    "Content-Range of 5000 digits": ranged(f"bytes 0-65535/{'9' * 5000}"),
    "Content-Range of letters": ranged("bytes a-b/c"),
    "Content-Range without a size": ranged("bytes 0-65535/*"),
    "Content-Range of another place": ranged("bytes 5-65540/100000"),
    "no Content-Range": raw(head("206 Partial Content"), IMAGE[: 2**16]),
    "redirect to half an address": redirect("http://[::1"),
    "redirect to another scheme": redirect("ftp://archive.example.org/a.fits"),
    "redirect to a file": redirect("file:///etc/hostname"),
    "redirect to nowhere": redirect(""),
    "redirect to a port that is none": redirect("http://127.0.0.1:99999/a.fits"),
    "redirect to a long label": redirect(f"http://{'a' * 70}.example.org/a.fits"),
    "redirect to itself": redirect("/a.fits"),
    "no status": raw(b"\r\n\r\n"),
    "status of letters": raw(b"HTTP/1.1 abc OK\r\n\r\n"),
    "another protocol": raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "nothing": raw(),
    "a line of 100 kB": raw(head("200 OK", f"X-Long: {'a' * 100_000}"), IMAGE),
    "500 lines": raw(head("200 OK", *(f"X-{n}: a" for n in range(500))), IMAGE),
    "pieces without a length": raw(head("200 OK", "Transfer-Encoding: chunked"), b"xyz\r\nabc"),
    "null characters": raw(b"\x00" * 100),
    "information without an end": raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 50),
    "no content": raw(head("204 No Content")),
    "not modified": raw(head("304 Not Modified")),
    "precondition failed": raw(head("412 Precondition Failed", "Content-Length: 0")),
    "unknown status": raw(head("999 Odd", "Content-Length: 0")),
}


def check_own(error: ArchiveAccessError, url: str) -> None:
    assert error.url == url
    assert url in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["a.fits", "a.fits.gz"])
def test_an_odd_answer_is_an_error_of_the_package(name: str, odd: str) -> None:
    with odd_server(ODD[odd]) as base, pytest.raises(ArchiveAccessError) as caught:
        cutout(f"{base}/{name}", TARGET, SIDE)
    check_own(caught.value, f"{base}/{name}")


@pytest.mark.parametrize(
    "url",
    [
        f"http://{'a' * 70}.example.org/a.fits",
        "http://a..example.org/a.fits",
        "http://.example.org/a.fits",
        "http://[::1/a.fits",
        "http:///a.fits",
        "http://",
        "http://127.0.0.1:99999/a.fits",
        "http://127.0.0.1:port/a.fits",
        "http://127.0.0.1:1/a.fits",
        "http://*/a.fits",
        "http://exa mple.org/a.fits",
        "http://\ud800.example.org/a.fits",
        "http://127.0.0.1:1/\x00.fits",
    ],
)
@pytest.mark.parametrize("proxy", [True, False], ids=["by proxy", "directly"])
@pytest.mark.parametrize("read", [open_fits, lambda url: cutout(url, TARGET, SIDE)])
def test_an_address_that_is_none_is_an_error_of_the_package(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[str], object], proxy: bool, url: str
) -> None:
    if not proxy:
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, "*")
    with pytest.raises(ArchiveAccessError) as caught:
        read(url)
    assert caught.value.url == url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REQUESTS_CA_BUNDLE", "/no/such/file"),
        ("HTTPS_PROXY", "http://[::1"),
        ("HTTPS_PROXY", "http://127.0.0.1:99999"),
        ("HTTPS_PROXY", "gopher://127.0.0.1:1"),
    ],
)
def test_variables_that_mislead_are_an_error_of_the_package(monkeypatch, name, value) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setenv(name.lower(), value)
    http._session.cache_clear()
    with pytest.raises(DownloadError):
        cutout("https://nasa-irsa-wise.s3.amazonaws.com/a.fits", TARGET, SIDE)
    http._session.cache_clear()


# Answers that drip


def slowly(data: bytes, piece: int, pause: float) -> Iterator[bytes]:
    for start in range(0, len(data), piece):
        yield data[start : start + piece]
        time.sleep(pause)


def dripping_head(request: Request) -> Iterable[bytes]:
    yield from slowly(head("200 OK", f"Content-Length: {SIZE}", f"X-Long: {'a' * 1000}"), 1, 0.05)
    yield IMAGE


def dripping_body(request: Request) -> Iterable[bytes]:
    yield from part_of(IMAGE)(request)[:1]
    yield from slowly(IMAGE, 1, 0.05)


@pytest.mark.parametrize("answer", [dripping_head, dripping_body])
def test_an_answer_that_drips_is_given_up(monkeypatch, answer: Answer) -> None:
    monkeypatch.setattr(http, "DEADLINE", 1.0)
    began = time.monotonic()
    with (
        odd_server(answer) as base,
        pytest.raises(DownloadError, match=r"only \d+ bytes came in 1 s"),
    ):
        cutout(f"{base}/a.fits", TARGET, SIDE)
    assert time.monotonic() - began < 10


def test_a_slow_link_that_goes_on_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 100 kB/s, a whole file takes five times the deadline."""
    monkeypatch.setattr(http, "DEADLINE", 0.3)

    def answer(request: Request) -> Iterator[bytes]:
        return (each for part in whole(IMAGE)(request) for each in slowly(part, 5000, 0.05))

    with odd_server(answer) as base:
        assert np.array_equal(cutout(f"{base}/a.fits.gz", TARGET, SIDE).data, PIXELS)


def test_connections_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are read to their end, so that the next request needs no new connection."""
    made: list[HTTPConnection] = []
    connect = HTTPConnection.connect

    def counted(connection: HTTPConnection) -> None:
        made.append(connection)
        connect(connection)

    monkeypatch.setattr(HTTPConnection, "connect", counted)
    (tmp_path / "a.fits").write_bytes(IMAGE)
    with file_server(tmp_path) as base, Transfer() as transfer:
        for _ in range(5):
            cutout(f"{base}/a.fits", TARGET, SIDE)
    assert transfer.requests == 6
    assert len(made) == 1
