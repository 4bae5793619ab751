"""Pitfalls in how one file is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from helpers.remote.sparse_file import Range, merge
from helpers.transfer.advice import (
    FOR_S3,
    Advice,
    Facts,
    advise,
    by_line,
    grouped,
    main_line,
    megabytes,
    received,
)
from helpers.transfer.callers import Line
from helpers.transfer.record import Record, how_of
from helpers.transfer.request import overlap
from helpers.transfer.source_code import cut_afterwards, takes_part

#: A block of more bytes reads far ahead, and a miss of less is not worth a word.
LARGE_BLOCK, WORTH = 4 * 2**20, 2_000_000
#: Reads of an image, and downloads, below this are cheap either way.
LARGE_IMAGE, LARGE_FILE = 1_000_000, 4_000_000
#: A compressed file in more requests than this was read in small blocks.
FEW_REQUESTS = 4
#: So many requests for one open file, smaller than this on average, are small reads.
MANY_REQUESTS, SMALL_READ = 20, 2**19
#: The same file as often as this from one line is opened for each target.
OFTEN = 3
#: So much, or half, of the bytes may come twice: blocks overlap.
OVERLAP = 2**18
#: To open a file once more may cost this share of the whole block: somebody looks around.
SHARE = 0.05
#: Headers read one request after the other: more than this many.
FEW_HEADERS = 3

Lines = tuple[Line, ...]

_WALKS = {
    "info": "hdus.info()",
    "len": "len(hdus)",
    "in": "`in hdus`",
    "loop": "a loop over the HDUs",
    "readall": "hdus.readall()",
    "name": "an HDU's name",
}


def read_ahead(facts: Facts) -> Iterator[Advice]:
    """Blocks of 50 MiB, s3fs's default, of which little is wanted."""
    for line, records in by_line(record for record in facts.content if record.opening).items():
        wasteful = [record for record in records if _asked(record) >= LARGE_BLOCK]
        moved, needed = received(wasteful), sum(map(_needed, wasteful))
        if needed < moved / 2 and moved - needed >= WORTH:
            yield advise(
                "read-ahead",
                line,
                f"blocks read ahead moved {megabytes(moved)}, and what was wanted of them takes "
                f"{megabytes(needed)}",
                _small_blocks(wasteful[0]),
                bytes=moved - needed,
            )


def _asked(record: Record) -> int:
    if record.file.layout.is_compressed or record.start is None:
        return 0
    return (record.stop or record.file.size) - record.start


def _needed(record: Record) -> int:
    """Bytes of the spans that a reader with small blocks would have moved."""
    if record.opening is None or record.span is None:
        return record.received
    clipped = [_clip(span, record.span) for span in record.opening.spans]
    return sum(stop - start for start, stop in merge([x for x in clipped if x[0] < x[1]]))


def _clip(span: Range, limits: Range) -> Range:
    return max(span[0], limits[0]), min(span[1], limits[1])


def _small_blocks(record: Record) -> str:
    is_s3 = record.file.address.startswith("s3://")
    if "fitsopen" in record.caller.via or "Section.__getitem__" in record.caller.via:
        if is_s3:
            return f"fits.open(uri, fsspec_kwargs={FOR_S3})"
        return 'fits.open(url, use_fsspec=True, fsspec_kwargs={"block_size": 2**20})'
    return "fs.open(path, block_size=2**20)"


def whole_image(facts: Facts) -> Iterator[Advice]:
    """``.data`` where ``.section`` would do."""
    reads = [
        (lines[0], number)
        for opening in facts.openings
        for (lines, how), number in opening.reads.items()
        if how == "data" and lines and number >= LARGE_IMAGE
    ]
    for line, found in grouped(reads, lambda read: read[0]).items():
        if takes_part(line):
            total = sum(number for _, number in found)
            yield advise(
                "whole image read by .data",
                line,
                f".data read {megabytes(total)} of pixels, and only a part of them is used",
                "hdus[n].section[rows, columns]  # or Cutout2D(hdus[n].section, ...)",
                bytes=total,
            )


def compressed_in_blocks(facts: Facts) -> Iterator[Advice]:
    """Small blocks on a file that is compressed as a whole."""
    for opening, records in facts.openings.items():
        layout, moved = records[0].file.layout, received(records)
        small = moved < len(records) * 2**21 or moved > 1.5 * records[0].file.size
        if layout.is_compressed and len(records) >= FEW_REQUESTS and small:
            yield advise(
                "small blocks on a compressed file",
                main_line(records),
                f"{len(records)} requests moved {megabytes(moved)} of {records[0].file.name}, "
                f"which has {megabytes(records[0].file.size)} and must be read from its beginning",
                f'fits.open(io.BytesIO(fs.cat_file("{opening.address}")))',
                requests=len(records) - 1,
                bytes=max(0, moved - records[0].file.size),
            )


def many_small_reads(facts: Facts) -> Iterator[Advice]:
    """One request for each row, or blocks that are too small."""
    for records in facts.openings.values():
        moved = received(records)
        if records[0].file.layout.is_compressed or len(records) < MANY_REQUESTS:
            continue
        if moved < len(records) * SMALL_READ:
            yield advise(
                "many small reads",
                main_line(records),
                f"{len(records)} requests of {moved / len(records) / 1e3:.0f} kB on average, "
                "one after the other",
                _small_blocks(records[0]),
                requests=len(records) - 1 - moved // 2**20,
            )


