"""Sesame's answers: https://vizier.cds.unistra.fr/vizier/doc/sesame.htx

An address ends with ``/<databases>?<names>``: the letters S (SIMBAD), N (NED), V (VizieR) in the
order in which they are asked until one knows the name, or A for the answers of all.  An option
before it, ``-ox`` or ``-oxp``, asks for XML in place of lines.  The replica's table has no
positions of VizieR's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote_plus
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from replica.object_names import Row, find

_DATABASES = {"S": "SIMBAD", "N": "NED", "V": "VizieR"}
_TITLES = {"SIMBAD": "S=Simbad (replica)", "NED": "N=NED (replica)"}
_ORDER = "SNV"
_NOTHING = "*** Nothing found ***"
_SCHEMA = "http://vizier.cds.unistra.fr/xml/sesame_4x.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"


@dataclass(frozen=True)
class Options:
    """What the address asks for.

    Attributes
    ----------
    databases : str
        Letters of the databases, in their order.
    all : bool
        Whether all of them answer, not the first alone that knows the name.
    xml : bool
        Whether the answer is XML.
    """

    databases: str
    all: bool
    xml: bool


def options(path: str) -> Options:
    """Read the options in an address, for instance ``-oxp/SNV``."""
    parts = [part for part in path.split("/") if part]
    output = "".join(part[2:] for part in parts if part.startswith("-o"))
    letters = "".join(part for part in parts if not part.startswith("-")).upper()
    databases = "".join(letter for letter in letters if letter in _DATABASES)
    return Options(databases or _ORDER, "A" in letters or "~" in letters, "x" in output)


def names(query: str) -> list[str]:
    """Return the names in a query string, which are parted by ``&`` or line breaks."""
    text = unquote_plus(query.replace("&", "\n"))
    return [name.strip() for name in text.splitlines() if name.strip()]


def answer(asked: Iterable[str], chosen: Options) -> tuple[str, str]:
    """Return the answer about all names, and its content type."""
    found = {name: _known(name, chosen) for name in asked}
    if chosen.xml:
        return _xml(found, chosen), "text/xml"
    lines = [line for name, rows in found.items() for line in _lines(name, rows)]
    return "\n".join([*lines, "#====Done (replica)====", ""]), "text/plain"


def _known(name: str, chosen: Options) -> list[Row]:
    """What the databases say, each at most once, in the order in which they are asked."""
    rows = {row["resolver"]: row for row in find(name)}
    known = [rows[_DATABASES[each]] for each in chosen.databases if _DATABASES[each] in rows]
    return known if chosen.all else known[:1]


def _lines(name: str, rows: list[Row]) -> list[str]:
    head = f"# {name}\t#Q1"
    if not rows:
        return [head, f"#! {_NOTHING} ", ""]
    return [head, *(line for row in rows for line in (*_row_lines(row), ""))]


def _row_lines(row: Row) -> list[str]:
    return [
        f"#={_TITLES[row['resolver']]}:    1",
        f"%I.0 {row['canonicalName']}",
        f"%C.0 {row['objectType']}",
        f"%J {float(row['ra']):.6f} {float(row['decl']):+.6f} = {_sexagesimal(row)}",
    ]


def _sexagesimal(row: Row) -> str:
    """Position as ``05:34:31.78 +22:01:02.6``."""
    ra = round(float(row["ra"]) / 15 * 3600, 2)
    dec, sign = round(abs(float(row["decl"])) * 3600, 1), "-" if float(row["decl"]) < 0 else "+"
    return f"{_parts(ra, 5)} {sign}{_parts(dec, 4)}"


def _parts(seconds: float, width: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes) // 60:02}:{int(minutes) % 60:02}:{rest:0{width}.{width - 3}f}"


def _xml(found: dict[str, list[Row]], chosen: Options) -> str:
    attributes = {"xmlns:xsi": _XSI, "xsi:noNamespaceSchemaLocation": _SCHEMA}
    root = Element("Sesame", attributes)
    for name, rows in found.items():
        target = SubElement(root, "Target", option=chosen.databases)
        SubElement(target, "name").text = name
        for row in rows:
            _add_resolver(target, row)
        if not rows:
            SubElement(target, "INFO").text = _NOTHING
    indent(root, "")
    return tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add_resolver(target: Element, row: Row) -> None:
    resolver = SubElement(target, "Resolver", name=_TITLES[row["resolver"]])
    facts = {
        "otype": row["objectType"],
        "jpos": _sexagesimal(row),
        "jradeg": row["ra"],
        "jdedeg": row["decl"],
        "oname": row["canonicalName"],
    }
    for tag, text in facts.items():
        SubElement(resolver, tag).text = text
