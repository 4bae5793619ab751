"""What the simulators share; each stands in its archive's folder, and writes one kind of file.

A simulator has one public function ``write(product, path)`` that writes the whole file.
The content depends on the product's row alone, so it is the same on every machine.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from replica.holdings import Product


def simulate(product: Product, path: Path) -> None:
    """Write the product's file to `path` with the simulator that its row names."""
    import_module(f"replica.archives.{product.archive}.{product.simulator}").write(product, path)
