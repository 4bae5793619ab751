"""Times as the services write them."""

from __future__ import annotations

import datetime


def to_mjd(timestamp: str) -> float:
    """Modified Julian date of an ISO 8601 time; naive, as GAVO's function is."""
    return (_time(timestamp) - datetime.datetime(1858, 11, 17)) / datetime.timedelta(days=1)


def to_jd(timestamp: str) -> float:
    """Julian date of an ISO 8601 time."""
    return to_mjd(timestamp) + 2_400_000.5


def _time(timestamp: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(timestamp).replace(tzinfo=None)
