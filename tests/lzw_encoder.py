"""A small compress(1) encoder for the tests: any width, with and without block mode."""

from __future__ import annotations

from collections.abc import Container

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
    table = {bytes([value]): value for value in range(256)}
    codes, string = [], b""
    for place, value in enumerate(content):
        longer = string + bytes([value])
        if longer in table:
            string = longer
            continue
        codes.append(table[string])
        if len(table) - 256 + first < 1 << width:
            table[longer] = len(table) - 256 + first
        string = bytes([value])
        if block_mode and place in clear_at:
            codes.append(CLEAR)
            table = {bytes([value]): value for value in range(256)}
    if string:
        codes.append(table[string])
    header = bytes([0x1F, 0x9D, width | (0x80 if block_mode else 0)])
    return header + _pack(codes, width, first)


def _pack(codes: list[int], greatest: int, first: int) -> bytes:
    """Write codes with the width that the reader's table has reached."""
    packed, run, width, last = b"", [], 9, first - 2
    for code in codes:
        if last >= (1 << width) - 1 and width < greatest:
            packed, run, width = packed + _run(run, width, whole=True), [], width + 1
        run.append(code)
        last = min(last + 1, (1 << greatest) - 1)
        if code == CLEAR and first > CLEAR:
            packed, run, width, last = packed + _run(run, width, whole=True), [], 9, first - 2
    return packed + _run(run, width, whole=False)


def _run(codes: list[int], width: int, *, whole: bool) -> bytes:
    """Codes of one width, the least significant bit first; whole groups of eight if asked."""
    bits = sum(code << number * width for number, code in enumerate(codes))
    groups = -(-len(codes) // 8)
    return bits.to_bytes(groups * width if whole else -(-len(codes) * width // 8), "little")
