"""Columns that describe an observation: IVOA ObsCore 1.1, Table 1, as the archives write them."""

from __future__ import annotations

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
