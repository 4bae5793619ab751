"""Read-only S3: objects with Range, HEAD, listings, and S3's own error documents.

After the Amazon S3 API reference: GetObject, HeadObject, ListObjects, ListObjectsV2,
HeadBucket, GetBucketLocation, conditional requests, and "Error responses".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, tostring

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from replica.holdings import Product, buckets, select
from replica.protocols.s3_listing import ListingError, Page, continuation_token, page
from replica.storage.cache import digest
from replica.storage.conditions import unmet
from replica.storage.file_response import (
    file_of,
    product_response,
    unmet_response,
    version_of,
)

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
#: The date that every object carries; see `replica.storage.file_response.LAST_MODIFIED`.
LISTED_DATE = "2025-11-13T02:13:20.000Z"

_ONE_RANGE = re.compile(r"bytes=(?:(\d{1,19})-(\d{0,19})|-(\d{1,19}))")
_METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]
#: Parts of a bucket or object that have a right of their own, which visitors do not have.
_CLOSED = frozenset(
    ("acl", "attributes", "legal-hold", "policy", "retention", "tagging", "uploads", "versions")
)


async def _virtual_hosted(request: Request) -> Response:
    bucket, key = request.path_params["bucket"], request.path_params["key"]
    return await _answer(request, bucket, key)


async def _path_style(request: Request) -> Response:
    bucket, _, key = request.path_params["path"].partition("/")
    return await _answer(request, bucket, key)


async def _answer(request: Request, bucket: str, key: str) -> Response:
    resource = f"/{bucket}/{key}"
    if bucket and bucket not in buckets():
        message = "The specified bucket does not exist"
        return _error(404, "NoSuchBucket", message, resource, BucketName=bucket)
    if request.method == "OPTIONS":
        message = "CORSResponse: CORS is not enabled for this bucket."
        return _error(403, "AccessForbidden", message, resource, Method="OPTIONS")
    closed = _CLOSED & set(request.query_params)
    if not bucket or closed or request.method not in ("GET", "HEAD"):
        return _error(403, "AccessDenied", "Access Denied", resource)
    answer = await (_object(request, bucket, key) if key else _bucket(request, bucket))
    answer.headers["x-amz-bucket-region"] = buckets()[bucket]
    return answer


async def _object(request: Request, bucket: str, key: str) -> Response:
    products = select(bucket=bucket, key=key)
    if not products:
        message = "The specified key does not exist."
        return _error(404, "NoSuchKey", message, f"/{bucket}/{key}", Key=key)
    if failed := unmet(request.headers, version_of(products[0])):
        return _unmet(*failed, products[0])
    asked = _ONE_RANGE.fullmatch(request.headers.get("range", ""))
    if asked is None or (asked[2] and int(asked[2]) < int(asked[1])):
        _ignore_range(request)
    elif not _satisfiable(asked, size := await _size(products[0])):
        message = "The requested range is not satisfiable"
        return _error(416, "InvalidRange", message, f"/{bucket}/{key}", ActualObjectSize=str(size))
    return await product_response(request, products[0], "binary/octet-stream")


def _unmet(status: int, condition: str, product: Product) -> Response:
    """Answer that a condition does not hold: with a document only where S3 has one."""
    if status == 304:
        return unmet_response(product, status)
    message = "At least one of the pre-conditions you specified did not hold"
    resource = f"/{product.bucket}/{product.key}"
    return _error(status, "PreconditionFailed", message, resource, Condition=condition)


def _satisfiable(asked: re.Match[str], size: int) -> bool:
    start, _end, suffix = asked.groups()
    if suffix is not None:
        return int(suffix) > 0
    return int(start) < size


def _ignore_range(request: Request) -> None:
    """Send everything: S3 ignores a Range that it does not understand."""
    request.scope["headers"] = [item for item in request.scope["headers"] if item[0] != b"range"]


async def _size(product: Product) -> int:
    return (await file_of(product)).stat().st_size


async def _bucket(request: Request, bucket: str) -> Response:
    if request.method == "HEAD":
        return Response(media_type="application/xml")
    if "location" in request.query_params:
        return _location(bucket)
    products = {product.key: product for product in select(bucket=bucket)}
    try:
        found = page(sorted(products, key=str.encode), request.query_params)
    except ListingError as error:
        return _error(400, "InvalidArgument", str(error), f"/{bucket}")
    # Readers rely on the listed size, so what is listed must exist.
    sizes = {key: await _size(products[key]) for key in found.keys}
    listing = _listing_head(bucket, found, request.query_params)
    for key, size in sizes.items():
        _add_contents(listing, _encoded(key, request.query_params), products[key], size)
    for prefix in found.prefixes:
        entry = SubElement(listing, "CommonPrefixes")
        SubElement(entry, "Prefix").text = _encoded(prefix, request.query_params)
    return _xml(listing)


def _listing_head(bucket: str, found: Page, query: Mapping[str, str]) -> Element:
    listing = Element("ListBucketResult", xmlns=NAMESPACE)
    facts = {"Name": bucket, "Prefix": _encoded(query.get("prefix", ""), query)}
    facts["MaxKeys"] = query.get("max-keys", "1000")
    for parameter, name in (("delimiter", "Delimiter"), ("encoding-type", "EncodingType")):
        if parameter in query:
            facts[name] = query[parameter]
    facts["IsTruncated"] = "true" if found.last else "false"
    facts |= _place(found, query)
    for name, text in facts.items():
        SubElement(listing, name).text = text
    return listing


def _place(found: Page, query: Mapping[str, str]) -> dict[str, str]:
    """Where this page begins and the next one goes on, in the words of each version."""
    if query.get("list-type") != "2":
        place = {"Marker": _encoded(query.get("marker", ""), query)}
        return place | ({"NextMarker": _encoded(found.last, query)} if found.last else {})
    place = {"KeyCount": str(len(found.keys) + len(found.prefixes))}
    for parameter, name in (
        ("continuation-token", "ContinuationToken"),
        ("start-after", "StartAfter"),
    ):
        if parameter in query:
            place[name] = query[parameter]
    if found.last:
        place["NextContinuationToken"] = continuation_token(found.last)
    return place


def _encoded(text: str, query: Mapping[str, str]) -> str:
    return quote(text) if query.get("encoding-type") == "url" else text


def _add_contents(listing: Element, key: str, product: Product, size: int) -> None:
    contents = SubElement(listing, "Contents")
    facts = {
        "Key": key,
        "LastModified": LISTED_DATE,
        "ETag": f'"{digest(product)}"',
        "Size": str(size),
        "StorageClass": "STANDARD",
    }
    for name, text in facts.items():
        SubElement(contents, name).text = text


def _location(bucket: str) -> Response:
    """GetBucketLocation: us-east-1 is told by an empty element."""
    region = buckets()[bucket]
    element = Element("LocationConstraint", xmlns=NAMESPACE)
    element.text = "" if region == "us-east-1" else region
    return _xml(element)


def _error(status: int, code: str, message: str, resource: str, **details: str) -> Response:
    element = Element("Error")
    for name, text in {"Code": code, "Message": message, **details, "Resource": resource}.items():
        SubElement(element, name).text = _printable(text)
    return _xml(element, status)


def _printable(text: str) -> str:
    """Without the control characters that XML cannot carry."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _xml(element: Element, status: int = 200) -> Response:
    body = tostring(element, encoding="utf-8", xml_declaration=True)
    return Response(body, status_code=status, media_type="application/xml")


#: Host patterns to routes: virtual-hosted and path-style addresses, with and without region.
ROUTES: dict[str, list[BaseRoute]] = {
    **{
        host: [Route("/{path:path}", _path_style, methods=_METHODS)]
        for host in ("s3.amazonaws.com", "s3.{region}.amazonaws.com")
    },
    **{
        f"{{bucket}}.{host}": [Route("/{key:path}", _virtual_hosted, methods=_METHODS)]
        for host in ("s3.amazonaws.com", "s3.{region}.amazonaws.com")
    },
}
