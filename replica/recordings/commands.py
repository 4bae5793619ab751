"""What ``python -m replica record`` shows, and what ``python -m replica recording`` does."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

from tqdm import tqdm

from replica.recordings import RecordingError
from replica.recordings.catalogue import Catalogue, now
from replica.recordings.manifest import manifest_of
from replica.recordings.storage import Recording, open_recording
from replica.recordings.verify import verify

#: Objects with holes that `show` names; of more it says the number.
_SHOWN_HOLES = 10


@asynccontextmanager
async def showing_progress(source: Any) -> AsyncIterator[None]:
    """Show requests and bytes of a recording while it grows, on a terminal."""
    with tqdm(bar_format="{desc}", disable=None, leave=False) as line:
        task = asyncio.create_task(_show_progress(line, source.keeper))
        try:
            yield
        finally:
            task.cancel()


async def _show_progress(line: tqdm, keeper: Any) -> None:
    while True:
        line.set_description_str(
            f"recording: {keeper.requests} requests, {keeper.bytes / 1e6:.1f} MB"
        )
        await asyncio.sleep(0.5)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _show(options: Namespace) -> int:
    _say("\n".join(description(open_recording(options.recording))))
    return 0


def description(recording: Recording) -> Iterator[str]:
    """Yield lines: what a recording holds, by host, and what of its objects is missing."""
    facts, catalogue = manifest_of(recording), Catalogue(recording.entries())
    bodies = facts["bodies"]
    yield (
        f"{recording.name}: {facts['data']} data, recorded on {facts['recorded']} in "
        f"{facts['runs']} runs; {bodies['files']} bodies, {bodies['bytes'] / 1e6:.1f} MB"
    )
    yield f"\n{'requests':>8} {'MB':>9}  host"
    for host, numbers in facts["hosts"].items():
        yield f"{numbers['requests']:8} {numbers['bytes'] / 1e6:9.1f}  {host}"
    yield from _holes(catalogue)
    changed = [url for url, versions in catalogue.objects.items() if len(versions) > 1]
    for url in changed:
        yield f"changed while it was recorded: {url}, {len(catalogue.objects[url])} versions"
    if facts["removed"]:
        kinds = ", ".join(f"{count} × {kind}" for kind, count in facts["removed"].items())
        yield f"\nsecrets removed: {kinds}"


def _holes(catalogue: Catalogue) -> Iterator[str]:
    parts = [found for found in catalogue.versions() if len(found.spans) < found.length]
    if parts:
        yield "\nobjects that are there in part:"
    for found in sorted(parts, key=lambda version: version.url)[:_SHOWN_HOLES]:
        holes = len(found.spans.holes(0, found.length))
        yield f"  {found.url}: {len(found.spans)} of {found.length} bytes, {holes} holes"
    if len(parts) > _SHOWN_HOLES:
        yield f"  and {len(parts) - _SHOWN_HOLES} more"


def _verify(options: Namespace) -> int:
    recording = open_recording(options.recording)
    found = verify(recording)
    for line in found.problems:
        _say(f"damaged: {line}")
    for line in found.notes:
        _say(f"note: {line}")
    _say(f"{recording.name}: {len(found.problems)} problems" if found.problems else "all is whole")
    return 1 if found.problems else 0


def _diff(options: Namespace) -> int:
    # Imported here: astropy takes half a second that the other commands need not wait for.
    from replica.check.report import Report
    from replica.recordings.difference import Difference

    old, new = open_recording(options.old), open_recording(options.new)
    difference = Difference(old, new)
    report = Report(new.name, now(), list(difference.comparisons()), f"the recording {old.name}")
    _say(report.as_markdown())
    for name, only in ((old.name, False), (new.name, True)):
        if questions := difference.only_in(new=only):
            _say(f"Only in {name}: {len(questions)}\n")
            _say("\n".join(f"- {question}" for question in questions))
    if options.json:
        options.json.write_text(f"{report.as_json()}\n", encoding="utf-8")
    return report.exit_code


def _merge(options: Namespace) -> int:
    from replica.recordings.reshape import merge

    _say("\n".join(description(merge(options.recording, options.into))))
    return 0


def _pack(options: Namespace) -> int:
    from replica.recordings.reshape import pack

    path = pack(options.recording)
    _say(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    return 0


def _trim(options: Namespace) -> int:
    """Run the command on the recording, then copy what it used."""
    from replica.recordings.reshape import trim
    from replica.recordings.sources import Recorded

    if (options.into).exists():
        raise RecordingError(f"{options.into} is there already: name a new folder")
    source = Recorded([str(options.recording)])
    status = run_behind(source, options.to_run)
    if status:
        raise RecordingError(f"the command failed with {status}: nothing was written")
    kept = trim(options.recording, source.player, options.into)
    _say("\n".join(description(kept)))
    return 0


def run_behind(source: Any, program: list[str]) -> int:
    """Run a program whose HTTP goes to a source; return its exit code."""
    from replica.program import run_program
    from replica.server import Settings, running

    async def run() -> int:
        async with running(Settings(source=source)) as replica:
            return await run_program(replica, program)

    return asyncio.run(run())


COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "show": _show,
    "verify": _verify,
    "diff": _diff,
    "merge": _merge,
    "trim": _trim,
    "pack": _pack,
}
