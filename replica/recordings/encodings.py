"""Bodies in a Content-Encoding, and without it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from replica.recordings import RecordingError
from replica.recordings.catalogue import Headers


def coding_of(headers: Headers) -> str:
    """Return the Content-Encoding of a body; empty if it has none."""
    coding = next((v for name, v in headers if name.lower() == "content-encoding"), "").lower()
    return "" if coding == "identity" else coding


def unpacked(content: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """Yield a body without its Content-Encoding.

    Raises
    ------
    RecordingError
        For an encoding that is not known, or a body that does not have it.
    """
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise RecordingError(f"a body in the encoding {coding} cannot be searched for secrets")
    # gzip or zlib, told by their headers; what some servers call deflate has neither.
    engine = zlib.decompressobj(zlib.MAX_WBITS | 32)
    first = True
    for block in content:
        try:
            yield engine.decompress(block)
        except zlib.error as error:
            if not first:
                raise RecordingError(f"a body in {coding} is damaged: {error}") from error
            engine = zlib.decompressobj(-zlib.MAX_WBITS)
            yield engine.decompress(block)
        first = False
    yield engine.flush()


def plain_headers(headers: Headers) -> Headers:
    """Return the headers of a body that was unpacked."""
    leave = ("content-encoding", "content-length")
    return [pair for pair in headers if pair[0].lower() not in leave]
