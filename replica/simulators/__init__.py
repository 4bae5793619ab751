"""Simulated data files, real in shape: one module for each kind of product.

Each module has one public function ``write(product, path)`` that writes the whole file.
The content depends on the product's row alone, so it is the same on every machine.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from replica.holdings import Product


def simulate(product: Product, path: Path) -> None:
    """Write the product's file to `path` with the simulator that its row names."""
    import_module(f"replica.simulators.{product.simulator}").write(product, path)
