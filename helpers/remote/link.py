"""How fast the way to a server is, as the answers so far have shown."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

#: Where nothing is measured yet: a distant bucket and a good line, seconds and bytes a second.
LATENCY, BANDWIDTH = 0.030, 50e6
#: What a request costs beside the waiting, seconds: this program and the server work on it.
#: Measured on two cores: 300 to 450 small requests a second with 32 at once.
REQUEST_COST = 0.0015
#: Answers that are remembered of a server, and as many large ones.
REMEMBERED = 64
#: Only answers of this size, together at least so many bytes, say anything of the bandwidth.
LARGE, ENOUGH = 2**17, 2**22
#: A larger gap is never read along, bytes.
MOST = 2**20


@dataclass(frozen=True)
class Answer:
    """When a request was sent, its answer began and ended (seconds), and its bytes."""

    began: float
    answered: float
    ended: float
    size: int


class Link:
    """The way to one server: its latency and bandwidth follow from its last answers."""

    def __init__(self) -> None:
        self._answers: deque[Answer] = deque(maxlen=REMEMBERED)
        # Apart, because many small answers must not make the bandwidth unknown again.
        self._large: deque[Answer] = deque(maxlen=REMEMBERED)

    def record(self, answer: Answer) -> None:
        """Remember an answer."""
        self._answers.append(answer)
        if answer.size >= LARGE:
            self._large.append(answer)

    @property
    def latency(self) -> float:
        """Seconds until an answer begins, when nothing else is in its way."""
        # The least, because behind other answers the wait is for bandwidth.
        return min((each.answered - each.began for each in list(self._answers)), default=LATENCY)

    @property
    def measured(self) -> bool:
        """Whether the answers say what the bandwidth is."""
        return sum(each.size for each in list(self._large)) >= ENOUGH

    @property
    def bandwidth(self) -> float:
        """Bytes a second that all answers under way brought together."""
        large = list(self._large)
        seconds = covered((each.answered, each.ended) for each in large)
        known = self.measured and seconds > 0
        return sum(each.size for each in large) / seconds if known else BANDWIDTH

    def merge_gap(self, parallel: int) -> int:
        """Return the gap, in bytes, below which two ranges are read faster as one.

        That is where the bytes between them take less time than a further request.  Of its
        latency only a part counts, since `parallel` requests wait at the same time, and nothing
        where the work on each takes longer than that.
        """
        seconds = max(self.latency / parallel, REQUEST_COST)
        return min(int(seconds * self.bandwidth), MOST)


def covered(intervals: Iterable[tuple[float, float]]) -> float:
    """Return how long at least one of the intervals lasts.

    Examples
    --------
    >>> covered([(0.0, 2.0), (1.0, 3.0), (5.0, 6.0)])
    4.0
    """
    total, until = 0.0, float("-inf")
    for begin, end in sorted(intervals):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total


def link_to(url: str) -> Link:
    """Return the one `Link` to the server of an address."""
    return _link(urlsplit(url).netloc)


@lru_cache(maxsize=64)
def _link(server: str) -> Link:
    return Link()
