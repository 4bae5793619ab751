"""What Transfer says of each request: whose line, which part of the file, how long."""

from __future__ import annotations

import io
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import astropy.units as u
import boto3
import fsspec
import matplotlib
import numpy as np
import pytest
import requests
import s3fs
from astropy.coordinates import SkyCoord
from astropy.io import fits
from botocore import UNSIGNED
from botocore.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st
from replicas import ROOT, RunningReplica, file_server, replica

from helpers import Transfer, cutout
from helpers.transfer.fits_layout import FitsLayout
from helpers.transfer.request import overlap
from replica.holdings import select
from replica.storage.cache import ensure

CRAB = SkyCoord(83.633210, 22.014460, unit="deg")
ALLWISE = select(obs_id="0830p227_ac51", band="W1", kind="int")[0]
PANSTARRS = select(obs_id="rings.v3.skycell.1784.059.stk.r", kind="unconv")[0]
ROSAT = select(obs_id="rs931315n00", kind="bas")[0]
WISE = f"s3://{ALLWISE.bucket}/{ALLWISE.key}"
STACK = f"s3://{PANSTARRS.bucket}/{PANSTARRS.key}"
EVENTS = f"https://heasarc.gsfc.nasa.gov/FTP/{ROSAT.key}"
#: The header of the tile ends here.
HEADER = 5760


@pytest.fixture(scope="module", autouse=True)
def made() -> None:
    for product in (ALLWISE, PANSTARRS, ROSAT):
        ensure(product)


def here() -> int:
    """Number of the line that calls this."""
    return sys._getframe(1).f_lineno


def lines(transfer: Transfer) -> set[int]:
    """Numbers of this file's lines that requests are attributed to."""
    found = {request.line for request in transfer.log}
    assert all(line.partition(":")[0].endswith(Path(__file__).name) for line in found), found
    return {int(line.rpartition(":")[2]) for line in found}


def test_the_log_is_that_of_the_replica(shared_replica: RunningReplica) -> None:
    client = boto3.client("s3", config=Config(signature_version=UNSIGNED))
    with shared_replica.requests_inside() as log, Transfer() as transfer:
        where = {"Bucket": ALLWISE.bucket, "Key": ALLWISE.key}
        client.head_object(**where)
        client.get_object(**where, Range="bytes=10-99")["Body"].read()
        requests.get(EVENTS)
        requests.get(f"{EVENTS}.missing")
        fs = s3fs.S3FileSystem(anon=True, skip_instance_cache=True)
        fs.ls("nasa-heasarc/rosat/data")
        fs.cat_file(WISE, start=0, end=100)
        requests.get(
            "https://irsa.ipac.caltech.edu/ibe/sia/wise/allwise/p3am_cdd?POS=83,22&SIZE=0.1"
        )
    said = [(r.method, r.url.split("/")[2], r.status, r.bytes) for r in transfer.log]
    assert said == [(e["method"], e["host"], e["status"], e["bytes"]) for e in log]
    ranges = [request.range for request in transfer.log]
    assert ranges == [None, (10, 100), None, None, None, (0, 100), None]
    kinds = [request.kind for request in transfer.log]
    assert kinds == ["metadata", "file", "file", "error", "listing", "file", "service query"]
    assert [request.source for request in transfer.log] == [
        *["cloud"] * 2, *["archive"] * 2, *["cloud"] * 2, "archive"
    ]  # fmt: skip
    assert transfer.log[0].region == "us-west-2"
    assert transfer.log[4].region == "us-east-1"


def test_the_times_are_in_order_and_inside_the_block() -> None:
    with Transfer() as transfer:
        requests.get(EVENTS)
        s3fs.S3FileSystem(anon=True).cat_file(WISE, start=0, end=2**20)
    for request in transfer.log:
        assert 0 <= request.began < request.began + request.waited <= request.ended
        assert request.ended <= transfer.seconds
    first, second = (request for request in transfer.log if request.bytes)
    assert first.ended <= second.began


def test_the_wait_for_the_first_byte_is_that_of_the_network(tmp_path: Path) -> None:
    with replica(tmp_path, "--latency", "80ms") as slow:
        proxies = {"https": slow.proxy}
        certificates = slow.environment["REQUESTS_CA_BUNDLE"]
        with Transfer() as transfer:
            requests.get(EVENTS, proxies=proxies, verify=certificates)
    assert transfer.log[0].waited >= 0.08


def ask_requests() -> int:
    line = here() + 1
    requests.get(EVENTS)
    return line


