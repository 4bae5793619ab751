"""Names of objects on the sky, for the services that turn a name into a position.

The table ``object_names.csv`` has the objects that the replica holds and a few well-known ones,
with the positions that SIMBAD and NED publish (ICRS degrees).
"""

from __future__ import annotations

import csv
from functools import lru_cache
from importlib.resources import files

Row = dict[str, str]


@lru_cache(maxsize=1)
def _table() -> tuple[Row, ...]:
    text = files("replica").joinpath("object_names.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def find(name: str) -> list[Row]:
    """Return what each database says of an object; case and blanks of its name do not matter.

    Returns
    -------
    list of dict
        ``resolver`` (``SIMBAD`` or ``NED``), ``canonicalName``, ``ra``, ``decl`` and so on, all
        as text; empty for an unknown name.
    """
    wanted = _plain(name)
    return [row for row in _table() if wanted in _plain(row["name"]).split("|")]


def _plain(name: str) -> str:
    """The name in small letters, without blanks: ``M 1`` and ``m1`` are one."""
    return "".join(name.lower().split())
