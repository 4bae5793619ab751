"""What was recorded through the proxy is replayed as it was, and nothing else is."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from recording_tools import (
    HOST,
    Upstream,
    ask,
    body_bytes,
    index,
    recording,
    replaying,
    session,
    upstream,
)
from starlette.responses import Response, StreamingResponse
from threaded import environment

from replica.server import Replica

OBJECT = f"{HOST}/object"


@pytest.fixture
def known() -> Upstream:
    return Upstream()


@pytest.fixture
def above(known: Upstream) -> Iterator[Replica]:
    with upstream(known) as running:
        yield running


def part(start: int, stop: int) -> dict[str, dict[str, str]]:
    return {"headers": {"Range": f"bytes={start}-{stop - 1}"}}


class TestObjects:
    def test_any_covered_range_is_answered_whatever_its_boundaries(
        self, tmp_path: Path, known: Upstream, above: Replica
    ) -> None:
        with recording(tmp_path / "r", above) as recorder:
            for start, stop in ((0, 70_000), (50_000, 120_000), (200_000, 300_000)):
                assert ask(recorder, OBJECT, **part(start, stop)).status_code == 206
        asked = len(known.asked)
        with replaying(tmp_path / "r") as player:
            for start, stop in ((0, 1), (60_000, 110_000), (0, 120_000), (299_999, 400_000)):
                answer = ask(player, OBJECT, **part(start, stop))
                assert answer.status_code == 206
                assert answer.content == known.content[start:stop]
                last = min(stop, 300_000) - 1
                assert answer.headers["content-range"] == f"bytes {start}-{last}/300000"
            suffix = ask(player, OBJECT, headers={"Range": "bytes=-100000"})
            assert suffix.content == known.content[200_000:]
            head = ask(player, OBJECT, "HEAD")
            assert (head.status_code, head.headers["content-length"]) == (200, "300000")
        assert len(known.asked) == asked

    def test_overlaps_are_stored_once(
        self, tmp_path: Path, known: Upstream, above: Replica
    ) -> None:
        with recording(tmp_path / "r", above) as recorder:
            for start, stop in ((0, 70_000), (50_000, 120_000), (10, 20), (0, 300_000)):
                ask(recorder, OBJECT, **part(start, stop))
            assert ask(recorder, OBJECT).content == known.content
        assert body_bytes(tmp_path / "r") == 300_000
        with replaying(tmp_path / "r") as player:
            whole = ask(player, OBJECT)
            assert (whole.status_code, whole.content) == (200, known.content)
            assert whole.headers["etag"] == known.etag

    def test_a_hole_is_refused_by_its_bytes_and_how_to_record_them(
        self, tmp_path: Path, above: Replica
    ) -> None:
        with recording(tmp_path / "r", above) as recorder:
            ask(recorder, OBJECT, **part(0, 100))
            ask(recorder, OBJECT, **part(200, 300))
        with replaying(tmp_path / "r") as player:
            answer = ask(player, OBJECT, **part(50, 350))
        assert answer.status_code == 403
        for words in ("bytes 100-199, 300-349 of", OBJECT, "replica record", str(tmp_path / "r")):
            assert words in answer.text

    def test_a_new_etag_begins_a_new_version_and_says_so(
        self, tmp_path: Path, known: Upstream, above: Replica, caplog: pytest.LogCaptureFixture
    ) -> None:
        old = known.content
        with recording(tmp_path / "r", above) as recorder:
            ask(recorder, OBJECT)
            known.content = bytes(300_000)
            ask(recorder, OBJECT, **part(0, 1000))
        assert f"{OBJECT} has changed" in caplog.text
        with replaying(tmp_path / "r") as player:
            assert ask(player, OBJECT, **part(0, 1000)).content == bytes(1000)
            # Of the old version it has more, but bytes of two versions are never mixed.
            assert ask(player, OBJECT, **part(500, 1500)).status_code == 403
        assert old != known.content

    def test_a_file_that_changes_under_one_etag_is_two_versions(
        self, tmp_path: Path, known: Upstream, above: Replica
    ) -> None:
        known.headers["etag"] = '"always"'
        with recording(tmp_path / "r", above) as recorder:
            ask(recorder, OBJECT, **part(0, 1000))
            known.content = bytes(300_000)
            ask(recorder, OBJECT, **part(500, 1500))
        with replaying(tmp_path / "r") as player:
            assert ask(player, OBJECT, **part(500, 1500)).content == bytes(1000)
            assert ask(player, OBJECT, **part(0, 1000)).status_code == 403

    @pytest.mark.parametrize(
        ("headers", "status", "sent"),
        [
            ({"If-None-Match": "ETAG"}, 304, 0),
            ({"If-None-Match": "W/ETAG"}, 304, 0),
            ({"If-None-Match": '"other"'}, 200, 300_000),
            ({"If-Match": '"other"'}, 412, 0),
            ({"If-Match": "ETAG", "Range": "bytes=0-9"}, 206, 10),
            ({"If-Modified-Since": "Thu, 13 Nov 2025 02:13:20 GMT"}, 304, 0),
            ({"If-Modified-Since": "Thu, 13 Nov 2024 02:13:20 GMT"}, 200, 300_000),
            ({"If-Unmodified-Since": "Thu, 13 Nov 2024 02:13:20 GMT"}, 412, 0),
            ({"If-Range": "ETAG", "Range": "bytes=0-9"}, 206, 10),
            ({"If-Range": '"other"', "Range": "bytes=0-9"}, 200, 300_000),
            ({"Range": "bytes=300000-"}, 416, 0),
            ({"Range": "bytes=-0"}, 416, 0),
            ({"Range": "bytes=9-2"}, 200, 300_000),
            ({"Range": "lines=1-2"}, 200, 300_000),
        ],
    )
    def test_conditions_are_evaluated_as_the_standard_says(
        self,
        tmp_path: Path,
        known: Upstream,
        above: Replica,
        headers: dict[str, str],
        status: int,
        sent: int,
    ) -> None:
        known.headers["last-modified"] = "Thu, 13 Nov 2025 02:13:20 GMT"
        with recording(tmp_path / "r", above) as recorder:
            ask(recorder, OBJECT)
        filled = {name: text.replace("ETAG", known.etag) for name, text in headers.items()}
        with replaying(tmp_path / "r") as player:
            answer = ask(player, OBJECT, headers=filled)
        assert (answer.status_code, len(answer.content)) == (status, sent)

    def test_a_body_that_its_client_left_is_replayed_as_far(
        self, tmp_path: Path, known: Upstream, above: Replica
    ) -> None:
        known.content = bytes(50_000_000)
        with (
            recording(tmp_path / "r", above) as recorder,
            session(recorder) as client,
            client.get(OBJECT, stream=True) as answer,
        ):
            assert len(answer.raw.read(1000)) == 1000
        (read,) = [line for line in index(tmp_path / "r") if line["type"] == "read"]
        assert 1000 <= read["stop"] < 50_000_000
        assert read["cut"]
        with replaying(tmp_path / "r") as player, session(player) as client:
            with client.get(OBJECT, stream=True) as answer:
                assert answer.headers["content-length"] == "50000000"
                assert answer.raw.read(1000) == bytes(1000)
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                client.get(OBJECT)

    def test_checksums_come_with_just_the_bytes_that_they_are_of(
        self, tmp_path: Path, known: Upstream, above: Replica
    ) -> None:
        """As S3 does it: a client that checks them would refuse a part with the whole's."""
        known.headers["x-amz-checksum-crc32"] = "qfbJrg=="
        with recording(tmp_path / "r", above) as recorder:
            ask(recorder, OBJECT)
        with replaying(tmp_path / "r") as player:
            assert ask(player, OBJECT).headers["x-amz-checksum-crc32"] == "qfbJrg=="
            assert "x-amz-checksum-crc32" not in ask(player, OBJECT, **part(0, 9)).headers

    def test_each_kind_of_answer_has_the_headers_that_it_had(
        self, tmp_path: Path, known: Upstream, above: Replica
    ) -> None:
        asked = [("GET", {}), ("HEAD", {}), ("GET", part(5, 9))]
        with recording(tmp_path / "r", above) as recorder:
            live = []
            for number, (method, more) in enumerate(asked):
                known.headers["x-number"] = str(number)
                live.append(ask(recorder, OBJECT, method, **more))
        with replaying(tmp_path / "r") as player:
            again = [ask(player, OBJECT, method, **more) for method, more in asked]
        assert [dict(answer.headers) for answer in live] == [dict(a.headers) for a in again]


