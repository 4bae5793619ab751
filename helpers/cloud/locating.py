"""Where in the cloud is this product?

`cloud_location` answers for whatever an archive said of a product: a row of a search, the
text of its ``cloud_access`` cell, or an address.  It asks no server: the answer is where the
copy is by the archive's word or by its documented rule, not a promise that it is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from helpers.cloud.access_column import (
    ACCESS,
    access_points,
    is_cloud_access,
    lower_names,
    parse,
)
from helpers.cloud.location import ON_PREMISES, CloudLocation
from helpers.cloud.requirement import best_place
from helpers.cloud.rows import as_mapping, linked_table, text_of, url_cells
from helpers.cloud.url_rules import (
    REGIONS,
    parse_file_url,
    parse_mast_path,
    parse_mast_uri,
    parse_s3_url,
)
from helpers.cloud.validation import require, require_web_address, shortened
from helpers.errors import CloudLocationError

#: What astroquery.mast means by None: its get_cloud_uri, and get_cloud_uris with a map of URIs.
_NONE = (
    "None is neither a cloud copy nor a URL: astroquery gives it for a product that is not in the "
    "cloud. Leave it out, or read the product from MAST itself, as astroquery's download_file does"
)

_MAST_DOWNLOAD = "https://mast.stsci.edu/api/v0.1/Download/file?uri="


def cloud_location(product: object, *, require: str | None = None) -> CloudLocation:
    """Say where a product is kept: in which bucket, or on the archive's own servers.

    Parameters
    ----------
    product : row, mapping, list, str or bytes
        A row of an astropy table, a pyvo record or a DataLink row; the ``cloud_access``
        value itself, as text or parsed; an ``s3://`` URI; an HTTPS URL of S3, HEASARC,
        LAMBDA, IRSA or MAST; a path that MAST's path_lookup answered; a ``mast:`` URI of a
        Pan-STARRS stack.  In a row, ``cloud_access`` comes first, then the URL columns.
    require : str, optional
        ``"cloud"``, or the name of a region such as ``us-east-1``: of all places that the
        product names, the first that is there, or an error.

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
    RequirementError
        A CloudLocationError: no place that the product names is where `require` asks for it.
    """
    places = _places(product)
    return next(places) if require is None else best_place(places, require)


def _places(product: object) -> Iterator[CloudLocation]:
    """Yield all places that a product names, the best first; at least one."""
    if isinstance(product, CloudLocation):
        yield product
        return
    row = as_mapping(product)
    if row is not None and not is_cloud_access(row):
        yield from _from_row(row, product)
        return
    found = _from_value(product)
    if product is None:
        raise CloudLocationError(_NONE)
    if not found:
        raise CloudLocationError(f"neither a cloud copy nor a URL: {shortened(product)}")
    yield from found


def _from_row(row: Mapping[Any, Any], product: object) -> Iterator[CloudLocation]:
    """Read a row: first its cloud_access, then its URLs, those of DataLink tables last."""
    cells = lower_names(row)
    found = _from_value(cells.get("cloud_access"))
    yield from found
    urls = [text for cell in url_cells(cells, product) if (text := text_of(cell))]
    linked = linked_table(cells)
    tables = [url for url in urls if url == linked or _is_datalink(url)]
    for url in urls:
        places = [] if url in tables else _from_text(url)
        found += places
        yield from places
    if found:
        return
    if tables:
        raise _datalink_error(tables[0])
    said = text_of(cells.get("error_message"))
    raise CloudLocationError(f"this row names neither a cloud copy nor a URL. {said}".rstrip())


def _from_value(value: object) -> list[CloudLocation]:
    """Read a cloud_access value, parsed or as text, or an address."""
    return _by_openness(value) if is_cloud_access(value) else _from_text(text_of(value))


def _by_openness(cloud_access: object) -> list[CloudLocation]:
    """Return the copies that anyone may read, the most open first."""
    copies = [_aws(*point) for point in access_points(cloud_access)]
    readable = [copy for copy in copies if copy.access != "none"]
    return sorted(readable, key=lambda copy: ACCESS.index(copy.access))


def _from_text(text: str) -> list[CloudLocation]:
    """Read one text, whatever its form; nothing if it says that there is no cloud copy."""
    if not text:
        return []
    return _by_openness(parse(text)) if text[0] in "{[" else [_from_address(text)]


def _from_address(text: str) -> CloudLocation:
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
