"""What the drift check asks of HEASARC, from the address that the registry names."""

from __future__ import annotations

import gzip

import ncompress

from replica.check import documents
from replica.check.answers import Row
from replica.check.documents import listing_query
from replica.check.fits_headers import Headers
from replica.check.question import Question
from replica.check.tables import VOTable

_CRAB = "83.63321,22.01446"
_ROSAT = "rosat/data/pspc/processed_data/900000/rs931315n00/"
_HEASARC_BUCKET = "https://nasa-heasarc.s3.amazonaws.com/"

QUESTIONS = (
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
                captures={"chandra_links": "access_url"},
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
                captures={
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
    Question(
        "HEASARC cone search",
        "https://heasarc.gsfc.nasa.gov/xamin/vo/cone?showoffsets&table=chanmaster",
        VOTable(Row({"name": "Crab Nebula", "detector": "ACIS-S"}, cells=("status", "type"))),
        {"RA": "83.63321", "DEC": "22.01446", "SR": "0.02", "VERB": "2"},
    ),
    Question(
        "ROSAT sources",
        "https://heasarc.gsfc.nasa.gov/xamin/vo/cone?showoffsets&table=rassbsc",
        VOTable(Row({"name": "1RXS J0534*"}, largest="count_rate")),
        {"RA": "83.63321", "DEC": "22.01446", "SR": "0.1", "VERB": "2"},
    ),
    Question("ROSAT folder", _HEASARC_BUCKET, documents.listing, listing_query(_ROSAT)),
    Question(
        "ROSAT file",
        f"{_HEASARC_BUCKET}{_ROSAT}rs931315n00_bas.fits.Z",
        Headers("STDEVT", ("TELESCOP",), ncompress.decompress),
    ),
)
