"""The pitfalls of reading from afar, each with what tells that somebody fell into it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from helpers.transfer import pitfalls_of_files, pitfalls_of_places, pitfalls_of_requests
from helpers.transfer.advice import Advice, Facts
from helpers.transfer.counter import Log

#: A detector looks at the facts for one pitfall.
Detector = Callable[[Facts], Iterable[Advice]]

DETECTORS: tuple[Detector, ...] = (
    *pitfalls_of_files.DETECTORS,
    *pitfalls_of_requests.DETECTORS,
    *pitfalls_of_places.DETECTORS,
)


def advice(log: Log) -> list[Advice]:
    """Return the pitfalls that a block fell into, the dearest first."""
    facts = Facts(log)
    return sorted(_found(facts), key=lambda found: -found.seconds)


def _found(facts: Facts) -> Iterator[Advice]:
    for detector in DETECTORS:
        yield from detector(facts)
