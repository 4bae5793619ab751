"""Nothing secret stays in a recording, and the run says what it removed."""

from __future__ import annotations

import base64
import gzip
import json
import os
import random
from pathlib import Path
from unittest import mock

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from recording_tools import (
    HOST,
    Upstream,
    ask,
    command,
    everything,
    recording,
    replaying,
    session,
    upstream,
)
from starlette.responses import Response

from replica.recordings import redaction
from replica.recordings.redaction import Redactor, mask, secrets_in
from replica.recordings.storage import open_recording
from replica.recordings.verify import verify

OBJECT = f"{HOST}/object"
AWS_KEY = "AKIA" + "IOSFODNN7EXAMPLE"
JWT = "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0." + "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
GITHUB = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


def plant(known: Upstream, recorder: object) -> dict[str, str]:
    """Send and receive secrets in many places; return place to secret."""
    planted: dict[str, str] = {}

    def secret(place: str) -> str:
        planted[place] = f"s3cret-{len(planted)}-{random.Random(place).randbytes(9).hex()}"
        return planted[place]

    answers = {
        "/json": json.dumps({"access_token": secret("token in JSON"), "rows": [1, 2]}),
        "/link": f'<a href="https://b.example.org/k?X-Amz-Signature={secret("link in HTML")}">',
        "/keys": f"key {AWS_KEY}, {GITHUB}",
        "/jwt": f"<INFO>{JWT}</INFO>",
        "/sts": f"<SecretAccessKey>{secret('XML')}</SecretAccessKey>",
        "/url": f"see https://me:{secret('password in a URL')}@h.example.org/x",
    }
    planted |= {"AWS key": AWS_KEY, "GitHub token": GITHUB, "JSON Web Token": JWT}
    known.answers |= {path: Response(text) for path, text in answers.items()}
    known.answers["/login"] = Response(
        "welcome",
        headers={
            "set-cookie": f"session={secret('Set-Cookie')}; Path=/",
            "x-auth-token": secret("header of an answer"),
            "location": f"{HOST}/k?Signature={secret('Location')}&Expires=9&Key-Pair-Id=K1&v=2",
        },
    )
    text = json.dumps({"refresh_token": secret("token in gzip")}).encode()
    known.answers["/gzip"] = Response(gzip.compress(text), headers={"content-encoding": "gzip"})
    for path in (*answers, "/login", "/gzip"):
        ask(recorder, HOST + path)
    sent = {
        "Authorization": f"Bearer {secret('Authorization')}",
        "Cookie": f"a=1; sid={secret('Cookie')}",
        "X-Api-Key": secret("header of a request"),
    }
    known.answers["/echo"] = Response(f"you are {planted['Authorization']}")
    known.answers["/form"] = Response("rows")
    ask(recorder, f"{HOST}/echo", headers=sent)
    basic = base64.b64encode(f"me:{secret('Basic password')}".encode()).decode()
    planted["Basic"] = basic
    ask(recorder, f"{HOST}/form", headers={"Authorization": f"Basic {basic}"})
    signed = {"X-Amz-Signature": secret("signed URL"), "X-Amz-Security-Token": secret("STS token")}
    ask(recorder, OBJECT, params=signed, headers={"Range": "bytes=0-99"})
    ask(recorder, f"{HOST}/form", params={"token": secret("query"), "POS": "1,2"})
    ask(recorder, f"{HOST}/form", "POST", data={"password": secret("form"), "QUERY": "x"})
    ask(recorder, f"{HOST}/form", "POST", json={"q": {"api_key": secret("JSON body")}})
    files = {"token": (None, secret("multipart")), "UPLOAD": ("t", b"1")}
    ask(recorder, f"{HOST}/form", "POST", files=files)
    return planted


def test_no_planted_secret_is_in_the_recording(tmp_path: Path) -> None:
    known = Upstream()
    with upstream(known) as above, recording(tmp_path / "r", above) as recorder:
        planted = plant(known, recorder)
    assert len(planted) >= 20
    kept = everything(tmp_path / "r")
    unpacked = b"".join(
        gzip.decompress(path.read_bytes())
        for path in (tmp_path / "r").glob("bodies/*/*")
        if path.read_bytes()[:2] == b"\x1f\x8b"
    )
    survivors = [place for place, text in planted.items() if text.encode() in kept + unpacked]
    assert survivors == []
    assert verify(open_recording(tmp_path / "r")).problems == []
    assert "secrets removed: " in recorder.summary
    for kind in ("Set-Cookie header", "signed-URL parameter", "secret parameter", "AWS access key"):
        assert kind in recorder.summary
    removed = json.loads((tmp_path / "r" / "manifest.json").read_text())["removed"]
    assert sum(removed.values()) >= len(planted)


