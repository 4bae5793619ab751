"""Facts of VOTables: columns with datatype, unit and UCD; parameters; status; the chosen row."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.parsers.expat import ExpatError

from astropy.io import votable
from astropy.io.votable.tree import Param, TableElement, VOTableFile

from replica.check.answers import Answer, Facts, Row, UnreadableError

#: INFO elements whose value clients act upon (DALI 1.1, DataLink 1.1).
_INFOS = ("QUERY_STATUS", "standardID")


@dataclass(frozen=True)
class VOTable:
    """Reads a VOTable, and of its rows the one that the notebooks take."""

    row: Row

    def __call__(self, content: bytes) -> Answer:
        """Return facts and captures.

        Raises
        ------
        UnreadableError
            If the content is not a VOTable.
        """
        try:
            # Like pyvo, which reads what astropy can make sense of.
            document = votable.parse(io.BytesIO(content), verify="ignore")
        except (ExpatError, ValueError, LookupError, SyntaxError) as error:
            raise UnreadableError(f"not a VOTable: {error}") from error
        facts = _document_facts(document)
        table = next(iter(document.iter_tables()), None)
        if table is None:
            return Answer(facts)
        chosen = self.row.read(_rows(table))
        columns = {f"field {field.name}": _description(field) for field in table.fields}
        return Answer(facts | columns | chosen.facts, chosen.captures)


def _document_facts(document: VOTableFile) -> Facts:
    facts: Facts = {}
    for resource in document.resources:
        params = [*resource.params, *(p for table in resource.tables for p in table.params)]
        facts |= {f"param {param.name}": _description(param) for param in params}
        facts |= {f"info {i.name}": str(i.value) for i in resource.infos if i.name in _INFOS}
    return facts


def _description(field: Any) -> str:
    """Datatype with array size, then UCD and what else is given, as in the XML."""
    size = f"[{field.arraysize}]" if field.arraysize else ""
    more = {"ucd": field.ucd, "unit": field.unit, "xtype": field.xtype, "utype": field.utype}
    # The unit of a parameter that has none reads as None too.
    given = [f"{name} {value}" for name, value in more.items() if value is not None]
    kind = "param " if isinstance(field, Param) else ""
    return ", ".join([f"{kind}{field.datatype}{size}", *given])


def _rows(table: TableElement) -> Iterator[dict[str, Any]]:
    names = [field.name for field in table.fields]
    for row in table.array:
        yield dict(zip(names, row, strict=True))
