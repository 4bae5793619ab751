"""Cone search: IVOA Simple Cone Search 1.03."""

from __future__ import annotations

from starlette.datastructures import MultiDict

from replica.protocols.dali import RequestError, numbers


def cone_query(params: MultiDict, table: str) -> str:
    """Write the ADQL that selects the rows within SR degrees of RA and DEC.

    Parameters
    ----------
    params : MultiDict
        Parameters by their names in capitals.
    table : str
        Name of the table; its positions are in the columns ``ra`` and ``dec``.

    Raises
    ------
    RequestError
        If one of the three is missing or not a number.
    """
    values = [numbers(name, params.get(name, "")) for name in ("RA", "DEC", "SR")]
    if [len(value) for value in values] != [1, 1, 1]:
        raise RequestError("RA, DEC and SR are needed, each one number of degrees")
    circle = ", ".join(str(value[0]) for value in values)
    return f"SELECT * FROM {table} WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE({circle}))"
