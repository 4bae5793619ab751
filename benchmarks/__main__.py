"""``python -m benchmarks``: run all parts, write the tables."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tqdm import tqdm

from benchmarks import bulk, imports, lzw, many, profiler, recordings, report, single
from benchmarks.cases import TILES
from benchmarks.goals import goals
from benchmarks.methods import METHODS
from benchmarks.networks import DISTANT, HOME, NEAR, make_data, replicas
from benchmarks.subprocess_runner import ROOT, call

Results = dict[str, Any]

#: Size of the ``.Z`` file and count of cutouts of a quick run.
QUICK_SIZE, QUICK_COUNT = 6_000_000, 100
PACKAGES = ("numpy", "astropy", "fsspec", "s3fs", "boto3", "requests", "astrocut")


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for; return an exit code."""
    options = _parser().parse_args(arguments)
    options.rounds = 1 if options.quick else options.rounds
    load = os.getloadavg()[0]
    results: Results = {"skipped": skipped(options)}
    for part in options.only or PARTS:
        with TemporaryDirectory() as folder:
            results |= PARTS[part](options, Path(folder))
    results["machine"] = machine() | {"load": [load, os.getloadavg()[0]]}
    results["goals"] = goals(results)
    paths = report.write(results, options.folder)
    sys.stdout.write(f"{report.markdown(results)}\n\n{' '.join(map(str, paths))}\n")
    return 0


def run_single(options: argparse.Namespace, folder: Path) -> Results:
    """One cutout, by each way and under each network."""
    # What is promised of the time is promised of the distant network.
    rounds = {NEAR: (options.rounds + 1) // 2, DISTANT: options.rounds}
    # A file takes 14 s on the slow line: one round tells, and takes long enough.
    rounds |= {} if options.quick else {HOME: 1}
    make_data()
    with replicas(folder, *rounds) as running:
        environment = running[0].environment
        needed = {
            case: call("benchmarks.single:needed_bytes", case, environment=environment)
            for case in single.CASES
        }
        steps = single.plan(rounds, running)
        measured = [row for rows in _shown("one cutout", steps, single.run(steps)) for row in rows]
    cannot = [row for row in measured if "error" in row]
    return {"needed": needed, "single": single.summary(measured), "cannot": cannot}


def run_many(options: argparse.Namespace, folder: Path) -> Results:
    """Many cutouts; a thousand take 20 s, so two rounds at the most."""
    make_data()
    count = QUICK_COUNT if options.quick else many.COUNT
    steps = many.plan(min(options.rounds, 2), count)
    with replicas(folder, DISTANT) as (replica,):
        size = call("benchmarks.many:bytes_of_a_result", environment=replica.environment)
        measured = list(_shown("many cutouts", steps, many.run(steps, replica)))
    return {"many": many.summary(measured, DISTANT, size)}


def run_bulk(options: argparse.Namespace, folder: Path) -> Results:
    """Batches of stamps, and the gaps between them; two rounds at the most."""
    make_data(len(TILES))
    networks = (NEAR, DISTANT) if options.quick else (NEAR, DISTANT, HOME)
    with replicas(folder, *networks) as running:
        steps = bulk.plan(min(options.rounds, 2), running, options.quick)
        measured = list(_shown("batches", steps, bulk.run(steps)))
    return {"bulk": bulk.summary(measured, networks)}


def run_lzw(options: argparse.Namespace, folder: Path) -> Results:
    """All installed decoders of ``.Z``."""
    steps = lzw.plan(options.rounds)
    size = QUICK_SIZE if options.quick else lzw.SIZE
    return {"lzw": lzw.summary(list(_shown(".Z", steps, lzw.run(steps, folder, size))))}


def run_imports(options: argparse.Namespace, _folder: Path) -> Results:
    """What importing helpers costs."""
    steps = imports.plan(options.rounds)
    return {"imports": imports.summary(list(_shown("imports", steps, imports.run(steps))))}


def run_recordings(options: argparse.Namespace, folder: Path) -> Results:
    """What recording costs, and how fast a recording is."""
    size = recordings.QUICK_LARGE_SIZE if options.quick else recordings.LARGE_SIZE
    rounds = range(options.rounds)
    costs = recordings.measure_cost(folder, options.rounds)
    speeds = recordings.measure_speed(folder, options.rounds)
    found = list(_shown("recording", list(rounds), costs))
    replayed = list(_shown("replay", list(rounds), speeds))
    memory = recordings.measure_memory(folder, size)
    return {"recordings": recordings.summary(found, replayed, memory)}


def run_profiler(options: argparse.Namespace, folder: Path) -> Results:
    """What Transfer itself costs."""
    make_data()
    pairs = profiler.QUICK_PAIRS if options.quick else profiler.PAIRS
    with replicas(folder, DISTANT) as (replica,):
        measured = profiler.run(replica.environment, options.rounds, pairs)
    return {"profiler": profiler.summary(measured)}


PARTS = {
    "single": run_single,
    "many": run_many,
    "bulk": run_bulk,
    "lzw": run_lzw,
    "imports": run_imports,
    "recordings": run_recordings,
    "profiler": run_profiler,
}


def _shown(title: str, steps: list[Any], running: Iterable[Any]) -> Iterable[Any]:
    return tqdm(running, total=len(steps), desc=title, unit="")


def skipped(options: argparse.Namespace) -> list[str]:
    """Say in sentences what is left out."""
    lines = [
        f"{name}: skipped, {way.package} is not installed"
        for name, way in METHODS.items()
        if not way.installed
    ]
    lines += [
        f"{name}: skipped, {engine.package} is not installed"
        for name, engine in many.ENGINES.items()
        if not engine.installed
    ]
    lines.append("rustfits: skipped, it trusts no certificates but those built into it")
    decoders = [name for name, decoder in lzw.DECODERS.items() if not decoder.installed]
    lines += [f"decoders of `.Z` that are not installed: {', '.join(decoders)}"] * bool(decoders)
    return lines + ["a quick run: one round, no slow line, small counts"] * options.quick


def machine() -> Results:
    """Describe the machine and what is installed."""
    installed = [name for name in PACKAGES if name != "astrocut" or METHODS["astrocut"].installed]
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "versions": {name: version(name) for name in installed} | lzw.versions(),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Compare helpers with what people do today."
    )
    parser.add_argument("--rounds", type=int, default=4, help="rounds of each part (default 4)")
    parser.add_argument("--quick", action="store_true", help="one round, no slow line")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="parts to run (default: all)")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "build", help="where the tables go (default build)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