class TestServices:
    def test_parameters_in_another_order_are_the_same_question(
        self, tmp_path: Path, known: Upstream, above: Replica
    ) -> None:
        known.answers["/sia"] = Response("<VOTABLE/>", media_type="application/x-votable+xml")
        with recording(tmp_path / "r", above) as recorder:
            ask(recorder, f"{HOST}/sia?POS=83.6,22.0&SIZE=0.1&FORMAT=image%2Ffits")
        with replaying(tmp_path / "r") as player:
            again = ask(player, f"{HOST}/sia?SIZE=0.1&FORMAT=image/fits&POS=83.6%2C22.0")
            assert again.text == "<VOTABLE/>"
            other = ask(player, f"{HOST}/sia?SIZE=0.2&FORMAT=image/fits&POS=83.6%2C22.0")
            assert other.status_code == 403
            assert "SIZE=0.2" in other.text

    @pytest.mark.parametrize(
        ("first", "again", "other"),
        [
            (
                {"data": [("QUERY", "SELECT 1"), ("LANG", "ADQL")]},
                {"data": [("LANG", "ADQL"), ("QUERY", "SELECT 1")]},
                {"data": [("LANG", "ADQL"), ("QUERY", "SELECT 2")]},
            ),
            (
                {"json": {"a": 1, "b": [1, {"c": 2, "d": 3}]}},
                {"json": {"b": [1, {"d": 3, "c": 2}], "a": 1}},
                {"json": {"a": 1, "b": [{"c": 2, "d": 3}, 1]}},
            ),
            (
                {"files": {"UPLOAD": ("t.xml", b"<VOTABLE/>\r\n"), "LANG": (None, "ADQL")}},
                {"files": {"UPLOAD": ("t.xml", b"<VOTABLE/>\r\n"), "LANG": (None, "ADQL")}},
                {"files": {"UPLOAD": ("t.xml", b"<VOTABLE/>"), "LANG": (None, "ADQL")}},
            ),
            (
                {"data": {"request": '{"a": 1, "cacheBreaker": "x1", "b": {"c": 2}}'}},
                {"data": {"request": '{"b": {"c": 2}, "a": 1, "cacheBreaker": "y2"}'}},
                {"data": {"request": '{"b": {"c": 3}, "a": 1, "cacheBreaker": "x1"}'}},
            ),
            ({"data": b"\x00\xff"}, {"data": b"\x00\xff"}, {"data": b"\x00\xfe"}),
        ],
        ids=["form", "json", "multipart", "portal", "bytes"],
    )
    def test_bodies_that_mean_the_same_are_the_same_question(
        self, tmp_path: Path, known: Upstream, above: Replica, first: dict, again: dict, other: dict
    ) -> None:
        known.answers["/tap/sync"] = Response("rows")
        with recording(tmp_path / "r", above) as recorder:
            ask(recorder, f"{HOST}/tap/sync", "POST", **first)
        with replaying(tmp_path / "r") as player:
            assert ask(player, f"{HOST}/tap/sync", "POST", **again).text == "rows"
            assert ask(player, f"{HOST}/tap/sync", "POST", **other).status_code == 403
            assert ask(player, f"{HOST}/tap/sync", "GET").status_code == 403

    def test_a_question_asked_again_is_answered_in_order_and_stays_at_the_last(
        self, tmp_path: Path, known: Upstream, above: Replica
    ) -> None:
        phases = ["QUEUED", "EXECUTING", "EXECUTING", "COMPLETED"]
        known.turns = [Response(phase) for phase in phases]
        with recording(tmp_path / "r", above) as recorder:
            assert [ask(recorder, f"{HOST}/turns").text for _ in phases] == phases
        with replaying(tmp_path / "r") as player:
            heard = [ask(player, f"{HOST}/turns").text for _ in range(6)]
        assert heard == [*phases, "COMPLETED", "COMPLETED"]

    def test_a_later_run_takes_the_place_of_an_earlier_one(
        self, tmp_path: Path, known: Upstream, above: Replica
    ) -> None:
        known.answers["/other"] = Response("kept")
        for text in ("old", "new"):
            known.turns = [Response(text)]
            with recording(tmp_path / "r", above) as recorder:
                ask(recorder, f"{HOST}/turns")
                if text == "old":
                    ask(recorder, f"{HOST}/other")
        with replaying(tmp_path / "r") as player:
            assert ask(player, f"{HOST}/turns").text == "new"
            assert ask(player, f"{HOST}/other").text == "kept"

    def test_status_and_headers_are_as_they_were(
        self, tmp_path: Path, known: Upstream, above: Replica
    ) -> None:
        known.answers |= {
            "/moved": Response(status_code=303, headers={"location": f"{HOST}/job/1"}),
            "/gone": Response("no such thing", 410, {"x-reason": "too old"}),
            "/nothing": Response(status_code=204),
            "/head": Response("12345", headers={"x-rows": "5"}),
        }
        names = [*known.answers, "/missing"]
        methods = {name: "HEAD" if name == "/head" else "GET" for name in names}
        with recording(tmp_path / "r", above) as recorder:
            live = [ask(recorder, HOST + name, methods[name]) for name in names]
        with replaying(tmp_path / "r") as player:
            again = [ask(player, HOST + name, methods[name]) for name in names]
        for before, after in zip(live, again, strict=True):
            assert before.status_code == after.status_code
            assert before.content == after.content
            assert dict(before.headers) == dict(after.headers)
        assert [answer.status_code for answer in live] == [303, 410, 204, 200, 404]
        assert live[3].headers["content-length"] == "5"

    @pytest.mark.parametrize("coding", ["gzip", "deflate", "raw deflate"])
    def test_encoded_bodies_pass_unchanged(
        self, tmp_path: Path, known: Upstream, above: Replica, coding: str
    ) -> None:
        text = json.dumps({"rows": list(range(1000))}).encode()
        raw = zlib.compress(text)[2:-4]
        body = {"gzip": gzip.compress(text), "deflate": zlib.compress(text), "raw deflate": raw}
        headers = {"content-encoding": coding.removeprefix("raw "), "vary": "Accept-Encoding"}
        known.answers["/table"] = Response(body[coding], headers=headers)
        for run in (recording(tmp_path / "r", above), replaying(tmp_path / "r")):
            with run as running, session(running) as client:
                answer = client.get(f"{HOST}/table", stream=True)
                assert answer.raw.read(decode_content=False) == body[coding]
                assert client.get(f"{HOST}/table").content == text
        with replaying(tmp_path / "r") as player:
            plain = ask(player, f"{HOST}/table", headers={"Accept-Encoding": "identity"})
            assert plain.status_code == 403

    def test_encodings_that_cannot_be_searched_are_not_asked_for(
        self, tmp_path: Path, known: Upstream, above: Replica
    ) -> None:
        known.answers["/a"] = Response("a")
        with recording(tmp_path / "r", above) as recorder:
            ask(recorder, f"{HOST}/a", headers={"Accept-Encoding": "br, gzip;q=0.5, zstd"})
            ask(recorder, f"{HOST}/a", headers={"Accept-Encoding": "br"})
        asked = [request.headers["accept-encoding"] for request in known.asked]
        assert asked == ["gzip;q=0.5", "identity"]

    def test_chunked_answers_stay_chunked(
        self, tmp_path: Path, known: Upstream, above: Replica
    ) -> None:
        known.answers["/stream"] = StreamingResponse(iter([b"one ", b"two ", b"three"]))
        for run in (recording(tmp_path / "r", above), replaying(tmp_path / "r")):
            with run as running:
                answer = ask(running, f"{HOST}/stream")
                assert answer.text == "one two three"
                assert answer.headers["transfer-encoding"] == "chunked"
                assert "content-length" not in answer.headers

    def test_formats_that_the_answer_varies_by_are_kept_apart(
        self, tmp_path: Path, known: Upstream, above: Replica
    ) -> None:
        with recording(tmp_path / "r", above) as recorder:
            for kind in ("application/json", "text/html"):
                known.answers["/index"] = Response(kind, headers={"vary": "Accept"})
                ask(recorder, f"{HOST}/index", headers={"Accept": kind})
        with replaying(tmp_path / "r") as player:
            for kind in ("text/html", "application/json", "text/html"):
                assert ask(player, f"{HOST}/index", headers={"Accept": kind}).text == kind
            other = ask(player, f"{HOST}/index", headers={"Accept": "text/csv"})
            assert other.status_code == 403

    def test_conditional_answers_without_an_object_are_questions_of_their_own(
        self, tmp_path: Path, known: Upstream, above: Replica
    ) -> None:
        known.answers["/page"] = Response(status_code=304, headers={"etag": '"1"'})
        with recording(tmp_path / "r", above) as recorder:
            ask(recorder, f"{HOST}/page", headers={"If-None-Match": '"1"'})
        with replaying(tmp_path / "r") as player:
            same = ask(player, f"{HOST}/page", headers={"If-None-Match": '"1"'})
            assert same.status_code == 304
            # Nobody asked for the page itself.
            assert ask(player, f"{HOST}/page").status_code == 403


