"""MAST: the portal's API, tables, images, downloads, and the name resolver.

Addresses and parameters are those that astroquery 0.4.11 uses
(``astroquery/mast/discovery_portal.py``, ``utils.py``, ``observations.py``).
"""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import parse_qs, quote

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from replica.archives.mast import caom_tables, image_search, ps1_files, ps1_table
from replica.archives.mast.caom import product_of
from replica.archives.mast.facts import columns_config
from replica.archives.mast.portal import ServiceError, answer
from replica.archives.mast.resolver import resolve
from replica.archives.mast.table_columns import FORMATS, portal_cells, portal_fields
from replica.holdings import Product
from replica.protocols import sia1, table_formats
from replica.protocols.dali import RequestError, parameters, parameters_and_files
from replica.protocols.tap import TapService
from replica.protocols.votable import Document
from replica.storage.file_response import file_of, product_response

#: What the on-premises path says where the cloud key says something else.
_PS1_KEY, _PS1_PATH = "panstarrs/ps1/public/", "/ps1/"


async def _columns_config(request: Request) -> Response:
    return JSONResponse(columns_config(await _parameter(request, "colConfigId")))


async def _invoke(request: Request) -> Response:
    text = await _parameter(request, "request")
    try:
        asked = _parsed(text)
        found = answer(asked)
        if str(asked.get("format") or "json").lower() in ("json", "extjs"):
            return JSONResponse(found)
        return _as_table(str(asked["format"]), found)
    except (ServiceError, RequestError) as error:
        return JSONResponse({"status": "ERROR", "msg": str(error), "data": [], "fields": []})


def _as_table(name: str, found: dict[str, Any]) -> Response:
    """Write the page's rows in another format, such as CSV."""
    form = table_formats.find(name)
    if "fields" not in found:
        raise ServiceError("This service answers in JSON only")
    fields = portal_fields({each["name"]: each["type"] for each in found["fields"]})
    rows = [portal_cells(fields, row) for row in found["data"]]
    return Response(form.write(fields, rows, Document()), media_type=form.media_type)


def _parsed(text: str) -> dict[str, object]:
    try:
        request = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ServiceError(f"The parameter request must be a JSON object: {error}") from None
    if not isinstance(request, dict):
        raise ServiceError("The parameter request must be a JSON object")
    return request


async def _parameter(request: Request, name: str) -> str:
    """One parameter, from the query of a GET or the form of a POST; empty if missing."""
    if request.method == "POST":
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        return form.get(name, [""])[0]
    return request.query_params.get(name, "")


async def _path_lookup(request: Request) -> Response:
    """Say where each product lies: the archive's path, or the cloud's key if asked for.

    A product without a cloud copy has no path either.  Clients from astroquery 0.4.12 on
    ask with ``use_cloud_path``.
    """
    as_key = request.query_params.get("use_cloud_path", "").lower() == "true"
    uris = request.query_params.getlist("uri")
    return JSONResponse({uri: _location(product_of(uri), as_key) for uri in uris})


def _location(product: Product | None, as_key: bool) -> dict[str, object]:
    # The archive's path says nothing of the cloud: clients ask the bucket for the copy.
    if product is None or (as_key and not product.bucket):
        return {"status_code": 404, "path": None}
    return {"status_code": 200, "path": product.key if as_key else archive_path(product.key)}


def archive_path(key: str) -> str:
    """Path of a product in the archive's own store, from its key in the cloud.

    The reverse of ``astroquery.mast.utils.mast_relative_path``.
    """
    if key.startswith(_PS1_KEY):
        return _PS1_PATH + key.removeprefix(_PS1_KEY)
    return f"/{key}"


async def _download(request: Request) -> Response:
    """Send a product from the archive itself, whether or not the cloud has it."""
    uri = request.query_params.get("uri", "")
    product = product_of(uri)
    if product is None:
        return PlainTextResponse(f"No product with the URI {uri!r}\n", status_code=404)
    headers = {"content-disposition": f'attachment; filename="{product.filename}"'}
    return await product_response(request, product, "application/fits", headers)


async def _bundle_script(request: Request) -> Response:
    """Send a script that downloads products with curl, as the portal's basket does."""
    form = parse_qs((await request.body()).decode("utf-8", "replace"))
    uris = form.get("uri", []) + request.query_params.getlist("uri")
    if not uris:
        return PlainTextResponse("No uri is given\n", status_code=400)
    lines = [line for uri in uris for line in _script_lines(uri)]
    script = "\n".join(["#!/bin/bash", "# Downloads products of MAST.", *lines, ""])
    return Response(script, media_type="text/x-shellscript")


def _script_lines(uri: str) -> list[str]:
    product = product_of(uri)
    if product is None:
        return [f"# There is no product {quote(uri, safe=':/')}"]
    folder = f"MAST/{product.collection}/{product.obs_id}"
    address = f"{caom_tables.DOWNLOAD}{quote(uri, safe=':/')}"
    return [
        f"mkdir -p '{folder}'",
        f"curl --fail --location --output '{folder}/{product.filename}' '{address}'",
    ]