def ask_boto3() -> int:
    client = boto3.client("s3", config=Config(signature_version=UNSIGNED))
    line = here() + 1
    client.get_object(Bucket=ALLWISE.bucket, Key=ALLWISE.key, Range="bytes=0-9")
    return line


def ask_boto3_threads() -> int:
    client = boto3.client("s3", config=Config(signature_version=UNSIGNED))
    line = here() + 1
    client.download_fileobj(ALLWISE.bucket, ALLWISE.key, io.BytesIO())
    return line


def ask_s3fs() -> int:
    fs = s3fs.S3FileSystem(anon=True)
    line = here() + 1
    fs.cat_file(WISE, start=0, end=100)
    return line


def ask_fsspec() -> int:
    line = here() + 1
    fsspec.filesystem("http").cat_file(EVENTS.replace("https", "http"), start=0, end=100)
    return line


def ask_helpers() -> int:
    line = here() + 1
    cutout(WISE, CRAB, 1 * u.arcmin)
    return line


def ask_mapped_threads() -> int:
    with ThreadPoolExecutor(4) as pool:
        line = here() + 1
        list(pool.map(requests.get, [EVENTS] * 4))
        return line


def ask_bare_thread() -> int:
    thread = threading.Thread(target=requests.get, args=(EVENTS,))
    thread.start()
    line = here() + 1
    thread.join()
    return line


@pytest.mark.parametrize(
    "ask",
    [
        ask_requests,
        ask_boto3,
        ask_boto3_threads,
        ask_s3fs,
        ask_fsspec,
        ask_helpers,
        ask_mapped_threads,
        ask_bare_thread,
    ],
    ids=lambda ask: ask.__name__.removeprefix("ask_"),
)
def test_the_line_is_the_users(ask: Callable[[], int]) -> None:
    with Transfer() as transfer:
        line = ask()
    assert lines(transfer) == {line}


def test_each_thread_that_waits_for_s3fs_has_its_own_line() -> None:
    """Many threads share the one thread in which s3fs works."""
    fs = s3fs.S3FileSystem(anon=True)

    def even(number: int) -> None:
        fs.cat_file(WISE, start=number, end=number + 1)

    def odd(number: int) -> None:
        fs.cat_file(WISE, start=number, end=number + 1)

    with Transfer() as transfer, ThreadPoolExecutor(8) as pool:
        for number in range(60):
            pool.submit((even, odd)[number % 2], number)
    names = {f"{f.__code__.co_firstlineno + 1}": n for n, f in enumerate((even, odd))}
    assert len(transfer.log) == 60
    for request in transfer.log:
        assert request.range
        assert names[request.line.rpartition(":")[2]] == request.range[0] % 2


def test_parts_of_an_image_are_named() -> None:
    fs = s3fs.S3FileSystem(anon=True)
    with Transfer() as transfer:
        fs.cat_file(WISE, start=0, end=HEADER)
        fs.cat_file(WISE, start=100_000, end=200_000)
        fs.cat_file(WISE, start=HEADER - 10, end=HEADER + 20)
    assert [request.parts for request in transfer.log] == [
        (("header of HDU 0", HEADER),),
        (("pixels of HDU 0", 100_000),),
        (("header of HDU 0", 10), ("pixels of HDU 0", 20)),
    ]
    assert transfer.log[2].part == "header of HDU 0 + pixels of HDU 0"


def test_parts_that_nobody_read_the_header_of_stay_unknown() -> None:
    with Transfer() as transfer:
        s3fs.S3FileSystem(anon=True).cat_file(STACK, start=2_000_000, end=2_000_100)
    assert transfer.requests == 1
    assert transfer.log[0].part == "file"


def test_parts_of_a_compressed_image_are_named() -> None:
    options = {"anon": True, "default_block_size": 2**20}
    with Transfer() as transfer, fits.open(STACK, fsspec_kwargs=options) as hdus:
        hdus[1].section[3000:3010]
        (end,) = {hdu.fileinfo()["datLoc"] for hdu in hdus[:1]}
    first, last = (request for request in transfer.log if request.kind == "file")
    names = [name for name, _ in first.parts]
    label = "of HDU 1 (COMPRESSED_IMAGE)"
    assert names == ["header of HDU 0", f"header {label}", f"tile table {label}",
                     f"compressed pixels {label}"]  # fmt: skip
    assert first.parts[0][1] == end
    assert [name for name, _ in last.parts] == [f"compressed pixels {label}"]


