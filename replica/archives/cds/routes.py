"""CDS: Sesame at its own addresses and at its mirror's."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from replica.archives.cds import sesame


def _sesame(request: Request) -> Response:
    chosen = sesame.options(request.path_params.get("options", ""))
    body, media_type = sesame.answer(sesame.names(request.url.query), chosen)
    return Response(body, media_type=media_type)


def _routes(path: str) -> list[BaseRoute]:
    return [Route(path, _sesame), Route(f"{path}/{{options:path}}", _sesame)]


#: The first and the last are those that astropy asks, in this order.
ROUTES: dict[str, list[BaseRoute]] = {
    "cds.unistra.fr": _routes("/cgi-bin/nph-sesame"),
    "cdsweb.u-strasbg.fr": _routes("/cgi-bin/nph-sesame"),
    "vizier.cfa.harvard.edu": _routes("/viz-bin/nph-sesame"),
}
