"""What is wanted of a file that fsspec reads in blocks, beside what the blocks move."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

from helpers.transfer.callers import find_caller
from helpers.transfer.record import Opening, address_of, opening

_OPENING = "_transfer_opening"


def hooks() -> Iterator[tuple[Any, str, Callable[..., Any]]]:
    """Yield owner, name and wrapper of what reads a file of fsspec."""
    if find_spec("fsspec"):
        from fsspec.spec import AbstractBufferedFile

        yield AbstractBufferedFile, "read", _read


def _read(original: Callable[..., Any]) -> Callable[..., Any]:
    def read(file: Any, *arguments: Any, **keywords: Any) -> Any:
        reads = file.__dict__.get(_OPENING)
        if reads is None:
            reads = Opening(address_of(file.fs.unstrip_protocol(file.path)))
            setattr(file, _OPENING, reads)
        token, start = opening.set(reads), file.loc
        try:
            return original(file, *arguments, **keywords)
        finally:
            opening.reset(token)
            if file.loc > start:
                reads.want(start, file.loc, find_caller(sys._getframe(1)))

    return read