def test_a_file_compressed_as_a_whole_is_called_so() -> None:
    with Transfer() as transfer:
        requests.get(EVENTS)
    assert transfer.log[0].part == "file compressed as a whole"


def test_what_is_wanted_stands_beside_what_is_moved() -> None:
    with Transfer() as transfer, fsspec.open(WISE, anon=True, default_block_size=2**20) as file:
        file.read(100)
        file.seek(5_000_000)
        file.read(50)
        file.read(50)
    moved = [request.wanted for request in transfer.log if request.kind == "file"]
    assert moved == [100, 100]
    rows = transfer.report().rows
    assert sum(row.wanted or 0 for row in rows) == 200
    # Which row took longest, and so stands first, is the machine's.
    assert max(row.bytes for row in rows if row.wanted) > 2**20


HDUS = st.lists(
    st.sampled_from(["image", "empty", "table", "strings", "compressed", "cube"]), max_size=6
)


def hdu_of(kind: str, number: int) -> fits.hdu.base._BaseHDU:
    rng = np.random.default_rng(number)
    name = f"N{number}"
    if kind == "table":
        columns = [fits.Column("X", "J", array=np.arange(500))]
        return fits.BinTableHDU.from_columns(columns, name=name)
    if kind == "strings":
        words = [rng.integers(0, 9, n, dtype="i4") for n in rng.integers(0, 90, 50)]
        columns = [fits.Column("W", "PJ()", array=np.array(words, dtype=object))]
        return fits.BinTableHDU.from_columns(columns, name=name)
    if kind == "compressed":
        return fits.CompImageHDU(rng.integers(0, 9, (90, 80), dtype="i4"), name=name)
    shape = {"image": (60, 70), "cube": (3, 40, 50), "empty": ()}[kind]
    return fits.ImageHDU(rng.random(shape).astype("f4") if shape else None, name=name)


@settings(max_examples=50)
@given(HDUS, st.integers(1, 5000), st.integers(0, 2**32))
def test_the_layout_is_astropys(kinds: list[str], piece: int, seed: int) -> None:
    """Whatever the HDUs are, and in whatever pieces they pass."""
    hdus = fits.HDUList([fits.PrimaryHDU(), *map(hdu_of, kinds, range(len(kinds)))])
    stream = io.BytesIO()
    hdus.writeto(stream)
    data, layout, position = stream.getvalue(), FitsLayout(), 0
    chance = random.Random(seed)
    while position < len(data):
        step = chance.randint(1, piece)
        layout.feed(position, data[position : position + step])
        position += step
    with fits.open(io.BytesIO(data), disable_image_compression=True) as opened:
        infos = [hdu.fileinfo() for hdu in opened]
        heaps = [getattr(hdu, "_theap", 0) for hdu in opened]
    assert [(h.header, h.data) for h in layout.hdus] == [
        ((i["hdrLoc"], i["datLoc"]), (i["datLoc"], i["datLoc"] + i["datSpan"])) for i in infos
    ]
    for hdu, info, heap in zip(layout.hdus, infos, heaps, strict=True):
        if hdu.heap < hdu.data[1]:
            assert hdu.heap == info["datLoc"] + heap
    assert sum(size for _, size in layout.parts(0, len(data))) == len(data)


def test_a_piece_that_was_missed_leaves_the_rest_unknown() -> None:
    layout = FitsLayout()
    layout.feed(2880, b"x" * 2880)
    assert layout.hdus == []
    assert layout.parts(0, 10) == [("unknown part", 10)]


def test_bytes_that_several_spans_cover_are_counted_once() -> None:
    assert overlap([(0, 10), (5, 20), (18, 19), (40, 50)], (8, 45)) == 12 + 5


def test_a_report_can_be_read_and_shown() -> None:
    with Transfer() as transfer:
        cutout(WISE, CRAB, 1 * u.arcmin)
        requests.get(EVENTS)
    report = transfer.report()
    text = repr(report)
    assert text.startswith(f"{transfer.requests} request")
    assert f"{Path(__file__).name}:" in text
    assert sum(row.requests for row in report.rows) == transfer.requests
    assert sum(row.bytes for row in report.rows) == transfer.bytes
    page = report._repr_html_()
    assert page.count("<tr>") == len(report.rows) + 1
    assert re.fullmatch(r"<table>.*</table>", page)


