"""Give me the bytes behind this .Z, .gz, .bz2, .xz or .zst.

Which decoder for ``.Z`` (LZW)?  Any must give the same answer and be as strict.
unlzw3 is always there: pure Python, about 5 MB/s of output, ten times the output in
memory.  ncompress (C++, the extra ``fast``) is taken when it is installed.  Of the compiled
decoders it is the one with wheels for the most systems, the oldest, as fast as any, and the
only one that writes to a stream, which bounds memory while it decodes.  It lets damage pass;
therefore `helpers.compression.lzw` checks the structure first, for both decoders alike.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

from helpers.errors import CompressionError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

#: Default bound of the output, bytes: far above the largest files of the tutorials (70 MB),
#: and what a small machine can hold.
MAX_SIZE = 1 << 30

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_FITS_BLOCK = 2880  # FITS standard 4.0, section 3.1
#: Bytes that a decoder is given at once.  Few at first, and then twice as many each time: what
#: it does not take is copied, and a file may be one small stream behind another.
_FIRST_PIECE, _PIECE = 1 << 9, 1 << 18
_ZEROS = re.compile(rb"\0+")
#: Memory that an .xz file may ask for; the strongest preset asks for 65 MiB.
_XZ_MEMORY = 256 << 20


class _Output(io.BytesIO):
    """A buffer that takes at most `limit` bytes; `room` is negative once it was offered more."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.room = limit

    def write(self, piece: ReadableBuffer, /) -> int:
        size = memoryview(piece).nbytes
        self.room -= size
        return super().write(piece) if self.room >= 0 else size


class _Input(io.BytesIO):
    """The stored bytes, for a decoder in C++ through which no exception may pass.

    They end as soon as the output has had too much.
    """

    def __init__(self, stored: bytes, output: _Output) -> None:
        super().__init__(stored)
        self._output = output

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(size) if self._output.room >= 0 else b""


class _Decoder(Protocol):
    """What the decompressor objects of bz2, lzma and compression.zstd have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def decompress(
    data: bytes | bytearray | memoryview,
    *,
    expected_size: int | None = None,
    max_size: int = MAX_SIZE,
) -> bytes:
    """Return the uncompressed content of a product.

    The format is told by its first bytes: LZW (``.Z``), gzip, bzip2, xz, zstd, or plain
    FITS, which is returned as it is.  Content that is FITS must be whole: a multiple of
    2880 bytes.

    gzip and bzip2 files carry a checksum, and nearly all xz files.  zstd files carry one if
    their writer asked for it: the zstd command does, most libraries do not.  LZW has none.
    Without a checksum, only FITS is accepted, and all that can be checked is its length: bits
    that were flipped on the way may give content that is whole and wrong.

    Parameters
    ----------
    data : bytes-like
        The product as it is stored.
    expected_size : int, optional
        Size in bytes of the *stored* (compressed) product, as the store tells it in
        Content-Length or in a listing.  `data` must have it: the surest test of a download.
    max_size : int, optional
        The most bytes that the content may have.  What would be larger is refused before
        memory is spent on it.

    Returns
    -------
    bytes
        The content.

    Raises
    ------
    CompressionError
        If the data are empty, cut short, damaged, of another format, too large, or need a
        package that is not installed.
    TypeError
        If `data` is not bytes-like.
    """
    stored = data if isinstance(data, bytes) else bytes(memoryview(data))
    if expected_size is not None and len(stored) != expected_size:
        raise CompressionError(
            f"Expected {expected_size} bytes, as the store says, but received {len(stored)}: "
            "the download is incomplete"
        )
    for magic, (name, unpack) in _FORMATS.items():
        if stored.startswith(magic):
            content = unpack(stored, max_size)
            _check_content(content, name)
            return content
    raise CompressionError(
        "Expected LZW (.Z), gzip, bzip2, xz, zstd or plain FITS, but the data "
        + (f"begin with {stored[:6]!r}" if stored else "are empty")
    )


def _check_content(content: bytes, name: str) -> None:
    if _is_fits(content) and len(content) % _FITS_BLOCK:
        raise CompressionError(
            f"Expected whole FITS blocks of {_FITS_BLOCK} bytes, but the {name} data give "
            f"{len(content)} bytes: the file is cut short or damaged"
        )


def _is_fits(content: bytes) -> bool:
    return content.startswith(b"SIMPLE")


def _require_fits(content: bytes, container: str) -> None:
    if not _is_fits(content):
        raise CompressionError(
            f"Expected FITS in this {container}, but its content begins with {content[:6]!r}. "
            "Without a checksum, other content cannot be verified"
        )


def _too_large(limit: int) -> CompressionError:
    return CompressionError(
        f"The content would have more than {limit} bytes; pass a larger max_size if it may"
    )


def _damaged(name: str, reason: object) -> CompressionError:
    return CompressionError(f"Expected a whole {name} file, but it is damaged or cut: {reason}")


def _content(output: _Output, max_size: int) -> bytes:
    if output.room < 0:
        raise _too_large(max_size)
    return output.getvalue()


def _plain(stored: bytes, max_size: int) -> bytes:
    if len(stored) > max_size:
        raise _too_large(max_size)
    return stored


def _unpack_lzw(stored: bytes, max_size: int) -> bytes:
    from helpers.compression.lzw import StreamError

    decode = _decode_with_ncompress if find_spec("ncompress") else _decode_with_unlzw3
    try:
        content = decode(stored, max_size)
    except StreamError as error:
        raise _damaged("LZW (.Z)", error) from error
    _require_fits(content, "LZW (.Z) stream")
    return content


def _decode_with_ncompress(stored: bytes, max_size: int) -> bytes:
    from ncompress import decompress as decode

    from helpers.compression.lzw import check

    check(stored)
    output = _Output(max_size)
    decode(_Input(stored, output), output)
    return _content(output, max_size)


def _decode_with_unlzw3(stored: bytes, max_size: int) -> bytes:
    from unlzw3 import unlzw

    from helpers.compression.lzw import output_size

    # unlzw3 cannot be stopped half-way, so the output is measured before.
    if output_size(stored) > max_size:
        raise _too_large(max_size)
    content: bytes = unlzw(stored)
    return content


def _unpack_gzip(stored: bytes, max_size: int) -> bytes:
    import zlib

    return _inflate("gzip", stored, max_size, _GzipDecoder, zlib.error)


def _unpack_bzip2(stored: bytes, max_size: int) -> bytes:
    from bz2 import BZ2Decompressor

    return _inflate("bzip2", stored, max_size, BZ2Decompressor, OSError)


def _unpack_xz(stored: bytes, max_size: int) -> bytes:
    from lzma import FORMAT_XZ, LZMADecompressor, LZMAError

    def decoder() -> _Decoder:
        return LZMADecompressor(FORMAT_XZ, memlimit=_XZ_MEMORY)

    return _inflate("xz", stored, max_size, decoder, LZMAError, _xz_has_checksum)


def _xz_has_checksum(stream: memoryview) -> bool:
    """Whether a stream's flags name a check (The .xz File Format 1.2.1, section 2.1.1.2)."""
    return bool(int.from_bytes(stream[7:8]) & 0x0F)