def test_one_connection_carries_many_requests(
    tmp_path: Path, known: Upstream, above: Replica
) -> None:
    known.answers = {f"/{number}": Response(str(number)) for number in range(20)}
    for run in (recording(tmp_path / "r", above), replaying(tmp_path / "r")):
        with run as running, session(running) as client:
            texts = [client.get(f"{HOST}/{number}").text for number in range(20)]
            assert texts == [str(number) for number in range(20)]
            pools = client.adapters["https://"].proxy_manager[running.proxy].pools
            (pool,) = [pools[key] for key in pools.keys()]  # noqa: SIM118
            assert pool.num_connections == 1


def test_http_and_https_and_ports_are_kept_apart(
    tmp_path: Path, known: Upstream, above: Replica
) -> None:
    addresses = [f"http://{host}/a" for host in ("one.example.org", "one.example.org:8080")]
    addresses.append("https://one.example.org/a")
    with recording(tmp_path / "r", above) as recorder:
        for address in addresses:
            known.answers["/a"] = Response(address)
            ask(recorder, address)
    with replaying(tmp_path / "r") as player:
        for address in addresses:
            assert ask(player, address).text == address
        assert ask(player, "http://two.example.org/a").status_code == 403


def test_only_the_hosts_that_were_named_are_kept(
    tmp_path: Path, known: Upstream, above: Replica
) -> None:
    known.answers["/a"] = Response("a")
    with recording(tmp_path / "r", above, "*.example.org") as recorder:
        assert ask(recorder, "https://one.example.org/a").text == "a"
        assert ask(recorder, "https://other.example.com/a").text == "a"
    urls = [line["url"] for line in index(tmp_path / "r") if "url" in line]
    assert urls == ["https://one.example.org/a"]


