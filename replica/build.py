"""Make data now rather than on first request."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from fnmatch import fnmatch

from tqdm import tqdm

from replica.cache import ensure, folder, path_of
from replica.holdings import Product, holdings


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
    to_make = missing(patterns or ["*"])
    bar = tqdm(total=len(to_make), desc="simulating data", unit="file", disable=not to_make)
    with bar, ProcessPoolExecutor(max_workers=jobs) as pool:
        for done in as_completed([pool.submit(ensure, product) for product in to_make]):
            done.result()
            bar.update()
    size = sum(path_of(product).stat().st_size for product in products)
    sys.stdout.write(f"{len(products)} files, {size / 1e6:.0f} MB, in {folder()}\n")
    return 0


def missing(patterns: list[str]) -> list[Product]:
    """Return the products with matching keys whose files are not there yet."""
    return [product for product in matching(patterns) if not path_of(product).exists()]


def matching(patterns: list[str]) -> list[Product]:
    """Return the products whose keys match any of the patterns."""
    return [
        product
        for product in holdings()
        if any(fnmatch(product.key, pattern) for pattern in patterns)
    ]
