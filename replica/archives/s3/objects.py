"""GetObject and HeadObject: whole, a range, a part, or on a condition."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from replica.archives.s3.documents import error
from replica.holdings import Product
from replica.storage.cache import is_made
from replica.storage.checksums import PART_SIZE, crc32, s3_etag
from replica.storage.conditions import Version, unmet
from replica.storage.file_response import (
    LAST_MODIFIED,
    ProductResponse,
    file_of,
    head_before_file,
)
from replica.storage.known_files import facts

_MEDIA_TYPE = "binary/octet-stream"
_ONE_RANGE = re.compile(r"bytes=(?:(\d{1,19})-(\d{0,19})|-(\d{1,19}))")


async def answer_object(request: Request, product: Product) -> Response:
    """Answer a GET or HEAD of an object; a file that is sent is made first if need be."""
    if head := _head_before_file(request, product):
        return head
    path = await file_of(product)
    etag = await asyncio.to_thread(s3_etag, path)
    resource = f"/{product.bucket}/{product.key}"
    version = Version(etag, datetime.fromtimestamp(LAST_MODIFIED, UTC))
    if failed := unmet(request.headers, version):
        return _unmet(*failed, etag, resource)
    return _part(request, path, etag, resource) or await _whole_or_range(
        request, path, etag, resource
    )


def _head_before_file(request: Request, product: Product) -> Response | None:
    """Answer a HEAD that asks for no more than a listing tells; None for any other request."""
    asks_more = any(name.startswith(("if-", "x-amz-checksum-mode")) for name in request.headers)
    if request.method != "HEAD" or asks_more or "partNumber" in request.query_params:
        return None
    if is_made(product):
        return None  # its ETag takes reading it, which must not hold up other requests
    known = facts(product)
    etag = {"etag": f'"{known.etag}"'} if known else {}
    return head_before_file(request, product, _MEDIA_TYPE, etag)


def _unmet(status: int, condition: str, etag: str, resource: str) -> Response:
    """Answer that a condition does not hold: with a document only where S3 has one."""
    if status == 304:
        date = formatdate(LAST_MODIFIED, usegmt=True)
        return Response(None, status, {"etag": f'"{etag}"', "last-modified": date})
    message = "At least one of the pre-conditions you specified did not hold"
    return error(status, "PreconditionFailed", message, resource, Condition=condition)


def _part(request: Request, path: Path, etag: str, resource: str) -> Response | None:
    """Answer ``?partNumber=``, which asks for a part as it was uploaded; None without it."""
    if (text := request.query_params.get("partNumber")) is None:
        return None
    if not re.fullmatch(r"[1-9]\d{0,3}|10000", text):
        message = "Part number must be an integer between 1 and 10000, inclusive"
        return error(400, "InvalidArgument", message, resource, ArgumentName="partNumber")
    if "range" in request.headers:
        message = "Cannot specify both Range header and partNumber query parameter"
        return error(400, "InvalidRequest", message, resource)
    parts = -(-path.stat().st_size // PART_SIZE)
    if int(text) > max(parts, 1):
        message = "The requested partnumber is not satisfiable"
        return error(416, "InvalidPartNumber", message, resource, PartNumberRequested=text)
    start = (int(text) - 1) * PART_SIZE
    headers = {"x-amz-mp-parts-count": str(parts)} if parts > 1 else {}
    return _file(path, etag, headers, f"bytes={start}-{start + PART_SIZE - 1}")


async def _whole_or_range(request: Request, path: Path, etag: str, resource: str) -> Response:
    asked = _ONE_RANGE.fullmatch(request.headers.get("range", ""))
    if asked is None or (asked[2] and int(asked[2]) < int(asked[1])):
        # S3 ignores a Range that it does not understand.
        return _file(path, etag, await _checksum(request, path))
    first, last = _positions(asked, size := path.stat().st_size)
    if first > last:
        message = "The requested range is not satisfiable"
        facts = {"RangeRequested": asked[0], "ActualObjectSize": str(size)}
        return error(416, "InvalidRange", message, resource, **facts)
    return _file(path, etag, {}, f"bytes={first}-{last}")


def _positions(asked: re.Match[str], size: int) -> tuple[int, int]:
    """The first and the last byte of a range; the first is behind the last if there is none."""
    start, end, suffix = asked.groups()
    if suffix is not None:
        return max(size - int(suffix), 0), size - 1
    return int(start), min(int(end or size), size - 1)


async def _checksum(request: Request, path: Path) -> dict[str, str]:
    """The checksum of the whole object, which S3 tells to those who ask for it."""
    if request.headers.get("x-amz-checksum-mode", "").upper() != "ENABLED":
        return {}
    checksum = await asyncio.to_thread(crc32, path)
    return {"x-amz-checksum-crc32": checksum, "x-amz-checksum-type": "FULL_OBJECT"}


def _file(path: Path, etag: str, headers: dict[str, str], part: str = "") -> Response:
    headers = {"etag": f'"{etag}"', **headers}
    return _ObjectResponse(path, part, media_type=_MEDIA_TYPE, headers=headers)


class _ObjectResponse(ProductResponse):
    """A file, or the range of it that S3's rules give, whatever the request's own Range says."""

    def __init__(self, path: Path, part: str, **options: Any) -> None:
        super().__init__(path, **options)
        self._part = part

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [item for item in scope["headers"] if item[0] != b"range"]
        if self._part:
            headers.append((b"range", self._part.encode()))
        await super().__call__({**scope, "headers": headers}, receive, send)
