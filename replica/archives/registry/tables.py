"""The tables of the registry, filled from the archives' ``registry_*.csv``: IVOA RegTAP 1.2.

Facts of the real registry where they are known, plausible ones elsewhere; the titles and
descriptions are the replica's own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from replica.archive_folders import Row, read_tables
from replica.protocols.tables import ForeignKey, Table
from replica.protocols.votable import Field

#: Planck's constant times the speed of light, J m: spectral coverage is kept in joules.
_PLANCK_LIGHT = 6.62607015e-34 * 299792458.0


_OF_RESOURCE = ForeignKey("rr.resource", (("ivoid", "ivoid"),))
#: Foreign keys by table: RegTAP 1.2, section 8.
_KEYS = {
    **dict.fromkeys(
        (
            *("capability", "res_role", "stc_spatial", "stc_temporal", "stc_spectral"),
            *("res_schema", "res_subject", "res_date", "relationship", "alt_identifier"),
            *("res_table", "table_column", "res_detail", "intf_param"),
        ),
        (_OF_RESOURCE,),
    ),
    "interface": (ForeignKey("rr.capability", (("ivoid", "ivoid"), ("cap_index", "cap_index"))),),
}


def _table(name: str, description: str, fields: str, rows: Iterable[Mapping[str, Any]]) -> Table:
    """Build a table of rows by column name; text columns that a row lacks are empty.

    `fields` names the columns, each with ``:datatype:unit`` unless it is of text.
    """
    columns = tuple(Field(*column.split(":")) for column in fields.split())
    cells = tuple(tuple(row.get(column.name, "") for column in columns) for row in rows)
    keys = _KEYS.get(name, ())
    return Table(f"rr.{name}", description, columns, cells, keys, is_standard=True)


@lru_cache(maxsize=1)
def tables() -> tuple[Table, ...]:
    """Return all tables of the schema ``rr``."""
    resources = read_tables("registry_resources")
    interfaces = read_tables("registry_interfaces")
    columns = read_tables("registry_columns")
    return (
        _resource(resources),
        _capability(interfaces),
        _interface(interfaces),
        _details(interfaces),
        _roles(resources),
        _space(resources),
        _time(resources),
        _energy(resources),
        _res_table(columns),
        _table_column(columns),
        _subjects(read_tables("registry_subjects")),
        *_unfilled(),
    )


def _text(name: str, description: str, path: str, datatype: str = "char*") -> Field:
    return Field(name, datatype, description=description, utype=f"xpath:{path}")


_RESOURCE_FIELDS = (
    _text("ivoid", "Identifier of the resource", "identifier"),
    _text("res_type", "Type of the resource", "@xsi:type"),
    Field("created", "char*", "", "", "When it was registered", "timestamp", "xpath:@created"),
    _text("short_name", "Short name, at most 16 characters", "shortName"),
    _text("res_title", "Title", "title", "unicodeChar*"),
    Field("updated", "char*", "", "", "When it last changed", "timestamp", "xpath:@updated"),
    _text("content_level", "For whom it is, hash-separated", "content/contentLevel"),
    _text("res_description", "What it holds", "content/description", "unicodeChar*"),
    _text("reference_url", "A page to read", "content/referenceURL"),
    _text("creator_seq", "Its creators", "curation/creator/name", "unicodeChar*"),
    _text("content_type", "What kind of thing it is, hash-separated", "content/type"),
    _text("source_format", "Format of source_value", "content/source/@format"),
    _text("source_value", "A publication about it", "content/source", "unicodeChar*"),
    _text("res_version", "Version", "curation/version"),
    Field(
        *("region_of_regard", "float", "deg", "", "How blurred positions are"),
        utype="xpath:coverage/regionOfRegard",
    ),
    _text("waveband", "Regions of the spectrum, hash-separated", "coverage/waveband"),
    _text("rights", "Conditions of use", "/rights"),
)


def _resource(resources: list[Row]) -> Table:
    fixed = {"content_level": "research", "res_version": "", "rights": "", "region_of_regard": None}
    rows = [
        {**row, **fixed, "source_format": "bibcode" if row["source_value"] else ""}
        for row in resources
    ]
    cells = tuple(tuple(row[field.name] for field in _RESOURCE_FIELDS) for row in rows)
    described = "Services, catalogs and archives"
    return Table("rr.resource", described, _RESOURCE_FIELDS, cells, is_standard=True)


def _numbered(rows: list[Row]) -> list[dict[str, Any]]:
    """Number the rows of each resource from 1, as ``cap_index``."""
    count: defaultdict[str, int] = defaultdict(int)
    numbered: list[dict[str, Any]] = []
    for row in rows:
        count[row["ivoid"]] += 1
        numbered.append({**row, "cap_index": count[row["ivoid"]]})
    return numbered


_CAPABILITY_TYPES = {
    "ivo://ivoa.net/std/sia": "sia:simpleimageaccess",
    "ivo://ivoa.net/std/conesearch": "cs:conesearch",
    "ivo://ivoa.net/std/tap": "tr:tableaccess",
}


def _capability(interfaces: list[Row]) -> Table:
    rows = [
        {
            **row,
            "cap_type": _CAPABILITY_TYPES.get(row["standard_id"], ""),
            "standard_id": row["standard_id"].lower(),
        }
        for row in _numbered(interfaces)
    ]
    fields = "ivoid cap_index:short cap_type cap_description:unicodeChar* standard_id"
    return _table("capability", "What a resource can do", fields, rows)


def _interface(interfaces: list[Row]) -> Table:
    rows = [
        {
            **row,
            "intf_index": 1,
            "query_type": "get",
            "url_use": "base" if row["access_url"][-1] in "?&" else "full",
            "authenticated_only": 0,
        }
        for row in _numbered(interfaces)
    ]
    fields = (
        "ivoid cap_index:short intf_index:short intf_type intf_role std_version query_type "
        "result_type wsdl_url url_use access_url mirror_url authenticated_only:short"
    )
    return _table("interface", "Where a capability is reached", fields, rows)


def _details(interfaces: list[Row]) -> Table:
    rows = [
        {
            **row,
            "detail_xpath": "/capability/dataModel/@ivo-id",
            "detail_value": row["data_model"],
        }
        for row in _numbered(interfaces)
        if row["data_model"]
    ]
    fields = "ivoid cap_index:short detail_xpath detail_value"
    return _table("res_detail", "Details that have no table of their own", fields, rows)


_ROLES = (("creator", "creator_seq"), ("publisher", "publisher"), ("contact", "publisher"))


def _roles(resources: list[Row]) -> Table:
    rows = [
        {"ivoid": row["ivoid"], "role_name": name.strip(), "base_role": role}
        for row in resources
        for role, column in _ROLES
        for name in row[column].split(";")
    ]
    fields = "ivoid role_name:unicodeChar* role_ivoid email telephone base_role"
    return _table("res_role", "Who made and who publishes a resource", fields, rows)


def _space(resources: list[Row]) -> Table:
    rows = [row for row in resources if row["coverage"]]
    return _table("stc_spatial", "Coverage on the sky", "ivoid coverage ref_system_name", rows)


def _time(resources: list[Row]) -> Table:
    rows = [
        {
            "ivoid": row["ivoid"],
            "time_start": float(row["time_start"]),
            "time_end": float(row["time_end"]),
        }
        for row in resources
        if row["time_start"]
    ]
    fields = "ivoid time_start:double:d time_end:double:d"
    return _table("stc_temporal", "Coverage in time", fields, rows)


def _energy(resources: list[Row]) -> Table:
    rows = [
        {
            "ivoid": row["ivoid"],
            "spectral_start": _PLANCK_LIGHT / float(row["wavelength_max"]),
            "spectral_end": _PLANCK_LIGHT / float(row["wavelength_min"]),
        }
        for row in resources
        if row["wavelength_min"]
    ]
    fields = "ivoid spectral_start:double:J spectral_end:double:J"
    return _table("stc_spectral", "Coverage in energy", fields, rows)


def _res_table(columns: list[Row]) -> Table:
    names = dict.fromkeys((row["ivoid"], row["table_name"]) for row in columns)
    rows = [
        {"ivoid": ivoid, "table_name": name, "table_description": name, "table_type": "output"}
        | {"schema_index": 1, "table_index": 1}
        for ivoid, name in names
    ]
    fields = (
        "ivoid schema_index:short table_index:short table_name table_title table_description "
        "table_type table_utype"
    )
    return _table("res_table", "Tables of a resource", fields, rows)


def _table_column(columns: list[Row]) -> Table:
    rows = [{**row, "table_index": 1, "std": 0, "type_system": "votable"} for row in columns]
    fields = (
        "ivoid table_index:short name ucd unit utype std:short datatype extended_schema "
        "extended_type arraysize delim type_system flag column_description"
    )
    return _table("table_column", "Columns of a resource's tables", fields, rows)


def _subjects(subjects: list[Row]) -> Table:
    fields = "ivoid res_subject:unicodeChar*"
    return _table("res_subject", "Topics, of the Unified Astronomy Thesaurus", fields, subjects)


def _unfilled() -> list[Table]:
    """Tables of the standard for which the replica holds no facts."""
    return [
        _table("alt_identifier", "Other identifiers", "ivoid alt_identifier", []),
        _table(
            *("relationship", "Relations between resources"),
            *("ivoid relationship_type related_id related_name", []),
        ),
        _table("res_date", "Dates of a resource", "ivoid date_value value_role", []),
        _table("res_schema", "Schemas of a resource", "ivoid schema_index:short schema_name", []),
        _table("intf_param", "Parameters of an interface", "ivoid intf_index:short name ucd", []),
    ]
