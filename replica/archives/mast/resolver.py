"""MAST's name resolver (Santa): what it says of the names that the replica knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from replica.object_names import find

_NUMBERS = ("ra", "decl", "radius", "majorAxis", "minorAxis")
_TEXTS = ("canonicalName", "objectType")


def resolve(names: Sequence[str], *, everywhere: bool, resolver: str | None) -> dict[str, object]:
    """Return what the resolver knows of the names.

    Parameters
    ----------
    names : sequence of str
        Names as asked; case and blanks do not matter.
    everywhere : bool
        Answers of all resolvers (SIMBAD, then NED) instead of the first one's.
    resolver : str or None
        Only this resolver's answer.

    Returns
    -------
    dict
        ``resolvedCoordinate``, empty where no name is known, and ``status``; the form is
        that of the answer recorded in astroquery's test data (``resolver.json``).
    """
    found = []
    for name in names:
        rows = find(name)
        if resolver and not everywhere:
            rows = [row for row in rows if row["resolver"] == resolver.upper()]
        found += [_entry(name, row) for row in (rows if everywhere else rows[:1])]
    return {"resolvedCoordinate": found, "status": ""}


def _entry(name: str, row: Mapping[str, str]) -> dict[str, object]:
    """One answer; the client finds it by ``searchString``, the name in small letters."""
    return {
        "searchString": name.lower(),
        "resolver": row["resolver"],
        "cached": False,
        "resolverTime": 0,
        "searchRadius": -1.0,
        **{key: row[key] for key in _TEXTS},
        **{key: float(row[key]) for key in _NUMBERS if row[key]},
    }