def test_what_is_missing_is_asked_for_and_kept_and_nothing_else(
    tmp_path: Path, known: Upstream, above: Replica
) -> None:
    known.answers |= {"/a": Response("a"), "/b": Response("b")}
    with recording(tmp_path / "r", above, missing=True) as recorder:
        ask(recorder, f"{HOST}/a")
    known.answers["/a"] = Response("changed")
    with recording(tmp_path / "r", above, missing=True) as recorder:
        assert ask(recorder, f"{HOST}/a").text == "a"
        assert ask(recorder, f"{HOST}/b").text == "b"
    assert [request.url.path for request in known.asked] == ["/a", "/b"]
    with replaying(tmp_path / "r") as player:
        assert [ask(player, f"{HOST}/{name}").text for name in "ab"] == ["a", "b"]


def test_several_recordings_are_one_and_the_latest_counts(
    tmp_path: Path, known: Upstream, above: Replica
) -> None:
    for name in ("one", "two"):
        known.answers |= {"/both": Response(name), f"/{name}": Response(name)}
        with recording(tmp_path / name, above) as recorder:
            half = part(0, 150_000) if name == "one" else part(150_000, 300_000)
            ask(recorder, OBJECT, **half)
            ask(recorder, f"{HOST}/both")
            ask(recorder, f"{HOST}/{name}")
    for names in (("one", "two"), ("two", "one")):
        with replaying(*(tmp_path / name for name in names)) as player:
            assert ask(player, OBJECT).content == known.content
            assert ask(player, f"{HOST}/both").text == "two"
            assert ask(player, f"{HOST}/one").text == "one"