def opened_again(facts: Facts) -> Iterator[Advice]:
    """The same file opened anew for each target."""
    for file, records in facts.files.items():
        for lines, starts in _starts(records).items():
            if len(starts) >= OFTEN:
                yield advise(
                    "same file opened again and again",
                    lines[0] if lines else ("", 0),
                    f"{file.name} was opened {len(starts)} times from here; its beginning came "
                    "each time",
                    "with fits.open(uri, ...) as hdus: stamps = [Cutout2D(hdus[n].section, "
                    "position, size, wcs=wcs) for position in positions]",
                    requests=2 * (len(starts) - 1),
                    bytes=received(starts[1:]),
                )


def _starts(records: Sequence[Record]) -> dict[Lines, list[Record]]:
    """The requests that brought a file's beginning, one an opening, by the lines that led there."""
    first: dict[int, Record] = {}
    for record in records:
        if record.span and record.span[0] == 0 and not record.caller.by_helpers:
            first.setdefault(id(record.opening or record), record)
    return grouped(first.values(), lambda record: record.caller.lines)


def touched_twice(facts: Facts) -> Iterator[Advice]:
    """The same HDU fetched through several openings of a file, or back and forth through one."""
    for file, records in facts.files.items():
        if not (file.layout.is_fits or file.layout.is_compressed):
            continue
        # From one line, twice in a row, it is a library that begins anew: s3fs's get_file does.
        starts = [found[0] for found in _starts(records).values() if len(found) < OFTEN]
        again = sorted(starts, key=lambda record: record.began)[1:]
        for line, found in by_line(again).items():
            advice = _opened_twice(line, found)
            if advice.seconds > SHARE * facts.seconds:
                yield advice
    for records in facts.openings.values():
        twice, moved = _came_twice(records), received(records)
        compressed = records[0].file.layout.is_compressed
        if not compressed and sum(twice.values()) > max(OVERLAP, moved / 2):
            yield _read_back_and_forth(records, twice)


def _opened_twice(line: Line, again: Sequence[Record]) -> Advice:
    file = again[0].file
    parts = file.layout.parts(0, again[-1].received) if file.layout.is_fits else []
    part = parts[0][0] if parts else "beginning"
    return advise(
        "HDU touched twice",
        line,
        f"the {part} of {file.name} came again, with {megabytes(received(again))}: an earlier "
        "line had opened the file",
        "with fits.open(uri, ...) as hdus: header, pixels = hdus[n].header, hdus[n].section[rows]",
        requests=2 * len(again),
        bytes=received(again),
    )


def _read_back_and_forth(records: Sequence[Record], twice: dict[Line, int]) -> Advice:
    number = sum(twice.values())
    return advise(
        "HDU touched twice",
        max(twice, key=lambda line: twice[line]),
        f"{megabytes(number)} of {records[0].file.name} came again: the reads go back and forth",
        "first, second = hdus[m].section[rows], hdus[n].section[rows]  # one HDU after the other",
        requests=len(records) // 2,
        bytes=number,
    )


def _came_twice(records: Sequence[Record]) -> dict[Line, int]:
    """Bytes that had come before through the same open file, by line."""
    known: list[Range] = []
    twice: dict[Line, int] = {}
    for record in records:
        if record.span is None:
            continue
        if number := overlap(known, record.span):
            line = record.caller.line
            twice[line] = twice.get(line, 0) + number
        known = merge([*known, record.span], gap=0)
    return twice


def all_headers(facts: Facts) -> Iterator[Advice]:
    """``info()``, ``len()`` or a name, which walk through the headers of a long file."""
    walks = [
        record
        for opening, records in facts.openings.items()
        # Who reads most of a file needs its headers too.
        if opening.wanted < records[0].file.size / 2
        for record in records
        if how_of(record.caller.via) in _WALKS
    ]
    for line, records in by_line(walks).items():
        if len(records) >= FEW_HEADERS:
            how = _WALKS[how_of(records[0].caller.via)]
            yield advise(
                "all headers read",
                line,
                f"{how} took {len(records)} requests, one for each header it passed",
                "hdus[n]  # by its number: astropy then reads no further than this HDU",
                requests=len(records) - 1,
                bytes=received(records),
            )


def whole_file(facts: Facts) -> Iterator[Advice]:
    """A whole file downloaded, and a part of it cut."""
    for file, records in facts.files.items():
        spans = merge([x.span for x in records if x.span and not x.opening], gap=0)
        moved = sum(stop - start for start, stop in spans)
        mine = [record for record in records if not record.caller.by_helpers]
        if not mine or not file.layout.is_fits or moved < max(LARGE_FILE, 0.95 * file.size):
            continue
        line = mine[0].caller.line
        if cut_afterwards(line):
            yield advise(
                "whole file downloaded for a part",
                line,
                f"{megabytes(moved)} of {file.name} came, all of it, and parts of it are cut",
                _in_parts(file.address),
                bytes=moved,
            )


def _in_parts(address: str) -> str:
    if address.startswith("s3://"):
        return f'fits.open("{address}", fsspec_kwargs={FOR_S3})[n].section[rows, columns]'
    return f'helpers.cutout("{address}", position, size)'


DETECTORS = (
    read_ahead,
    whole_image,
    compressed_in_blocks,
    many_small_reads,
    opened_again,
    touched_twice,
    all_headers,
    whole_file,
)
