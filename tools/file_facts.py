"""``python -m tools.file_facts``: write the table of sizes and ETags, ``replica/file_facts.csv``.

It makes the files that are not there yet.  Rows that still hold stay as they are.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

from replica.holdings import Product
from replica.storage.build import build, matching
from replica.storage.cache import digest
from replica.storage.known_files import facts, machine, recorded

TABLE = Path(__file__).parent.parent / "replica" / "file_facts.csv"
COLUMNS = ("key", "digest", "machine", "size", "etag")


def main(arguments: list[str] | None = None) -> int:
    """Write the rows of the products whose keys match, and keep the others that hold."""
    parser = argparse.ArgumentParser(prog="python -m tools.file_facts", description=__doc__)
    parser.add_argument("pattern", nargs="*", help="patterns of keys (default: all)")
    chosen = matching(parser.parse_args(arguments).pattern or ["*"])
    stale = [product for product in chosen if not holds(product)]
    if stale and build([product.key for product in stale]):
        return 1
    rows = {product.key: row(product) for product in stale}
    kept = {each.key: recorded()[each.key] for each in matching(["*"]) if holds(each)}
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(value for _, value in sorted((kept | rows).items()))
    sys.stdout.write(f"{len(rows)} rows written, {len(kept)} kept\n")
    return 0


def holds(product: Product) -> bool:
    """Whether the table has a row for the product as it is today."""
    return recorded().get(product.key, {}).get("digest") == digest(product)


def row(product: Product) -> dict[str, str]:
    """Cells of a product whose file is made."""
    found = facts(product)
    if found is None:
        raise FileNotFoundError(f"{product.key} is not made")
    known = {"key": product.key, "digest": digest(product), "machine": machine()}
    return {**known, "size": str(found.size), "etag": found.etag}


if __name__ == "__main__":
    raise SystemExit(main())