def test_with_the_replica_what_is_not_recorded_is_evaluated(
    tmp_path: Path, known: Upstream, above: Replica
) -> None:
    known.answers["/SIA"] = Response("recorded")
    log = tmp_path / "requests.jsonl"
    with recording(tmp_path / "r", above) as recorder:
        ask(recorder, "https://irsa.ipac.caltech.edu/SIA?POS=circle+1+1+1")
    with replaying(tmp_path / "r", "replica", log=log) as player:
        first = ask(player, "https://irsa.ipac.caltech.edu/SIA?POS=circle+1+1+1")
        second = ask(player, "https://irsa.ipac.caltech.edu/SIA?POS=circle+1+1+2")
        query = {"QUERY": "SELECT TOP 1 * FROM rr.resource", "LANG": "ADQL", "REQUEST": "doQuery"}
        third = ask(player, "http://reg.g-vo.org/tap/sync", "POST", data=query)
        nobody = ask(player, f"{HOST}/x")
    assert first.text == "recorded"
    assert "<VOTABLE" in second.text
    assert "VOTABLE" in third.text
    assert "The replica has it neither" in nobody.text
    answered = [json.loads(line)["answered_by"] for line in log.read_text().splitlines()]
    assert answered == ["recording", "replica", "replica", "nobody"]


