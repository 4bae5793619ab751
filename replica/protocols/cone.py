"""Cone search: IVOA Simple Cone Search 1.03."""

from __future__ import annotations

from starlette.datastructures import MultiDict

from replica.protocols.dali import RequestError, numbers


def cone_query(params: MultiDict, table: str, *, offsets: bool = False) -> str:
    """Write the ADQL that selects the rows within SR degrees of RA and DEC.

    Parameters
    ----------
    params : MultiDict
        Parameters by their names in capitals.
    table : str
        Name of the table; its positions are in the columns ``ra`` and ``dec``.
    offsets : bool
        Whether a column ``Search_Offset`` tells the distance in arcminutes, as at HEASARC.

    Raises
    ------
    RequestError
        If one of the three is missing or not a number.
    """
    values = [numbers(name, params.get(name, "")) for name in ("RA", "DEC", "SR")]
    if [len(value) for value in values] != [1, 1, 1]:
        raise RequestError("RA, DEC and SR are needed, each one number of degrees")
    ra, dec, radius = (value[0] for value in values)
    offset = f", ROUND(60 * DISTANCE(ra, dec, {ra}, {dec}), 4) AS Search_Offset"
    return (
        f"SELECT *{offset if offsets else ''} FROM {table} "
        f"WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE({ra}, {dec}, {radius}))"
    )
