"""Fifty clients at once, half of them with jobs, some stopped: right rows, and nothing left."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from xml.etree import ElementTree

import pytest
import requests
from replicas import RunningReplica, replica

from replica.archives.heasarc.facts import observations

TAP = "https://heasarc.gsfc.nasa.gov/xamin/vo/tap"
NAMES = {each.row: each.first.obs_id for each in observations()}
#: A query that works until it is stopped.
ENDLESS = "SELECT COUNT(*) FROM " + ", ".join(f"chanmaster AS t{n}" for n in range(12))
#: What clients do: half of them have jobs, and a third of the jobs are stopped.
KINDS = ("sync", "job", "sync", "job", "sync", "stopped")


class Client:
    """One client, with a session of its own."""

    def __init__(self, running: RunningReplica, number: int, rounds: int) -> None:
        self.number, self.rounds = number, rounds
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.proxies = dict.fromkeys(("http", "https"), running.proxy)
        self.session.verify = running.environment["SSL_CERT_FILE"]

    def ask(self, method: str, url: str, **data: object) -> requests.Response:
        way = {"params": data} if method == "GET" else {"data": data}
        answer = self.session.request(method, url, timeout=120, allow_redirects=False, **way)
        assert answer.status_code in (200, 303), answer.text
        return answer

    def work(self) -> None:
        """Do what this client does, each time with another row."""
        act: Callable[[int], None] = getattr(self, KINDS[self.number % len(KINDS)])
        with self.session:
            for step in range(self.rounds):
                act(step)

    def question(self, step: int) -> tuple[str, bytes]:
        """A query that only this client has, and its answer as CSV."""
        row = (self.number + step) % len(NAMES) + 1
        mark = f"client {self.number} step {step}"
        query = f"SELECT '{mark}' AS mark, obsid FROM chanmaster WHERE __row = '{row}'"
        return query, f"mark,obsid\r\n{mark},{NAMES[row]}\r\n".encode()

    def sync(self, step: int) -> None:
        for part in range(3):
            query, right = self.question(step + part)
            answer = self.ask("POST", f"{TAP}/sync", LANG="ADQL", QUERY=query, FORMAT="csv")
            assert answer.content == right

    def job(self, step: int) -> None:
        query, right = self.question(step)
        job = self.begin(query)
        while (phase := self.ask("GET", f"{job}/phase", WAIT=20).text) in ("QUEUED", "EXECUTING"):
            pass
        assert phase == "COMPLETED"
        assert self.ask("GET", f"{job}/results/result").content == right
        self.ask("DELETE", job)

    def stopped(self, step: int) -> None:
        job = self.begin(ENDLESS)
        if self.number % 4 == 1:  # some stop it and look, the others destroy it while it works
            self.ask("POST", f"{job}/phase", PHASE="ABORT")
            assert self.ask("GET", f"{job}/phase").text == "ABORTED"
        self.ask("DELETE", job)

    def begin(self, query: str) -> str:
        asked = {"LANG": "ADQL", "QUERY": query, "FORMAT": "csv", "PHASE": "RUN"}
        return self.ask("POST", f"{TAP}/async", **asked).headers["location"]


def fifty_clients(running: RunningReplica, rounds: int) -> None:
    together = Barrier(50)

    def run(number: int) -> None:
        client = Client(running, number, rounds)
        together.wait()
        client.work()

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(run, range(50)))


def check_that_nothing_is_left(running: RunningReplica) -> None:
    """No job is in the list, and all workers are free: as many jobs as there are end at once."""
    last = Client(running, 3, 4)
    assert len(ElementTree.fromstring(last.ask("GET", f"{TAP}/async").content)) == 0
    began = time.monotonic()
    last.work()
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("rounds", [1, pytest.param(30, marks=pytest.mark.slow)])
def test_fifty_clients_get_their_own_rows_and_leave_no_job(tmp_path: Path, rounds: int) -> None:
    with replica(tmp_path) as running:
        fifty_clients(running, rounds)
        check_that_nothing_is_left(running)


def test_the_clients_are_half_with_jobs_and_half_without() -> None:
    kinds = [KINDS[number % len(KINDS)] for number in range(50)]
    assert kinds.count("sync") == 25
    assert kinds.count("stopped") == 8
