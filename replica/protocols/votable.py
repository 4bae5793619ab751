"""VOTables, the answers of Virtual Observatory services.

Format: IVOA VOTable 1.4; status and overflow: IVOA DALI 1.1, section 4.4.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from astropy.io.votable.tree import Resource, TableElement, VOTableFile

#: Content type of an answer.
MEDIA_TYPE = "application/x-votable+xml"

#: What XML cannot carry (XML 1.0, section 2.2).
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INTEGERS = ("short", "int", "long")
_STATUS_CONTENT = {
    "OK": "Query successful",
    "OVERFLOW": "There are more rows: the table ends at the limit of rows",
}


@dataclass(frozen=True)
class Field:
    """Metadata of a column or of a parameter.

    Attributes
    ----------
    name : str
        Name of the column.
    datatype : str
        VOTable datatype with its array size: ``double``, ``int``, ``char*``, ``char[3]``.
    unit, ucd, description, xtype, utype : str
        As in VOTable; empty where there is none.
    links : str
        Address of the DataLink service that takes the column's values as identifiers; an
        answer with the column describes that service (IVOA DataLink 1.1, section 4.1).
    """

    name: str
    datatype: str = "char*"
    unit: str = ""
    ucd: str = ""
    description: str = ""
    xtype: str = ""
    utype: str = ""
    links: str = ""

    @property
    def is_text(self) -> bool:
        """Whether a cell holds text."""
        return self.datatype.lower().startswith(("char", "unicodechar"))

    def attributes(self) -> dict[str, Any]:
        """XML attributes of the FIELD or PARAM element."""
        datatype, _, size = self.datatype.replace("*", "[*").rstrip("]").partition("[")
        facts = {"unit": self.unit, "ucd": self.ucd, "xtype": self.xtype, "utype": self.utype}
        present = {name: value for name, value in facts.items() if value}
        names = {"name": self.name, "ID": self.name.replace(":", "_")}
        return {**names, "datatype": datatype, "arraysize": size or None, **present}


@dataclass(frozen=True)
class Parameter:
    """A PARAM: a field with a value, and for an input the values it may take."""

    field: Field
    value: Any
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Document:
    """What an answer says beside its rows.

    Attributes
    ----------
    name, description : str
        Of the table.
    version : str
        Version of VOTable that is written.
    status : str
        ``OK`` or ``OVERFLOW``.
    infos : tuple of (str, str)
        Names and values of further INFO elements of the resource.
    inputs, parameters : tuple of Parameter
        The service's input parameters, and constants of the table.
    """

    name: str = "results"
    description: str = ""
    version: str = "1.4"
    status: str = "OK"
    infos: tuple[tuple[str, str], ...] = ()
    inputs: tuple[Parameter, ...] = ()
    parameters: tuple[Parameter, ...] = ()


def results(
    fields: Sequence[Field],
    rows: Iterable[Sequence[Any]],
    document: Document | None = None,
    *,
    binary: bool = False,
) -> bytes:
    """Write a VOTable of `rows`.

    Parameters
    ----------
    fields : sequence of Field
        The columns.
    rows : iterable of sequence
        Cells in the order of `fields`; None for a missing value, a list for an array.
    document : Document, optional
        What else the answer says.
    binary : bool
        Whether the rows are written in the serialization BINARY2 in place of XML.
    """
    document = document or Document()
    votable, resource = _resource(document.version)
    _info(votable, resource, "QUERY_STATUS", document.status, _STATUS_CONTENT[document.status])
    for name, value in document.infos:
        _info(votable, resource, name, value)
    resource.params.extend(_param(votable, parameter) for parameter in document.inputs)
    table = _table(votable, fields, list(rows), document)
    table.format = "binary2" if binary else "tabledata"
    resource.tables.append(table)
    votable.resources.extend(_service(votable, field) for field in fields if field.links)
    return _xml(votable)


def error(message: str, version: str = "1.4", *, cone: bool = False) -> bytes:
    """Write the VOTable that refuses a request, with the reason as a sentence.

    That of a cone search says it where its clients look too (SCS 1.03, section 2.3).
    """
    votable, resource = _resource(version)
    _info(votable, resource, "QUERY_STATUS", "ERROR", message)
    if cone:
        _info(votable, votable, "Error", printable(message))
    return _xml(votable)


def printable(text: str) -> str:
    """Return the text with a question mark for each character that XML cannot carry."""
    return _NOT_XML.sub("?", text)


def _resource(version: str) -> tuple[VOTableFile, Resource]:
    # Imported here: it takes half a second that a replica's start need not wait for.
    from astropy.io.votable.tree import Resource, VOTableFile

    votable = VOTableFile(version=version)
    resource = Resource(type="results")
    votable.resources.append(resource)
    return votable, resource


def _service(votable: VOTableFile, field: Field) -> Resource:
    """Describe the DataLink service of a column's values."""
    from astropy.io.votable.tree import Group, Param, Resource

    resource = Resource(type="meta", utype="adhoc:service")
    facts = {"standardID": "ivo://ivoa.net/std/DataLink#links-1.1", "accessURL": field.links}
    for name, value in facts.items():
        resource.params.append(_param(votable, Parameter(Field(name), value)))
    group = Group(resource, name="inputParams")
    attributes = {**Field("ID").attributes(), "ID": f"{field.name}_link"}
    group.entries.append(Param(votable, value="", ref=field.attributes()["ID"], **attributes))
    resource.groups.append(group)
    return resource


