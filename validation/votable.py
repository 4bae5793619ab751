"""votlint of STILTS, on an answer of each kind that is a VOTable."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlencode

from validation import java
from validation.judging import Case, Judge, Setting
from validation.tap import SERVICES

_IRSA = "https://irsa.ipac.caltech.edu"
_XAMIN = "https://heasarc.gsfc.nasa.gov/xamin/vo"
_MAST_SIA = "https://mast.stsci.edu/portal/Mashup/VoQuery.asmx/SiaV1"
_CRAB = {"POS": "83.63,22.01", "SIZE": "0.1"}
_CIRCLE = "CIRCLE 83.63 22.01 0.1"
_SOURCE_ID = "ivo://nasa.heasarc/chanmaster?13751/chandra.obs.img.cntr.fits"
#: A query of each TAP service that has every datatype of its tables.
_TABLES = {
    "IRSA": ("ivoa.obscore", "caom.observation", "wise_allwise_p3am_cdd"),
    "HEASARC": (
        "chanmaster",
        "rassmaster",
        "rassbsc",
        "rassfsc",
        "rosmaster",
        "numaster",
        "xmmmaster",
    ),
    "MAST": ("ivoa.obscore", "dbo.obspointing", "dbo.caomplane", "dbo.caomartifact"),
    "Pan-STARRS": ("dbo.meanobjectview",),
    "registry": ("rr.resource", "rr.capability", "rr.interface", "rr.table_column"),
}

DATALINKS = {
    "DataLink of an image": f"{_XAMIN}/datalink/chanmaster?{urlencode({'ID': _SOURCE_ID})}",
    "DataLink of nothing": f"{_XAMIN}/datalink/chanmaster?ID=ivo://nasa.heasarc/none",
}


def answers() -> dict[str, str]:
    """Return the address of an answer of each kind, by its name."""
    return {
        "SIA 1 of IRSA": f"{_IRSA}/ibe/sia/wise/allwise/p3am_cdd?{urlencode(_CRAB)}",
        "SIA 1 of IRSA, metadata": f"{_IRSA}/ibe/sia/wise/allwise/p3am_cdd?FORMAT=METADATA",
        "SIA 1 of IRSA, nothing": f"{_IRSA}/ibe/sia/wise/allwise/p3am_cdd?POS=1,-80&SIZE=0.1",
        "SIA 1 of IRSA, error": f"{_IRSA}/ibe/sia/wise/allwise/p3am_cdd?POS=a,b&SIZE=0.1",
        "SIA 2": f"{_IRSA}/SIA?{urlencode({'POS': _CIRCLE})}",
        "SIA 2, nothing": f"{_IRSA}/SIA?{urlencode({'POS': 'CIRCLE 1 -80 0.1'})}",
        "SIA 2, error": f"{_IRSA}/SIA?POS=CIRCLE",
        "SIA 1 of HEASARC": f"{_XAMIN}/sia?table=chanmaster&{urlencode(_CRAB)}",
        "SIA 1 of MAST": f"{_MAST_SIA}?MISSION=PS1&{urlencode(_CRAB)}",
        "cone search": f"{_XAMIN}/cone?showoffsets&table=chanmaster&RA=83.63&DEC=22.01&SR=0.1",
        "cone search, error": f"{_XAMIN}/cone?table=chanmaster&RA=a&DEC=22.01&SR=0.1",
        **DATALINKS,
        **_queries(),
        **{f"TAP_SCHEMA of {name}": _query(name, "TAP_SCHEMA.columns") for name in SERVICES},
        **{f"TAP error of {name}": _query(name, "nonsense") for name in SERVICES},
    }


def _queries() -> dict[str, str]:
    return {
        f"TAP of {name}, {table}": _query(name, table)
        for name, tables in _TABLES.items()
        for table in tables
    }


def _query(service: str, table: str) -> str:
    asked = {"LANG": "ADQL", "REQUEST": "doQuery", "QUERY": f"SELECT TOP 50 * FROM {table}"}
    return f"{SERVICES[service]}/sync?{urlencode(asked)}"


def _cases(setting: Setting) -> list[Case]:
    return [Case(name, partial(_lint, setting, name, url)) for name, url in answers().items()]


def _lint(setting: Setting, name: str, url: str) -> list[str]:
    """Ask votlint, which is silent where it is content."""
    answer = setting.get(url)
    path = setting.folder / "answer.xml"
    path.write_bytes(answer.content)
    if b"<VOTABLE" not in answer.content[:2000]:
        return [f"is no VOTable: HTTP {answer.status_code}, {answer.content[:80]!r}"]
    lines = java.stilts(setting, "votlint", str(path), "ucd=true", "unit=true").splitlines()
    return [line for line in lines if not line.startswith("INFO")]


JUDGE = Judge("votlint", "VOTables", _cases, java.PROGRAMS, {})