def test_a_picture_shows_files_and_requests(tmp_path: Path) -> None:
    backend = matplotlib.get_backend()
    with Transfer() as transfer:
        cutout(WISE, CRAB, 1 * u.arcmin)
        requests.get(EVENTS)
    figure = transfer.picture()
    bars, times = figure.axes
    assert len(bars.get_yticks()) == 2
    assert times.get_ylabel() == f"{transfer.requests} requests"
    figure.savefig(tmp_path / "picture.png")
    assert matplotlib.get_backend() == backend


def test_nothing_read_is_shown_too() -> None:
    transfer = Transfer()
    assert transfer.log == ()
    assert transfer.advice() == []
    assert transfer.report().rows == ()
    assert transfer.picture().axes


def test_libraries_are_left_as_they_were() -> None:
    import asyncio
    import concurrent.futures

    from fsspec.spec import AbstractBufferedFile

    def parts() -> list[object]:
        executor = concurrent.futures.ThreadPoolExecutor
        return [asyncio.run_coroutine_threadsafe, executor.submit, AbstractBufferedFile.read]

    before = parts()
    with Transfer():
        assert all(now is not then for now, then in zip(parts(), before, strict=True))
    assert parts() == before


def test_an_error_passes_through_and_what_came_before_it_is_told() -> None:
    transfer = Transfer()
    with pytest.raises(requests.ConnectionError), transfer:
        requests.get("http://127.0.0.1:1/nobody-listens-here")
    assert len(transfer.log) == 1


SCRIPT = """
import sys
import requests

print(sys.argv[1:], __name__)
requests.get("{url}")
sys.exit(3)
"""


def profile(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "helpers.transfer", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, **variables},
    )


def test_the_command_line_runs_a_script_as_python_would(tmp_path: Path) -> None:
    script, picture = tmp_path / "my_script.py", tmp_path / "picture.svg"
    script.write_text(SCRIPT.format(url=EVENTS))
    done = profile("--picture", picture, script, "--depth", "3")
    assert done.returncode == 3
    assert done.stdout.startswith("['--depth', '3'] __main__\n")
    assert f"{script}:6: archive's own server instead of the cloud" in done.stdout
    assert "1 request, 3." in done.stdout
    assert picture.read_text().startswith("<?xml")


def test_the_command_line_starts_the_replica_that_is_asked_for(tmp_path: Path) -> None:
    script = tmp_path / "my_script.py"
    script.write_text(SCRIPT.format(url=EVENTS))
    done = profile(script, ARCHIVES="replica")
    assert done.returncode == 3
    assert "Replica" in done.stderr
    assert "Replica" not in done.stdout


@pytest.mark.parametrize(
    ("ending", "code", "said"),
    [
        ("raise KeyError('lost')", 1, "KeyError: 'lost'"),
        ("sys.exit()", 0, ""),
        ("sys.exit('no such star')", 1, "no such star"),
        ("raise KeyboardInterrupt", 130, ""),
    ],
)
def test_the_exit_code_is_the_scripts(tmp_path: Path, ending: str, code: int, said: str) -> None:
    script = tmp_path / "my_script.py"
    script.write_text(f"import sys\n{ending}\n")
    done = profile(script)
    assert done.returncode == code
    assert said in done.stderr
    assert "helpers/transfer" not in done.stderr
    assert "0 requests, 0.00 MB" in done.stdout


def test_a_cell_of_a_notebook_is_named_by_its_number() -> None:
    cells = [
        "from helpers import Transfer\nimport requests",
        f"with Transfer() as transfer:\n    requests.get({EVENTS!r})",
        "print(transfer.log[0].line, transfer.advice()[0].code)",
    ]
    program = "from IPython.core.interactiveshell import InteractiveShell as Shell\n" + "\n".join(
        f"Shell.instance().run_cell({cell!r}, store_history=True)" for cell in cells
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == f"In[2]:2 requests.get({EVENTS!r})"


def test_a_script_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    done = profile(tmp_path / "nothing.py")
    assert done.returncode == 2
    assert "there is no script" in done.stderr


def test_listening_to_many_small_reads_costs_little(tmp_path: Path) -> None:
    """A generous bound: what a read costs is in the benchmarks."""
    (tmp_path / "zeros").write_bytes(bytes(2**20))
    with file_server(tmp_path) as base, fsspec.open(f"{base}/zeros") as file:
        file.read(1)

        def read() -> float:
            began = time.perf_counter()
            for number in range(2000):
                file.seek(number)
                file.read(10)
            return time.perf_counter() - began

        plain = min(read() for _ in range(3))
        with Transfer():
            listened = min(read() for _ in range(3))
    assert listened - plain < 2000 * 100e-6
