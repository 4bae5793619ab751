"""Requests and bytes of this process, and a record of each request, while a block is open."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, field

from helpers.transfer.callers import Caller, find_caller
from helpers.transfer.record import Record, RemoteFile, address_of

#: Requests of one block that are recorded; the rest is only counted.
MAX_RECORDS = 100_000


@dataclass(frozen=True)
class Count:
    """How many requests were sent, and bytes received, since the first block was opened."""

    requests: int = 0
    bytes: int = 0


@dataclass
class Log:
    """What one block saw.

    Attributes
    ----------
    records : list of Record
        Its requests.
    lookups : list of Caller
        Who had botocore look for credentials.
    """

    records: list[Record] = field(default_factory=list)
    lookups: list[Caller] = field(default_factory=list)


class Counter:
    """Requests and bytes of this process since the first block was opened."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = self._bytes = 0
        self._logs: list[Log] = []
        self._files: dict[str, RemoteFile] = {}

    def add_request(self, method: str, url: str) -> Record:
        """Count a request and return its record."""
        address = address_of(url)
        caller = find_caller(sys._getframe(2))
        with self._lock:
            self._requests += 1
            file = self._files.setdefault(address, RemoteFile(address))
            record = Record(method, url, caller, file)
            for log in self._logs:
                if len(log.records) < MAX_RECORDS:
                    log.records.append(record)
        return record

    def add_bytes(self, data: bytes | memoryview, record: Record | None) -> None:
        """Count a piece of a body."""
        with self._lock:
            self._bytes += len(data)
        if record is not None:
            record.receive(data)

    def add_lookup(self) -> None:
        """Note that botocore looks for credentials."""
        caller = find_caller(sys._getframe(2))
        with self._lock:
            for log in self._logs:
                log.lookups.append(caller)

    def now(self) -> Count:
        """Return the counts so far."""
        with self._lock:
            return Count(self._requests, self._bytes)

    def open(self, log: Log) -> int:
        """Begin to fill a log; return how many are filled now."""
        with self._lock:
            self._logs.append(log)
            return len(self._logs)

    def close(self, log: Log) -> int:
        """Fill a log no more; return how many are still filled."""
        with self._lock:
            self._logs = [other for other in self._logs if other is not log]
            if not self._logs:
                self._files.clear()
            return len(self._logs)


counter = Counter()
