"""What is asked: the questions that the notebooks put to the archives, in their order.

Later questions follow what the earlier answers said, as the notebooks do: ``$name`` in an
address or a parameter stands for a lead, such as the bucket that a row named.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping

import ncompress

from replica.check import documents, portal
from replica.check.answers import Row
from replica.check.fits_headers import Headers
from replica.check.question import Question
from replica.check.tables import VOTable

_CRAB = "83.63321,22.01446"
_REGISTRY = "http://reg.g-vo.org/tap"
_INVOKE = "https://mast.stsci.edu/api/v0/invoke"
_COLUMNS = "https://mast.stsci.edu/portal/Mashup/Mashup.asmx/columnsconfig"
_ROSAT = "rosat/data/pspc/processed_data/900000/rs931315n00/"
_HEASARC_BUCKET = "https://nasa-heasarc.s3.amazonaws.com/"


def _listing(prefix: str) -> dict[str, str]:
    return {"list-type": "2", "prefix": prefix, "delimiter": "/", "encoding-type": "url"}


def _invoke(service: str, params: Mapping[str, object]) -> dict[str, str]:
    request = {"service": service, "params": params, "format": "json", "pagesize": 50000, "page": 1}
    return {"request": json.dumps(request)}


#: The query that pyvo makes of ``registry.search(servicetype="sia", keywords="chandra")``.
_PLAIN = (
    "ivoid, res_type, short_name, res_title, content_level, res_description, reference_url, "
    "creator_seq, created, updated, rights, content_type, source_format, source_value, "
    "region_of_regard, waveband"
)
_AGGREGATES = ", ".join(
    f"ivo_string_agg(COALESCE({column}, ''), ':::py VO sep:::') AS {name}"
    for column, name in (
        ("access_url", "access_urls"),
        ("standard_id", "standard_ids"),
        ("intf_type", "intf_types"),
        ("intf_role", "intf_roles"),
        ("cap_description", "cap_descriptions"),
    )
)
_CHANDRA_SERVICES = f"""SELECT {_PLAIN}, {_AGGREGATES}
FROM rr.resource NATURAL LEFT OUTER JOIN rr.capability NATURAL LEFT OUTER JOIN rr.interface
WHERE (standard_id IN ('ivo://ivoa.net/std/sia')) AND (ivoid IN (
SELECT DISTINCT ivoid FROM rr.resource WHERE 1=ivo_hasword(res_description, 'chandra')
UNION ALL SELECT DISTINCT ivoid FROM rr.resource WHERE 1=ivo_hasword(res_title, 'chandra')
UNION ALL SELECT DISTINCT ivoid FROM rr.res_subject
WHERE rr.res_subject.res_subject ILIKE '%chandra%'))
GROUP BY {_PLAIN}"""

_PS1_NEAR_CRAB = {
    "columns": "*",
    "filters": [
        {"paramName": "obs_collection", "separator": ";", "values": ["PS1"]},
        {"paramName": "instrument_name", "values": ["GPC1"]},
    ],
    "position": "83.63321, 22.01446, 0.00889",
}

QUESTIONS = (
    Question(
        "IRSA image search",
        "https://irsa.ipac.caltech.edu/ibe/sia/wise/allwise/p3am_cdd",
        VOTable(
            Row(
                {"sia_bp_id": "W1"},
                cells=("sia_fmt", "*_url", "cloud_access*"),
                leads={
                    "wise_bucket": "cloud_access aws.bucket_name",
                    "wise_key": "cloud_access aws.key",
                },
            )
        ),
        {"POS": _CRAB, "SIZE": "0.0889", "VERB": "2"},
    ),
    Question(
        "AllWISE folder",
        "https://$wise_bucket.s3.amazonaws.com/",
        documents.listing,
        _listing("$wise_key_folder/"),
        after="IRSA image search",
    ),
    Question(
        "AllWISE header",
        "https://$wise_bucket.s3.amazonaws.com/$wise_key",
        Headers(
            "HDU 0",
            (
                *("BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "CTYPE1", "CTYPE2"),
                *("TELESCOP", "BUNIT", "BAND", "WAVELEN"),
            ),
        ),
        bytes=2**16,
        after="IRSA image search",
    ),
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
                leads={"ps1_obsid": "obsid"},
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
                leads={"ps1_uri": "dataURI"},
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
        "MAST name resolver",
        "http://mastresolver.stsci.edu/Santa-war/query",
        portal.names,
        {"name": "Crab", "outputFormat": "json", "resolveAll": "False"},
    ),
    Question("registry capabilities", f"{_REGISTRY}/capabilities", documents.capabilities),
    Question(
        "registry search",
        f"{_REGISTRY}/sync",
        VOTable(
            Row(
                {"ivoid": "ivo://nasa.heasarc/chanmaster"},
                cells=("access_urls", "standard_ids", "intf_types", "intf_roles"),
                leads={"chandra_search": "access_urls"},
            )
        ),
        form={"REQUEST": "doQuery", "LANG": "ADQL", "QUERY": _CHANDRA_SERVICES},
    ),
    Question(
        "HEASARC image search",
        "$chandra_search",
        VOTable(
            Row(
                {
                    "obs_title": "Center Image",
                    "detector": "ACIS-S",
                    "name": "Crab Nebula",
                    "grating": "NONE",
                },
                largest="exposure",
                cells=("access_url", "access_format", "SIA_format", "SIA_reference"),
                leads={"chandra_links": "access_url"},
            )
        ),
        {"POS": _CRAB, "SIZE": "0.04445", "FORMAT": "image/fits", "VERB": "2"},
        after="registry search",
    ),
    Question(
        "HEASARC links",
        "$chandra_links",
        VOTable(
            Row(
                {"semantics": "#this"},
                cells=("ID", "access_url", "content_type", "cloud_access*"),
                leads={
                    "chandra_bucket": "cloud_access aws.bucket_name",
                    "chandra_key": "cloud_access aws.key",
                },
            )
        ),
        after="HEASARC image search",
    ),
    Question(
        "Chandra file",
        "https://$chandra_bucket.s3.amazonaws.com/$chandra_key",
        Headers(
            "HDU 0",
            ("NAXIS", "NAXIS1", "NAXIS2", "CTYPE1", "CTYPE2", "TELESCOP", "INSTRUME"),
            gzip.decompress,
        ),
        after="HEASARC links",
    ),
    Question("ROSAT folder", _HEASARC_BUCKET, documents.listing, _listing(_ROSAT)),
    Question(
        "ROSAT file",
        f"{_HEASARC_BUCKET}{_ROSAT}rs931315n00_bas.fits.Z",
        Headers("STDEVT", ("TELESCOP",), ncompress.decompress),
    ),
)