def _unpack_zstd(stored: bytes, max_size: int) -> bytes:
    zstd = _zstd()
    return _inflate(
        "zstd", stored, max_size, zstd.ZstdDecompressor, zstd.ZstdError, _zstd_has_checksum
    )


def _zstd() -> Any:
    """Import Python 3.14's module, or the package that brings it to older ones."""
    for name in ("compression.zstd", "backports.zstd"):
        with suppress(ImportError):
            return import_module(name)
    raise CompressionError("To read zstd (.zst) data, install backports.zstd, or use Python 3.14")


def _zstd_has_checksum(frame: memoryview) -> bool:
    """Whether a frame's header says so (RFC 8878, section 3.1.1.1.1).

    A skippable frame, which has another magic number, holds no content to check.
    """
    return frame[:4] != _ZSTD_MAGIC or bool(int.from_bytes(frame[4:5]) & 0x04)


class _GzipDecoder:
    """zlib's decompressor for gzip with the interface of bz2's and lzma's."""

    def __init__(self) -> None:
        import zlib

        self._inner = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


def _inflate(
    name: str,
    stored: bytes,
    max_size: int,
    new_decoder: Callable[[], _Decoder],
    error_type: type[Exception],
    has_checksum: Callable[[memoryview], bool] = lambda stream: True,
) -> bytes:
    """Decode all streams that the file holds end to end, with its checksums."""
    output = _Output(max_size)
    rest, checked = memoryview(stored), True
    try:
        while rest and output.room >= 0:
            checked = checked and has_checksum(rest)
            rest = _one_stream(rest, new_decoder(), output)
            # gzip and xz allow zero bytes behind a stream: tape blocks, alignment.
            if name in ("gzip", "xz") and (padding := _ZEROS.match(rest)):
                rest = rest[padding.end() :]
    except (error_type, EOFError) as error:
        raise _damaged(name, error) from error
    content = _content(output, max_size)
    if not checked:
        _require_fits(content, f"{name} file without a checksum")
    return content


def _one_stream(data: memoryview, decoder: _Decoder, output: _Output) -> memoryview:
    """Decode one stream piece by piece; return what lies behind it."""
    taken, size = 0, _FIRST_PIECE
    while not decoder.eof and output.room >= 0:
        piece = data[taken : taken + size] if decoder.needs_input else b""
        taken += len(piece)
        size = min(2 * size, _PIECE)
        content = decoder.decompress(bytes(piece), _PIECE)
        output.write(content)
        if not (content or piece or decoder.eof) and decoder.needs_input:
            raise EOFError("it ends too early")
    return data[taken - len(decoder.unused_data) :]


#: First bytes of a format, its name, and what unpacks it.
_FORMATS: dict[bytes, tuple[str, Callable[[bytes, int], bytes]]] = {
    b"\x1f\x9d": ("LZW", _unpack_lzw),
    b"\x1f\x8b": ("gzip", _unpack_gzip),
    b"BZh": ("bzip2", _unpack_bzip2),
    b"\xfd7zXZ\0": ("xz", _unpack_xz),
    _ZSTD_MAGIC: ("zstd", _unpack_zstd),
    b"SIMPLE": ("plain FITS", _plain),
}
