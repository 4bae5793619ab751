"""A recording on disk: every byte right or missing, whatever happens to who writes it."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recording_tools import HOST, Upstream, ask, body_bytes, index, recording, replaying, upstream
from replicas import ROOT
from starlette.responses import Response

from replica.recordings import RecordingError
from replica.recordings.http import RefusedError
from replica.recordings.lines import DamagedLineError, dump, parse
from replica.recordings.manifest_text import manifest_text
from replica.recordings.player import Player
from replica.recordings.questions import question
from replica.recordings.spans import Span, SpanMap
from replica.recordings.storage import open_recording
from replica.recordings.verify import verify
from replica.recordings.writing import RunWriter

OBJECT = f"{HOST}/object"
RANGE = st.tuples(st.integers(0, 120), st.integers(1, 60))


@given(st.lists(RANGE, max_size=12), RANGE)
@settings(max_examples=500, deadline=None)
def test_spans_cover_just_what_was_added(added: list[tuple[int, int]], asked: tuple) -> None:
    spans, there = SpanMap(), set()
    for number, (start, size) in enumerate(added):
        spans.add(Span(start, start + size, str(number), start))
        there |= set(range(start, start + size))
    start, stop = asked[0], asked[0] + asked[1]
    covered = [at for span in spans.cover(start, stop) for at in range(span.start, span.stop)]
    holes = [at for a, b in spans.holes(start, stop) for at in range(a, b)]
    assert covered == sorted(there & set(range(start, stop)))
    assert holes == sorted(set(range(start, stop)) - there)
    assert len(spans) == len(there)
    for span in spans:
        first, size = added[int(span.body)]
        assert first == span.origin
        assert first <= span.start < span.stop <= first + size


def test_a_flipped_bit_in_a_line_is_found_wherever_it_is() -> None:
    line = dump({"type": "answer", "url": f"{HOST}/ä?b=1", "n": 3, "headers": [["a", "b"]]})
    assert parse(line)["n"] == 3
    for bit in range(8 * (len(line) - 1)):
        damaged = bytearray(line)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DamagedLineError):
            parse(bytes(damaged))


def write_reads(path: Path, content: bytes, ranges: list[tuple[int, int]], version: str) -> None:
    """Record ranges of an object, as the recorder does, but without a network."""
    writer = RunWriter(path)
    for number, (start, stop) in enumerate(ranges):
        partial = writer.partial()
        partial.write_bytes(content[start:stop])
        entry = {"n": number, "time": "2026-11-24T00:00:00.000Z", "method": "GET", "url": OBJECT}
        entry |= {"status": 206, "version": version, "start": start, "stop": stop}
        writer.add_read(entry, [("ETag", f'"{version}"')], len(content), partial)
    writer.finish({})


def replayed(player: Player, start: int, stop: int) -> bytes | str:
    """Ask for bytes; return them, or the refusal."""
    headers = [(b"range", b"bytes=%d-%d" % (start, stop - 1))]
    try:
        reply = player.reply(question("GET", OBJECT, headers))
    except RefusedError as refused:
        return str(refused)
    pieces = [
        player.locate(span.body).read(span.start - span.origin, span.stop - span.origin)
        for span in reply.spans
    ]
    return b"".join(pieces)


def test_of_ten_thousand_random_ranges_no_byte_is_wrong(tmp_path: Path) -> None:
    """Random ranges are recorded and asked: the bytes where covered, elsewhere the hole."""
    dice, refused = random.Random(20261124), 0
    for case in range(100):
        size = dice.randrange(1, 5000)
        content = dice.randbytes(size)
        ranges = [
            (start, dice.randrange(start + 1, size + 1))
            for start in (dice.randrange(size) for _ in range(dice.randrange(1, 9)))
        ]
        write_reads(tmp_path / str(case), content, ranges, "v1")
        there = {at for start, stop in ranges for at in range(start, stop)}
        assert body_bytes(tmp_path / str(case)) <= len(there)
        player = Player([tmp_path / str(case)])
        for _ in range(100):
            start = dice.randrange(size)
            stop = dice.randrange(start + 1, size + 1)
            answer = replayed(player, start, stop)
            missing = sorted(set(range(start, stop)) - there)
            if missing:
                assert isinstance(answer, str)
                assert f"bytes {missing[0]}-" in answer
                refused += 1
            else:
                assert answer == content[start:stop]
    assert 1000 < refused < 9000


def test_two_recorders_at_once_store_overlaps_once_and_all_is_whole(tmp_path: Path) -> None:
    known = Upstream()
    known.answers |= {f"/{number}": Response(str(number)) for number in range(20)}
    with (
        upstream(known) as above,
        recording(tmp_path / "r", above) as one,
        recording(tmp_path / "r", above) as two,
    ):
        for number in range(20):
            for recorder in (one, two):
                start = 10_000 * number
                headers = {"Range": f"bytes={start}-{start + 19_999}"}
                ask(recorder, OBJECT, headers=headers)
                ask(recorder, f"{HOST}/{number}")
    assert verify(open_recording(tmp_path / "r")).problems == []
    assert len({line["run"] for line in index(tmp_path / "r")}) == 2
    bodies = {f"{number}".encode() for number in range(20)}
    assert body_bytes(tmp_path / "r") == 210_000 + sum(map(len, bodies))
    with replaying(tmp_path / "r") as player:
        answer = ask(player, OBJECT, headers={"Range": "bytes=0-209999"})
        assert answer.content == known.content[:210_000]


WRITE = """
import sys
from pathlib import Path
from test_recording_storage import OBJECT, write_reads
import random
dice = random.Random(int(sys.argv[2]))
content = random.Random(1).randbytes(1_000_000)
print("ready", flush=True)
while True:
    ranges = [(start, start + 50_000) for start in (dice.randrange(950_000) for _ in range(50))]
    write_reads(Path(sys.argv[1]), content, ranges, "v1")
