"""Where in the cloud is this product?

`cloud_location` answers for whatever an archive said of a product: a row of a search, the
text of its ``cloud_access`` cell, or an address.  It asks no server: the answer is where the
copy is by the archive's word or by its documented rule, not a promise that it is there.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from helpers.cloud.access_column import (
    ACCESS,
    EMPTY,
    access_points,
    is_cloud_access,
    lower_names,
    parse,
)
from helpers.cloud.url_rules import (
    REGION_NAME,
    REGIONS,
    parse_file_url,
    parse_mast_path,
    parse_mast_uri,
    parse_s3_url,
)
from helpers.cloud.validation import (
    require,
    require_bucket,
    require_key,
    require_web_address,
    shortened,
)
from helpers.errors import CloudLocationError

#: Provider of a location that no cloud has: the archive's own servers.
ON_PREMISES = "on-premises"

# Columns with a file's address: ObsCore and DataLink, SIA of IRSA, MAST and HEASARC, CAOM.
_URL_COLUMNS = ("access_url", "sia_url", "accessurl", "sia_reference", "datauri", "dataurl")
# SIA 1.0, section 4.2.5.1: the column with the image's URL.
_URL_UCD = "VOX:Image_AccessReference"

#: What astroquery.mast means by None: its get_cloud_uri, and get_cloud_uris with a map of URIs.
_NONE = (
    "None is neither a cloud copy nor a URL: astroquery gives it for a product that is not in the "
    "cloud. Leave it out, or read the product from MAST itself, as astroquery's download_file does"
)

_MAST_DOWNLOAD = "https://mast.stsci.edu/api/v0.1/Download/file?uri="


@dataclass(frozen=True, eq=False)
class CloudLocation:
    """Where a product is kept.  Equal locations name the same object: the same `uri`.

    Attributes
    ----------
    provider : str
        ``"aws"``, or ``"on-premises"`` where no cloud copy is known.
    bucket, key : str
        The object in the store; both empty on premises.
    region : str
        Region of the bucket, for instance ``us-east-1``; empty if not known.
    access : {"open", "region", "restricted", "none"}
        Who may read: anyone, those who compute in the region, those with credentials;
        ``"none"`` on premises.
    url : str
        The archive's own URL; only on premises.

    Raises
    ------
    CloudLocationError
        If a part breaks S3's naming rules, or the key could leave its bucket: ``.`` or ``..``
        segments, a leading slash, control characters, more than 1024 bytes.
    """

    provider: str
    bucket: str
    key: str
    region: str = ""
    access: str = "open"
    url: str = ""

    def __post_init__(self) -> None:
        if self.provider == ON_PREMISES:
            require(not self.bucket and not self.key, "no bucket on premises", self.bucket)
            require_web_address(self.url)
            return
        require(self.provider == "aws", "a provider other than aws", self.provider)
        require(not self.url, "a URL belongs to on-premises locations only", self.url)
        require_bucket(self.bucket)
        require(not self.region or REGION_NAME.fullmatch(self.region), "not a region", self.region)
        require(self.access in ACCESS, f"access is none of {', '.join(ACCESS)}", self.access)
        require_key(self.key)

    @property
    def in_cloud(self) -> bool:
        """Whether this is a cloud copy rather than a file on the archive's own servers."""
        return self.provider != ON_PREMISES

    @property
    def uri(self) -> str:
        """Address for s3fs, boto3 and astropy: ``s3://bucket/key``; on premises the URL."""
        return f"s3://{self.bucket}/{self.key}" if self.in_cloud else self.url

    @property
    def https_url(self) -> str:
        """Address for any HTTP client; on premises the archive's URL as it was given.

        A bucket with a dot goes into the path, because S3's certificate covers one label
        before its own name (Amazon S3 user guide, "Virtual hosting of buckets").
        """
        if not self.in_cloud:
            return self.url
        endpoint = f"s3.{self.region}.amazonaws.com" if self.region else "s3.amazonaws.com"
        if "." in self.bucket:
            return f"https://{endpoint}/{self.bucket}/{quote(self.key)}"
        return f"https://{self.bucket}.{endpoint}/{quote(self.key)}"

    def __eq__(self, other: object) -> bool:
        return self.uri == other.uri if isinstance(other, CloudLocation) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.uri)


def cloud_location(product: object) -> CloudLocation:
    """Say where a product is kept: in which bucket, or on the archive's own servers.

    Parameters
    ----------
    product : row, mapping, list, str or bytes
        A row of an astropy table, a pyvo record or a DataLink row; the ``cloud_access``
        value itself, as text or parsed; an ``s3://`` URI; an HTTPS URL of S3, HEASARC,
        LAMBDA, IRSA or MAST; a path that MAST's path_lookup answered; a ``mast:`` URI of a
        Pan-STARRS stack.  In a row, ``cloud_access`` comes first, then the URL columns.

    Returns
    -------
    CloudLocation
        Of several mirrors the most open, then the first.  Without a known cloud copy, an
        on-premises location: its `in_cloud` is False and its `uri` is the archive's URL.

    Raises
    ------
    CloudLocationError
        A ValueError that shows the offending text.  Also raised where there is neither a
        cloud copy nor a URL, where the URL leads to a DataLink table, and for ``mast:``
        URIs whose path only MAST knows; its `url` is then the address to follow.
    """
    if isinstance(product, CloudLocation):
        return product
    row = _as_mapping(product)
    if row is not None and not is_cloud_access(row):
        return _from_row(row, product)
    location = _from_value(product)
    if product is None:
        raise CloudLocationError(_NONE)
    if location is None:
        raise CloudLocationError(f"neither a cloud copy nor a URL: {shortened(product)}")
    return location


