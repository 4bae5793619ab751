"""A small compress(1) encoder for the tests: any width, with and without block mode."""

from __future__ import annotations

from collections.abc import Container, Iterator

CLEAR = 256


def compress(
    content: bytes, *, width: int = 16, block_mode: bool = True, clear_at: Container[int] = ()
) -> bytes:
    """Return `content` as a ``.Z`` stream.

    Parameters
    ----------
    content : bytes
        What to compress.
    width : int
        Greatest width of a code in bits, 10 to 16.
    block_mode : bool
        Whether the stream can empty its table.
    clear_at : container of int
        Places in `content` at which it does.
    """
    first = CLEAR + 1 if block_mode else CLEAR
    # Strings of the table as (code of the string without its last byte, last byte).
    table: dict[tuple[int, int], int] = {}
    codes, string = [], content[0] if content else None
    for place, value in enumerate(content[1:], start=1):
        if (string, value) in table:
            string = table[string, value]
            continue
        codes.append(string)
        if len(table) + first < 1 << width:
            table[string, value] = len(table) + first
        string = value
        if block_mode and place in clear_at:
            codes.append(CLEAR)
            table.clear()
    if string is not None:
        codes.append(string)
    header = bytes([0x1F, 0x9D, width | (0x80 if block_mode else 0)])
    return header + b"".join(_packed(codes, width, first))


def _packed(codes: list[int], greatest: int, first: int) -> Iterator[bytes]:
    """Write codes with the width that the reader's table has reached."""
    run, width, last = [], 9, first - 2
    for code in codes:
        if last >= (1 << width) - 1 and width < greatest:
            yield _run(run, width, whole=True)
            run, width = [], width + 1
        run.append(code)
        last = min(last + 1, (1 << greatest) - 1)
        if code == CLEAR and first > CLEAR:
            yield _run(run, width, whole=True)
            run, width, last = [], 9, first - 2
    yield _run(run, width, whole=False)


def _run(codes: list[int], width: int, *, whole: bool) -> bytes:
    """Codes of one width, the least significant bit first; whole groups of eight if asked."""
    bits = "".join(f"{code:0{width}b}" for code in reversed(codes)) or "0"
    groups = -(-len(codes) // 8)
    size = groups * width if whole else -(-len(codes) * width // 8)
    return int(bits, 2).to_bytes(size, "little")
