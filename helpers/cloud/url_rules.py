"""Where the archives keep in the cloud what they serve over HTTPS: rules as tables.

A new rule is a new row.  Rules say where a copy would be; none of them asks a server.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

#: Regions of the archives' buckets.  IRSA's: its cloud tutorials.  HEASARC's: its own
#: cloud_access texts.  The others: the Registry of Open Data on AWS.
REGIONS = {
    "nasa-irsa-wise": "us-west-2",
    "nasa-irsa-simulations": "us-east-1",
    "nasa-heasarc": "us-east-1",
    "nasa-lambda": "us-east-1",
    "stpubdata": "us-east-1",
}

_IRSA = "irsa.ipac.caltech.edu/ibe/data"

#: Host and path prefix of an archive's file URLs, its bucket, and the key's prefix.
#: IRSA documents its rule at https://irsa.ipac.caltech.edu/cloud_access/ibe_to_cloud_paths.html,
#: HEASARC's is the one that astroquery.heasarc follows, LAMBDA's that of its users' clients.
_FILE_URLS = (
    ("heasarc.gsfc.nasa.gov/FTP/", "nasa-heasarc", ""),
    ("lambda.gsfc.nasa.gov/data/map/", "nasa-lambda", "wmap/"),
    ("lambda.gsfc.nasa.gov/data/", "nasa-lambda", ""),
    (f"{_IRSA}/wise/allwise/p3am_cdd/", "nasa-irsa-wise", "wise/allwise/images/p3am_cdd/"),
    # Inferred: the same rule applied to the one other images prefix that is on record.
    (
        f"{_IRSA}/wise/allsky/4band_p1bm_frm/",
        "nasa-irsa-wise",
        "wise/allsky/images/4band_p1bm_frm/",
    ),
    # Inferred: this server's tree is the one that MAST's path_lookup calls /ps1/.
    (
        "ps1images.stsci.edu/rings.v3.skycell/",
        "stpubdata",
        "panstarrs/ps1/public/rings.v3.skycell/",
    ),
)

#: Paths that MAST's path_lookup service answers, and the keys' prefixes in stpubdata:
#: the rules of astroquery.mast.  From astroquery 0.4.12 on the service answers keys.
_MAST_PATHS = (
    ("/ps1/", "panstarrs/ps1/public/"),
    ("/hlsp_local/public/", "mast/"),
    ("/mast/galex/", "galex/"),
    ("/galex/", "galex/"),
    ("/hst/public/", "hst/public/"),
    ("/jwst/public/", "jwst/public/"),
    ("/tess/public/", "tess/public/"),
    ("/kepler/public/", "kepler/public/"),
    ("/panstarrs/ps1/public/", "panstarrs/ps1/public/"),
    ("/mast/hlsp/", "mast/hlsp/"),
)

#: A stack's file name carries its skycell, so its folder follows from it.
_PS1_STACK = re.compile(
    r"mast:PS1/product/(?P<name>rings\.v3\.skycell\.(?P<cell>\d{4})\.(?P<sub>\d{3})\.[\w.-]+)",
    re.ASCII | re.IGNORECASE,
)

#: A region's name, for instance us-east-1 or us-gov-west-1.
REGION_NAME = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")

_ENDPOINT = rf"s3(?:[.-](?:dualstack\.)?(?P<region>{REGION_NAME.pattern}))?\.amazonaws\.com"
_PATH_STYLE = re.compile(_ENDPOINT)
_VIRTUAL_HOSTED = re.compile(rf"(?P<bucket>.+)\.{_ENDPOINT}")
_MAST_DOWNLOAD = re.compile(r"mast\.stsci\.edu/(?:portal/Download|api/v0(?:\.1)?/Download)/file/?")

#: Bucket, key and region; the region is empty where the address does not tell it.
S3Location = tuple[str, str, str]


def parse_s3_url(url: str) -> S3Location | None:
    """Bucket, key and region that an S3 HTTPS URL names; None for any other URL.

    Both forms of S3's user guide are read: virtual-hosted and path-style.

    Raises
    ------
    UnicodeDecodeError
        If the path's percent-encoded bytes are not UTF-8.
    """
    parts = urlsplit(url)
    host, path = parts.netloc.lower(), unquote(parts.path, errors="strict").removeprefix("/")
    if match := _PATH_STYLE.fullmatch(host):
        bucket, _, key = path.partition("/")
        return bucket, key, match["region"] or ""
    if match := _VIRTUAL_HOSTED.fullmatch(host):
        return match["bucket"], path, match["region"] or ""
    return None


def parse_file_url(url: str) -> S3Location | None:
    """Bucket, key and region of the copy of an archive's file; None if no rule knows it.

    A URL with a query asks for something made from the file, for instance IRSA's cutouts,
    so it has no copy; MAST's download service, whose query names the file, is the exception.

    Raises
    ------
    UnicodeDecodeError
        If the path's percent-encoded bytes are not UTF-8.
    """
    parts = urlsplit(url)
    # HEASARC's own URLs hold double slashes, the bucket's keys do not.
    path = re.sub("/+", "/", unquote(parts.path, errors="strict"))
    address = parts.netloc.lower() + path
    if _MAST_DOWNLOAD.fullmatch(address):
        return parse_mast_uri(parse_qs(parts.query).get("uri", [""])[0])
    if parts.query:
        return None
    for prefix, bucket, key_prefix in _FILE_URLS:
        rest = address.removeprefix(prefix)
        if rest and rest != address:
            return bucket, key_prefix + rest, ""
    return None


def parse_mast_uri(uri: str) -> S3Location | None:
    """Bucket, key and region of a ``mast:`` URI, where its name alone tells them.

    It does for Pan-STARRS stacks.  Other missions need MAST's path_lookup service.
    """
    match = _PS1_STACK.fullmatch(uri)
    if match is None:
        return None
    folder = f"panstarrs/ps1/public/rings.v3.skycell/{match['cell']}/{match['sub']}"
    return "stpubdata", f"{folder}/{match['name']}", ""


def parse_mast_path(path: str) -> S3Location | None:
    """Bucket, key and region of a path (or key) that MAST's path_lookup answered."""
    rooted = "/" + path.removeprefix("/")
    for prefix, key_prefix in _MAST_PATHS:
        if rooted.startswith(prefix):
            return "stpubdata", key_prefix + rooted.removeprefix(prefix), ""
    return None
