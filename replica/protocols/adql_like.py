"""LIKE and ILIKE, in a time that no pattern can make endless.

A regular expression would try all ways to share a text among many ``%``.  It is enough to find
each piece between two ``%`` as far left as it goes: what is left for the next one is then most.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import count

#: Candidates that are tried between two looks at the clock.
_STEPS = 1000

Check = Callable[[], None]


def like(pattern: str, text: str, check: Check) -> bool:
    """Whether the whole text matches; ``%`` stands for any characters, ``_`` for one.

    Parameters
    ----------
    pattern, text : str
        Upper and lower case differ.
    check : callable
        Called now and then during a long search; it may raise to end it.
    """
    first, *others = pattern.split("%")
    if not others:
        return len(first) == len(text) and _fits(first, text, 0)
    *middle, last = others
    start, end = len(first), len(text) - len(last)
    if start > end or not _fits(first, text, 0) or not _fits(last, text, end):
        return False
    for piece in middle:
        start = _find(piece, text, start, end, check)
        if start < 0:
            return False
        start += len(piece)
    return True


def ilike(pattern: str, text: str, check: Check) -> bool:
    """Whether the whole text matches, in any case of letters."""
    return like(_lower(pattern), _lower(text), check)


def _lower(text: str) -> str:
    """Small letters, but one for one: ``İ`` would become two characters."""
    if text.isascii():
        return text.lower()
    return "".join(small if len(small := letter.lower()) == 1 else letter for letter in text)


@lru_cache(maxsize=256)
def _runs(piece: str) -> tuple[tuple[int, str], ...]:
    """The texts between the ``_`` of a piece with their places in it, the longest first."""
    runs, place = [], 0
    for run in piece.split("_"):
        if run:
            runs.append((place, run))
        place += len(run) + 1
    return tuple(sorted(runs, key=lambda item: -len(item[1])))


def _fits(piece: str, text: str, place: int) -> bool:
    return all(text.startswith(run, place + offset) for offset, run in _runs(piece))


def _find(piece: str, text: str, start: int, end: int, check: Check) -> int:
    """Place of the first fit of a piece between `start` and `end`; -1 if there is none."""
    runs = _runs(piece)
    if start + len(piece) > end:
        return -1
    if not runs:
        return start
    (offset, longest), *_ = runs
    for step in count(1):
        # Where the longest text of the piece is, the piece may be.
        found = text.find(longest, start + offset, end - len(piece) + offset + len(longest))
        if found < 0 or _fits(piece, text, found - offset):
            return found - offset if found >= 0 else -1
        start = found - offset + 1
        if start + len(piece) > end:
            return -1
        if step % _STEPS == 0:
            check()
    raise AssertionError  # count() has no end
