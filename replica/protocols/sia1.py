"""Queries of the Simple Image Access protocol, version 1: IVOA SIA 1.0, section 4."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.datastructures import MultiDict
from starlette.requests import Request
from starlette.responses import Response

from replica.holdings import Product
from replica.protocols import votable
from replica.protocols.dali import RequestError, numbers, parameters
from replica.protocols.geometry import offsets
from replica.protocols.votable import Field, Parameter

#: How an image may lie to the region, with the test of each axis: distance of the centres,
#: width of the image, width of the region, in degrees (SIA 1.0, section 4.1.3).
_INTERSECT = {
    "COVERS": lambda distance, image, region: distance + region / 2 <= image / 2,
    "ENCLOSED": lambda distance, image, region: distance + image / 2 <= region / 2,
    "CENTER": lambda distance, image, region: distance <= image / 2,
    "OVERLAPS": lambda distance, image, region: distance <= (image + region) / 2,
}
#: Degrees from which on a region is too wide for a tangent plane.
_WIDE = 60
#: The values of INTERSECT, in the order in which services list them.
INTERSECT = ("CENTER", "COVERS", "ENCLOSED", "OVERLAPS")
#: Parameters as a service describes them (SIA 1.0, section 6.1).
INPUT_POS = Parameter(Field("INPUT:POS", description="Centre of the region: ra,dec in degrees"), "")
INPUT_SIZE = Parameter(
    Field("INPUT:SIZE", description="Size of the region in degrees; 0: a point"), ""
)
INPUT_INTERSECT = Parameter(
    Field("INPUT:INTERSECT", description="How images lie to it"), "OVERLAPS", INTERSECT
)


@dataclass(frozen=True)
class ImageQuery:
    """The region and formats that a request asks for.

    Attributes
    ----------
    ra, dec : float
        Centre of the region, ICRS degrees.
    width, height : float
        Its size in degrees; 0 asks for images that touch the point.
    intersect : str
        A key of `INTERSECT`.
    formats : frozenset of str
        Content types that are wanted.
    """

    ra: float
    dec: float
    width: float
    height: float
    intersect: str
    formats: frozenset[str]

    def matches(self, product: Product) -> bool:
        """Whether the product's field lies to the region as asked."""
        offset = self._offset(product)
        test = _INTERSECT[self.intersect]
        return offset is not None and all(
            test(abs(distance), image, region)
            for distance, image, region in (
                (offset[0], product.width, self.width),
                (offset[1], product.height, self.height),
            )
        )

    def _offset(self, product: Product) -> tuple[float, float] | None:
        """Offsets of the centres in degrees; in a wide region those of the coordinates."""
        if max(self.width, self.height) <= _WIDE:
            return offsets(self.ra, self.dec, product.ra, product.dec)
        turn = (product.ra - self.ra + 180) % 360 - 180
        return turn * math.cos(math.radians(product.dec)), product.dec - self.dec


def endpoint(answer: Callable[[MultiDict], bytes]) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of a service whose answers, also of errors, are VOTables.

    An error has status 200 (SIA 1.0, section 8).

    Parameters
    ----------
    answer : callable
        Makes a VOTable of the parameters, by their names in capitals; may raise a `RequestError`.
    """

    async def search(request: Request) -> Response:
        try:
            body = await asyncio.to_thread(answer, await parameters(request))
        except RequestError as problem:
            body = votable.error(str(problem))
        return Response(body, media_type=votable.MEDIA_TYPE)

    return search


def wants_metadata(params: MultiDict) -> bool:
    """Whether the request asks for the description of the service instead of images."""
    return params.get("FORMAT", "").upper() == "METADATA"


def image_query(params: MultiDict, formats: tuple[str, ...]) -> ImageQuery:
    """Read the parameters POS, SIZE, INTERSECT and FORMAT.

    Parameters
    ----------
    params : MultiDict
        Parameters by their names in capitals.
    formats : tuple of str
        Content types that the service has.

    Raises
    ------
    RequestError
        If one of them is missing or cannot be understood.
    """
    ra, dec = _position(params.get("POS", ""))
    width, height = _size(params.get("SIZE", ""))
    intersect = (params.get("INTERSECT") or "OVERLAPS").upper()
    if intersect not in INTERSECT:
        raise RequestError(f"INTERSECT={intersect} is not one of {', '.join(INTERSECT)}")
    wanted = _formats(params.get("FORMAT") or "ALL", formats)
    return ImageQuery(ra, dec, width, height, intersect, wanted)


def _position(text: str) -> tuple[float, float]:
    values = numbers("POS", text.split(";")[0], ",") if text else []
    if len(values) != 2:
        raise RequestError("POS is needed: right ascension and declination in degrees, as 83.6,22")
    ra, dec = values
    if not (math.isfinite(ra) and -90 <= dec <= 90):
        raise RequestError(f"POS={text} is not on the sky: the declination is within ±90 degrees")
    return ra, dec


def _size(text: str) -> tuple[float, float]:
    values = numbers("SIZE", text, ",") if text else []
    if len(values) not in (1, 2) or not all(0 <= value <= 360 for value in values):
        raise RequestError("SIZE is needed: one or two sizes in degrees, 0 or more, as 0.1,0.2")
    return values[0], values[-1]


def _formats(text: str, known: tuple[str, ...]) -> frozenset[str]:
    """Content types of a FORMAT such as ``ALL``, ``GRAPHIC`` or ``image/fits,image/jpeg``."""
    wanted: set[str] = set()
    for word in text.split(","):
        if word.upper() == "ALL":
            wanted.update(known)
        elif word.upper().startswith("GRAPHIC"):
            wanted.update(set(known) - {"image/fits"})
        elif word.lower() in known:
            wanted.add(word.lower())
        else:
            raise RequestError(f"FORMAT={word} is not one of ALL, METADATA, {', '.join(known)}")
    return frozenset(wanted)
