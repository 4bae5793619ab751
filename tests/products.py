"""Products of the replica, found by the end of their keys, and made once for many tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from replica.holdings import Product, holdings
from replica.simulation import simulate
from replica.storage.cache import ensure


def find(ending: str) -> Product:
    """The product whose key ends so."""
    (product,) = [product for product in holdings() if product.key.endswith(ending)]
    return product


def made(ending: str) -> Path:
    """The file of the product whose key ends so; the cache has what notebooks read."""
    return ensure(find(ending))


def maker(folder: Path) -> Callable[[str], Path]:
    """Make a product in a folder when it is first asked for, by the end of its key."""

    def make(ending: str) -> Path:
        path = folder / find(ending).filename
        if not path.exists():
            simulate(find(ending), path)
        return path

    return make
