"""What the drift check asks of MAST: what the notebooks ask, in their order, and then more."""

from __future__ import annotations

import json
from collections.abc import Mapping

from replica.check import portal
from replica.check.answers import Row
from replica.check.fits_headers import Headers
from replica.check.question import Question
from replica.check.tables import VOTable

_INVOKE = "https://mast.stsci.edu/api/v0/invoke"
_COLUMNS = "https://mast.stsci.edu/portal/Mashup/Mashup.asmx/columnsconfig"


def _invoke(service: str, params: Mapping[str, object]) -> dict[str, str]:
    request = {"service": service, "params": params, "format": "json", "pagesize": 50000, "page": 1}
    return {"request": json.dumps(request)}


_PS1_NEAR_CRAB = {
    "columns": "*",
    "filters": [
        {"paramName": "obs_collection", "separator": ";", "values": ["PS1"]},
        {"paramName": "instrument_name", "values": ["GPC1"]},
    ],
    "position": "83.63321, 22.01446, 0.00889",
}

_HUBBLE_NEAR_CRAB = {
    "columns": "*",
    "filters": [
        {"paramName": "obs_collection", "separator": ";", "values": ["HST"]},
        {"paramName": "instrument_name", "values": ["WFPC2/WFC"]},
    ],
    "position": "83.63321, 22.01446, 0.00889",
}

QUESTIONS = (
    Question(
        "MAST columns of observations",
        _COLUMNS,
        portal.columns,
        form={"colConfigId": "Mast.Caom.Cone"},
    ),
    Question(
        "MAST observations",
        _INVOKE,
        portal.Rows(
            Row(
                {"filters": "r"},
                cells=("obs_collection", "instrument_name", "dataproduct_type", "dataURL"),
                captures={"ps1_obsid": "obsid"},
            )
        ),
        form=_invoke("Mast.Caom.Filtered.Position", _PS1_NEAR_CRAB),
    ),
    Question(
        "MAST columns of products",
        _COLUMNS,
        portal.columns,
        form={"colConfigId": "Mast.Caom.Products"},
    ),
    Question(
        "MAST products",
        _INVOKE,
        portal.Rows(
            Row(
                {"productType": "SCIENCE", "productFilename": "*.fits"},
                cells=("dataURI", "productFilename", "description"),
                captures={"ps1_uri": "dataURI"},
            )
        ),
        form=_invoke("Mast.Caom.Products", {"obsid": "$ps1_obsid"}),
        after="MAST observations",
    ),
    Question(
        "MAST path look-up",
        "https://mast.stsci.edu/api/v0.1/path_lookup/",
        portal.path_lookup,
        {"uri": "$ps1_uri"},
        after="MAST products",
    ),
    Question(
        "Pan-STARRS header",
        "https://stpubdata.s3.amazonaws.com/panstarrs/ps1/public/$ps1_path",
        Headers(
            "COMPRESSED_IMAGE",
            ("ZCMPTYPE", "ZBITPIX", "ZNAXIS1", "ZNAXIS2", "ZTILE1", "ZTILE2", "CTYPE1", "CTYPE2"),
        ),
        bytes=2**18,
        after="MAST path look-up",
    ),
    Question(
        "MAST Hubble observations",
        _INVOKE,
        portal.Rows(
            Row(
                {"filters": "F502N", "dataURL": "*_drz.fits"},
                cells=("obs_collection", "instrument_name", "dataproduct_type", "dataURL"),
                captures={"hubble_uri": "dataURL"},
            )
        ),
        form=_invoke("Mast.Caom.Filtered.Position", _HUBBLE_NEAR_CRAB),
    ),
    Question(
        "Hubble header",
        "https://mast.stsci.edu/api/v0.1/Download/file",
        Headers("HDU 0", ("TELESCOP", "INSTRUME", "FILTNAM1", "CTYPE1", "CTYPE2")),
        {"uri": "$hubble_uri"},
        bytes=2**16,
        after="MAST Hubble observations",
    ),
    Question(
        "MAST name resolver",
        "http://mastresolver.stsci.edu/Santa-war/query",
        portal.names,
        {"name": "Crab", "outputFormat": "json", "resolveAll": "False"},
    ),
    Question(
        "MAST TAP",
        "https://mast.stsci.edu/vo-tap/api/v0.1/caom/sync",
        VOTable(Row({"filters": "r"}, cells=("obs_collection", "dataurl"))),
        form={
            "REQUEST": "doQuery",
            "LANG": "ADQL",
            "QUERY": "SELECT obs_collection, filters, s_ra, dataurl FROM dbo.obspointing "
            "WHERE obs_id = 'rings.v3.skycell.1784.059.stk.r'",
        },
    ),
    Question(
        "MAST image search",
        "https://mast.stsci.edu/portal/Mashup/VoQuery.asmx/SiaV1",
        VOTable(Row({"name": "*stk.r.unconv.fits"}, cells=("imageFormat", "cloud_access*"))),
        {"MISSION": "PS1", "POS": "83.63321,22.01446", "SIZE": "0"},
    ),
    Question(
        "Pan-STARRS objects",
        "https://catalogs.mast.stsci.edu/api/v0.1/panstarrs/dr2/mean.json",
        portal.objects,
        {
            **{"ra": "83.63321", "dec": "22.01446", "radius": "0.001"},
            "columns": "[objID,raMean,decMean,iMeanPSFMag,nDetections,distance]",
        },
    ),
    Question(
        "Pan-STARRS cutout",
        "https://ps1images.stsci.edu/cgi-bin/fitscut.cgi",
        Headers("HDU 0", ("BITPIX", "NAXIS1", "NAXIS2", "CTYPE1", "CTYPE2", "RADESYS")),
        {
            **{"ra": "83.63321", "dec": "22.01446", "size": "40", "format": "fits"},
            "red": "/rings.v3.skycell/1784/059/rings.v3.skycell.1784.059.stk.r.unconv.fits",
        },
    ),
)
