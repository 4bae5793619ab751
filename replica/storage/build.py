"""Make data now rather than on first request."""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from fnmatch import fnmatch
from threading import Thread

from tqdm import tqdm

from replica.holdings import Product, holdings
from replica.storage.cache import CacheError, ensure, folder, is_made, path_of


def build(patterns: list[str], *, jobs: int = 2) -> int:
    """Make the products whose keys match a pattern, all without one; return an exit code.

    Parameters
    ----------
    patterns : list of str
        Shell-like patterns of keys.
    jobs : int
        Files made at once, each in a process of its own.
    """
    products = matching(patterns or ["*"])
    if not products:
        sys.stderr.write(f"replica: no key matches {' '.join(patterns)}\n")
        return 1
    try:
        _make(missing(patterns or ["*"]), jobs)
    except CacheError as error:
        sys.stderr.write(f"replica: {error}\n")
        return 1
    size = sum(path_of(product).stat().st_size for product in products)
    sys.stdout.write(f"{len(products)} files, {size / 1e6:.0f} MB, in {folder()}\n")
    return 0


def _make(products: list[Product], jobs: int) -> None:
    bar = tqdm(total=len(products), desc="simulating data", unit="file", disable=not products)
    with bar, ProcessPoolExecutor(jobs, initializer=_end_with_parent) as pool:
        try:
            for done in as_completed([pool.submit(ensure, product) for product in products]):
                done.result()
                bar.update()
        finally:
            # After an error or Ctrl-C, nothing more is begun.
            pool.shutdown(wait=False, cancel_futures=True)


def _end_with_parent() -> None:
    """End this worker soon after its parent, even if that was killed without warning.

    The parent may be a fork server, as from Python 3.14 on, which ends with its own parent.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def missing(patterns: list[str]) -> list[Product]:
    """Return the products with matching keys whose files are not there yet."""
    return [product for product in matching(patterns) if not is_made(product)]


def matching(patterns: list[str]) -> list[Product]:
    """Return the products whose keys match any of the patterns."""
    return [
        product
        for product in holdings()
        if any(fnmatch(product.key, pattern) for pattern in patterns)
    ]
