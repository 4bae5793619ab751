"""Pan-STARRS' list of images: ``ps1images.stsci.edu/cgi-bin/ps1filenames.py``.

Parameters and columns: https://outerspace.stsci.edu/display/PANSTARRS/PS1+Image+Cutout+Service and
answers that public code quotes.  An answer lists the images of the skycell that holds the position;
its columns ra and dec are those of the question.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.datastructures import MultiDict

from replica.holdings import Product, select
from replica.protocols.dali import RequestError, numbers
from replica.protocols.geometry import distance_to_footprint, separation

_COLUMNS = "projcell subcell ra dec filter mjd type filename shortname badflag"
_BANDS = "grizy"
#: What the service calls the kinds of images that the replica holds.
_TYPES = {
    "stack": "unconv",
    "stack.mask": "unconv.mask",
    "stack.wt": "unconv.wt",
    "stack.exp": "unconv.exp",
}
#: What ``sep`` may say; that the words stand for these characters is a choice.
_SEPARATORS = {"space": " ", "tab": "\t", "comma": ","}
_KEY_PREFIX = "panstarrs/ps1/public/"


@dataclass(frozen=True)
class _Place:
    """A position in degrees, and the skycell that holds it."""

    ra: float
    dec: float
    skycell: str


def web_path(product: Product) -> str:
    """Path of a product on the server of Pan-STARRS' images."""
    return f"/{product.key.removeprefix(_KEY_PREFIX)}"


def product_at(path: str) -> Product | None:
    """Return the product with that path on the server; None if there is none."""
    return next((each for each in _stacks() if web_path(each) == f"/{path.lstrip('/')}"), None)


def answer(params: MultiDict, positions: str = "") -> str:
    """List the images at a position, or at several.

    Parameters
    ----------
    params : MultiDict
        Parameters by their names in capitals: RA and DEC in degrees or SKYCELL, FILTERS, TYPE, SEP.
    positions : str
        Right ascension and declination in degrees, a pair a line; of these instead, if not empty.

    Returns
    -------
    str
        A line of column names, and one for each image.

    Raises
    ------
    RequestError
        If the parameters cannot be understood.
    """
    separator = params.get("SEP") or "space"
    separator = _SEPARATORS.get(separator, separator)
    types = [name.strip() for name in (params.get("TYPE") or "stack").split(",")]
    filters = params.get("FILTERS") or _BANDS
    if odd := set(filters) - set(_BANDS):
        raise RequestError(f"filters={filters}: {''.join(sorted(odd))} is not one of {_BANDS}")
    rows = [
        _row(place, product, name)
        for place in _places(params, positions)
        for name in types
        for product in _stacks(target=place.skycell, kind=_TYPES.get(name, name))
        if product.band in filters
    ]
    return "".join(f"{separator.join(row)}\n" for row in [_COLUMNS.split(), *rows])


def _stacks(**facts: str) -> list[Product]:
    return select(archive="mast", collection="PS1", **facts)


def _places(params: MultiDict, positions: str) -> list[_Place]:
    if positions:
        return [place for line in positions.split("\n") if line.strip() for place in _at(line)]
    if skycell := params.get("SKYCELL"):
        known = _stacks(target=skycell.removeprefix("skycell."))
        return [_Place(known[0].ra, known[0].dec, known[0].target)] if known else []
    return _at(f"{params.get('RA', '')} {params.get('DEC', '')}")


def _at(text: str) -> list[_Place]:
    """The place of a position such as ``83.63 22.01``; none outside of what is held."""
    values = numbers("ra and dec", text)
    if len(values) != 2:
        raise RequestError("ra and dec are needed, in degrees, or skycell, such as 1784.059")
    skycell = _skycell(*values)
    return [_Place(values[0], values[1], skycell)] if skycell else []


def _skycell(ra: float, dec: float) -> str | None:
    """The skycell that holds a position; where two share it, the one whose centre is nearer."""
    centres = {each.target: each for each in _stacks(kind="unconv")}.values()
    inside = [each for each in centres if distance_to_footprint(each, ra, dec) == 0]
    return _nearest(inside, ra, dec)


def _nearest(products: Iterable[Product], ra: float, dec: float) -> str | None:
    nearest = min(products, key=lambda p: separation(p.ra, p.dec, ra, dec), default=None)
    return nearest.target if nearest else None


def _row(place: _Place, product: Product, name: str) -> list[str]:
    """Cells of an image; a stack has no date, and numbers of cells have no zeros before them."""
    cell, part = (str(int(number)) for number in product.target.split("."))
    position = [f"{place.ra:.12g}", f"{place.dec:.12g}"]
    names = [web_path(product), product.filename]
    return [cell, part, *position, product.band, "0.0", name, *names, "0"]
