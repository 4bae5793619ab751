"""Which line of the user's code causes a request?

It is the innermost frame outside of the standard library, the installed packages and helpers.
Where a library asks in a thread of its own, as s3fs does, it is the line that waits for it:
a context variable carries it along the two ways into another thread.
"""

from __future__ import annotations

import asyncio
import sys
import sysconfig
import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

#: A file and the number of a line in it.
Line = tuple[str, int]

#: More lines of a user's code than advice looks at.
_MAX_LINES = 8
_HELPERS = f"{Path(__file__).parent.parent}/"
_OURS = f"{Path(__file__).parent}/"
_SCHEMES = ("stdlib", "platstdlib", "purelib", "platlib")
_LIBRARIES = tuple(
    f"{folder}/"
    for name in _SCHEMES
    if (path := sysconfig.get_path(name))
    for folder in {path, str(Path(path).resolve())}
)


@dataclass(frozen=True)
class Caller:
    """Who causes a request.

    Attributes
    ----------
    lines : tuple of (str, int)
        File and line number of the user's frames, innermost first; empty if there is none.
    via : tuple of str
        Qualified names of the libraries' functions between, innermost first.
    by_helpers : bool
        Whether one of them is of this package.
    """

    lines: tuple[Line, ...] = ()
    via: tuple[str, ...] = ()
    by_helpers: bool = False

    @property
    def line(self) -> Line:
        """The innermost line; an empty name and 0 if it is not known."""
        return self.lines[0] if self.lines else ("", 0)


_waiting: ContextVar[Caller | None] = ContextVar("waiting", default=None)


class _Kinds(dict[str, str]):
    """Whose code a file is: the ``user``'s, a ``library``'s, of ``helpers``, or of this package.

    A dict that fills itself: each request, and each read of fsspec, looks at some 30 frames.
    """

    def __missing__(self, filename: str) -> str:
        kind = self[filename] = _kind_of(filename)
        return kind


_kinds = _Kinds()


def _kind_of(filename: str) -> str:
    if filename.startswith("<"):
        # What somebody types, or runs by exec or python -c, is theirs; the rest is generated.
        typed = filename in ("<stdin>", "<string>") or filename.startswith("<ipython")
        return "user" if typed else "library"
    if filename.startswith(_HELPERS):
        return "ours" if filename.startswith(_OURS) else "helpers"
    installed = "/site-packages/" in filename or "/dist-packages/" in filename
    return "library" if installed or filename.startswith(_LIBRARIES) else "user"


def find_caller(frame: FrameType | None) -> Caller:
    """Return who causes what runs in a frame; who waits for this thread, if nobody in it does."""
    here = _walk(frame)
    if here.lines:
        return here
    waiting = _waiting.get() or _walk(sys._current_frames().get(_main_thread()))
    return Caller(waiting.lines, here.via + waiting.via, here.by_helpers or waiting.by_helpers)


def _main_thread() -> int:
    return threading.main_thread().ident or 0


def _walk(frame: FrameType | None) -> Caller:
    lines: list[Line] = []
    via: list[str] = []
    by_helpers = False
    while frame is not None and len(lines) < _MAX_LINES:
        code = frame.f_code
        kind = _kinds[code.co_filename]
        if kind == "user":
            lines.append((code.co_filename, frame.f_lineno))
        elif not lines and kind != "ours":
            via.append(code.co_qualname)
            by_helpers = by_helpers or kind == "helpers"
        frame = frame.f_back
    return Caller(tuple(lines), tuple(via), by_helpers)


def carrying_coroutine(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `asyncio.run_coroutine_threadsafe`: the coroutine runs in a copy of this context."""

    def run_coroutine_threadsafe(*arguments: Any, **keywords: Any) -> Any:
        token = _waiting.set(find_caller(sys._getframe(1)))
        try:
            return original(*arguments, **keywords)
        finally:
            _waiting.reset(token)

    return run_coroutine_threadsafe


def carrying_submit(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `ThreadPoolExecutor.submit`: the function runs on behalf of who submits it."""

    def submit(executor: Any, function: Any, /, *arguments: Any, **keywords: Any) -> Any:
        caller = find_caller(sys._getframe(1))
        return original(executor, _on_behalf_of, caller, function, *arguments, **keywords)

    return submit


def _on_behalf_of(caller: Caller, function: Any, /, *arguments: Any, **keywords: Any) -> Any:
    token = _waiting.set(caller)
    try:
        return function(*arguments, **keywords)
    finally:
        _waiting.reset(token)


def ways_into_threads() -> list[tuple[Any, str, Callable[..., Any]]]:
    """Return owner, name and wrapper of what passes work to other threads."""
    from concurrent.futures import ThreadPoolExecutor

    return [
        (asyncio, "run_coroutine_threadsafe", carrying_coroutine),
        (ThreadPoolExecutor, "submit", carrying_submit),
    ]
