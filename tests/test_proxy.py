"""The replica as a proxy: what it refuses and logs, how it is started, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
import requests
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ProxyConnectionError
from replicas import ROOT, RunningReplica
from threaded import environment, threaded_replica

from helpers import DownloadError, open_fits
from replica.holdings import select
from replica.middleware.faults import FaultError, fault
from replica.middleware.throttle import Throttle, ThrottleError, bandwidth, latency
from replica.server import Settings
from replica.storage.cache import ensure

UNKNOWN = "archive.example.org"
CHANDRA = select(obs_id="13751", kind="cntr_img2")[0]
OBJECT = f"https://nasa-heasarc.s3.amazonaws.com/{CHANDRA.key}"


@pytest.fixture(scope="module", autouse=True)
def made() -> None:
    ensure(CHANDRA)


def chain(error: BaseException) -> str:
    """What an exception says together with its causes."""
    texts = [str(error)]
    while error := error.__cause__ or error.__context__:
        texts.append(str(error))
    return "\n".join(texts)


def ask_requests() -> str:
    with pytest.raises(requests.exceptions.ProxyError) as caught:
        requests.get(f"https://{UNKNOWN}/")
    return chain(caught.value)


def ask_requests_plainly() -> str:
    answer = requests.get(f"http://{UNKNOWN}/")
    assert answer.status_code == 403
    return answer.text


def ask_boto3() -> str:
    config = Config(signature_version=UNSIGNED, retries={"max_attempts": 0})
    client = boto3.client("s3", endpoint_url=f"https://{UNKNOWN}", config=config)
    with pytest.raises(ProxyConnectionError) as caught:
        client.list_buckets()
    return chain(caught.value)


def ask_curl() -> str:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    command = ["curl", "--silent", "--show-error", "--verbose", f"https://{UNKNOWN}/"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert answer.returncode == 56  # curl's code for a refused tunnel
    return answer.stderr


def ask_helpers() -> str:
    with pytest.raises(DownloadError) as caught:
        open_fits(f"https://{UNKNOWN}/image.fits")
    assert "tried" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "ask", [ask_requests, ask_requests_plainly, ask_boto3, ask_curl, ask_helpers]
)
def test_an_unknown_host_is_refused_with_what_to_do(ask: Callable[[], str]) -> None:
    text = ask()
    assert f"{UNKNOWN} is not part of the replica" in text
    assert "irsa.ipac.caltech.edu" in text
    assert "ARCHIVES=live" in text


SIZE = ensure(CHANDRA).stat().st_size
HEAD, GET = "HEAD", "GET"


@pytest.mark.parametrize(
    ("method", "url", "range_", "status", "sent"),
    [
        (GET, OBJECT, "", 200, SIZE),
        (GET, OBJECT, "bytes=100-299", 206, 200),
        (GET, OBJECT, "bytes=-50", 206, 50),
        (GET, OBJECT, f"bytes={SIZE}-", 416, None),
        (HEAD, OBJECT, "", 200, 0),
        (GET, f"{OBJECT}.missing?x=1%2C2", "", 404, None),
        (GET, "http://reg.g-vo.org/tap/availability", "", 200, None),
        (GET, f"http://{UNKNOWN}/a?b=c", "", 403, None),
    ],
)
def test_every_field_of_the_log_is_right(
    shared_replica: RunningReplica,
    method: str,
    url: str,
    range_: str,
    status: int,
    sent: int | None,
) -> None:
    began = time.time()
    with shared_replica.requests_inside() as logged:
        answer = requests.request(method, url, headers={"Range": range_} if range_ else {})
    assert len(logged) == 1
    entry, parts = logged[0], urlsplit(url)
    assert began - 1 <= entry.pop("time") <= time.time() + 1
    assert entry == {
        "host": parts.hostname,
        "method": method,
        "path": parts.path + (f"?{parts.query}" if parts.query else ""),
        "range": range_,
        "status": status,
        "bytes": len(answer.content),
    }
    assert answer.status_code == status
    assert sent in (None, len(answer.content))


def test_a_refused_connection_is_logged(shared_replica: RunningReplica) -> None:
    with shared_replica.requests_inside() as logged:
        ask_requests()
    assert [(entry["host"], entry["method"], entry["status"]) for entry in logged] == [
        (UNKNOWN, "CONNECT", 403)
    ]


@pytest.mark.parametrize(
    ("kind", "status", "share"), [("short-body", 200, 0.5), ("reset", 0, 0), ("503", 503, None)]
)
def test_the_log_counts_what_was_sent_of_a_failure(
    tmp_path: Path, kind: str, status: int, share: float | None
) -> None:
    log = tmp_path / "log.jsonl"
    settings = Settings(log=log, faults=[fault(kind)])
    with threaded_replica(settings) as replica, environment(replica.environment):
        sent = drained(OBJECT)
    entry = json.loads(log.read_text())
    assert entry["status"] == status
    assert entry["bytes"] == (sent if share is None else int(share * SIZE))


def drained(url: str) -> int:
    """Read an answer as far as it goes; return the bytes of its body."""
    try:
        return len(requests.get(url).content)
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        return -1


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (latency, "30ms", 0.03),
        (latency, "0.5s", 0.5),
        (latency, " 200us ", 2e-4),
        (bandwidth, "50MB/s", 5e7),
        (bandwidth, "1.5 GB/s", 1.5e9),
        (bandwidth, "800KB", 8e5),
    ],
)
def test_conditions_are_read(read: Callable[[str], float], text: str, value: float) -> None:
    assert read(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("read", "text", "error"),
    [
        (latency, "30", ThrottleError),
        (latency, "-30ms", ThrottleError),
        (latency, "fast", ThrottleError),
        (bandwidth, "50Mb/s", ThrottleError),
        (bandwidth, "", ThrottleError),
        (fault, "502", FaultError),
        (fault, "503,hosts=*", FaultError),
        (fault, "503,times=often", FaultError),
        (fault, "503,times=-1", FaultError),
    ],
)
def test_conditions_and_faults_that_cannot_be_read_show_how(read, text: str, error) -> None:
    with pytest.raises(error, match=r"write it like|choose of"):
        read(text)


def test_the_command_line_shows_the_sentence() -> None:
    answer = command("serve", "--latency", "soon")
    assert answer.returncode == 2
    assert "cannot read 'soon': write it like 30ms" in answer.stderr


def seconds(settings: Settings, requests_: int, range_: str) -> float:
    session = requests.Session()
    with threaded_replica(settings) as replica, environment(replica.environment), session:
        session.get(OBJECT, headers={"Range": range_})
        began = time.perf_counter()
        for _ in range(requests_):
            assert session.get(OBJECT, headers={"Range": range_}).status_code == 206
        return time.perf_counter() - began


def test_each_answer_waits_for_the_latency() -> None:
    assert seconds(Settings(throttle=Throttle(latency=0.05)), 4, "bytes=0-9") >= 4 * 0.05


def test_bytes_come_no_faster_than_the_bandwidth() -> None:
    link = Throttle(bandwidth=1e6)
    assert seconds(Settings(throttle=link), 3, "bytes=0-99999") >= 0.9 * 3 * 0.1


def command(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    """Run ``python -m replica`` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "replica", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        **options,
    )


