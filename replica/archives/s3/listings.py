"""ListObjects, ListObjectsV2, HeadBucket and GetBucketLocation."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement

from starlette.requests import Request
from starlette.responses import Response

from replica.archives.s3.documents import NAMESPACE, document, error
from replica.holdings import Product, buckets, select
from replica.protocols.s3_listing import ListingError, Page, continuation_token, page
from replica.storage.checksums import s3_etag
from replica.storage.file_response import file_of
from replica.storage.known_files import FileFacts, facts

#: The date that every object carries; see `replica.storage.file_response.LAST_MODIFIED`.
LISTED_DATE = "2025-11-13T02:13:20.000Z"


async def answer_bucket(request: Request, bucket: str) -> Response:
    """Answer a GET or HEAD of a bucket."""
    if request.method == "HEAD":
        return Response(media_type="application/xml")
    if "location" in request.query_params:
        return _location(bucket)
    if request.query_params.get("encoding-type", "url") != "url":
        message = "Invalid Encoding Method specified in Request"
        return error(400, "InvalidArgument", message, f"/{bucket}", ArgumentName="encoding-type")
    products = {product.key: product for product in select(bucket=bucket)}
    try:
        found = page(sorted(products, key=str.encode), request.query_params)
    except ListingError as failure:
        return error(400, "InvalidArgument", str(failure), f"/{bucket}")
    told = await asyncio.gather(*(_facts_of(products[key]) for key in found.keys))
    files = dict(zip(found.keys, told, strict=True))
    return document(_listing(bucket, found, files, request.query_params))


async def _facts_of(product: Product) -> FileFacts:
    """Size and ETag; readers rely on them, so a file of which they are not known is made."""
    known = await asyncio.to_thread(facts, product)
    if known is not None:
        return known
    path = await file_of(product)
    return FileFacts(path.stat().st_size, await asyncio.to_thread(s3_etag, path))


def _listing(
    bucket: str, found: Page, files: Mapping[str, FileFacts], query: Mapping[str, str]
) -> Element:
    listing = Element("ListBucketResult", xmlns=NAMESPACE)
    for name, text in _head(bucket, found, query).items():
        SubElement(listing, name).text = text
    for key, known in files.items():
        _add_contents(listing, _encoded(key, query), known)
    for prefix in found.prefixes:
        entry = SubElement(listing, "CommonPrefixes")
        SubElement(entry, "Prefix").text = _encoded(prefix, query)
    return listing


def _head(bucket: str, found: Page, query: Mapping[str, str]) -> dict[str, str]:
    facts = {"Name": bucket, "Prefix": _encoded(query.get("prefix", ""), query)}
    facts["MaxKeys"] = query.get("max-keys", "1000")
    if "delimiter" in query:
        facts["Delimiter"] = _encoded(query["delimiter"], query)
    if "encoding-type" in query:
        facts["EncodingType"] = query["encoding-type"]
    facts["IsTruncated"] = "true" if found.last else "false"
    return facts | _place(found, query)


def _place(found: Page, query: Mapping[str, str]) -> dict[str, str]:
    """Where this page begins and the next one goes on, in the words of each version."""
    if query.get("list-type") != "2":
        place = {"Marker": _encoded(query.get("marker", ""), query)}
        # Without a delimiter, S3 leaves it to the client to take the last key.
        told = found.last and "delimiter" in query
        return place | ({"NextMarker": _encoded(found.last, query)} if told else {})
    place = {"KeyCount": str(len(found.keys) + len(found.prefixes))}
    if "continuation-token" in query:
        place["ContinuationToken"] = query["continuation-token"]
    if "start-after" in query:
        place["StartAfter"] = _encoded(query["start-after"], query)
    if found.last:
        place["NextContinuationToken"] = continuation_token(found.last)
    return place


def _encoded(text: str, query: Mapping[str, str]) -> str:
    return quote(text) if query.get("encoding-type") == "url" else text


def _add_contents(listing: Element, key: str, known: FileFacts) -> None:
    contents = SubElement(listing, "Contents")
    facts = {
        "Key": key,
        "LastModified": LISTED_DATE,
        "ETag": f'"{known.etag}"',
        "ChecksumAlgorithm": "CRC32",
        "ChecksumType": "FULL_OBJECT",
        "Size": str(known.size),
        "StorageClass": "STANDARD",
    }
    for name, text in facts.items():
        SubElement(contents, name).text = text


def _location(bucket: str) -> Response:
    """GetBucketLocation: us-east-1 is told by an empty element."""
    region = buckets()[bucket]
    element = Element("LocationConstraint", xmlns=NAMESPACE)
    element.text = "" if region == "us-east-1" else region
    return document(element)
