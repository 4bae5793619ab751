"""The replica under bad treatment: it goes on, and touches nothing but its own folders."""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from replicas import ROOT, RunningReplica, replica
from threaded import threaded_replica

from replica.holdings import select
from replica.middleware.body_limit import BODY_LIMIT
from replica.proxy import proxy as proxy
from replica.server import Settings
from replica.storage.cache import ensure, path_of

resource = pytest.importorskip("resource")  # limits of processes: not on Windows

CHANDRA = select(obs_id="13751", kind="cntr_img2")[0]
OTHERS = [select(obs_id=obs_id, kind="cntr_img2")[0] for obs_id in ("4607", "13146")]
S3 = "nasa-heasarc.s3.amazonaws.com"
OBJECT = f"https://{S3}/{CHANDRA.key}"
SIA = "https://irsa.ipac.caltech.edu/ibe/sia/wise/allwise/p3am_cdd?POS=83.63,22.01&SIZE=0.04"
INVOKE = "https://mast.stsci.edu/api/v0/invoke"
SYNC = "https://heasarc.gsfc.nasa.gov/xamin/vo/tap/sync"
LOOKUP = f"https://mast.stsci.edu/api/v0.1/path_lookup/?uri=mast:PS1/product/{'a' * 40}.fits"

#: The environment without the folders in which Python looks for packages before its own.
BARE = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def ask(running: RunningReplica, url: str, **options) -> requests.Response:
    """GET through a running replica."""
    proxies = dict.fromkeys(("http", "https"), running.proxy)
    certificate = running.environment["SSL_CERT_FILE"]
    return requests.get(url, proxies=proxies, verify=certificate, timeout=60, **options)


def connection(proxy: str) -> socket.socket:
    address = urlsplit(proxy)
    return socket.create_connection((address.hostname, address.port), timeout=20)


def tunnel(proxy: str, host: str) -> tuple[socket.socket, bytes]:
    """Ask for a tunnel to a host; return the connection and the answer."""
    client = connection(proxy)
    client.sendall(f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode())
    return client, client.recv(4096)


def secured(proxy: str, certificate: str) -> ssl.SSLSocket:
    client, answer = tunnel(proxy, S3)
    assert b" 200 " in answer
    return ssl.create_default_context(cafile=certificate).wrap_socket(client, server_hostname=S3)


def all_of(client: socket.socket) -> bytes:
    """Everything until the other side closes."""
    received = b""
    while block := client.recv(2**16):
        received += block
    return received


def request_head(path: str, host: str, *lines: str) -> bytes:
    head = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close", *lines, "", ""]
    return "\r\n".join(head).encode()


# Fifty clients at once


def range_of_an_object() -> bytes:
    return requests.get(OBJECT, headers={"Range": "bytes=1000-90999"}).content


def listing() -> bytes:
    return requests.get(f"https://{S3}/?list-type=2&prefix=chandra/data/byobsid/1/13751/").content


def table_access() -> bytes:
    query = "SELECT obsid, ra FROM chanmaster WHERE detector = 'ACIS-S' ORDER BY obsid"
    answer = requests.post(SYNC, data={"QUERY": query, "LANG": "ADQL", "REQUEST": "doQuery"})
    return answer.content


ASKED: list[Callable[[], bytes]] = [
    range_of_an_object,
    listing,
    table_access,
    lambda: requests.get(OBJECT).content,
    lambda: requests.get(SIA).content,
    lambda: requests.get(LOOKUP).content,
]


def test_fifty_clients_at_once_get_right_answers() -> None:
    right = [each() for each in ASKED]
    assert right[0] == ensure(CHANDRA).read_bytes()[1000:91000]
    together = Barrier(50)

    def client(number: int) -> bool:
        together.wait()
        order = [(number + step) % len(ASKED) for step in range(len(ASKED))]
        return all(ASKED[index]() == right[index] for index in order)

    with ThreadPoolExecutor(50) as pool:
        assert all(pool.map(client, range(50)))


def test_clients_that_leave_amid_an_answer_do_no_harm(shared_replica: RunningReplica) -> None:
    for _ in range(20):
        with connection(shared_replica.proxy) as client:
            client.sendall(request_head(f"/{CHANDRA.key}", S3))
            assert client.recv(1000)
    assert requests.get(OBJECT).content == ensure(CHANDRA).read_bytes()


# The cache


