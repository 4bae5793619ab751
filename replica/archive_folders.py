"""Which archives the replica stands in for, and how to read what lies in their folders.

An archive is a folder of :mod:`replica.archives`.  It may hold ``routes.py`` (its services),
``questions.py`` (what the drift check asks it), ``holdings.csv`` (its products) and
``registry_*.csv`` (what the registry says of it).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from importlib import import_module
from importlib.resources import files
from importlib.util import find_spec
from types import ModuleType

#: Folders of :mod:`replica.archives`, in the order in which the drift check asks them.
ARCHIVES = ("irsa", "mast", "registry", "heasarc", "s3", "cds")

Row = dict[str, str]


def read_table(archive: str, name: str) -> list[Row]:
    """Return the rows of ``name.csv`` in an archive's folder; none if there is no such file."""
    table = files("replica").joinpath("archives", archive, f"{name}.csv")
    if not table.is_file():
        return []
    return list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))


def read_tables(name: str) -> list[Row]:
    """Return the rows of ``name.csv`` of all archives."""
    return [row for archive in ARCHIVES for row in read_table(archive, name)]


def modules(name: str) -> Iterator[ModuleType]:
    """Import and yield the module ``name`` of each archive that has one."""
    for archive in ARCHIVES:
        module = f"replica.archives.{archive}.{name}"
        if find_spec(module):
            yield import_module(module)
