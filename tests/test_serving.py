"""How the replica is served: addresses, tunnels, its end, and what it says when it cannot."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from replicas import ROOT, RunningReplica, fresh_environment, replica

from replica.holdings import select
from replica.server import _loopback_socket

REGISTRY = "http://reg.g-vo.org/tap"
STACK = select(archive="mast", band="g", collection="PS1")[0]

#: A query that works until it is stopped.
ENDLESS = "SELECT COUNT(*) FROM " + ", ".join(f"rr.resource AS t{n}" for n in range(9))

#: Serves while a thread of the event loop sleeps on: a request to /busy holds the loop.
BUSY = """
import time
from starlette.routing import Route
from replica import application, cli
async def busy(request):
    time.sleep(600)
application.ROUTES["busy.example.org"] = [Route("/", busy)]
application.ARCHIVE_HOSTS.append("busy.example.org")
raise SystemExit(cli.main({arguments}))
"""


@contextmanager
def serving(*command: str, **options) -> Iterator[tuple[subprocess.Popen[str], dict]]:
    """Run a command that serves; yield its process and the environment that it prints."""
    with subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, text=True, cwd=ROOT, **options
    ) as process:
        try:
            yield process, json.loads(process.stdout.readline())["environment"]
        finally:
            process.kill()


def ask_in_background(url: str, environment: dict, **options) -> None:
    """Ask through a replica, and let the question wait for its answer."""

    def ask() -> None:
        proxies = {"http": environment["HTTP_PROXY"], "https": environment["HTTP_PROXY"]}
        session = requests.Session()
        session.trust_env = False
        certificate = environment["SSL_CERT_FILE"]
        try:
            session.get(url, proxies=proxies, verify=certificate, timeout=60, **options)
        except requests.RequestException:
            return

    threading.Thread(target=ask, daemon=True).start()
    time.sleep(1.0)


# The end


def test_sigterm_ends_a_replica_amid_a_query() -> None:
    with serving("-m", "replica", "serve", "--json") as (process, environment):
        ask_in_background(f"{REGISTRY}/sync", environment, params={"QUERY": ENDLESS})
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=8) == 0
    assert not Path(environment["SSL_CERT_FILE"]).exists()


def test_sigterm_ends_a_replica_that_makes_a_large_file(tmp_path: Path) -> None:
    cache = {**os.environ, "REPLICA_CACHE": str(tmp_path)}
    with serving("-m", "replica", "serve", "--json", env=cache) as (process, environment):
        ask_in_background(f"https://s3.amazonaws.com/{STACK.bucket}/{STACK.key}", environment)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=8) == 0


def test_a_replica_whose_loop_is_busy_ends_with_its_parent() -> None:
    arguments = "['serve', '--json', '--parent', str(__import__('os').getppid())]"
    parent = (
        "import subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-c', {BUSY.format(arguments=arguments)!r}])\n"
        "time.sleep(600)\n"
    )
    with serving("-c", parent) as (process, environment):
        child = psutil.Process(process.pid).children()[0]
        ask_in_background("http://busy.example.org/", environment)
        process.kill()
        process.wait()
        child.wait(timeout=15)


# Addresses and ports


def has_ipv6() -> bool:
    return Path("/proc/net/if_inet6").exists() and bool(Path("/proc/net/if_inet6").read_text())


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_it_listens_at_an_address_of_ipv6(tmp_path: Path) -> None:
    with replica(tmp_path, "--address", "::1") as running:
        assert running.proxy.startswith("http://[::1]:")
        proxies = {"http": running.proxy}
        assert requests.get(f"{REGISTRY}/availability", proxies=proxies).status_code == 200


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (["--port", "99999"], 2, "cannot read '99999': a port is from 0 to 65535"),
        (["--port", "-1"], 2, "a port is from 0 to 65535"),
        (["--port", "http"], 2, "a port is from 0 to 65535"),
        (["--address", "no.such.address.example"], 1, "replica: "),
        (["--address", "203.0.113.7"], 1, "replica: "),
    ],
)
def test_an_address_that_cannot_be_had_is_told(options: list, code: int, sentence: str) -> None:
    command = [sys.executable, "-m", "replica", "serve", *options]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert answer.returncode == code
    assert sentence in answer.stderr
    assert "Traceback" not in answer.stderr


LONG = "a" * 300


def test_a_cache_whose_name_is_too_long_is_told_to_the_client(tmp_path: Path) -> None:
    with replica(tmp_path, REPLICA_CACHE=str(tmp_path / LONG)) as running:
        answer = requests.get(
            f"https://s3.amazonaws.com/{STACK.bucket}/{STACK.key}",
            proxies={"https": running.proxy},
            verify=running.environment["SSL_CERT_FILE"],
        )
    assert answer.status_code == 507
    assert "File name too long" in answer.text
    assert "REPLICA_CACHE" in answer.text


def test_a_cache_whose_name_is_too_long_is_told_at_the_terminal(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "replica", "build", STACK.key],
        cwd=ROOT,
        env={**os.environ, "REPLICA_CACHE": str(tmp_path / LONG)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert answer.returncode == 1
    assert "File name too long" in answer.stderr
    assert "Traceback" not in answer.stderr


# Tunnels


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize(
    "url", [f"{REGISTRY}/availability", "https://irsa.ipac.caltech.edu/TAP/availability"]
)
def test_a_tunnel_carries_plain_http_at_port_80_and_tls_elsewhere(
    shared_replica: RunningReplica, url: str
) -> None:
    certificate = shared_replica.environment["SSL_CERT_FILE"]
    command = ["curl", "--silent", "--show-error", "--proxytunnel", "--cacert", certificate]
    answer = subprocess.run(
        [*command, "--proxy", shared_replica.proxy, url],
        env=fresh_environment(),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert answer.returncode == 0, answer.stderr
    assert ">true<" in answer.stdout


# Failures


FAILING = """
from starlette.responses import StreamingResponse
from starlette.routing import Route
from replica import application, cli
def failing(request):
    raise RuntimeError("nobody thought of this")
async def amid(request):
    async def body():
        yield b"a"
        raise RuntimeError("nor of this")
    return StreamingResponse(body(), headers={"content-length": "2"})
application.ROUTES["reg.g-vo.org"] += [Route("/failing", failing), Route("/amid", amid)]
raise SystemExit(cli.main(["serve", "--json"]))
"""


def test_a_failure_nobody_thought_of_is_told_and_logged_and_spoils_nothing() -> None:
    with serving("-c", FAILING, stderr=subprocess.PIPE) as (process, environment):
        address = urlsplit(environment["HTTP_PROXY"])
        client = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        client.request("GET", "/failing", headers={"Host": "reg.g-vo.org"})
        answer = client.getresponse()
        assert answer.status == 500
        assert b"defect of the replica: RuntimeError: nobody thought of this" in answer.read()
        before = client.sock
        client.request("GET", "/tap/availability", headers={"Host": "reg.g-vo.org"})
        assert b">true<" in client.getresponse().read()
        assert client.sock is before is not None
        client.request("GET", "/amid", headers={"Host": "reg.g-vo.org"})
        with pytest.raises(http.client.IncompleteRead):
            client.getresponse().read()
        client.close()
        process.send_signal(signal.SIGTERM)
        said = process.stderr.read()
    assert "no answer to GET /failing" in said
    assert "Traceback" in said


def test_small_answers_wait_for_no_acknowledgement() -> None:
    """asyncio sets TCP_NODELAY only on sockets that name their protocol, as accepted ones do."""
    with _loopback_socket() as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
        with client, accepted:
            assert accepted.proto == socket.IPPROTO_TCP