def test_the_client_gets_what_is_not_kept(tmp_path: Path) -> None:
    known = Upstream()
    known.answers["/a"] = Response(AWS_KEY, headers={"set-cookie": "a=b"})
    with upstream(known) as above, recording(tmp_path / "r", above) as recorder:
        answer = ask(recorder, f"{HOST}/a", headers={"Authorization": "Bearer abc123"})
    assert (answer.text, answer.headers["set-cookie"]) == (AWS_KEY, "a=b")
    assert known.asked[0].headers["authorization"] == "Bearer abc123"
    with replaying(tmp_path / "r") as player:
        again = ask(player, f"{HOST}/a")
    assert again.text == mask(len(AWS_KEY))
    assert "set-cookie" not in again.headers


def test_another_token_or_signature_asks_the_same_question(tmp_path: Path) -> None:
    known = Upstream()
    known.answers["/a"] = Response("rows")
    with upstream(known) as above, recording(tmp_path / "r", above) as recorder:
        ask(recorder, f"{HOST}/a?token=first-token-1&x=1")
        ask(recorder, f"{OBJECT}?X-Amz-Signature=one1&X-Amz-Date=20261124T000000Z")
    with replaying(tmp_path / "r") as player:
        assert ask(player, f"{HOST}/a?x=1&token=second-token-2").text == "rows"
        signed = f"{OBJECT}?X-Amz-Date=20261125T000000Z&X-Amz-Signature=two2"
        assert ask(player, signed).content == known.content
        assert ask(player, OBJECT, headers={"Range": "bytes=1-9"}).content == known.content[1:10]


def test_a_redirect_to_a_signed_url_is_followed_in_the_replay(tmp_path: Path) -> None:
    known = Upstream()
    target = f"{OBJECT}?X-Amz-Signature=abcdef123456&versionId=7"
    known.answers["/download"] = Response(status_code=302, headers={"location": target})
    known.answers["/x"] = Response("")
    with (
        upstream(known) as above,
        recording(tmp_path / "r", above) as recorder,
        session(recorder) as client,
    ):
        assert client.get(f"{HOST}/download").content == known.content
    with replaying(tmp_path / "r") as player, session(player) as client:
        assert client.get(f"{HOST}/download").content == known.content


def test_a_secret_across_two_spans_is_found_at_the_end(tmp_path: Path) -> None:
    known = Upstream()
    known.content = b"x" * 990 + AWS_KEY.encode() + b" " * 2000
    with upstream(known) as above, recording(tmp_path / "r", above) as recorder:
        for start in (0, 1000, 2000):
            ask(recorder, OBJECT, headers={"Range": f"bytes={start}-{start + 999}"})
    with replaying(tmp_path / "r") as player:
        answer = ask(player, OBJECT, headers={"Range": "bytes=0-2999"})
    assert answer.content == known.content.replace(AWS_KEY.encode(), mask(20).encode())[:3000]
    assert verify(open_recording(tmp_path / "r")).problems == []


def test_a_secret_that_is_seen_late_is_found_in_what_came_before(tmp_path: Path) -> None:
    known = Upstream()
    secret = "w0nderful-day-in-june"
    known.answers["/first"] = Response(f"token is {secret}".encode())
    known.answers["/packed"] = Response(
        gzip.compress(secret.encode()), headers={"content-encoding": "gzip"}
    )
    with upstream(known) as above, recording(tmp_path / "r", above) as recorder:
        ask(recorder, f"{HOST}/first")
        ask(recorder, f"{HOST}/packed")
        ask(recorder, f"{HOST}/first", headers={"Authorization": f"Bearer {secret}"})
    assert secret.encode() not in everything(tmp_path / "r")
    with replaying(tmp_path / "r") as player:
        assert ask(player, f"{HOST}/first").text == f"token is {mask(len(secret))}"
        assert ask(player, f"{HOST}/packed").text == mask(len(secret))
    assert verify(open_recording(tmp_path / "r")).problems == []


