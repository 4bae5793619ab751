"""The block that counts, and what can be asked of it afterwards."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from helpers.transfer import listening
from helpers.transfer.counter import Count, Log, counter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from helpers.transfer.advice import Advice
    from helpers.transfer.report import Report
    from helpers.transfer.request import Request


class Transfer:
    """Count the seconds, requests and bytes of whatever runs inside the block, and say why.

    Requests of all threads count, through helpers, pyvo, astroquery, s3fs, boto3 and
    astropy alike.  Programs started as processes of their own do not count.

    Attributes
    ----------
    seconds : float
        Time on the clock.
    requests : int
        HTTP requests sent, repeated and redirected ones too.
    bytes : int
        Bytes of the bodies received; neither headers nor the encryption around them.
    log : tuple of Request
        Each request that began inside the block: what it asked for, what came, when, which
        line of your code caused it.

    Examples
    --------
    >>> with Transfer() as transfer:
    ...     pass
    >>> transfer.requests
    0
    >>> transfer.advice()
    []
    """

    def __init__(self) -> None:
        self._began: tuple[float, Count] | None = None
        self._ended: tuple[float, Count] | None = None
        self._log = Log()

    def start(self) -> Self:
        """Begin to count, for where a ``with`` block would be in the way."""
        self.stop()
        self._log = Log()
        listening.begin(self._log)
        self._began, self._ended = (time.perf_counter(), counter.now()), None
        return self

    def stop(self) -> None:
        """Count no further."""
        if self._began is not None and self._ended is None:
            self._ended = (time.perf_counter(), counter.now())
            listening.end(self._log)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def seconds(self) -> float:
        return self._span()[0]

    @property
    def requests(self) -> int:
        return self._span()[1].requests

    @property
    def bytes(self) -> int:
        return self._span()[1].bytes

    @property
    def log(self) -> tuple[Request, ...]:
        from helpers.transfer.request import requests_of

        began = self._began[0] if self._began else 0.0
        return requests_of(list(self._log.records), began)

    def report(self) -> Report:
        """Say what was read: a line for each line of your code, file and part of the file.

        Returns
        -------
        Report
            A short table; a notebook shows it as one, and ``print`` as text.
        """
        from helpers.transfer.report import report

        return report(str(self), self.log)

    def advice(self) -> list[Advice]:
        """Name the pitfalls that made the block slow or dear, the dearest first.

        Returns
        -------
        list of Advice
            Pitfall, line of your code, evidence, and a remedy in one line of code.
        """
        from helpers.transfer.pitfalls import advice

        return advice(self._log)

    def picture(self) -> Figure:
        """Draw which bytes of each file were read, and the requests in time.

        Returns
        -------
        matplotlib.figure.Figure
            Save it, or show it with `helpers.show_figure`.
        """
        from helpers.transfer.picture import picture

        return picture(str(self), self.log)

    def _span(self) -> tuple[float, Count]:
        if self._began is None:
            return 0.0, Count()
        (began, before), (ended, after) = self._began, self._ended or self._now()
        count = Count(after.requests - before.requests, after.bytes - before.bytes)
        return ended - began, count

    @staticmethod
    def _now() -> tuple[float, Count]:
        return time.perf_counter(), counter.now()

    def __str__(self) -> str:
        noun = "request" if self.requests == 1 else "requests"
        return f"{self.requests} {noun}, {self.bytes / 1e6:.2f} MB, {self.seconds:.2f} s"

    __repr__ = __str__
