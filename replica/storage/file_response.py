"""Send a product's file, whole or in part."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from replica.holdings import Product
from replica.storage import known_files
from replica.storage.cache import digest, ensure, is_made, path_of
from replica.storage.conditions import Version, unmet

#: All files carry the same date, so that answers repeat to the byte.
LAST_MODIFIED = 1_763_000_000

# Two at a time: a stack takes a gigabyte while it is made.
_makers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="make")


async def file_of(product: Product) -> Path:
    """Return the path of a product's file; one that is not there yet is made meanwhile."""
    if is_made(product):
        return path_of(product)
    return await asyncio.get_running_loop().run_in_executor(_makers, ensure, product)


class ProductResponse(FileResponse):
    """A file response in blocks of 256 KiB: few thread switches, still fine for pacing."""

    chunk_size = 256 * 1024

    def set_stat_headers(self, stat_result) -> None:
        super().set_stat_headers(stat_result)
        self.headers["last-modified"] = formatdate(LAST_MODIFIED, usegmt=True)


def head_before_file(
    request: Request, product: Product, media_type: str, headers: dict[str, str]
) -> Response | None:
    """Answer a HEAD of a whole file that is not made yet, if its size is known all the same.

    Parameters
    ----------
    request : Request
        A request without conditions, or one whose conditions hold.
    product : Product
        Whose file is asked for.
    media_type : str
        Value of Content-Type.
    headers : dict of str to str
        More headers of the answer, the ETag among them.

    Returns
    -------
    Response or None
        None where the file must be made to answer.
    """
    if request.method != "HEAD" or "range" in request.headers or is_made(product):
        return None
    if (size := known_files.size(product)) is None:
        return None
    date = formatdate(LAST_MODIFIED, usegmt=True)
    facts = {"accept-ranges": "bytes", "content-length": str(size), "last-modified": date}
    return Response(None, headers=headers | facts, media_type=media_type)


def version_of(product: Product) -> Version:
    """Return what tells this version of a product's file."""
    return Version(digest(product), datetime.fromtimestamp(LAST_MODIFIED, UTC))


def unmet_response(product: Product, status: int) -> Response:
    """Answer a request whose condition does not hold, without a body."""
    date = formatdate(LAST_MODIFIED, usegmt=True)
    return Response(None, status, {"etag": f'"{digest(product)}"', "last-modified": date})


async def product_response(
    request: Request, product: Product, media_type: str, headers: dict[str, str] | None = None
) -> Response:
    """Answer a GET or HEAD of a product; a file that is sent is made first if need be.

    Parameters
    ----------
    request : Request
        Its Range header and its conditions are honoured.
    product : Product
        What to send.
    media_type : str
        Value of Content-Type.
    headers : dict, optional
        More headers of the answer.
    """
    if failed := unmet(request.headers, version_of(product)):
        return unmet_response(product, failed[0])
    headers = {"etag": f'"{digest(product)}"'} | (headers or {})
    if head := head_before_file(request, product, media_type, headers):
        return head
    path = await file_of(product)
    return ProductResponse(path, media_type=media_type, headers=headers)
