"""Is a product where somebody asks for it: in the cloud, in a region?"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

from helpers.cloud.location import CloudLocation
from helpers.cloud.url_rules import REGION_NAME
from helpers.errors import CloudLocationError, RequirementError

log = logging.getLogger(__name__)

#: Any region of the cloud.
CLOUD = "cloud"


def best_place(places: Iterable[CloudLocation], require: str) -> CloudLocation:
    """Return the first place that is where it is asked for.

    Parameters
    ----------
    places : iterable of CloudLocation
        All places that a product names, the best first.
    require : str
        ``"cloud"``, or the name of a region.

    Raises
    ------
    RequirementError
        If there is none; its `url` is the first place that there is.
    """
    if require != CLOUD and not REGION_NAME.fullmatch(require):
        raise CloudLocationError(
            f"require is {CLOUD!r} or a region such as 'us-east-1', not {require!r}"
        )
    seen = []
    for place in places:
        if place.in_cloud and require in (CLOUD, place.region):
            return place
        seen.append(place)
    where = ", ".join(dict.fromkeys(map(_where, seen)))
    wanted = "the cloud" if require == CLOUD else f"the region {require}"
    raise RequirementError(f"{seen[0].uri} is not in {wanted} but {where}", seen[0].uri)


def _where(place: CloudLocation) -> str:
    if not place.in_cloud:
        return f"on {_host(place.url)}, the archive's own server"
    return f"in {place.region}" if place.region else "in a region that is not known"


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def say_fall_back(place: CloudLocation) -> None:
    """Say once for each server that a product is read from there and not from the cloud."""
    if not place.in_cloud:
        _say_once(_host(place.url))


@lru_cache(maxsize=256)
def _say_once(host: str) -> None:
    log.warning(
        "no cloud copy is known: reading from %s, the archive's own server; "
        "cloud_location(product, require='cloud') makes that an error (said once)",
        host,
    )
