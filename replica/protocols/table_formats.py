"""The formats in which services give tables, beside VOTable with its rows as XML.

The names, and the content types: IVOA TAP 1.1, section 2.7.3, and TAPRegExt 1.0, section 2.4.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from replica.protocols import votable
from replica.protocols.dali import RequestError
from replica.protocols.votable import Document, Field

if TYPE_CHECKING:
    from astropy.table import Table

#: Largest table that is made for a FITS file, bytes: its texts are padded to the longest one.
_LARGEST_FITS = 200_000_000

_NOT_FITS = re.compile("[^ -~]")
_FITS_NAME = re.compile("[!-~]{1,68}")

Rows = Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Format:
    """A format of tables.

    Attributes
    ----------
    media_type : str
        Content type of an answer.
    names : tuple of str
        What a request may call it beside the content type, in small letters.
    write : callable
        Given fields, rows and what else the answer says, returns the bytes.
    identifier : str
        IVOA identifier of the format, if the standard has one.
    """

    media_type: str
    names: tuple[str, ...]
    write: Callable[[Sequence[Field], Rows, Document], bytes]
    identifier: str = ""


def find(name: str, formats: Sequence[Format] = (), parameter: str = "FORMAT") -> Format:
    """Return the format of that name or content type, in any case; VOTable for an empty one.

    Parameters
    ----------
    name : str
        What the request says.
    formats : sequence of Format, optional
        Those of the service; `FORMATS` by default.
    parameter : str
        Where the request says it, for the sentence.

    Raises
    ------
    RequestError
        If there is none.
    """
    wanted = name.lower().replace(" ", "")
    for each in formats or FORMATS:
        if wanted in (each.media_type.lower(), *each.names):
            return each
    known = ", ".join(each.names[0] for each in formats or FORMATS)
    raise RequestError(f"{parameter}={name} is not offered by the replica: choose of {known}")


def _votable(fields: Sequence[Field], rows: Rows, document: Document) -> bytes:
    return votable.results(fields, rows, document)


def _binary(fields: Sequence[Field], rows: Rows, document: Document) -> bytes:
    return votable.results(fields, rows, document, binary=True)


def _separated(separator: str) -> Callable[[Sequence[Field], Rows, Document], bytes]:
    """Write a line a row; what holds a separator, a quote or a line break stands in quotes."""

    def write(fields: Sequence[Field], rows: Rows, document: Document) -> bytes:
        output = io.StringIO()
        writer = csv.writer(output, delimiter=separator, lineterminator="\r\n")
        writer.writerow(field.name for field in fields)
        writer.writerows([_plain(cell) for cell in row] for row in rows)
        return output.getvalue().encode()

    return write


def _plain(cell: Any) -> Any:
    """A truth value as the standards write it (IVOA DALI 1.1, section 3.3.1)."""
    return str(cell).lower() if isinstance(cell, bool) else cell


def _json(fields: Sequence[Field], rows: Rows, document: Document) -> bytes:
    """Write metadata and rows, as the TAP library of CDS does."""
    metadata = [
        {"name": f.name, "description": f.description, "unit": f.unit, "ucd": f.ucd}
        | {"utype": f.utype}
        | {name: f.attributes()[name] for name in ("datatype", "arraysize")}
        for f in fields
    ]
    # JSON has no infinity and no NaN.
    data = [[None if _is_odd(cell) else cell for cell in row] for row in rows]
    return json.dumps({"metadata": metadata, "data": data}, allow_nan=False).encode()


def _is_odd(cell: Any) -> bool:
    return isinstance(cell, float) and not math.isfinite(cell)


def _fits(fields: Sequence[Field], rows: Rows, document: Document) -> bytes:
    """Write a binary table extension; missing whole numbers are TNULL, missing floats NaN."""
    from astropy.io import fits

    output = io.BytesIO()
    hdu = fits.table_to_hdu(_astropy_table(fields, rows), character_as_bytes=True)
    hdu.header["EXTNAME"] = document.name
    for number, field in enumerate(fields, start=1):
        texts = {"TUNIT": field.unit, "TUCD": field.ucd, "TCOMM": field.description}
        for keyword, text in texts.items():
            if text:
                hdu.header[f"{keyword}{number}"] = _ascii(text).decode()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(output)
    return output.getvalue()


def _ipac(fields: Sequence[Field], rows: Rows, document: Document) -> bytes:
    """Write the fixed-width text of IPAC's archives."""
    table = _astropy_table(fields, rows)
    for field, name in zip(fields, table.colnames, strict=True):
        table[name].unit = field.unit or None
        if table[name].dtype.kind == "S":
            table[name] = table[name].astype(str)
    output = io.StringIO()
    table.write(output, format="ascii.ipac")
    return output.getvalue().encode()


def _astropy_table(fields: Sequence[Field], rows: Rows) -> Table:
    from astropy.table import Table

    table = Table()
    for number, field in enumerate(fields):
        # A name that FITS cannot hold becomes one of the form that readers give to columns.
        fits_name = field.name if _FITS_NAME.fullmatch(field.name) else f"col{number + 1}"
        table[fits_name] = _column(field, [row[number] for row in rows])
    return table


#: Names of VOTable's datatypes to those of numpy.
_DTYPES = {"short": "i2", "int": "i4", "long": "i8", "float": "f4", "double": "f8"}


def _column(field: Field, cells: list[Any]) -> Any:
    from astropy.table import MaskedColumn

    missing = [cell is None for cell in cells]
    kind = _DTYPES.get(field.datatype)
    if kind is None:
        texts = [b"" if cell is None else _ascii(str(_plain(cell))) for cell in cells]
        size = max(map(len, texts), default=1)
        if size * len(texts) > _LARGEST_FITS:
            raise RequestError(
                f"the texts of {field.name} are too long for FITS: choose another FORMAT"
            )
        return MaskedColumn(texts, dtype=f"S{max(size, 1)}")
    blank = math.nan if kind[0] == "f" else 0
    values = [blank if cell is None else cell for cell in cells]
    mask = missing if any(missing) else False
    return MaskedColumn(values, dtype=kind, mask=mask)


def _ascii(text: str) -> bytes:
    """The text in the characters that FITS allows (FITS 4.0, section 3.2)."""
    return _NOT_FITS.sub("?", text).encode("ascii")


_IDENTIFIER = "ivo://ivoa.net/std/TAPRegExt#output-votable-"

#: The formats, the default first.
FORMATS = (
    Format(votable.MEDIA_TYPE, ("votable", "", "text/xml", "application/xml"), _votable),
    Format(
        f"{votable.MEDIA_TYPE};serialization=TABLEDATA",
        ("votable/td",),
        _votable,
        f"{_IDENTIFIER}td",
    ),
    Format(
        f"{votable.MEDIA_TYPE};serialization=BINARY2",
        ("votable/b2",),
        _binary,
        f"{_IDENTIFIER}binary2",
    ),
    Format("text/csv;header=present", ("csv", "text/csv"), _separated(",")),
    Format("text/tab-separated-values", ("tsv",), _separated("\t")),
    Format("application/json", ("json",), _json),
    Format("application/fits", ("fits",), _fits),
)
#: The format of IPAC's archives: https://irsa.ipac.caltech.edu/applications/DDGEN/Doc/ipac_tbl.html
IPAC_TABLE = Format("text/plain", ("ipac_table", "ipac"), _ipac)