PIECES = st.sampled_from(
    [AWS_KEY, GITHUB, JWT, '"token": "abcdefgh1"', " ", "\n", "AKIA", '"token": "', "x" * 40, "é"]
)


@given(st.lists(PIECES, max_size=30), st.integers(1, 50))
@settings(max_examples=400, deadline=None)
def test_masking_in_blocks_is_masking_at_once(pieces: list[str], size: int) -> None:
    content = "".join(pieces).encode()
    whole, blocks = Redactor(), Redactor()
    at_once = whole.masker()
    expected = at_once.feed(content) + at_once.finish()
    masker = blocks.masker()
    parts = [masker.feed(content[at : at + size]) for at in range(0, len(content), size)]
    found = b"".join(parts) + masker.finish()
    assert found == expected
    assert len(found) == len(content)
    assert secrets_in(found, whole.findings) == []


WHOLE = st.sampled_from([AWS_KEY, GITHUB, JWT, '"token": "abcdefgh1"', "x" * 40, "é", "AKIA"])


@given(st.lists(WHOLE, max_size=60), st.integers(1, 500))
@settings(max_examples=200, deadline=None)
def test_masking_needs_only_a_short_memory(pieces: list[str], size: int) -> None:
    """Most is released before the rest has come, and it is masked all the same."""
    content = " ".join(pieces).encode()
    at_once = Redactor().masker()
    expected = at_once.feed(content) + at_once.finish()
    with mock.patch.object(redaction, "REACH", 300):
        masker = Redactor().masker()
        parts = [masker.feed(content[at : at + size]) for at in range(0, len(content), size)]
        assert b"".join(parts) + masker.finish() == expected


def test_random_bytes_are_left_alone() -> None:
    """Of 64 MB of noise, such as compressed images, no byte is taken for a secret."""
    redactor, dice = Redactor(), random.Random(5)
    masker = redactor.masker()
    for _ in range(16):
        block = dice.randbytes(4_000_000)
        masker.feed(block)
    masker.finish()
    assert not redactor.findings.removed


def test_what_the_field_sends_is_left_alone(tmp_path: Path) -> None:
    """Listings with continuation tokens, identifiers and checksums are no secrets."""
    known = Upstream()
    texts = {
        "/list": "<NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=<",
        "/simple": '<a href="../numpy-2.0.whl#sha256=a1b2c3d4e5f6a7b8c9d0a1b2c3d4e5f6">',
        "/links": "https://h.example.org/d?ID=ivo://a/b?0830p227_ac51&key=wise/p3am_cdd/08/x.fits",
    }
    known.answers |= {path: Response(text) for path, text in texts.items()}
    with upstream(known) as above, recording(tmp_path / "r", above) as recorder:
        for path in texts:
            ask(recorder, f"{HOST}{path}", params={"continuation-token": "abc/def="})
    assert "removed" not in recorder.summary
    with replaying(tmp_path / "r") as player:
        for path, text in texts.items():
            answer = ask(player, f"{HOST}{path}", params={"continuation-token": "abc/def="})
            assert answer.text == text


def test_credentials_of_the_machines_proxy_stay_out(tmp_path: Path) -> None:
    known = Upstream()
    known.answers["/a"] = Response("a")
    with upstream(known) as above:
        proxy = above.proxy.replace("http://", "http://user:pr0xy-passw0rd@")
        names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
        variables = dict.fromkeys(names, proxy) | {"SSL_CERT_FILE": str(above.certificate)}
        script = f"import requests; print(requests.get('{HOST}/a').text)"
        path = tmp_path / "r"
        done = command("record", str(path), "--", "python", "-c", script, **variables)
    assert done.stdout == "a\n", done.stderr
    assert b"pr0xy" not in everything(path)
    assert "pr0xy" not in done.stderr


@pytest.mark.parametrize("name", [os.fsencode("a b"), "ünïcode".encode()])
def test_names_beyond_ascii_pass(tmp_path: Path, name: bytes) -> None:
    known = Upstream()
    url = f"{OBJECT}/{requests.utils.quote(name)}"
    with upstream(known) as above, recording(tmp_path / "r", above) as recorder:
        ask(recorder, url)
    with replaying(tmp_path / "r") as player:
        assert ask(player, url).content == known.content