def files_in(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if path.is_file())


def kill_amid_write(running: RunningReplica, cache: Path) -> None:
    """Ask for a product, and kill the replica when a part of the file is there."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, running, OBJECT)
        while not list(cache.glob("*.partial")):
            assert not answer.done()
            time.sleep(0.001)
        running.process.send_signal(signal.SIGKILL)
        assert isinstance(answer.exception(), requests.ConnectionError)


def test_a_replica_killed_amid_a_write_leaves_no_damage(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with replica(tmp_path, REPLICA_CACHE=str(cache)) as running:
        kill_amid_write(running, cache)
    assert files_in(cache)[0].endswith(".partial")
    with replica(tmp_path, REPLICA_CACHE=str(cache)) as running:
        content = ask(running, OBJECT).content
    assert content == ensure(CHANDRA).read_bytes()
    assert files_in(cache) == [path_of(CHANDRA).name]


def limit_files(process: int, size: int) -> None:
    """Let a process write files up to a size: to it, the disk is full from there on."""
    _, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (size, hard))


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits others on Linux only")
def test_a_full_disk_is_told_and_overcome(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with replica(tmp_path, REPLICA_CACHE=str(cache)) as running:
        limit_files(running.process.pid, 50_000)
        refused = ask(running, OBJECT)
        assert refused.status_code == 507
        assert CHANDRA.filename in refused.text
        assert f"could not be made in {cache}" in refused.text
        assert "REPLICA_CACHE" in refused.text
        assert files_in(cache) == []
        assert ask(running, SIA).status_code == 200
        limit_files(running.process.pid, resource.RLIM_INFINITY)
        assert ask(running, OBJECT).content == ensure(CHANDRA).read_bytes()


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with replica(tmp_path, REPLICA_CACHE=str(tmp_path / "file")) as running:
        refused = ask(running, OBJECT)
    assert refused.status_code == 507
    assert "REPLICA_CACHE" in refused.text


def test_two_versions_share_a_cache(tmp_path: Path) -> None:
    cache, other = tmp_path / "cache", tmp_path / "other"
    shutil.copytree(ROOT / "replica", other / "replica")
    with (other / "replica" / "archives" / "heasarc" / "chandra.py").open("a") as source:
        source.write("# another version\n")
    command = [sys.executable, "-m", "replica", "build", CHANDRA.key]
    environment = {**BARE, "REPLICA_CACHE": str(cache)}
    builds = [subprocess.Popen(command, cwd=home, env=environment) for home in (ROOT, other)]
    assert [build.wait(timeout=120) for build in builds] == [0, 0]
    made = files_in(cache)
    assert len(made) == 2
    assert path_of(CHANDRA).name in made
    assert {(cache / name).read_bytes() for name in made} == {ensure(CHANDRA).read_bytes()}


MAKE = """
import logging, sys
from replica.storage.cache import ensure
from replica.holdings import holdings
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
for product in holdings():
    if product.key in sys.argv:
        ensure(product)
