"""Columns that describe an observation: IVOA ObsCore 1.1, Table 1, as the archives write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from replica.protocols.tables import Table
from replica.protocols.votable import Field

_FIELDS = {
    field.name: field
    for field in (
        Field("s_ra", "double", "deg", "pos.eq.ra"),
        Field("s_dec", "double", "deg", "pos.eq.dec"),
        Field("facility_name", "char*", "", "meta.id;instr.tel"),
        Field("instrument_name", "char*", "", "meta.id;instr"),
        Field("calib_level", "int", "", "meta.code;obs.calib"),
        Field("obs_id", "char*", "", "meta.id"),
        Field("em_min", "double", "m", "em.wl;stat.min"),
        Field("em_max", "double", "m", "em.wl;stat.max"),
        Field("em_res_power", "double", "", "spect.resolution"),
        Field("access_url", "char*", "", "meta.ref.url"),
        Field("access_format", "char*", "", "meta.code.mime"),
        Field("t_exptime", "double", "s", "time.duration;obs.exposure"),
        Field("s_region", "char*", "", "pos.outline;obs.field"),
        Field("obs_collection", "char*", "", "meta.id"),
        Field("target_name", "char*", "", "meta.id;src"),
        Field("t_min", "double", "d", "time.start;obs.exposure"),
        Field("t_max", "double", "d", "time.end;obs.exposure"),
        Field("t_resolution", "double", "s", "time.resolution"),
        Field("s_fov", "double", "deg", "phys.angSize;instr.fov"),
        Field("pol_states", "char*", "", "meta.code;phys.polarization"),
        Field("o_ucd", "char*", "", "meta.ucd"),
        Field("obs_title", "char*", "", "meta.title;obs"),
    )
}


def obscore(*names: str) -> tuple[Field, ...]:
    """Return the columns with these names, in this order."""
    return tuple(_FIELDS[name] for name in names)


#: Columns that ``ivoa.obscore`` has beside those, or with another UCD (erratum 2 of ObsCore).
_OF_TABLE = {
    **_FIELDS,
    **{
        field.name: field
        for field in (
            Field("dataproduct_type", "char*", "", "meta.code.class"),
            Field("obs_publisher_did", "char*", "", "meta.ref.ivoid"),
            Field("access_estsize", "long", "kbyte", "phys.size;meta.file"),
            Field("s_resolution", "double", "arcsec", "pos.angResolution"),
            *(
                Field(f"{axis}_xel{number}", "long", "", "meta.number")
                for axis, number in (("s", 1), ("s", 2), ("t", ""), ("em", ""), ("pol", ""))
            ),
        )
    },
}
_SKY, _TIME, _LIGHT = (f"Char.{axis}Axis" for axis in ("Spatial", "Time", "Spectral"))
#: The columns that the table must have, in their order, with their utypes: Tables 1 and 5.
_UTYPES = {
    "dataproduct_type": "ObsDataset.dataProductType",
    "calib_level": "ObsDataset.calibLevel",
    "obs_collection": "DataID.Collection",
    "obs_id": "DataID.observationID",
    "obs_publisher_did": "Curation.PublisherDID",
    "access_url": "Access.Reference",
    "access_format": "Access.Format",
    "access_estsize": "Access.Size",
    "target_name": "Target.Name",
    "s_ra": f"{_SKY}.Coverage.Location.Coord.Position2D.Value2.C1",
    "s_dec": f"{_SKY}.Coverage.Location.Coord.Position2D.Value2.C2",
    "s_fov": f"{_SKY}.Coverage.Bounds.Extent.diameter",
    "s_region": f"{_SKY}.Coverage.Support.Area",
    "s_resolution": f"{_SKY}.Resolution.Refval.value",
    "s_xel1": f"{_SKY}.numBins1",
    "s_xel2": f"{_SKY}.numBins2",
    "t_min": f"{_TIME}.Coverage.Bounds.Limits.StartTime",
    "t_max": f"{_TIME}.Coverage.Bounds.Limits.StopTime",
    "t_exptime": f"{_TIME}.Coverage.Support.Extent",
    "t_resolution": f"{_TIME}.Resolution.Refval.value",
    "t_xel": f"{_TIME}.numBins",
    "em_min": f"{_LIGHT}.Coverage.Bounds.Limits.LoLimit",
    "em_max": f"{_LIGHT}.Coverage.Bounds.Limits.HiLimit",
    "em_res_power": f"{_LIGHT}.Resolution.ResolPower.refVal",
    "em_xel": f"{_LIGHT}.numBins",
    "o_ucd": "Char.ObservableAxis.ucd",
    "pol_states": "Char.PolarizationAxis.stateList",
    "pol_xel": "Char.PolarizationAxis.numBins",
    "facility_name": "Provenance.ObsConfig.facility.name",
    "instrument_name": "Provenance.ObsConfig.instrument.name",
}
MANDATORY = tuple(
    replace(_OF_TABLE[name], utype=f"obscore:{utype}") for name, utype in _UTYPES.items()
)


def obscore_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Return the table ``ivoa.obscore``.

    Parameters
    ----------
    rows : iterable of mapping
        Observations by the names of the columns; what they lack is missing.
    """
    cells = tuple(tuple(row.get(field.name) for field in MANDATORY) for row in rows)
    return Table("ivoa.obscore", "Observations", MANDATORY, cells, is_standard=True)
