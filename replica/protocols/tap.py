"""Table access on the ADQL engine: IVOA TAP 1.1.

A query runs at once (``/sync``) or as a job (``/async``); it can bring its own tables.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from starlette.datastructures import MultiDict
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from replica.protocols import adql, votable
from replica.protocols.adql import Limit
from replica.protocols.dali import RequestError
from replica.protocols.table_formats import FORMATS, Format
from replica.protocols.tables import QueryError, Table
from replica.protocols.tap_documents import DataModel, Example, Features, capabilities, examples
from replica.protocols.tap_query import Result, answer
from replica.protocols.tap_schema import with_tap_schema
from replica.protocols.uws import Jobs
from replica.protocols.uws_routes import JobRoutes, read
from replica.protocols.vosi import availability, document, table_document, table_set

# Of their own, lest long queries hold up the other services.
_queries = ThreadPoolExecutor(max_workers=4, thread_name_prefix="query")


@dataclass(frozen=True)
class TapService:
    """A TAP service.

    Attributes
    ----------
    url : str
        Its base URL, as clients know it.
    tables : callable
        Returns the tables that can be queried.
    data_models : tuple of (str, str)
        Identifier and name of the data models that its tables follow.
    features : tuple of (str, tuple of str)
        Features of its language beside those that all services have.
    examples : tuple of Example
        Queries for its page of examples.
    formats : tuple of Format
        In which it gives tables, the default first.
    """

    url: str
    tables: Callable[[], tuple[Table, ...]]
    data_models: tuple[DataModel, ...] = ()
    features: tuple[Features, ...] = ()
    examples: tuple[Example, ...] = ()
    formats: tuple[Format, ...] = FORMATS

    def routes(self, path: str) -> list[BaseRoute]:
        """Return the service's routes below `path`."""
        documents = {
            "capabilities": lambda: capabilities(
                self.url, self.data_models, self.features, self.formats
            ),
            "tables": lambda: table_set(with_tap_schema(self.tables())),
            "availability": availability,
        }
        jobs = Jobs(self._work)
        return [
            Route(f"{path}/sync", self._sync, methods=["GET", "POST"]),
            *JobRoutes(jobs, f"{self.url}/async").routes(f"{path}/async"),
            *(Route(f"{path}/{name}", _xml_endpoint(make)) for name, make in documents.items()),
            Route(f"{path}/tables/{{name}}", self._table),
            Route(f"{path}/examples", self._examples),
        ]

    async def _sync(self, request: Request) -> Response:
        try:
            params, uploads = await read(request)
            loop, limit = asyncio.get_running_loop(), Limit(adql.TIMEOUT)
            result = await loop.run_in_executor(_queries, self._work, params, uploads, limit)
        except (RequestError, QueryError) as problem:
            return Response(votable.error(str(problem)), 400, media_type=votable.MEDIA_TYPE)
        return Response(result.body, media_type=result.media_type)

    def _work(self, params: MultiDict, uploads: dict[str, bytes], limit: Limit) -> Result:
        return answer(self.tables(), params, uploads, limit, self.formats)

    def _examples(self, request: Request) -> Response:
        return Response(examples(self.examples), media_type="application/xhtml+xml")

    def _table(self, request: Request) -> Response:
        """Answer with the description of one table (VOSI 1.1, section 3.1)."""
        name = request.path_params["name"].replace('"', "").lower()
        for table in with_tap_schema(self.tables()):
            if name in table.names:
                return document(table_document(table))
        return Response(f"There is no table {name}\n", 404, media_type="text/plain")


def _xml_endpoint(make: Callable[[], str]) -> Callable[[Request], Response]:
    def endpoint(request: Request) -> Response:
        return document(make())

    return endpoint
