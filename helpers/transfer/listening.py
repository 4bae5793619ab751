"""Have the HTTP libraries tell the counter of their requests, while a block is open.

Every HTTP client on the notebooks' path stands on one of two libraries: the standard
library's ``http.client`` (requests, so pyvo and astroquery; botocore, so boto3; urllib, so
astropy's downloads) or ``aiohttp`` (s3fs and fsspec).  While a block is open, both tell the
counter of each request sent and of each piece of a body received.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

from helpers.transfer.callers import ways_into_threads
from helpers.transfer.counter import Log, counter

_lock = threading.Lock()
_originals: list[tuple[Any, str, Callable[..., Any]]] = []


def begin(log: Log) -> None:
    """Begin to fill a log."""
    with _lock:
        if counter.open(log) == 1:
            _wrap()


def end(log: Log) -> None:
    """Fill a log no more."""
    with _lock:
        if counter.close(log) == 0:
            while _originals:
                setattr(*_originals.pop())


def _wrap() -> None:
    # Imported here: they take a third of the time of importing every name of helpers.
    from helpers.transfer import botocore_hooks, fsspec_hooks, http_hooks

    hooks = [*http_hooks.hooks(counter), *fsspec_hooks.hooks(), *botocore_hooks.hooks(counter)]
    for owner, name, wrapper in [*hooks, *ways_into_threads()]:
        original = getattr(owner, name)
        _originals.append((owner, name, original))
        setattr(owner, name, wraps(original)(wrapper(original)))
