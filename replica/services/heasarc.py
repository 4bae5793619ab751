"""HEASARC: image search, links, table access and the file tree ``/FTP``."""

from __future__ import annotations

import asyncio
import re
from pathlib import PurePosixPath as Path

from starlette.datastructures import MultiDict
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from replica import votable
from replica.adql import QueryError, Table, query
from replica.holdings import select
from replica.services import heasarc_chanmaster as chanmaster
from replica.services import heasarc_datalink, heasarc_sia, tree
from replica.services.files import product_response
from replica.services.parameters import RequestError, numbers, parameters
from replica.services.tap import MAXREC, TapService

_BUCKET = "nasa-heasarc"
_CONTENT_TYPES = {
    ".gz": "application/x-gzip",
    ".Z": "application/x-compress",
    ".jpg": "image/jpeg",
    ".fits": "application/fits",
}


def _tables() -> tuple[Table, ...]:
    return (chanmaster.table(), chanmaster.metainfo())


_TAP = TapService(url=f"{chanmaster.HOST}/xamin/vo/tap", tables=_tables)


async def search_images(request: Request) -> Response:
    """Answer a SIA 1 search; an error too is a VOTable with status 200 (SIA 1.0, section 8)."""
    given = await parameters(request)
    try:
        body = await asyncio.to_thread(heasarc_sia.answer, given)
    except RequestError as problem:
        body = votable.error(str(problem))
    return Response(body, media_type=votable.MEDIA_TYPE)


async def search_cone(request: Request) -> Response:
    """Answer a cone search: the rows within SR degrees of RA and DEC (IVOA SCS 1.03)."""
    given = await parameters(request)
    try:
        body = await asyncio.to_thread(_cone, given)
    except (RequestError, QueryError) as problem:
        body = votable.error(str(problem))
    return Response(body, media_type=votable.MEDIA_TYPE)


def _cone(given: MultiDict) -> bytes:
    if given.get("TABLE", "").lower() != chanmaster.TABLE:
        raise RequestError("the replica holds the table chanmaster only")
    values = [numbers(name, given.get(name, "")) for name in ("RA", "DEC", "SR")]
    if [len(value) for value in values] != [1, 1, 1]:
        raise RequestError("RA, DEC and SR are needed, each one number of degrees")
    circle = ", ".join(str(value[0]) for value in values)
    adql = f"SELECT * FROM chanmaster WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE({circle}))"
    answer = query(_tables(), adql, MAXREC)
    return votable.results(answer.fields, answer.rows)


async def links(request: Request) -> Response:
    """Answer with the links of the identifiers in ``id``, which may be repeated."""
    given = await parameters(request)
    identifiers = [identifier for identifier in given.getlist("ID") if identifier]
    body = await asyncio.to_thread(heasarc_datalink.answer, identifiers)
    return Response(body, media_type=heasarc_datalink.MEDIA_TYPE)


async def download(request: Request) -> Response:
    """Answer with a file of the tree ``/FTP``, or with the list of a folder."""
    key = re.sub("/+", "/", request.path_params["key"].lstrip("/"))
    products = select(archive="heasarc", bucket=_BUCKET)
    product = tree.find(products, key)
    if product is None:
        folder = f"{key.rstrip('/')}/" if key else ""
        return tree.listing((each.key for each in products), folder, request.url.path)
    media_type = _CONTENT_TYPES.get(Path(key).suffix, "application/octet-stream")
    return await product_response(request, product, media_type)


ROUTES: dict[str, list[BaseRoute]] = {
    "heasarc.gsfc.nasa.gov": [
        Route("/xamin/vo/sia", search_images, methods=["GET", "POST"]),
        Route("/xamin/vo/cone", search_cone, methods=["GET", "POST"]),
        Route("/xamin/vo/datalink", links, methods=["GET", "POST"]),
        Route("/xamin/vo/datalink/chanmaster", links, methods=["GET", "POST"]),
        *_TAP.routes("/xamin/vo/tap"),
        Route("/FTP/{key:path}", download, methods=["GET"]),
    ]
}
