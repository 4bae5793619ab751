"""The commands: record, replay, show, verify, diff, trim, merge, pack."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from recording_tools import (
    HOST,
    Upstream,
    ask,
    body_bytes,
    command,
    index,
    nowhere,
    recording,
    replaying,
    upstream,
)
from replicas import ROOT, RunningReplica, fresh_environment
from starlette.responses import Response

from replica.cli import main

OBJECT = f"{HOST}/object"
CHANDRA = (
    "https://nasa-heasarc.s3.amazonaws.com/chandra/data/byobsid/1/13751/primary/"
    "acisf13751N004_cntr_img2.fits.gz"
)
SIA = "https://irsa.ipac.caltech.edu/SIA?POS=circle+83.6+22.0+0.1&COLLECTION=wise_allwise"
SCRIPT = f"""
import hashlib, requests, sys
for url in {[CHANDRA, SIA, "http://reg.g-vo.org/tap/availability"]!r}:
    answer = requests.get(url)
    print(answer.status_code, hashlib.sha256(answer.content).hexdigest())
"""


@pytest.fixture
def known() -> Upstream:
    return Upstream()


@pytest.fixture
def path(tmp_path: Path, known: Upstream) -> Path:
    """A recording of an object in part, and of three answers."""
    known.answers |= {"/a": Response("a"), "/json": Response('{"n": 1}', media_type="text/json")}
    with upstream(known) as above, recording(tmp_path / "r", above) as recorder:
        for start in (0, 60_000):
            ask(recorder, OBJECT, headers={"Range": f"bytes={start}-{start + 49_999}"})
        for name in ("a", "json", "missing"):
            ask(recorder, f"{HOST}/{name}")
    return tmp_path / "r"


def through(replica: RunningReplica) -> dict[str, str]:
    """The variables of a machine whose own proxy is a replica."""
    return {k: v for k, v in replica.environment.items() if "ARCHIVES" not in k}


def test_a_command_is_recorded_and_replayed_with_the_network_gone(
    tmp_path: Path, shared_replica: RunningReplica
) -> None:
    path, program = str(tmp_path / "r"), ("--", "python", "-c", SCRIPT)
    live = command("record", path, *program, **through(shared_replica))
    assert live.returncode == 0, live.stderr
    assert "replica: 3 requests, 0.2 MB in" in live.stderr
    again = command("run", "--recording", path, *program, **nowhere())
    assert again.returncode == 0, again.stderr
    assert again.stdout == live.stdout
    assert live.stdout.count("200 ") == 3
    assert "3 requests: 3 by the recording" in again.stderr


def test_a_recording_of_a_replica_says_so(tmp_path: Path, shared_replica: RunningReplica) -> None:
    path, show = str(tmp_path / "r"), ("python", "-c", "import os; print(dict(os.environ))")
    variables = through(shared_replica)
    recorded = command("record", path, "--", *show, **variables).stdout
    assert "a replica answers, with simulated data" in recorded
    command("record", path, "--", "python", "-c", SCRIPT, **variables)
    assert json.loads((tmp_path / "r" / "manifest.json").read_text())["data"] == "simulated"
    replayed = command("run", "--recording", path, "--", *show, **nowhere()).stdout
    assert "Recording: simulated data of a replica, recorded on 20" in replayed


def test_recording_from_a_recording_is_refused(path: Path, tmp_path: Path) -> None:
    inner = f"{sys.executable} -m replica record {tmp_path / 'other'} -- true"
    done = command("run", "--recording", str(path), "--", "sh", "-c", inner)
    assert done.returncode == 2
    assert "lead to a recording, not to the network" in done.stderr


def test_a_recording_that_is_not_there_is_said_with_how_to_make_it(tmp_path: Path) -> None:
    done = command("run", "--recording", str(tmp_path / "none"), "--", "true")
    assert done.returncode == 1
    assert f"python -m replica record {tmp_path / 'none'} -- COMMAND" in done.stderr


def test_the_replica_alone_needs_nothing_that_only_recordings_need(tmp_path: Path) -> None:
    (tmp_path / "aiohttp.py").write_text("raise ImportError('not installed')\n")
    variables = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    plain = [sys.executable, "-m", "replica"]
    for arguments, code in ((["run"], 0), (["record", str(tmp_path / "r")], 1)):
        done = subprocess.run(
            [*plain, *arguments, "--", "true"],
            env=fresh_environment(**variables),
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stderr
    assert "pip install aiohttp ahocorasick-rs" in done.stderr


def test_ctrl_c_leaves_a_recording_that_is_whole_and_more_can_be_added(tmp_path: Path) -> None:
    known = Upstream()
    known.answers |= {"/a": Response("a"), "/b": Response("b")}
    script = "import requests, sys, time\nprint(requests.get(sys.argv[1]).text, flush=True)\n"
    script += "time.sleep(float(sys.argv[2]))"
    arguments = [sys.executable, "-m", "replica", "record", str(tmp_path / "r"), "--"]
    with upstream(known) as above:
        variables = through_proxy(above.environment)
        process = subprocess.Popen(
            [*arguments, sys.executable, "-c", script, f"{HOST}/a", "60"],
            env=fresh_environment(PYTHONPATH=str(ROOT), **variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "a\n"
        time.sleep(0.5)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert "1 requests" in err
        more = command(*arguments[3:], "python", "-c", script, f"{HOST}/b", "0", **variables)
        assert more.stdout == "b\n", more.stderr
    assert main(["recording", "verify", str(tmp_path / "r")]) == 0
    with replaying(tmp_path / "r") as player:
        assert [ask(player, f"{HOST}/{name}").text for name in "ab"] == ["a", "b"]


def through_proxy(variables: dict[str, str]) -> dict[str, str]:
    return {k: v for k, v in variables.items() if "PROXY" in k.upper() or k == "SSL_CERT_FILE"}


def test_show_says_hosts_requests_megabytes_and_holes(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recording", "show", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "real data, recorded on 20" in shown
    assert "       5       0.1  archive.example.org" in shown
    assert f"{OBJECT}: 100000 of 300000 bytes, 2 holes" in shown


def test_verify_finds_every_flipped_bit_and_names_the_file(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recording", "verify", str(path)]) == 0
    files = [path / "index.jsonl", path / "manifest.json", *path.glob("bodies/*/*")]
    for file in files:
        original = file.read_bytes()
        for at in range(0, len(original), max(1, len(original) // 40)):
            damaged = bytearray(original)
            damaged[at] ^= 1 << at % 8
            file.write_bytes(damaged)
            assert main(["recording", "verify", str(path)]) == 1, (file, at)
            assert file.name in capsys.readouterr().out
        file.write_bytes(original)
    assert main(["recording", "verify", str(path)]) == 0


@pytest.mark.parametrize("keep", [0, 1, -1])
def test_verify_names_a_body_that_was_cut(
    path: Path, keep: int, capsys: pytest.CaptureFixture[str]
) -> None:
    body = max(path.glob("bodies/*/*"), key=lambda file: file.stat().st_size)
    body.write_bytes(body.read_bytes()[:keep])
    assert main(["recording", "verify", str(path)]) == 1
    found = capsys.readouterr().out
    assert body.name in found
    assert OBJECT in found
    body.unlink()
    assert main(["recording", "verify", str(path)]) == 1
    assert "missing" in capsys.readouterr().out


def test_a_packed_recording_is_replayed_and_verified(
    path: Path, known: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recording", "pack", str(path)]) == 0
    packed = path.with_name("r.zip")
    first = packed.read_bytes()
    shutil.move(path, path.with_name("elsewhere"))
    assert main(["recording", "verify", str(packed)]) == 0
    assert main(["recording", "show", str(packed)]) == 0
    with replaying(packed) as player:
        for start, stop in ((0, 50_000), (70_001, 70_002)):
            headers = {"Range": f"bytes={start}-{stop - 1}"}
            assert ask(player, OBJECT, headers=headers).content == known.content[start:stop]
        assert ask(player, f"{HOST}/a").text == "a"
    # What is unpacked is a recording again, and packs to the same bytes.
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(path)
    assert main(["recording", "pack", str(path)]) == 0
    assert packed.read_bytes() == first
    for at in range(len(first) // 3, len(first) // 2, len(first) // 20):
        damaged = bytearray(first)
        damaged[at] ^= 4
        packed.write_bytes(damaged)
        assert main(["recording", "verify", str(packed)]) == 1
    packed.write_bytes(first[:-100])
    assert main(["recording", "verify", str(packed)]) == 1
    assert "cut short" in capsys.readouterr().err


def test_diff_tells_drift_and_outage_in_the_words_of_the_check(
    path: Path, tmp_path: Path, known: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    def record(name: str) -> Path:
        with upstream(known) as above, recording(tmp_path / name, above) as recorder:
            ask(recorder, OBJECT, headers={"Range": "bytes=0-9"})
            for answer in ("a", "json", "new"):
                ask(recorder, f"{HOST}/{answer}")
        return tmp_path / name

    assert main(["recording", "diff", str(path), str(record("same"))]) == 0
    same = capsys.readouterr().out
    assert "**Same**: all 3 answers" in same
    assert f"- GET {HOST}/missing" in same
    known.answers |= {"/json": Response('{"m": "x"}', media_type="text/json")}
    known.content = bytes(10)
    assert main(["recording", "diff", str(path), str(record("drift"))]) == 10
    drift = capsys.readouterr().out
    assert "**Drift** in 2" in drift
    assert "| new | key m |  | text |" in drift
    assert "| gone | key n | number |  |" in drift
    assert "| changed | bytes | 300000 | 10 |" in drift
    known.answers["/a"] = Response("later", 503)
    report = tmp_path / "report.json"
    arguments = ["recording", "diff", str(path), str(record("both")), "--json", str(report)]
    assert main(arguments) == 30
    assert "archive.example.org | status 503" in capsys.readouterr().out
    assert json.loads(report.read_text())["exit_code"] == 30


def test_merge_stores_overlaps_once_and_answers_as_both(
    path: Path, tmp_path: Path, known: Upstream
) -> None:
    known.answers["/b"] = Response("b")
    with upstream(known) as above, recording(tmp_path / "s", above) as recorder:
        ask(recorder, OBJECT, headers={"Range": "bytes=40000-99999"})
        ask(recorder, f"{HOST}/b")
    merged = tmp_path / "merged"
    arguments = ["recording", "merge", str(path), str(tmp_path / "s"), "--into", str(merged)]
    assert main(arguments) == 0
    assert main(["recording", "verify", str(merged)]) == 0
    assert body_bytes(merged) == 110_000 + len('a{"n": 1}not foundb')
    with replaying(merged) as player:
        answer = ask(player, OBJECT, headers={"Range": "bytes=0-109999"})
        assert answer.content == known.content[:110_000]
        assert [ask(player, f"{HOST}/{name}").text for name in "ab"] == ["a", "b"]
    assert main(arguments) == 1  # the place is taken


def test_trim_keeps_what_a_command_needs(path: Path, tmp_path: Path, known: Upstream) -> None:
    trimmed = tmp_path / "trimmed"
    script = "import requests, sys\n"
    script += f"r = requests.get('{OBJECT}', headers={{'Range': 'bytes=1000-1999'}})\n"
    script += f"assert len(r.content) == 1000; requests.get('{HOST}/a')\n"
    arguments = ["recording", "trim", str(path), "--into", str(trimmed), "--to-run"]
    done = command(*arguments, "python", "-c", script)
    assert done.returncode == 0, done.stderr
    assert main(["recording", "verify", str(trimmed)]) == 0
    assert body_bytes(trimmed) == 1001
    assert command("run", "--recording", str(trimmed), "--", "python", "-c", script).returncode == 0
    kinds = [line["type"] for line in index(trimmed)]
    assert kinds == ["run", "version", "read", "read", "answer", "end"]
    with replaying(trimmed) as player:
        headers = {"Range": "bytes=1500-1599"}
        assert ask(player, OBJECT, headers=headers).content == known.content[1500:1600]
        assert ask(player, f"{HOST}/json").status_code == 403
    failing = command(*arguments[:4], str(tmp_path / "x"), "--to-run", "false")
    assert failing.returncode == 1
    assert not (tmp_path / "x").exists()
