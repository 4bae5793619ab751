"""All installed decoders of ``.Z`` on a file of events."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from astropy.io import fits

from benchmarks.subprocess_runner import call, cost

Row = dict[str, Any]

#: Bytes of the uncompressed file.
SIZE = 60_000_000
FALLBACK = "unlzw3"
OURS = "helpers.decompress"


@dataclass(frozen=True)
class Decoder:
    """A decoder: what must be installed, and how it is called.

    Attributes
    ----------
    needs : str
        A module or, for programs, a command.
    decode : callable
        From stored bytes to content.
    slow : bool
        Pure Python: one round is enough to tell.
    program : bool
        Whether it is a program, whose own memory is not measured.
    """

    needs: str
    decode: Callable[[bytes], bytes]
    slow: bool = False
    program: bool = False

    @property
    def installed(self) -> bool:
        """Whether what it needs is there."""
        return bool(shutil.which(self.needs) if self.program else find_spec(self.needs))


def _call(module: str, name: str) -> Callable[[bytes], bytes]:
    return lambda stored: getattr(import_module(module), name)(stored)


def _uncompresspy(stored: bytes) -> bytes:
    import uncompresspy

    with uncompresspy.open(io.BytesIO(stored)) as file:
        return file.read()


def _libarchive(stored: bytes) -> bytes:
    import libarchive

    with libarchive.memory_reader(stored, format_name="raw", filter_name="all") as entries:
        return b"".join(block for entry in entries for block in entry.get_blocks())


def _program(*command: str) -> Callable[[bytes], bytes]:
    return lambda stored: (
        subprocess.run(command, input=stored, capture_output=True, check=True).stdout
    )


DECODERS = {
    "unlzw3": Decoder("unlzw3", _call("unlzw3", "unlzw"), slow=True),
    "uncompresspy": Decoder("uncompresspy", _uncompresspy, slow=True),
    "unlzw-cython": Decoder("unlzw_cython", _call("unlzw_cython", "unlzw")),
    "ncompress": Decoder("ncompress", _call("ncompress", "decompress")),
    "libarchive-c": Decoder("libarchive", _libarchive),
    "gzip -dc": Decoder("gzip", _program("gzip", "-dc"), program=True),
    "compress -dc": Decoder("compress", _program("compress", "-dc"), program=True),
    "bsdcat": Decoder("bsdcat", _program("bsdcat"), program=True),
    OURS: Decoder("helpers", _call("helpers", "decompress")),
}


def make_events(path: str, size: int) -> str:
    """Write a simulated list of ROSAT events of about `size` bytes, compressed.

    Returns
    -------
    str
        Digest of the uncompressed file.
    """
    import ncompress

    content = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), _events(size)]).writeto(content)
    Path(path).write_bytes(ncompress.compress(content.getvalue()))
    return hashlib.sha256(content.getvalue()).hexdigest()


def _events(size: int) -> fits.BinTableHDU:
    """Sky and detector positions, pulse heights and times, as in ROSAT's event lists."""
    rng = np.random.default_rng(1990)
    count = size // 24
    positions = {"X": 7680, "Y": 7680, "DETX": 4096, "DETY": 4096}
    columns = [
        fits.Column(name, "I", array=np.rint(rng.normal(middle, middle / 4, count)))
        for name, middle in positions.items()
    ]
    heights = np.clip(np.rint(rng.gamma(6.0, 12.0, count)), 8, 255)
    columns += [fits.Column(name, "I", array=heights) for name in ("PHA", "PI")]
    times = np.sort(rng.uniform(0, 3e4, count)) + 4.4e6
    empty = np.zeros(count, np.int32)
    columns += [fits.Column("TIME", "D", array=times), fits.Column("FLAGS", "J", array=empty)]
    return fits.BinTableHDU.from_columns(columns, name="STDEVT")


def measure(decoder: str, path: str, digest: str) -> Row:
    """Decode the file once; runs in a fresh process."""
    stored = Path(path).read_bytes()
    chosen = DECODERS[decoder]
    if not chosen.program:
        import_module(chosen.needs)
    content, facts = cost(lambda: chosen.decode(stored))
    right = hashlib.sha256(content).hexdigest() == digest
    return facts | {"decoder": decoder, "output": len(content), "right": right}


def plan(rounds: int) -> list[str]:
    """Return what to run: in each round all installed decoders, the slow ones once."""
    installed = {name: decoder for name, decoder in DECODERS.items() if decoder.installed}
    return [
        name
        for number in range(rounds)
        for name, decoder in installed.items()
        if number == 0 or not decoder.slow
    ]


def run(steps: Sequence[str], folder: Path, size: int = SIZE) -> Iterator[Row]:
    """Make the file, then measure each step in a fresh process."""
    path = folder / "events.fits.Z"
    digest = call("benchmarks.lzw:make_events", str(path), size)
    for decoder in steps:
        yield call("benchmarks.lzw:measure", decoder, str(path), digest)


def summary(measured: Sequence[Row]) -> list[Row]:
    """Reduce all rounds to a row of medians for each decoder."""
    names = dict.fromkeys(row["decoder"] for row in measured)
    return [_median([row for row in measured if row["decoder"] == name]) for name in names]


def _median(rows: list[Row]) -> Row:
    seconds = median(row["seconds"] for row in rows)
    return {
        "decoder": rows[0]["decoder"],
        "rounds": len(rows),
        "seconds": seconds,
        "rate": rows[0]["output"] / seconds,
        "output": rows[0]["output"],
        "memory": median(row["memory"] for row in rows),
        "program": DECODERS[rows[0]["decoder"]].program,
        "right": all(row["right"] for row in rows),
    }


def versions() -> dict[str, str]:
    """Return the versions of the packages that decode."""
    names = ("unlzw3", "uncompresspy", "unlzw-cython", "ncompress", "libarchive-c")
    return {name: version(name) for name in names if find_spec(DECODERS[name].needs)}
