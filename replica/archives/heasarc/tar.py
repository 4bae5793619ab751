"""HEASARC's ``/xamin/TarServlet``: folders and files of the tree ``/FTP`` in one tar file.

The form field ``files`` lists them as ``>/FTP/path/&&>/FTP/other/&&``: what
`astroquery.heasarc.Heasarc.download_data` sends.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from replica.holdings import Product, select
from replica.protocols.dali import RequestError, parameters
from replica.storage.file_response import LAST_MODIFIED, file_of

_BLOCK = tarfile.BLOCKSIZE
_CHUNK = 256 * 1024


async def download(request: Request) -> Response:
    """Answer with the files; each has the path below the folder that was asked for."""
    params = await parameters(request)
    try:
        members = _members(params.get("FILES", ""))
    except RequestError as problem:
        return PlainTextResponse(f"{problem}\n", 404)
    sizes = [(await file_of(product)).stat().st_size for _, product in members]
    length = sum(_BLOCK + _padded(size) for size in sizes) + 2 * _BLOCK
    headers = {"content-length": str(length), "content-disposition": "attachment"}
    return StreamingResponse(_tar(members), media_type="application/x-tar", headers=headers)


def _members(text: str) -> list[tuple[str, Product]]:
    """Names in the tar file, and their products."""
    paths = [path.strip().removeprefix(">") for path in text.split("&&") if path.strip()]
    if not paths:
        raise RequestError("files is needed: a list such as >/FTP/rosat/data/.../&&")
    found: dict[str, Product] = {}
    for path in paths:
        below = _below(path)
        if not below:
            raise RequestError(f"the replica holds nothing at {path}")
        found |= below
    return list(found.items())


def _below(path: str) -> dict[str, Product]:
    """Products of a folder, or the one file, by their names from that folder on."""
    key = re.sub("/+", "/", path).removeprefix("/FTP/").rstrip("/")
    parent = key.rpartition("/")[0]
    start = len(parent) + 1 if parent else 0
    return {
        product.key[start:]: product
        for product in select(archive="heasarc")
        if product.key == key or product.key.startswith(f"{key}/")
    }


async def _tar(members: list[tuple[str, Product]]) -> AsyncIterator[bytes]:
    for name, product in members:
        path = await file_of(product)
        info = tarfile.TarInfo(name)
        info.size, info.mtime = path.stat().st_size, LAST_MODIFIED
        yield info.tobuf(tarfile.USTAR_FORMAT)
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
        yield bytes(_padded(info.size) - info.size)
    yield bytes(2 * _BLOCK)


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