"""


def writer(path: Path, seed: int) -> subprocess.Popen[str]:
    """Start a process that records without end."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITE, str(path), str(seed)],
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_what_is_in_it_verifies_after_kill_9(tmp_path: Path) -> None:
    content = random.Random(1).randbytes(1_000_000)
    for attempt in range(2):
        writers = [writer(tmp_path / "r", 10 * attempt + number) for number in range(2)]
        for process in writers:
            assert process.stdout is not None
            process.stdout.readline()
        time.sleep(0.3 * attempt)
        for process in writers:
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
        if (tmp_path / "r" / "index.jsonl").exists():
            assert verify(open_recording(tmp_path / "r")).problems == []
    # The next run clears away what the killed ones left.
    write_reads(tmp_path / "r", content, [(0, 1_000_000)], "v1")
    assert not list((tmp_path / "r" / "partial").iterdir())
    found = verify(open_recording(tmp_path / "r"))
    assert (found.problems, found.notes) == ([], [])
    assert replayed(Player([tmp_path / "r"]), 0, 1_000_000) == content


def test_half_a_line_of_a_killed_run_is_cut_off_by_the_next(tmp_path: Path) -> None:
    write_reads(tmp_path / "r", b"0123456789", [(0, 5)], "v1")
    with (tmp_path / "r" / "index.jsonl").open("ab") as file:
        file.write(b'{"type": "read", "run": "2026')
    found = verify(open_recording(tmp_path / "r"))
    assert found.problems == []
    assert "ends amid a line" in found.notes[0]
    assert replayed(Player([tmp_path / "r"]), 0, 5) == b"01234"
    write_reads(tmp_path / "r", b"0123456789", [(5, 9)], "v1")
    assert verify(open_recording(tmp_path / "r")).notes == []
    assert replayed(Player([tmp_path / "r"]), 0, 9) == b"012345678"


FULL = """
import resource, sys
from pathlib import Path
from test_recording_storage import record_until_full
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
record_until_full(Path(sys.argv[1]))
"""


def record_until_full(path: Path) -> None:
    """Record objects and answers; the client gets all of them, whatever the disk does."""
    known = Upstream()
    known.answers["/a"] = Response("a" * 3000)
    with upstream(known) as above, recording(path, above) as recorder:
        for number in range(30):
            answer = ask(recorder, f"{OBJECT}/{number}", headers={"Range": "bytes=0-9999"})
            assert answer.content == known.content[:10_000]
            assert ask(recorder, f"{HOST}/a").text == "a" * 3000
        assert ask(recorder, f"{OBJECT}/large").content == known.content
    sys.stdout.write("served\n")


def on_a_small_disk(path: Path) -> subprocess.CompletedProcess[str]:
    """Record on a disk of 200 kB of its own, which takes the rights to mount one."""
    script = f"mount -t tmpfs -o size=200k none {path.parent} && {sys.executable} -c '{FULL}' "
    script += f"{path} 100000000; code=$?; cp -r {path} {path.parent}-kept; exit $code"
    return subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-c", script],
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
    )


def with_small_files(path: Path) -> subprocess.CompletedProcess[str]:
    """Record where no file may grow beyond 8 kB: the index fails amid a line."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path), "8000"],
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
    )
    shutil.copytree(path, f"{path.parent}-kept")
    return done


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="needs limits for files")
@pytest.mark.parametrize("run", [on_a_small_disk, with_small_files])
def test_a_full_disk_disturbs_no_client_and_leaves_what_verifies(
    tmp_path: Path, run: Callable[[Path], subprocess.CompletedProcess[str]]
) -> None:
    if run is on_a_small_disk and not shutil.which("unshare"):
        pytest.skip("a small disk cannot be mounted here")
    (tmp_path / "disk").mkdir()
    done = run(tmp_path / "disk" / "r")
    if "unshare:" in done.stderr:
        pytest.skip("a small disk cannot be mounted here")
    assert done.stdout == "served\n", done.stderr
    assert "the recording misses answers" in done.stderr
    kept = tmp_path / "disk-kept"
    assert verify(open_recording(kept)).problems == []
    assert len(index(kept)) > 3
    known = Upstream()
    assert replayed_object(Player([kept]), f"{OBJECT}/0") in (known.content[:10_000], None)


def replayed_object(player: Player, url: str) -> bytes | None:
    """Return what is there of an object, from its beginning."""
    version = player.catalogue.latest(url)
    if version is None:
        return None
    return b"".join(player.locate(span.body).read() for span in version.spans)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_text("a file"), "is a file"),
        (lambda path: (path.mkdir(), (path / "x").write_text("")), "holds other files"),
    ],
)
def test_nothing_else_is_written_over(tmp_path: Path, make: Callable, words: str) -> None:
    make(tmp_path / "r")
    with pytest.raises(RecordingError, match=words):
        RunWriter(tmp_path / "r")


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    write_reads(tmp_path / "r", b"0123456789", [(0, 5)], "v1")
    manifest = tmp_path / "r" / "manifest.json"
    facts = {k: v for k, v in json.loads(manifest.read_text()).items() if k != "sha256"}
    manifest.write_bytes(manifest_text(facts | {"version": 2}))
    with pytest.raises(RecordingError, match="knows up to 1"):
        open_recording(tmp_path / "r")