def test_serve_tells_all_in_one_line_of_json(shared_replica: RunningReplica) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "replica", "serve", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    facts = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=30)
    assert set(facts) == {"proxy", "certificate", "environment"}
    assert facts["environment"].keys() == shared_replica.environment.keys()
    assert facts["environment"]["https_proxy"] == facts["proxy"]
    assert facts["environment"]["SSL_CERT_FILE"] == facts["certificate"]
    assert (process.returncode, rest) == (0, "")
    assert not Path(facts["certificate"]).exists()


def test_serve_ends_with_its_parent() -> None:
    program = (
        "import os, subprocess, sys, time\n"
        "command = [sys.executable, '-m', 'replica', 'serve', '--json', '--parent']\n"
        "subprocess.Popen([*command, str(os.getpid())])\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    proxy = urlsplit(json.loads(parent.stdout.readline())["proxy"])
    parent.kill()
    parent.wait()
    # The replica holds the other end of the pipe: it is closed when the replica has ended.
    with parent.stdout:
        assert parent.stdout.read() == ""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((proxy.hostname, proxy.port), timeout=5)


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("raise SystemExit(7)", 7),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", 128 + signal.SIGTERM),
    ],
)
def test_run_returns_the_exit_code_of_the_command(program: str, code: int) -> None:
    assert command("run", "--", sys.executable, "-c", program).returncode == code


def test_run_sets_the_environment_and_passes_on_the_rest() -> None:
    program = "import json, os; print(json.dumps(dict(os.environ)))"
    answer = command("run", "--", sys.executable, "-c", program, env={**os.environ, "MINE": "1"})
    seen = json.loads(answer.stdout)
    assert seen["MINE"] == "1"
    assert seen["ARCHIVES"] == "replica"
    assert seen["HTTPS_PROXY"] == seen["ARCHIVES_REPLICA"] != os.environ["HTTPS_PROXY"]


def test_astropy_opens_an_https_address_under_run() -> None:
    program = (
        "import sys\n"
        "from astropy.io import fits\n"
        "with fits.open(sys.argv[1], cache=False) as hdus:\n"
        "    print(hdus[0].data.shape)\n"
    )
    answer = command("run", "--", sys.executable, "-c", program, OBJECT)
    assert answer.stdout == "(1024, 1024)\n", answer.stderr


def test_an_unknown_command_is_told_in_a_sentence() -> None:
    answer = command("run", "--", "no-such-program")
    assert answer.returncode == 127
    assert answer.stderr == "replica: no program is called 'no-such-program'\n"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that someone listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_that_is_taken_is_told_in_a_sentence(taken: int) -> None:
    answer = command("serve", "--port", str(taken))
    assert answer.returncode == 1
    assert answer.stderr.startswith("replica: ")
    assert "Traceback" not in answer.stderr
