"""Read the rows of tables, of astropy, pyvo and numpy alike, and the texts in their cells."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from helpers.cloud.access_column import EMPTY
from helpers.cloud.validation import shortened
from helpers.errors import CloudLocationError

# Columns with a file's address: ObsCore and DataLink, SIA of IRSA, MAST and HEASARC, CAOM.
_URL_COLUMNS = ("access_url", "sia_url", "accessurl", "sia_reference", "datauri", "dataurl")
# SIA 1.0, section 4.2.5.1: the column with the image's URL.
_URL_UCD = "VOX:Image_AccessReference"


def as_mapping(product: Any) -> Mapping[Any, Any] | None:
    """Return the product by column names; None if it is not a row or a mapping."""
    if isinstance(product, Mapping):
        return product
    dtype = getattr(product, "dtype", None)
    names = getattr(product, "colnames", None) or getattr(dtype, "names", None)
    return {name: product[name] for name in names} if names else None


def url_cells(cells: Mapping[str, object], product: Any) -> Iterator[object]:
    """Yield the cells that hold the file's address, found by column name, then by UCD."""
    yield from (cells.get(name) for name in _URL_COLUMNS)
    if hasattr(product, "getbyucd"):  # a pyvo record
        yield product.getbyucd(_URL_UCD)
    for name, column in getattr(product, "columns", {}).items():  # a row of an astropy table
        if (column.info.meta or {}).get("ucd") == _URL_UCD:
            yield product[name]


def linked_table(cells: Mapping[str, object]) -> str:
    """Return access_url if the row says that a DataLink table is there; else an empty text."""
    media_type = text_of(cells.get("content_type")) or text_of(cells.get("access_format"))
    is_table = "content=datalink" in re.sub(r"[\s\"']", "", media_type).lower()
    return text_of(cells.get("access_url")) if is_table else ""


def text_of(value: object) -> str:
    """Return a cell's text; empty for None, a masked cell and NaN."""
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError as error:
            raise CloudLocationError(f"not UTF-8 text: {shortened(value)}") from error
    if isinstance(value, str):
        return "" if value.strip().lower() in EMPTY else value.strip()
    if value is None or _is_masked(value) or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, os.PathLike):
        raise CloudLocationError(f"a local file is not in the cloud: {os.fspath(value)!r}")
    raise CloudLocationError(f"expected one row of a table, or text, not {shortened(value)}")


def _is_masked(value: object) -> bool:
    mask = getattr(value, "mask", False)
    return getattr(mask, "ndim", 0) == 0 and bool(mask)
