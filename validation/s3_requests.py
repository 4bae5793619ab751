"""The requests to S3 that the replica and moto are both sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

BUCKET = "nasa-heasarc"
ROSAT = "rosat/data/pspc/processed_data/900000/rs931315n00/"
EVENTS = f"{ROSAT}rs931315n00_bas.fits.Z"
CHANDRA = "chandra/data/byobsid/1/13751/primary/acisf13751N004_cntr_img2.fits.gz"
#: An object that came in eight parts.
LARGE_BUCKET = "nasa-irsa-wise"
LARGE = "wise/allwise/images/p3am_cdd/08/0830/0830p227_ac51/0830p227_ac51-w1-int-3.fits"

_LONG_AGO, _LATER = "Sat, 01 Jan 2000 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"


@dataclass(frozen=True)
class S3Request:
    """A request; ``{etag}`` in a header stands for the object's own."""

    name: str
    key: str = ""
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "GET"
    bucket: str = BUCKET


def _ranges() -> list[S3Request]:
    values = (
        *("bytes=0-0", "bytes=0-99", "bytes=2880-5759", "bytes=-100", "bytes=1000-"),
        *("bytes=-99999999999", "bytes=100-99999999999", "bytes=99999999999-", "bytes=-0"),
        *("bytes=10-5", "bytes=0-1,5-6", "bytes=a-b", "lines=0-1", "bytes=", "0-10"),
    )
    return [
        S3Request(f"{method} {value}", EVENTS, headers={"Range": value}, method=method)
        for method in ("GET", "HEAD")
        for value in values
    ]


_CONDITIONS: dict[str, dict[str, str]] = {
    "same If-Match": {"If-Match": "{etag}"},
    "other If-Match": {"If-Match": '"other"'},
    "any If-Match": {"If-Match": "*"},
    "same If-None-Match": {"If-None-Match": "{etag}"},
    "other If-None-Match": {"If-None-Match": '"other"'},
    "newer If-Modified-Since": {"If-Modified-Since": _LONG_AGO},
    "older If-Modified-Since": {"If-Modified-Since": _LATER},
    "newer If-Unmodified-Since": {"If-Unmodified-Since": _LONG_AGO},
    "older If-Unmodified-Since": {"If-Unmodified-Since": _LATER},
    "If-Match and a newer date": {"If-Match": "{etag}", "If-Unmodified-Since": _LONG_AGO},
    "If-None-Match and a newer date": {
        "If-None-Match": "{etag}",
        "If-Modified-Since": _LONG_AGO,
    },
    "If-Match and a range": {"If-Match": "{etag}", "Range": "bytes=0-9"},
    "other If-Match and a range": {"If-Match": '"other"', "Range": "bytes=0-9"},
}


def _conditions() -> list[S3Request]:
    return [
        S3Request(f"{method} {name}", CHANDRA, headers=headers, method=method)
        for method in ("GET", "HEAD")
        for name, headers in _CONDITIONS.items()
    ]


def _listings() -> list[S3Request]:
    queries = (
        *("prefix={}", "prefix={}&delimiter=/", "prefix={}&delimiter=_", "prefix={}&max-keys=2"),
        *("prefix={}&max-keys=0", "prefix={}&max-keys=1&delimiter=_", "prefix={}none"),
        *("prefix=chandra/&delimiter=/", "prefix=chandra/data/byobsid/&delimiter=/&max-keys=3"),
        *("delimiter=/", "prefix={}&encoding-type=url", "prefix={}&delimiter=%20&max-keys=1"),
        *("prefix={}&max-keys=x", "prefix={}&max-keys=-1", "prefix={}&encoding-type=x"),
    )
    first = {"1": f"marker={EVENTS}", "2": f"start-after={EVENTS}"}
    return [
        S3Request(f"listing {version}, {query}", query=f"list-type={version}&{query}")
        for version in ("1", "2")
        for template in (*queries, f"prefix={{}}&{first[version]}")
        for query in [template.replace("{}", ROSAT)]
    ] + [
        S3Request("listing 2, odd token", query="list-type=2&continuation-token=%21"),
        S3Request("listing 2, owners", query=f"list-type=2&fetch-owner=true&prefix={ROSAT}"),
        S3Request("listing without version", query=f"prefix={ROSAT}"),
    ]


def _closed() -> list[S3Request]:
    parts = {
        EVENTS: ("acl", "attributes", "tagging", "legal-hold", "retention", "torrent"),
        "": ("acl", "policy", "cors", "lifecycle", "logging", "notification", "replication"),
    }
    more = ("tagging", "versioning", "versions", "uploads", "website", "encryption")
    parts[""] += (*more, "policyStatus", "ownershipControls", "requestPayment", "accelerate")
    return [
        S3Request(f"{'object' if key else 'bucket'} ?{part}", key, part)
        for key, names in parts.items()
        for part in names
    ]


def _others() -> list[S3Request]:
    asks = {"Origin": "https://example.org", "Access-Control-Request-Method": "GET"}
    checked = {"x-amz-checksum-mode": "ENABLED"}
    large: dict[str, Any] = {"bucket": LARGE_BUCKET, "key": LARGE}
    listed = f"list-type=2&prefix={LARGE}"
    return [
        S3Request("whole", EVENTS),
        S3Request("HEAD", EVENTS, method="HEAD"),
        S3Request("checksum", CHANDRA, headers=checked),
        S3Request("HEAD checksum", CHANDRA, headers=checked, method="HEAD"),
        S3Request("checksum of a range", CHANDRA, headers=checked | {"Range": "bytes=0-9"}),
        S3Request("HEAD of eight parts", method="HEAD", **large),
        S3Request("a range of eight parts", headers={"Range": "bytes=-2880"}, **large),
        S3Request("part 2 of eight", query="partNumber=2", **large),
        S3Request("HEAD part 8 of eight", query="partNumber=8", method="HEAD", **large),
        S3Request("part 9 of eight", query="partNumber=9", **large),
        S3Request("part 0", query="partNumber=0", **large),
        S3Request("listing of eight parts", query=listed, bucket=LARGE_BUCKET),
        S3Request("bucket HEAD", method="HEAD"),
        S3Request("bucket location", query="location"),
        S3Request("bucket location, west", query="location", bucket=LARGE_BUCKET),
        S3Request("missing key", "no/such"),
        S3Request("HEAD missing key", "no/such", method="HEAD"),
        S3Request("folder", ROSAT),
        S3Request("missing bucket", bucket="no-such-bucket-here"),
        S3Request("HEAD missing bucket", bucket="no-such-bucket-here", method="HEAD"),
        S3Request("key of a missing bucket", "x", bucket="no-such-bucket-here"),
        S3Request("OPTIONS", EVENTS, headers=asks, method="OPTIONS"),
        S3Request("OPTIONS of a bucket", headers=asks, method="OPTIONS"),
        S3Request("OPTIONS without origin", EVENTS, method="OPTIONS"),
        S3Request("GET with origin", CHANDRA, headers={"Origin": "https://example.org"}),
        S3Request("response-content-type", CHANDRA, "response-content-type=text/plain"),
    ]


def requests() -> list[S3Request]:
    """Return all requests."""
    return [*_ranges(), *_conditions(), *_listings(), *_closed(), *_others()]
