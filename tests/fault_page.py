"""Write docs/faults.md: what comes of each fault, as the tests saw it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from helpers import ArchiveAccessError

INTRODUCTION = """\
# Failure Modes

Written by `python -m pytest tests/test_faults.py`, which lets the replica fail (`--fault`) at
every way on which `helpers` reaches the network. The tests hold that the outcome is the right
pixels or one error of the package that names host and product.

A connection may take {connect:g} s and each next piece of an answer {read:g} s. What may be
different soon is tried up to {tries} times, and no new try begins after {patience:g} s: a read
to which nobody answers ends within {bound:g} s. An answer may go on for {patience:g} s, and for
one second more with every {rate:g} kB that come: a slower one is given up. The tests ran with
shorter times, which changes no outcome.

What is known of a file holds for one version of it. Each cutout compares ETag, Last-Modified and
size; if the file is another one, it is read anew from its beginning.

- *pixels*: the right pixels, after as many tries as it took.
- *header* and *pixels* of a cutout: the fault hits the first read of a file, or the read of the
  pixels when the header is known.
- *HEASARC*, *IRSA*: `open_fits` of the archive's own HTTPS address.
- *one of two*: two `cutouts` of which the fault hits one; the other one came whole each time.
- *connect*: the source that `ARCHIVES=auto` takes when the fault hits one archive.
"""

SERVICES = """
## Search services

`helpers` asks no search service: pyvo and astroquery do, and these are their own errors.
"""

CELLS = """
## What a search says of the cloud

What `cloud_location` makes of cells and rows that say nothing, or something else.
"""


def page(introduction: str, *tables: str) -> str:
    """Join the parts of the page."""
    return "\n".join([introduction, *tables])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def sentences(errors: Mapping[str, Iterable[ArchiveAccessError]]) -> str:
    """Write what the errors of each trouble say: `…` is the address, N a number of bytes."""
    told = {name: dict.fromkeys(map(_sentence, each)) for name, each in errors.items()}
    return table(
        ("fault", "error"),
        ((name, "<br>".join(lines)) for name, lines in told.items() if lines),
    )


def _sentence(error: ArchiveAccessError) -> str:
    """What an error says, without what depends on the product and on the zlib that packed it."""
    text = re.sub(r"\d{4,}", "N", str(error).replace(error.url, "…"))
    return f"`{type(error).__name__}: {text}`"