def _as_mapping(product: Any) -> Mapping[Any, Any] | None:
    """Return the product by column names; None if it is not a row or a mapping."""
    if isinstance(product, Mapping):
        return product
    dtype = getattr(product, "dtype", None)
    names = getattr(product, "colnames", None) or getattr(dtype, "names", None)
    return {name: product[name] for name in names} if names else None


def _from_row(row: Mapping[Any, Any], product: object) -> CloudLocation:
    """Read a row: first its cloud_access, then its URLs, those of DataLink tables last."""
    cells = lower_names(row)
    location = _from_value(cells.get("cloud_access"))
    if location:
        return location
    urls = [text for cell in _url_cells(cells, product) if (text := _text(cell))]
    linked = _linked_table(cells)
    tables = [url for url in urls if url == linked or _is_datalink(url)]
    for url in urls:
        if url not in tables and (location := _from_text(url)):
            return location
    if tables:
        raise _datalink_error(tables[0])
    said = _text(cells.get("error_message"))
    raise CloudLocationError(f"this row names neither a cloud copy nor a URL. {said}".rstrip())


def _url_cells(cells: Mapping[str, object], product: Any) -> Iterator[object]:
    """Yield the cells that hold the file's address, found by column name, then by UCD."""
    yield from (cells.get(name) for name in _URL_COLUMNS)
    if hasattr(product, "getbyucd"):  # a pyvo record
        yield product.getbyucd(_URL_UCD)
    for name, column in getattr(product, "columns", {}).items():  # a row of an astropy table
        if (column.info.meta or {}).get("ucd") == _URL_UCD:
            yield product[name]


def _linked_table(cells: Mapping[str, object]) -> str:
    """Return access_url if the row says that a DataLink table is there; else an empty text."""
    media_type = _text(cells.get("content_type")) or _text(cells.get("access_format"))
    is_table = "content=datalink" in re.sub(r"[\s\"']", "", media_type).lower()
    return _text(cells.get("access_url")) if is_table else ""


def _from_value(value: object) -> CloudLocation | None:
    """Read a cloud_access value, parsed or as text, or an address; None if it is empty."""
    return _most_open(value) if is_cloud_access(value) else _from_text(_text(value))


def _most_open(cloud_access: object) -> CloudLocation | None:
    """Return the most open of the copies; None if there is none that anyone may read."""
    copies = [_aws(*point) for point in access_points(cloud_access)]
    readable = [copy for copy in copies if copy.access != "none"]
    return min(readable, key=lambda copy: ACCESS.index(copy.access), default=None)


def _text(value: object) -> str:
    """Return a cell's text; empty for None, a masked cell and NaN."""
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError as error:
            raise CloudLocationError(f"not UTF-8 text: {shortened(value)}") from error
    if isinstance(value, str):
        return "" if value.strip().lower() in EMPTY else value.strip()
    if value is None or _is_masked(value) or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, os.PathLike):
        raise CloudLocationError(f"a local file is not in the cloud: {os.fspath(value)!r}")
    raise CloudLocationError(f"expected one row of a table, or text, not {shortened(value)}")


def _is_masked(value: object) -> bool:
    mask = getattr(value, "mask", False)
    return getattr(mask, "ndim", 0) == 0 and bool(mask)


def _from_text(text: str) -> CloudLocation | None:
    """Read one text, whatever its form; None if it says that there is no cloud copy."""
    if not text:
        return None
    if text[0] in "{[":
        return _most_open(parse(text))
    scheme = text.partition(":")[0].lower()
    if scheme in ("http", "https"):
        return _from_url(text)
    if scheme == "s3":
        bucket, _, key = text[len("s3:") :].removeprefix("//").partition("/")
        return _aws(bucket, key)
    if found := parse_mast_uri(text) or parse_mast_path(text):
        return _aws(*found)
    if scheme == "mast":
        why = "only MAST knows this file's path; ask for it with astroquery's get_cloud_uris"
        url = _MAST_DOWNLOAD + quote(text, errors="replace")
        raise CloudLocationError(f"{why}: {shortened(text)}", url)
    raise CloudLocationError(f"not the address of an archive's file: {shortened(text)}")


def _from_url(url: str) -> CloudLocation:
    require_web_address(url)
    try:
        s3_location, file_location = parse_s3_url(url), parse_file_url(url)
    except UnicodeDecodeError as error:
        raise CloudLocationError(f"a URL that is not UTF-8: {shortened(url)}") from error
    if s3_location:
        require("?" not in url and "#" not in url, "an S3 URL with a query or a fragment", url)
        return _aws(*s3_location)
    if file_location:
        return _aws(*file_location)
    if _is_datalink(url):
        raise _datalink_error(url)
    return CloudLocation(ON_PREMISES, "", "", access="none", url=url)


def _aws(bucket: str, key: str, region: str = "", access: str = "open") -> CloudLocation:
    return CloudLocation("aws", bucket, key, region or REGIONS.get(bucket, ""), access)


def _is_datalink(url: str) -> bool:
    """Whether a URL's path says that a DataLink service answers there, as HEASARC's do."""
    path = url.lower().partition("?")[0].split("/")
    return any(segment.startswith("datalink") for segment in path)


def _datalink_error(url: str) -> CloudLocationError:
    why = "this leads to a DataLink table; follow it first, with record.getdatalink()"
    return CloudLocationError(f"{why}: {shortened(url)}", url)
