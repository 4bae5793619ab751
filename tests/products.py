"""Products of the replica, found by the end of their keys."""

from __future__ import annotations

from pathlib import Path

from replica.holdings import Product, holdings
from replica.storage.cache import ensure


def find(ending: str) -> Product:
    """The product whose key ends so."""
    (product,) = [product for product in holdings() if product.key.endswith(ending)]
    return product


def made(ending: str) -> Path:
    """The file of the product whose key ends so; the cache has what notebooks read."""
    return ensure(find(ending))
