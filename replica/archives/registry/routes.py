"""The Virtual Observatory's registry at GAVO, and the vocabularies that its clients read."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from replica.archive_folders import read_table
from replica.archives.registry.tables import tables
from replica.protocols.tap import TapService
from replica.protocols.tap_documents import Example

_SERVICE = TapService(
    url="http://reg.g-vo.org/tap",
    tables=tables,
    data_models=(("ivo://ivoa.net/std/RegTAP#1.1", "Registry 1.1"),),
    features=(("ivo://org.gavo.dc/std/exts#extra-adql-keywords", ("MOC", "COALESCE", "CASE")),),
    examples=(
        Example(
            "images",
            "Image services",
            "Services that answer SIA queries, with their addresses.",
            "SELECT short_name, access_url FROM rr.resource NATURAL JOIN rr.capability "
            "NATURAL JOIN rr.interface WHERE standard_id = 'ivo://ivoa.net/std/sia'",
        ),
        Example(
            "words",
            "Resources by a word",
            "Resources whose description has the word rosat.",
            "SELECT ivoid, res_title FROM rr.resource "
            "WHERE 1 = ivo_hasword(res_description, 'rosat')",
        ),
    ),
)


def vocabulary(request: Request) -> Response:
    """Answer with a vocabulary in the form "desise" (IVOA Vocabularies in the VO 2.1)."""
    name = request.path_params["name"]
    rows = [row for row in read_table("registry", "vocabularies") if row["vocabulary"] == name]
    if not rows:
        return PlainTextResponse(f"The replica holds no vocabulary {name}\n", 404)
    terms = {row["term"]: _term(row, rows) for row in rows}
    document = {"uri": f"http://www.ivoa.net/rdf/{name}", "flavour": "SKOS", "terms": terms}
    return JSONResponse(document, media_type="application/x-desise+json")


def _term(row: dict[str, str], rows: list[dict[str, str]]) -> dict[str, object]:
    narrower = [other["term"] for other in rows if row["term"] in other["wider"].split()]
    return {
        "label": row["label"],
        "description": row["label"],
        "wider": row["wider"].split(),
        "narrower": narrower,
    }


ROUTES: dict[str, list[BaseRoute]] = {
    "reg.g-vo.org": _SERVICE.routes("/tap"),
    "www.ivoa.net": [Route("/rdf/{name:path}", vocabulary, methods=["GET"])],
}
