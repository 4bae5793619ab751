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
    """Answer a GET or HEAD of a product; the file is made first if need be.

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
    path = await file_of(product)
    etag = {"etag": f'"{digest(product)}"'}
    return ProductResponse(path, media_type=media_type, headers=etag | (headers or {}))
