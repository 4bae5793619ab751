"""Decompression gives the right bytes or one clear error, whichever decoder runs."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.resources import files
from importlib.util import find_spec

import lzw_encoder
import ncompress
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from unlzw3 import unlzw

from helpers.compression import formats
from helpers.compression.formats import decompress
from helpers.compression.lzw import StreamError, check, output_size
from helpers.errors import ArchiveAccessError, CompressionError

BLOCK = 2880
DECODERS = ["unlzw3"] + (["ncompress"] if find_spec("ncompress") else [])


@contextmanager
def only(decoder: str) -> Iterator[None]:
    """Let LZW be decoded by one decoder."""
    with pytest.MonkeyPatch.context() as patch:
        if decoder == "unlzw3":
            patch.setitem(sys.modules, "ncompress", None)
        yield


@pytest.fixture(params=DECODERS, scope="module")
def decoder(request: pytest.FixtureRequest) -> Iterator[str]:
    with only(request.param):
        yield request.param


def fits_bytes(blocks: int = 3, alphabet: int = 16, seed: int = 0) -> bytes:
    """Bytes that look like FITS from outside; the more letters, the worse they compress."""
    source = random.Random(seed)
    letters = bytes(source.randrange(256) for _ in range(alphabet))
    header = b"SIMPLE  =                    T".ljust(80)
    return header + bytes(source.choices(letters, k=blocks * BLOCK - len(header)))


def outcome(function: Callable[[bytes], bytes], data: bytes) -> bytes | str:
    """The bytes, or the text of the error."""
    try:
        return function(data)
    except CompressionError as error:
        return str(error)


def zstd_compress(content: bytes, *, checksum: bool) -> bytes:
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    zstd = pytest.importorskip(name)
    return zstd.compress(content, options={zstd.CompressionParameter.checksum_flag: checksum})


#: Formats with a checksum of the content, and without.
CHECKSUMMED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lambda content: lzma.compress(content, preset=0),
    "zstd": partial(zstd_compress, checksum=True),
}
UNCHECKED: dict[str, Callable[[bytes], bytes]] = {
    "LZW": lzw_encoder.compress,
    "xz without a checksum": partial(lzma.compress, check=lzma.CHECK_NONE, preset=0),
    "zstd without a checksum": partial(zstd_compress, checksum=False),
}
FORMATS = CHECKSUMMED | UNCHECKED | {"plain": bytes}
#: A skippable frame, as seekable zstd files have (RFC 8878, section 3.1.2).
SKIPPABLE = b"\x50\x2a\x4d\x18\x04\0\0\0skip"

fits_files = st.builds(
    fits_bytes,
    blocks=st.integers(1, 4),
    alphabet=st.sampled_from([1, 2, 4, 16, 256]),
    seed=st.integers(0, 2**32),
)


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A FITS file, and a .Z stream of it: any width, with and without block mode."""
    content = draw(fits_files)
    clears = draw(st.sets(st.integers(1, len(content) - 1), max_size=3))
    stream = lzw_encoder.compress(
        content,
        width=draw(st.integers(10, 16)),
        block_mode=draw(st.booleans()),
        clear_at=clears,
    )
    return content, stream


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A .Z stream with bits flipped, bytes behind it, or its end missing."""
    _, stream = draw(streams())
    broken = bytearray(stream)
    for _ in range(draw(st.integers(0, 3))):
        broken[draw(st.integers(2, len(broken) - 1))] ^= 1 << draw(st.integers(0, 7))
    broken += bytes(draw(st.sampled_from([0, 0, 1, 2, 16])))
    return bytes(broken[: draw(st.integers(2, len(broken)))])


# Every format


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_content_comes_back(decoder, name, kind):
    content = fits_bytes()
    stored = FORMATS[name](content)
    assert decompress(kind(stored), expected_size=len(stored)) == content


@pytest.mark.parametrize("name", CHECKSUMMED)
@pytest.mark.parametrize("content", [b"", b"no FITS", fits_bytes() * 200])
def test_formats_with_a_checksum_may_hold_anything_in_several_streams(name, content):
    stored = FORMATS[name](content) + FORMATS[name](content)
    assert decompress(stored) == content * 2


@pytest.mark.parametrize("name", UNCHECKED)
@pytest.mark.parametrize("content", [b"", b"no FITS", b"no FITS" * 10_000])
def test_formats_without_a_checksum_may_hold_fits_only(name, content):
    with pytest.raises(CompressionError, match=r"Expected FITS .*Without a checksum"):
        decompress(UNCHECKED[name](content))


def test_one_zstd_frame_without_a_checksum_is_enough_to_ask_for_fits():
    whole, bare = CHECKSUMMED["zstd"], UNCHECKED["zstd without a checksum"]
    assert decompress(whole(b"text") + SKIPPABLE + whole(b", text")) == b"text, text"
    assert decompress(whole(fits_bytes()[:5000]) + bare(fits_bytes()[5000:])) == fits_bytes()
    for stored in (whole(b"text") + bare(b"text"), bare(b"text") + whole(b"text")):
        with pytest.raises(CompressionError, match="Expected FITS"):
            decompress(stored)


@pytest.mark.parametrize("name", CHECKSUMMED)
def test_no_flipped_bit_changes_what_a_checksummed_file_gives(name):
    content = b"A page of text is content too. " * 20
    stored = CHECKSUMMED[name](content)
    for bit in range(len(stored) * 8):
        damaged = bytearray(stored)
        damaged[bit // 8] ^= 1 << bit % 8
        assert outcome(decompress, damaged) == content or "Expected" in outcome(decompress, damaged)


def test_a_small_stream_is_not_handed_all_that_lies_behind_it(monkeypatch):
    """What a decoder does not take, it copies."""
    handed = []

    class CountingDecoder(formats._GzipDecoder):
        def decompress(self, data: bytes, max_length: int) -> bytes:
            handed.append(len(data))
            return super().decompress(data, max_length)

    monkeypatch.setattr(formats, "_GzipDecoder", CountingDecoder)
    assert decompress(gzip.compress(b"") * 10_000) == b""
    assert sum(handed) <= 10_000 * 1024


@pytest.mark.parametrize(
    ("name", "padding"),
    [("gzip", b""), ("gzip", b"\0"), ("bzip2", b""), ("xz", b""), ("xz", bytes(4))],
)
def test_many_small_streams_cost_no_more_than_their_bytes(name, padding):
    stored = (CHECKSUMMED[name](b"") + padding) * 100_000
    began = time.process_time()
    assert decompress(stored) == b""
    # It takes 0.3 s, and took over 3 s while each stream cost a copy of what lies behind it.
    assert time.process_time() - began < 2


@pytest.mark.parametrize("name", ["gzip", "xz"])
def test_zero_bytes_behind_the_last_stream_are_padding(name):
    content = fits_bytes()
    assert decompress(FORMATS[name](content) + bytes(512)) == content


@pytest.mark.parametrize("name", CHECKSUMMED)
def test_other_bytes_behind_the_last_stream_are_an_error(name):
    with pytest.raises(CompressionError, match=f"Expected a whole {name} file"):
        decompress(FORMATS[name](fits_bytes()) + b"other")


@pytest.mark.parametrize("name", CHECKSUMMED)
def test_every_truncation_of_a_checksummed_file_is_an_error(name):
    stored = FORMATS[name](fits_bytes(blocks=1))
    for end in range(len(stored)):
        with pytest.raises(CompressionError, match="Expected"):
            decompress(stored[:end])


@pytest.mark.parametrize("name", CHECKSUMMED)
def test_damage_of_a_checksummed_file_is_found(name):
    stored = bytearray(FORMATS[name](fits_bytes()))
    stored[len(stored) // 2] ^= 0x10
    with pytest.raises(CompressionError, match=f"Expected a whole {name} file"):
        decompress(stored)


@pytest.mark.parametrize("name", FORMATS)
def test_fits_that_is_not_whole_blocks_is_an_error(decoder, name):
    with pytest.raises(CompressionError, match="2880"):
        decompress(FORMATS[name](fits_bytes()[:-1]))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("difference", [-1, 1])
def test_stored_size_that_differs_from_the_stores_word_is_an_error(name, difference):
    stored = FORMATS[name](fits_bytes())
    with pytest.raises(CompressionError, match=f"received {len(stored)}"):
        decompress(stored, expected_size=len(stored) + difference)


@pytest.mark.parametrize(
    "data", [b"", b"\x1f", b"\x89PNG\r\n\x1a\n", b"<html>Not Found</html>", bytes(100), b"PK\3\4"]
)
def test_foreign_data_are_an_error_that_says_what_was_expected(data):
    with pytest.raises(CompressionError, match=r"Expected LZW \(\.Z\), gzip, bzip2") as caught:
        decompress(data)
    assert isinstance(caught.value, ArchiveAccessError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("data", ["SIMPLE", 5, None])
def test_what_is_not_bytes_is_a_type_error(data):
    with pytest.raises(TypeError):
        decompress(data)


@pytest.mark.parametrize("name", FORMATS)
def test_a_bomb_is_refused_before_memory_is_spent(decoder, name):
    # A few kilobytes that hold 11 MB.
    bomb = FORMATS[name](fits_bytes(1, 1) + bytes(4_000 * BLOCK))
    tracemalloc.start()
    try:
        with pytest.raises(CompressionError, match="more than 1000000 bytes"):
            decompress(bomb, max_size=1_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10e6


@pytest.mark.parametrize("name", FORMATS)
def test_content_of_exactly_the_largest_size_is_given(decoder, name):
    content = fits_bytes()
    stored = FORMATS[name](content)
    assert decompress(stored, max_size=len(content)) == content
    with pytest.raises(CompressionError, match="max_size"):
        decompress(stored, max_size=len(content) - 1)


def test_without_a_zstd_package_the_error_names_one(monkeypatch):
    for name in ("compression", "compression.zstd", "backports", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(CompressionError, match=r"backports\.zstd"):
        decompress(b"\x28\xb5\x2f\xfd" + bytes(20))


def test_import_takes_no_decoder_along():
    program = (
        "import sys, helpers.compression\n"
        "print({'unlzw3', 'ncompress', 'numpy', 'lzma', 'astropy'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.stdout == "set()\n"


# LZW


def test_real_stream_of_an_archive(decoder):
    """The European Southern Observatory's file in astroquery's test data."""
    folder = files("astroquery.eso.tests").joinpath("data")
    content = decompress(folder.joinpath("testfile.fits.Z").read_bytes())
    assert content.startswith(b"SIMPLE  =                    T")
    assert len(content) == BLOCK


@pytest.mark.parametrize("block_mode", [True, False])
@pytest.mark.parametrize("width", range(10, 17))
def test_full_table_of_every_width(decoder, width, block_mode):
    content = fits_bytes(blocks=40, alphabet=256)
    stored = lzw_encoder.compress(
        content, width=width, block_mode=block_mode, clear_at={100, 5000, 5001, 100_000}
    )
    assert decompress(stored) == content


def test_streams_of_compress_itself(decoder):
    content = fits_bytes(blocks=80, alphabet=256) + fits_bytes(blocks=80, alphabet=3)
    assert decompress(ncompress.compress(content)) == content


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (b"\x1f\x9d", "header is cut short"),
        (b"\x1f\x9d\x90", "its content begins with b''"),
        (b"\x1f\x9d\x90S", "ends inside a code"),
        (b"\x1f\x9d\xb0SSS", "third byte is 0xb0"),
        (b"\x1f\x9d\x88SSS", "third byte is 0x88"),
        (b"\x1f\x9d\x89SSS", "third byte is 0x89"),
        (b"\x1f\x9d\x91SSS", "third byte is 0x91"),
        (b"\x1f\x9d\x90\x00\x01\x00", "empty table"),
        (b"\x1f\x9d\x90\xff\xff\xff", "stands for nothing"),
        (b"\x1f\x9d\x90S\0" + bytes([0, 1] + [0] * 7) * 400_000, "over and over"),
        (lzw_encoder.compress(b"text, not FITS"), "Expected FITS"),
        (lzw_encoder.compress(fits_bytes()) + b"\0", "ends inside a code|2880"),
    ],
)
def test_broken_stream_is_an_error_that_says_why(decoder, stream, said):
    with pytest.raises(CompressionError, match=said):
        decompress(stream)


@given(case=streams())
def test_round_trip(decoder, case):
    content, stored = case
    assert decompress(stored) == content


@given(case=streams(), data=st.data())
def test_cut_stream_is_an_error_or_whole_blocks_of_the_content(decoder, case, data):
    """Nothing in a stream tells a cut between two codes; the store's size does."""
    content, stored = case
    cut = stored[: data.draw(st.integers(0, len(stored) - 1))]
    with pytest.raises(CompressionError):
        decompress(cut, expected_size=len(stored))
    result = outcome(decompress, cut)
    if isinstance(result, bytes):
        assert content.startswith(result)
        assert len(result) % BLOCK == 0


@given(stream=damaged())
def test_decoders_agree_on_damaged_streams(stream):
    results = []
    for name in DECODERS:
        with only(name):
            results.append(outcome(decompress, stream))
    assert results == results[:1] * len(DECODERS)
    if isinstance(results[0], bytes):
        assert results[0].startswith(b"SIMPLE")
        assert len(results[0]) % BLOCK == 0


@given(stream=damaged())
def test_structure_is_checked_as_strictly_as_unlzw3_does(stream):
    assume(stream[2:] and stream[2] & 0x1F != 9)
    try:
        content = unlzw(stream)
    except ValueError:
        with pytest.raises(StreamError):
            check(stream)
    else:
        assert output_size(stream) == len(content)


@given(
    magic=st.sampled_from([b"", b"\x1f\x9d\x90", b"\x1f\x9d\x10", b"\x1f\x8b\x08\0", b"BZh9"])
    | st.sampled_from([b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"SIMPLE"]),
    rest=st.binary(max_size=400),
)
def test_random_bytes_give_only_the_packages_own_error(magic, rest):
    result = outcome(decompress, magic + rest)
    assert isinstance(result, (bytes, str))