"""


def test_four_processes_make_each_product_once(tmp_path: Path) -> None:
    products = [CHANDRA, *OTHERS]
    command = [sys.executable, "-c", MAKE, *(product.key for product in products)]
    environment = {**BARE, "REPLICA_CACHE": str(tmp_path)}
    processes = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = [line for each in processes for line in each.communicate(timeout=120)[0].splitlines()]
    assert sorted(said) == sorted(f"making {product.filename}" for product in products)
    assert files_in(tmp_path) == sorted(path_of(product).name for product in products)
    for product in products:
        assert gzip.decompress((tmp_path / path_of(product).name).read_bytes())


# Ways out of the folders


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningReplica, Path]]:
    """A replica whose cache lies beside a file that is not its own."""
    home = tmp_path_factory.mktemp("guarded")
    (home / "secret.txt").write_text("secret of another program")
    with replica(home, REPLICA_CACHE=str(home / "cache")) as running:
        yield running, home


WAYS_OUT = [
    "../secret.txt",
    "../../../../../../../../etc/passwd",
    "%2e%2e/secret.txt",
    "..%2fsecret.txt",
    "%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%5csecret.txt",
    "%252e%252e%252fsecret.txt",
    "....//secret.txt",
    "%00../secret.txt",
    "/etc/passwd",
    "locks/../../secret.txt",
]
ROOTS = [
    (S3, "/"),
    ("s3.amazonaws.com", "/nasa-heasarc/"),
    ("s3.amazonaws.com", "/"),
    ("heasarc.gsfc.nasa.gov", "/FTP/"),
    ("irsa.ipac.caltech.edu", "/ibe/data/wise/allwise/p3am_cdd/"),
    ("mast.stsci.edu", "/api/v0.1/Download/file?uri=mast:PS1/product/"),
    ("reg.g-vo.org", "/"),
]


@pytest.mark.parametrize(("host", "root"), ROOTS)
def test_no_path_leads_out_of_the_holdings(guarded, host: str, root: str) -> None:
    running, home = guarded
    before = sorted(home.rglob("*"))
    for way in WAYS_OUT:
        with connection(running.proxy) as client:
            client.sendall(request_head(root + way, host))
            head, _, body = all_of(client).partition(b"\r\n\r\n")
        assert head.split()[1] in (b"400", b"403", b"404"), (way, head)
        assert b"secret of" not in body
        assert b"root:" not in body
    assert sorted(home.rglob("*")) == before


@pytest.mark.parametrize("bucket", ["under_score", "xn--a", "a..b", "a" * 64, "../a"])
def test_a_bucket_that_no_certificate_can_name_is_refused(shared_replica, bucket: str) -> None:
    client, answer = tunnel(shared_replica.proxy, f"{bucket}.s3.amazonaws.com")
    client.close()
    assert answer.startswith(b"HTTP/1.1 403 No certificate can name")


# Requests of odd forms


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_oversized_headers_are_refused(shared_replica: RunningReplica, secure: bool) -> None:
    proxy, certificate = shared_replica.proxy, shared_replica.environment["SSL_CERT_FILE"]
    with secured(proxy, certificate) if secure else connection(proxy) as client:
        client.sendall(request_head("/", S3, f"X-Long: {'a' * 300_000}"))
        assert all_of(client).startswith(b"HTTP/1.1 431 ")


def pieces() -> Iterator[bytes]:
    """A body of 50 MB whose length is not announced."""
    for _ in range(50):
        yield b"a" * 1_000_000


@pytest.mark.parametrize("url", [INVOKE, SYNC, SIA])
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "in chunks"])
def test_oversized_bodies_are_refused_and_not_kept(guarded, url: str, announced: bool) -> None:
    running, _ = guarded
    process = psutil.Process(running.process.pid)
    before = process.memory_info().rss
    answer = requests.post(
        url,
        data=b"a" * 50_000_000 if announced else pieces(),
        proxies=dict.fromkeys(("http", "https"), running.proxy),
        verify=running.environment["SSL_CERT_FILE"],
    )
    assert answer.status_code == 413
    assert str(BODY_LIMIT) in answer.text
    assert process.memory_info().rss - before < 20e6


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00 not for a proxy\r\n\r\n",
        b"CONNECT\r\n\r\n",
        b"CONNECT \r\n\r\n",
        b"CONNECT [::1]:443 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\nConnection: close\r\n\r\n",
        request_head("/", "["),
        request_head("/", ""),
        request_head("/", "archive.example.org:99999"),
        request_head("/", "127.0.0.1"),
    ],
)
def test_odd_requests_are_refused(shared_replica: RunningReplica, data: bytes) -> None:
    with connection(shared_replica.proxy) as client:
        client.sendall(data)
        assert all_of(client).split()[1] in (b"400", b"403")
    assert requests.get(OBJECT, headers={"Range": "bytes=0-1"}).content == b"\x1f\x8b"


@pytest.mark.parametrize("said", ["nothing", "half a head", "no TLS", "nothing in TLS"])
def test_a_client_that_never_speaks_is_let_go(monkeypatch, said: str) -> None:
    monkeypatch.setattr(proxy, "HEAD_TIMEOUT", 0.5)
    with threaded_replica(Settings()) as silent_to:
        address, certificate = silent_to.proxy, str(silent_to.certificate)
        if said == "no TLS":
            client, _ = tunnel(address, S3)
        else:
            client = secured(address, certificate) if "TLS" in said else connection(address)
        if said == "half a head":
            client.sendall(b"GET / HTTP/1.1\r\nHost:")
        with connection(address) as other, client:
            other.sendall(request_head("/tap/availability", "reg.g-vo.org"))
            assert all_of(other).startswith(b"HTTP/1.1 200 ")
            assert all_of(client) == b""