def raw(running: Replica, request: bytes) -> bytes:
    """Send bytes through the tunnel to a host; return the answer up to the connection's end."""
    address, port = running.proxy.removeprefix("http://").split(":")
    context = ssl.create_default_context(cafile=str(running.certificate))
    with socket.create_connection((address, int(port)), timeout=30) as plain:
        plain.sendall(b"CONNECT archive.example.org:443 HTTP/1.1\r\n\r\n")
        assert b" 200 " in plain.recv(1000)
        with context.wrap_socket(plain, server_hostname="archive.example.org") as secure:
            secure.sendall(request)
            answer = b""
            while block := secure.recv(65536):
                answer += block
            return answer


UPGRADE = (
    b"GET /socket HTTP/1.1\r\nHost: archive.example.org\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: aGFsbG8=\r\n\r\n"
)
UPLOAD = (
    b"PUT /object HTTP/1.1\r\nHost: archive.example.org\r\nContent-Length: 5000000000\r\n"
    b"Connection: close\r\n\r\n"
)


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [(UPGRADE, b" 501 ", b"WebSockets are neither"), (UPLOAD, b" 413 ", b"more than 32 MiB")],
    ids=["websocket", "upload"],
)
def test_what_cannot_be_recorded_is_refused_with_a_sentence(
    tmp_path: Path, known: Upstream, above: Replica, request_: bytes, status: bytes, words: bytes
) -> None:
    known.answers["/a"] = Response("a")
    with recording(tmp_path / "r", above) as recorder:
        ask(recorder, f"{HOST}/a")
        recorded = raw(recorder, request_)
    with replaying(tmp_path / "r") as player:
        replayed = raw(player, request_)
    for answer in (recorded, replayed):
        assert status in answer.split(b"\r\n")[0]
        assert words in answer
    assert [request.url.path for request in known.asked] == ["/a"]


def test_a_client_that_waits_for_100_continue_gets_it(
    tmp_path: Path, known: Upstream, above: Replica
) -> None:
    known.answers["/tap"] = Response("rows")
    head = b"POST /tap HTTP/1.1\r\nHost: archive.example.org\r\nExpect: 100-continue\r\n"
    request = head + b"Content-Length: 3\r\nConnection: close\r\n\r\na=1"
    for run in (recording(tmp_path / "r", above), replaying(tmp_path / "r")):
        with run as running:
            answer = raw(running, request)
            assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")
            assert answer.endswith(b"rows")


def test_a_host_that_cannot_be_reached_is_named_and_not_recorded(tmp_path: Path) -> None:
    async def nobody(scope: object, receive: object, send: object) -> None:
        raise AssertionError("nobody should ask")

    with upstream(nobody) as above:
        pass  # nobody listens at this proxy any more
    with recording(tmp_path / "r", above) as recorder:
        answer = ask(recorder, f"{HOST}/a")
    assert answer.status_code == 502
    assert "archive.example.org could not be asked" in answer.text
    assert [line["type"] for line in index(tmp_path / "r")] == ["run", "end"]


def test_a_certificate_that_nobody_trusts_is_not_accepted(
    tmp_path: Path, known: Upstream, above: Replica
) -> None:
    with (
        upstream(known) as other,
        recording(tmp_path / "r", above) as recorder,
        # The way leads to another proxy now, whose certificates are its own.
        environment(dict.fromkeys(("HTTPS_PROXY", "https_proxy"), other.proxy)),
    ):
        answer = ask(recorder, f"{HOST}/object")
    assert answer.status_code == 502
    assert "certificate is not trusted" in answer.text
    assert not known.asked
