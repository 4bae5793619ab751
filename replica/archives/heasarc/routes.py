"""HEASARC: image search, links, table access and the file tree ``/FTP``."""

from __future__ import annotations

import asyncio
import re
from pathlib import PurePosixPath as Path

from starlette.datastructures import MultiDict
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from replica.archives.heasarc import facts as chanmaster
from replica.archives.heasarc import image_search, links, tar
from replica.archives.heasarc.catalogues import catalogue, catalogues, metainfo
from replica.holdings import select
from replica.protocols import sia1, votable
from replica.protocols.adql import query
from replica.protocols.cone import cone_query
from replica.protocols.dali import RequestError, parameters
from replica.protocols.datalink import MEDIA_TYPE
from replica.protocols.tables import QueryError, Table
from replica.protocols.tap import TapService
from replica.protocols.tap_documents import Example
from replica.protocols.tap_query import MAXREC
from replica.storage import directory_listing
from replica.storage.file_response import product_response

_BUCKET = "nasa-heasarc"
_CONTENT_TYPES = {
    ".gz": "application/x-gzip",
    ".Z": "application/x-compress",
    ".jpg": "image/jpeg",
    ".fits": "application/fits",
    ".gif": "image/gif",
}


def _tables() -> tuple[Table, ...]:
    return (*(each.table for each in catalogues()), metainfo())


_EXAMPLES = (
    Example(
        "cone",
        "Observations near the Crab Nebula",
        "All observations of Chandra within 0.1 degrees, the longest first.",
        "SELECT obsid, name, detector, exposure FROM chanmaster "
        "WHERE 1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 83.633, 22.014, 0.1)) "
        "ORDER BY exposure DESC",
    ),
    Example(
        "count",
        "Observations by detector",
        "How many observations each detector made, and for how long.",
        "SELECT detector, COUNT(*) AS number, SUM(exposure) AS total "
        "FROM chanmaster GROUP BY detector",
    ),
)
_TAP = TapService(url=f"{chanmaster.HOST}/xamin/vo/tap", tables=_tables, examples=_EXAMPLES)


async def search_cone(request: Request) -> Response:
    """Answer a cone search: the rows within SR degrees of RA and DEC (IVOA SCS 1.03)."""
    params = await parameters(request)
    try:
        body = await asyncio.to_thread(_cone, params)
    except (RequestError, QueryError) as problem:
        body = votable.error(str(problem), cone=True)
    return Response(body, media_type=votable.MEDIA_TYPE)


def _cone(params: MultiDict) -> bytes:
    found = catalogue(params.get("TABLE", ""))
    if found is None:
        known = ", ".join(each.table.name for each in catalogues())
        raise RequestError(f"the replica holds no table {params.get('TABLE', '')!r}, but {known}")
    adql = cone_query(params, found.table.name, offsets="SHOWOFFSETS" in params)
    answer = query(_tables(), adql, MAXREC)
    return votable.results(answer.fields, answer.rows)


async def search_links(request: Request) -> Response:
    """Answer with the links of the identifiers in ``id``, which may be repeated."""
    params = await parameters(request)
    identifiers = [identifier for identifier in params.getlist("ID") if identifier]
    table = request.path_params.get("table", "")
    body = await asyncio.to_thread(links.answer, identifiers, table)
    return Response(body, media_type=MEDIA_TYPE)


def _bibliography(request: Request) -> Response:
    message = "The replica holds no publications about observations.\n"
    return Response(message, media_type="text/plain")


async def download(request: Request) -> Response:
    """Answer with a file of the tree ``/FTP``, or with the list of a folder."""
    key = re.sub("/+", "/", request.path_params["key"].lstrip("/"))
    products = select(archive="heasarc", bucket=_BUCKET)
    product = directory_listing.find(products, key)
    if product is None:
        folder = f"{key.rstrip('/')}/" if key else ""
        return directory_listing.listing((each.key for each in products), folder, request.url.path)
    media_type = _CONTENT_TYPES.get(Path(key).suffix, "application/octet-stream")
    return await product_response(request, product, media_type)


ROUTES: dict[str, list[BaseRoute]] = {
    "heasarc.gsfc.nasa.gov": [
        Route("/xamin/vo/sia", sia1.endpoint(image_search.answer), methods=["GET", "POST"]),
        Route("/xamin/vo/cone", search_cone, methods=["GET", "POST"]),
        Route("/xamin/vo/datalink", search_links, methods=["GET", "POST"]),
        Route("/xamin/vo/datalink/{table}", search_links, methods=["GET", "POST"]),
        Route("/xamin/bib", _bibliography),
        Route("/xamin/TarServlet", tar.download, methods=["POST"]),
        *_TAP.routes("/xamin/vo/tap"),
        Route("/FTP/{key:path}", download, methods=["GET"]),
    ]
}