_images = sia1.endpoint(image_search.answer)
_CAOM = TapService(
    url="https://mast.stsci.edu/vo-tap/api/v0.1/caom",
    tables=caom_tables.tables,
    data_models=(("ivo://ivoa.net/std/ObsCore#core-1.1", "ObsCore-1.1"),),
    examples=caom_tables.EXAMPLES,
    formats=FORMATS,
)


_PS1 = TapService(
    url="https://mast.stsci.edu/vo-tap/api/v0.1/ps1dr2",
    tables=ps1_table.tables,
    examples=ps1_table.EXAMPLES,
    formats=FORMATS,
)


async def _resolve(request: Request) -> Response:
    query = request.query_params
    if query.get("outputFormat", "xml").lower() != "json":
        return PlainTextResponse("The replica answers outputFormat=json only\n", status_code=400)
    found = resolve(
        query.getlist("name"),
        everywhere=query.get("resolveAll", "").lower() == "true",
        resolver=query.get("resolver"),
    )
    return JSONResponse(found)


async def _ps1_names(request: Request) -> Response:
    """List images at positions: of the parameters, or of the lines of a posted file."""
    try:
        params, files = await parameters_and_files(request)
        lines = files.get("file", b"").decode("utf-8", "replace")
        return PlainTextResponse(ps1_files.answer(params, lines))
    except RequestError as problem:
        return PlainTextResponse(f"{problem}\n", 400)


async def _ps1_cutout(request: Request) -> Response:
    # Imported here: the libraries of images take a while that a start need not wait for.
    from replica.archives.mast import ps1_cutouts

    try:
        query = ps1_cutouts.read_query(await parameters(request))
        paths = [await file_of(product) for product in query.products]
        body = await asyncio.to_thread(ps1_cutouts.cut_out, query, paths)
    except RequestError as problem:
        return PlainTextResponse(f"{problem}\n", 400)
    return Response(body, media_type=query.media_type)


async def _ps1_file(request: Request) -> Response:
    product = ps1_files.product_at(request.url.path)
    if product is None:
        return PlainTextResponse("Not found\n", 404)
    return await product_response(request, product, "application/fits")


async def _catalogue(request: Request) -> Response:
    """Search Pan-STARRS' mean objects; parameters stand in the address, in a form or in JSON."""
    from replica.archives.mast import ps1_search

    release, name, form = (request.path_params[part] for part in ("release", "table", "form"))
    if (release, name) != ("dr2", "mean"):
        message = f"The replica holds the table dr2/mean of Pan-STARRS only, not {release}/{name}\n"
        return PlainTextResponse(message, 404)
    try:
        params = parse_qs(request.url.query, keep_blank_values=True)
        body = await request.body()
        if "json" in request.headers.get("content-type", ""):
            params |= ps1_search.read_json(body)
        else:
            params |= parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
        found = await asyncio.to_thread(ps1_search.search, params, form)
    except RequestError as problem:
        return PlainTextResponse(f"{problem}\n", 400)
    return Response(found.body, media_type=found.media_type)


def _not_held(request: Request) -> Response:
    """Say which service of MAST the replica lacks: cutouts of TESS and others, mission searches."""
    service = request.url.path.split("/")[1]
    message = f"The replica does not hold MAST's service {service}, nor data of its missions\n"
    return PlainTextResponse(message, 404)


def _catalogue_columns(request: Request) -> Response:
    from replica.archives.mast import ps1_search

    return JSONResponse(ps1_search.metadata())


#: Host name to routes.
ROUTES: dict[str, list[BaseRoute]] = {
    "mast.stsci.edu": [
        Route("/portal/Mashup/Mashup.asmx/columnsconfig", _columns_config, methods=["GET", "POST"]),
        *(
            Route(f"/{portal}/Mashup/VoQuery.asmx/SiaV1", _images, methods=["GET", "POST"])
            for portal in ("portal", "portal_vo")
        ),
        *_CAOM.routes("/vo-tap/api/v0.1/caom"),
        *_PS1.routes("/vo-tap/api/v0.1/ps1dr2"),
        Route("/api/v0/invoke", _invoke, methods=["GET", "POST"]),
        Route("/api/v0.1/path_lookup/", _path_lookup),
        Route("/api/v0.1/Download/file", _download),
        *(
            Route(f"/{service}/{{path:path}}", _not_held, methods=["GET", "POST"])
            for service in ("tesscut", "zcut", "search")
        ),
        Route("/api/v0.1/Download/bundle.sh", _bundle_script, methods=["GET", "POST"]),
    ],
    "catalogs.mast.stsci.edu": [
        Route("/api/v0.1/panstarrs/dr2/mean/metadata.json", _catalogue_columns),
        Route("/api/v0.1/panstarrs/{release}/{table}.{form}", _catalogue, methods=["GET", "POST"]),
    ],
    "ps1images.stsci.edu": [
        Route("/cgi-bin/ps1filenames.py", _ps1_names, methods=["GET", "POST"]),
        Route("/cgi-bin/fitscut.cgi", _ps1_cutout, methods=["GET", "POST"]),
        Route("/rings.v3.skycell/{path:path}", _ps1_file),
    ],
    "mastresolver.stsci.edu": [Route("/Santa-war/query", _resolve)],
}
