"""The tables of the registry, filled from ``registry_*.csv``: IVOA RegTAP 1.2.

Facts of the real registry where they are known, plausible ones elsewhere; the titles and
descriptions are the replica's own.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from functools import lru_cache
from importlib.resources import files
from typing import Any

from replica.adql import Table
from replica.votable import Field

#: Planck's constant times the speed of light, J m: spectral coverage is kept in joules.
_PLANCK_LIGHT = 6.62607015e-34 * 299792458.0

Row = dict[str, str]


def _read(name: str) -> list[Row]:
    text = files("replica").joinpath(f"registry_{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _table(name: str, description: str, fields: str, rows: list[tuple[Any, ...]]) -> Table:
    """Build a table; `fields` names the columns, with ``:datatype`` unless that is ``char*``."""
    columns = tuple(Field(*column.split(":")) for column in fields.split())
    return Table(f"rr.{name}", description, columns, tuple(rows))


@lru_cache(maxsize=1)
def tables() -> tuple[Table, ...]:
    """Return all tables of the schema ``rr``."""
    resources, interfaces = _read("resources"), _read("interfaces")
    return (
        _resource(resources),
        _capability(interfaces),
        _interface(interfaces),
        *_people(resources),
        *_coverage(resources),
        *_table_metadata(_read("columns")),
        _details(interfaces),
        _subjects(_read("subjects")),
        *_unfilled(),
    )


def _resource(resources: list[Row]) -> Table:
    columns = (
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
    fixed = {"content_level": "research", "res_version": "", "rights": "", "region_of_regard": None}
    rows = [
        {**row, **fixed, "source_format": "bibcode" if row["source_value"] else ""}
        for row in resources
    ]
    cells = tuple(tuple(row[column.name] for column in columns) for row in rows)
    return Table("rr.resource", "Resources: services, catalogs, archives", columns, cells)


def _text(name: str, description: str, path: str, datatype: str = "char*") -> Field:
    return Field(name, datatype, description=description, utype=f"xpath:{path}")


def _numbered(rows: list[Row]) -> list[tuple[int, Row]]:
    """Number the rows of each resource from 1."""
    count: defaultdict[str, int] = defaultdict(int)
    numbered = []
    for row in rows:
        count[row["ivoid"]] += 1
        numbered.append((count[row["ivoid"]], row))
    return numbered


def _capability(interfaces: list[Row]) -> Table:
    fields = "ivoid cap_index:short cap_type cap_description:unicodeChar* standard_id"
    rows = [
        (row["ivoid"], n, _CAPABILITY_TYPES.get(row["standard_id"], ""), row["cap_description"])
        + (row["standard_id"].lower(),)
        for n, row in _numbered(interfaces)
    ]
    return _table("capability", "What a resource can do", fields, rows)


_CAPABILITY_TYPES = {
    "ivo://ivoa.net/std/sia": "sia:simpleimageaccess",
    "ivo://ivoa.net/std/conesearch": "cs:conesearch",
    "ivo://ivoa.net/std/tap": "tr:tableaccess",
}


def _interface(interfaces: list[Row]) -> Table:
    fields = (
        "ivoid cap_index:short intf_index:short intf_type intf_role std_version query_type "
        "result_type wsdl_url url_use access_url mirror_url authenticated_only:short"
    )
    rows = [
        (row["ivoid"], n, 1, row["intf_type"], row["intf_role"], "", "get", "", "")
        + ("base" if row["access_url"][-1] in "?&" else "full", row["access_url"], "", 0)
        for n, row in _numbered(interfaces)
    ]
    return _table("interface", "Where a capability is reached", fields, rows)


def _people(resources: list[Row]) -> list[Table]:
    roles = [
        (row["ivoid"], name.strip(), "", "", "", base)
        for row in resources
        for base, names in (("creator", row["creator_seq"]), ("publisher", row["publisher"]))
        for name in names.split(";")
    ]
    fields = "ivoid role_name:unicodeChar* role_ivoid email telephone base_role"
    return [_table("res_role", "Who made and who publishes a resource", fields, roles)]


def _coverage(resources: list[Row]) -> list[Table]:
    space = [(row["ivoid"], row["coverage"], "") for row in resources if row["coverage"]]
    time = [
        (row["ivoid"], float(row["time_start"]), float(row["time_end"]))
        for row in resources
        if row["time_start"]
    ]
    energy = [
        (row["ivoid"], *(_PLANCK_LIGHT / float(row[f"wavelength_{end}"]) for end in ("max", "min")))
        for row in resources
        if row["wavelength_min"]
    ]
    return [
        _table("stc_spatial", "Coverage on the sky", "ivoid coverage ref_system_name", space),
        _table(
            *("stc_temporal", "Coverage in time"),
            *("ivoid time_start:double:d time_end:double:d", time),
        ),
        _table(
            *("stc_spectral", "Coverage in energy"),
            *("ivoid spectral_start:double:J spectral_end:double:J", energy),
        ),
    ]


def _table_metadata(columns: list[Row]) -> list[Table]:
    names = dict.fromkeys((row["ivoid"], row["table_name"]) for row in columns)
    index = {(ivoid, name): 1 for ivoid, name in names}
    described = [(ivoid, 1, 1, name, "", name, "output", "") for ivoid, name in names]
    cells = [
        (row["ivoid"], index[row["ivoid"], row["table_name"]], row["name"], row["ucd"])
        + (row["unit"], "", row["datatype"], "", row["column_description"])
        for row in columns
    ]
    return [
        _table(
            *("res_table", "Tables of a resource"),
            "ivoid schema_index:short table_index:short table_name table_title table_description"
            " table_type table_utype",
            described,
        ),
        _table(
            *("table_column", "Columns of a resource's tables"),
            "ivoid table_index:short name ucd unit utype datatype arraysize column_description",
            cells,
        ),
    ]


def _details(interfaces: list[Row]) -> Table:
    rows = [
        (row["ivoid"], n, "/capability/dataModel/@ivo-id", row["data_model"])
        for n, row in _numbered(interfaces)
        if row["data_model"]
    ]
    fields = "ivoid cap_index:short detail_xpath detail_value"
    return _table("res_detail", "Details that have no table of their own", fields, rows)


def _subjects(subjects: list[Row]) -> Table:
    rows = [(row["ivoid"], row["res_subject"]) for row in subjects]
    return _table("res_subject", "Topics, as in the Unified Astronomy Thesaurus", _SUBJECTS, rows)


_SUBJECTS = "ivoid res_subject:unicodeChar*"


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
