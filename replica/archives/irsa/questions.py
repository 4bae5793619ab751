"""What the drift check asks of IRSA: what the notebooks ask, in their order, and then more."""

from __future__ import annotations

from replica.check import documents
from replica.check.answers import Row
from replica.check.documents import listing_query
from replica.check.fits_headers import Headers
from replica.check.question import Question
from replica.check.tables import VOTable

_CRAB = "83.63321,22.01446"

QUESTIONS = (
    Question(
        "IRSA image search",
        "https://irsa.ipac.caltech.edu/ibe/sia/wise/allwise/p3am_cdd",
        VOTable(
            Row(
                {"sia_bp_id": "W1"},
                cells=("sia_fmt", "*_url", "cloud_access*"),
                captures={
                    "wise_bucket": "cloud_access aws.bucket_name",
                    "wise_key": "cloud_access aws.key",
                    "wise_coverage": "cov_url",
                },
            )
        ),
        {"POS": _CRAB, "SIZE": "0.0889", "VERB": "2"},
    ),
    Question(
        "AllWISE folder",
        "https://$wise_bucket.s3.amazonaws.com/",
        documents.listing,
        listing_query("$wise_key_folder/"),
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
        "IRSA cutout",
        "$wise_coverage",
        Headers("HDU 0", ("BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "CTYPE1", "CTYPE2")),
        {"center": _CRAB, "size": "60pix", "gzip": "false"},
        after="IRSA image search",
    ),
    Question(
        "IRSA image search 2",
        "https://irsa.ipac.caltech.edu/SIA",
        VOTable(
            Row(
                {"energy_bandpassname": "W1", "dataproduct_subtype": "science"},
                cells=("facility_name", "instrument_name", "access_*", "cloud_access*", "obs_*"),
            )
        ),
        {"COLLECTION": "wise_allwise", "POS": "CIRCLE 83.63321 22.01446 0.001"},
    ),
    Question(
        "IRSA TAP",
        "https://irsa.ipac.caltech.edu/TAP/sync",
        VOTable(Row({"collection": "wise_allwise"}, cells=("collection",))),
        # What `astroquery.ipac.irsa.Irsa.list_collections` asks.
        form={
            "REQUEST": "doQuery",
            "LANG": "ADQL",
            "QUERY": "SELECT DISTINCT collection from caom.observation ORDER by collection",
        },
    ),
)
