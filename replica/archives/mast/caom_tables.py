"""MAST's tables for queries in ADQL: ``ivoa.obscore`` and the tables of CAOM.

Their names, and the columns of the portal's view ``dbo.obspointing``, are those that public code
asks MAST for; of the other tables the replica has the columns that it knows a value for.
Wavelengths in ``dbo.obspointing`` are nanometres, as in the portal.
"""

from __future__ import annotations

from collections.abc import Iterable

from replica.archives.mast.caom import (
    Observation,
    data_uri,
    observation_row,
    observations,
    product_rows,
    scale,
)
from replica.archives.mast.facts import OBSERVATIONS, table
from replica.holdings import Product
from replica.protocols.obscore import obscore_table
from replica.protocols.tables import ForeignKey, Table
from replica.protocols.tap_documents import Example
from replica.protocols.votable import Field

#: Address from which a product is downloaded, before its URI.
DOWNLOAD = "https://mast.stsci.edu/api/v0.1/Download/file?uri="
#: What MAST calls the content type of a FITS file in ``ivoa.obscore``.
FITS = "application/fits"
_NANOMETRE = 1e-9
_UNITS = {"s_ra": "deg", "s_dec": "deg", "t_exptime": "s", "em_min": "nm", "em_max": "nm"} | (
    dict.fromkeys(("t_min", "t_max", "t_obs_release"), "d")
)

EXAMPLES = (
    Example(
        "products",
        "Files at the Crab Nebula",
        "Images whose outline contains a position, with the address of each file.",
        "SELECT obs_id, access_url FROM ivoa.obscore "
        "WHERE 1 = CONTAINS(POINT('ICRS', 83.633, 22.014), s_region) ORDER BY obs_id",
    ),
    Example(
        "filters",
        "Observations by mission and filter",
        "How many observations there are in each filter.",
        "SELECT obs_collection, filters, COUNT(*) AS number FROM dbo.obspointing "
        "GROUP BY obs_collection, filters",
    ),
)


def tables() -> tuple[Table, ...]:
    """Return the tables of the service ``caom``."""
    every = observations()
    return (
        obscore_table(_obscore(each, product) for each in every for product in each.products),
        _pointings(every),
        _observations(every),
        _planes(every),
        _artifacts(every),
    )


def _obscore(observation: Observation, product: Product) -> dict[str, object]:
    """One file: the columns of its observation, with wavelengths in metres."""
    row = observation_row(observation)
    band = (float(str(row[name])) * _NANOMETRE for name in ("em_min", "em_max"))
    size = [round(side) for side in pixels(product)]
    did = f"ivo://archive.stsci.edu/{product.collection}?{observation.obsid}/{product.filename}"
    return {
        **{name: row[name] for name in _SHARED},
        **dict(zip(("em_min", "em_max"), band, strict=True)),
        "facility_name": product.collection,
        "obs_publisher_did": did,
        "access_url": f"{DOWNLOAD}{data_uri(product)}",
        "access_format": FITS,
        "s_fov": max(product.width, product.height),
        "s_xel1": size[0],
        "s_xel2": size[1],
    }


_SHARED = (
    *("dataproduct_type", "calib_level", "obs_collection", "obs_id", "target_name"),
    *("s_ra", "s_dec", "s_region", "t_min", "t_max", "t_exptime", "instrument_name"),
)


def pixels(product: Product) -> tuple[float, float]:
    """Pixels of a product along both axes."""
    return product.width / scale(product), product.height / scale(product)


def _pointings(every: Iterable[Observation]) -> Table:
    """The portal's view of the observations; names are in small letters, as those of the others."""
    known = [
        column
        for column in table("columns")
        if column["config"] == OBSERVATIONS and column["type"] and column["name"] != "distance"
    ]
    columns = tuple(map(_column, known))
    rows = [observation_row(each) for each in every]
    cells = tuple(tuple(_cell(row[column["name"]]) for column in known) for row in rows)
    return Table("dbo.obspointing", "Observations, as the portal shows them", columns, cells)


def _column(known: dict[str, str]) -> Field:
    kind = _DATATYPES.get(known["datatype"], "char*")
    name = known["name"]
    return Field(name.lower(), kind, _UNITS.get(name, ""), known["ucd"], known["description"])


#: The portal's datatypes of numbers to those of VOTable.
_DATATYPES = {"int": "int", "long": "long", "float": "double", "double": "double"}


def _cell(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _observations(every: Iterable[Observation]) -> Table:
    columns = (
        Field("obsid", "long", description="Number of the observation"),
        Field("collection", description="Mission"),
        Field("observationid", description="Name of the observation"),
        Field("intent", description="science or calibration"),
        Field("insname", description="Instrument"),
        Field("trgname", description="Target"),
        Field("trgposra", "double", "deg", description="Right ascension of the target"),
        Field("trgposdec", "double", "deg", description="Declination of the target"),
    )
    rows = tuple(
        (
            *(each.obsid, main.collection, main.obs_id, "science"),
            *(main.instrument, main.target, main.ra, main.dec),
        )
        for each in every
        for main in [each.main]
    )
    return Table("dbo.caomobservation", "Observations in CAOM", columns, rows)


def _planes(every: Iterable[Observation]) -> Table:
    columns = (
        Field("planeid", "long", description="Number of the plane: objid of dbo.obspointing"),
        Field("obsid", "long", description="Number of the observation"),
        Field("dataproducttype", description="Type of the data"),
        Field("calibrationlevel", "int", description="Level of calibration"),
        Field("poslocationra", "double", "deg", description="Right ascension of the centre"),
        Field("poslocationdec", "double", "deg", description="Declination of the centre"),
        Field("posboundsstcs", description="Outline on the sky"),
        Field("posdimension1", "int", "pixel", description="Pixels of a row"),
        Field("posdimension2", "int", "pixel", description="Rows"),
        Field("possamplesize", "double", "arcsec", description="Size of a pixel"),
        Field("enrbandpassname", description="Filter"),
        Field("timmin", "double", "d", description="Start, modified Julian date"),
        Field("timmax", "double", "d", description="End, modified Julian date"),
        Field("timexposure", "double", "s", description="Exposure time"),
    )
    key = ForeignKey("dbo.caomobservation", (("obsid", "obsid"),))
    return Table("dbo.caomplane", "Their planes", columns, tuple(map(_plane, every)), (key,))


def _plane(observation: Observation) -> tuple[object, ...]:
    row, main = observation_row(observation), observation.main
    return (
        *(observation.obsid, observation.obsid, "image", row["calib_level"]),
        *(main.ra, main.dec, row["s_region"]),
        *(round(side) for side in pixels(main)),
        *(scale(main) * 3600, main.band, row["t_min"], row["t_max"], main.exposure),
    )


def _artifacts(every: Iterable[Observation]) -> Table:
    columns = (
        Field("artifactid", "long", description="Number of the file"),
        Field("planeid", "long", description="Number of the plane"),
        Field("productfilename", description="Name of the file"),
        Field("datauri", description="URI of the file"),
        Field("contenttype", description="Format of the file"),
        Field("contentlength", "long", "byte", description="Size of the file"),
        Field("producttype", description="SCIENCE or AUXILIARY"),
    )
    files = [(each.obsid, row) for each in every for row in product_rows(each)]
    rows = tuple(
        (
            *(number, plane, row["productFilename"], row["dataURI"]),
            *("FITS", row["size"], row["productType"]),
        )
        for number, (plane, row) in enumerate(files, start=1)
    )
    key = ForeignKey("dbo.caomplane", (("planeid", "planeid"),))
    return Table("dbo.caomartifact", "Their files", columns, rows, (key,))
