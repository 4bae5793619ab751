"""IRSA: image search, files, and table access to collections and images."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from replica.archives.irsa import facts as irsa_images
from replica.archives.irsa import files as irsa_data
from replica.archives.irsa import image_search_1 as irsa_sia1
from replica.archives.irsa import image_search_2 as irsa_sia2
from replica.archives.irsa import source_catalogue, table_search
from replica.archives.irsa.facts import IMAGE_SET
from replica.protocols import votable
from replica.protocols.dali import RequestError, parameters
from replica.protocols.obscore import obscore_table
from replica.protocols.tables import ForeignKey, QueryError, Table
from replica.protocols.tap import TapService
from replica.protocols.tap_documents import Example
from replica.protocols.vosi import availability, capabilities_document, document, interface
from replica.protocols.votable import Field

_SIA2 = "https://irsa.ipac.caltech.edu/SIA"


async def search_images(request: Request) -> Response:
    """Answer a SIA 1 search; an error too is a VOTable with status 200 (SIA 1.0, section 8)."""
    params = await parameters(request)
    try:
        if request.path_params["images"] != IMAGE_SET:
            raise RequestError(f"the replica holds the images of {IMAGE_SET} only")
        body = await asyncio.to_thread(irsa_sia1.answer, params)
    except RequestError as problem:
        body = votable.error(str(problem), irsa_sia1.VERSION)
    return Response(body, media_type=f"{votable.MEDIA_TYPE}; charset=UTF-8")


async def search_images_2(request: Request) -> Response:
    """Answer a SIA 2 search; an error has status 400 (DALI 1.1, section 4.2)."""
    params = await parameters(request)
    try:
        body, media_type = await asyncio.to_thread(irsa_sia2.answer, params)
    except RequestError as problem:
        return Response(votable.error(str(problem)), 400, media_type=votable.MEDIA_TYPE)
    return Response(body, media_type=media_type)


async def search_table(request: Request) -> Response:
    """Answer a search of the table of images."""
    params = await parameters(request)
    if request.path_params["images"] != IMAGE_SET:
        message = f"the replica holds the images of {IMAGE_SET} only\n"
        return PlainTextResponse(message, 404)
    try:
        body, media_type = await asyncio.to_thread(table_search.answer, params)
    except (RequestError, QueryError) as problem:
        return PlainTextResponse(f"{problem}\n", 400)
    return Response(body, media_type=media_type)


async def search_cone(request: Request) -> Response:
    """Answer a cone search of a catalogue; an error too is a VOTable (SCS 1.03, section 2.3)."""
    params = await parameters(request)
    try:
        body, media_type = await asyncio.to_thread(source_catalogue.cone, params)
    except (RequestError, QueryError) as problem:
        body, media_type = votable.error(str(problem), cone=True), votable.MEDIA_TYPE
    return Response(body, media_type=media_type)


def _images_2_capabilities(request: Request) -> Response:
    own = (
        '<capability standardID="ivo://ivoa.net/std/SIA#query-2.0">'
        f"{interface(_SIA2, use='base')}</capability>"
    )
    return document(capabilities_document(_SIA2, own))


def _images_2_availability(request: Request) -> Response:
    return document(availability())


#: What IRSA's TAP_SCHEMA.tables says of a table without positions: `Irsa.list_catalogs` asks.
_NO_CATALOG = (("irsa_dbms", 21), ("irsa_pos", "n"))


@lru_cache(maxsize=1)
def _tables() -> tuple[Table, ...]:
    """The part of IRSA's tables that lists collections (CAOM) and images (ObsCore, Atlas)."""
    tiles = dict.fromkeys((image.collection, image.obs_id) for image in irsa_images.products())
    observations = tuple((n, *tile) for n, tile in enumerate(tiles, start=1))
    planes = tuple((n, n, "image") for n, *_ in observations)
    number = Field("obsid", "long", description="Number of the observation")
    return (
        Table(
            *("caom.observation", "Observations"),
            (number, Field("collection"), Field("observationid")),
            observations,
            facts=_NO_CATALOG,
        ),
        Table(
            *("caom.plane", "Their products"),
            (number, Field("planeid", "long"), Field("dataproducttype")),
            planes,
            (ForeignKey("caom.observation", (("obsid", "obsid"),)),),
            facts=_NO_CATALOG,
        ),
        replace(obscore_table(irsa_sia2.observations()), facts=_NO_CATALOG),
        replace(table_search.images_table(irsa_images.products(kind="int")), facts=_NO_CATALOG),
        source_catalogue.table(),
    )


_EXAMPLES = (
    Example(
        "collections",
        "Collections of images",
        "Which collections hold images.",
        "SELECT DISTINCT o.collection FROM caom.observation AS o "
        "JOIN caom.plane AS p ON o.obsid = p.obsid WHERE p.dataproducttype = 'image'",
    ),
    Example(
        "images",
        "Images of the Crab Nebula",
        "Images that cover a position, by wavelength.",
        "SELECT access_url, em_min, em_max FROM ivoa.obscore "
        "WHERE 1 = CONTAINS(POINT('ICRS', 83.633, 22.014), s_region) ORDER BY em_min",
    ),
    Example(
        "sources",
        "AllWISE sources around a position",
        "Sources within two arcminutes, the brightest in W1 first.",
        "SELECT designation, ra, dec, w1mpro, w1sigmpro, ph_qual FROM allwise_p3as_psd "
        "WHERE 1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 83.633, 22.2, 0.0333)) "
        "ORDER BY w1mpro",
    ),
)
_TAP = TapService(
    url="https://irsa.ipac.caltech.edu/TAP",
    tables=_tables,
    data_models=(("ivo://ivoa.net/std/ObsCore#core-1.1", "ObsCore-1.1"),),
    examples=_EXAMPLES,
)

ROUTES: dict[str, list[BaseRoute]] = {
    "irsa.ipac.caltech.edu": [
        Route("/ibe/sia/{images:path}", search_images, methods=["GET", "POST"]),
        Route(f"/ibe/data/{IMAGE_SET}/{{path:path}}", irsa_data.data, methods=["GET"]),
        Route("/ibe/search/{images:path}", search_table, methods=["GET", "POST"]),
        Route("/SIA", search_images_2, methods=["GET", "POST"]),
        Route("/SCS", search_cone, methods=["GET", "POST"]),
        Route("/SIA/capabilities", _images_2_capabilities),
        Route("/SIA/availability", _images_2_availability),
        *_TAP.routes("/TAP"),
    ]
}