def _info(
    votable: VOTableFile,
    owner: VOTableFile | Resource,
    name: str,
    value: str,
    content: str | None = None,
) -> None:
    from astropy.io.votable.tree import Info

    info = Info(name=name, value=printable(value))
    info.content = printable(content) if content else content
    owner.infos.append(info)


def _param(votable: VOTableFile, parameter: Parameter) -> Any:
    from astropy.io.votable.tree import Param

    param = Param(votable, value=parameter.value, **parameter.field.attributes())
    param.description = parameter.field.description or None
    param.values.options.extend((option, option) for option in parameter.options)
    return param


def _table(
    votable: VOTableFile, fields: Sequence[Field], rows: list[Sequence[Any]], document: Document
) -> TableElement:
    from astropy.io.votable import tree

    table = tree.TableElement(votable, name=document.name)
    table.description = document.description or None
    table.params.extend(_param(votable, parameter) for parameter in document.parameters)
    for column, field in enumerate(fields):
        element = tree.Field(votable, **field.attributes())
        element.description = field.description or None
        if field.datatype in _INTEGERS:
            element.values.null = _null([row[column] for row in rows])
        table.fields.append(element)
    table.create_arrays(len(rows))
    for index, row in enumerate(rows):
        _fill(table, index, row, fields)
    return table


def _null(column: list[int | None]) -> int:
    """The number that stands for "missing": one below all that the column holds."""
    held = {value for value in column if value is not None}
    below = min(0, min(held, default=0)) - 1
    if below >= -(2**63):
        return below
    return next(number for number in range(-(2**63), 0) if number not in held)


def _fill(table: TableElement, index: int, row: Sequence[Any], fields: Sequence[Field]) -> None:
    # A missing text is an empty cell, as services write it; a missing number is masked.
    blanks = ["" if field.is_text else 0 for field in fields]
    cells = [
        blank if cell is None else printable(cell) if isinstance(cell, str) else cell
        for cell, blank in zip(row, blanks, strict=True)
    ]
    table.array.data[index] = tuple(cells)
    table.array.mask[index] = tuple(
        cell is None and not field.is_text for cell, field in zip(row, fields, strict=True)
    )


def _xml(votable: VOTableFile) -> bytes:
    output = io.BytesIO()
    votable.to_xml(output)
    return output.getvalue()
