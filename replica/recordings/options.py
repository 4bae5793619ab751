"""The command line's part for recordings; what does the work is imported when it is asked for."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from replica.recordings import RecordingError
from replica.source import Evaluation

if TYPE_CHECKING:
    from replica.source import Source


def add_record(commands: argparse._SubParsersAction) -> None:
    """Add the command ``record``."""
    record = commands.add_parser("record", help="run a command and record what the hosts answer")
    record.add_argument("recording", type=Path, help="folder of the recording; it may exist")
    record.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PATTERN",
        help="keep the answers of these hosts only, such as '*.amazonaws.com'; again for more",
    )
    record.add_argument(
        "--missing", action="store_true", help="replay what is there, ask only for the rest"
    )
    record.add_argument("--log", type=Path, metavar="FILE", help="append one JSON line a request")
    record.add_argument("program", nargs="*", metavar="COMMAND", help="after --, with arguments")


def add_replay_options(command: argparse.ArgumentParser) -> None:
    """Add ``--recording``, which replays."""
    command.add_argument(
        "--recording",
        action="append",
        default=[],
        metavar="PATH",
        help="answer from this recording; again for more; the word replica lets the replica "
        "evaluate what is not recorded",
    )


def source_of(options: argparse.Namespace) -> Source:
    """Return what answers, by the options of ``record``, ``run`` or ``serve``.

    Raises
    ------
    RecordingError
        If a recording cannot be used.
    """
    if options.command == "record":
        return _sources().Recording(options.recording, options.only, missing=options.missing)
    if getattr(options, "record", False):
        if len(options.recording) != 1:
            raise RecordingError("--record needs one --recording")
        return _sources().Recording(Path(options.recording[0]), missing=True)
    return _sources().Recorded(options.recording) if options.recording else Evaluation()


def _sources() -> ModuleType:
    """Import what only recordings need."""
    try:
        return import_module("replica.recordings.sources")
    except ImportError as error:
        install = f"{sys.executable} -m pip install aiohttp ahocorasick-rs"
        message = f"recordings need a package that is missing ({error}); install with: {install}"
        raise RecordingError(message) from error


def add_recording(commands: argparse._SubParsersAction) -> None:
    """Add the command ``recording`` with all that can be done with one."""
    recording = commands.add_parser("recording", help="look into recordings, and change them")
    actions = recording.add_subparsers(
        dest="action", required=True, metavar="ACTION", help="what to do; each has its own --help"
    )
    for name, text in (
        ("show", "say what is in it: hosts, requests, megabytes, holes"),
        ("verify", "compare all checksums; name what is damaged"),
        ("pack", "make one zip file of it"),
    ):
        actions.add_parser(name, help=text).add_argument("recording", type=Path)
    diff = actions.add_parser("diff", help="say which answers changed from one to another")
    diff.add_argument("old", type=Path)
    diff.add_argument("new", type=Path)
    diff.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON too")
    merge = actions.add_parser("merge", help="make one recording of several")
    merge.add_argument("recording", type=Path, nargs="+")
    merge.add_argument("--into", type=Path, required=True, metavar="FOLDER")
    trim = actions.add_parser("trim", help="keep what a command needs")
    trim.add_argument("recording", type=Path)
    trim.add_argument("--into", type=Path, required=True, metavar="FOLDER")
    trim.add_argument("--to-run", nargs=argparse.REMAINDER, required=True, metavar="COMMAND")


def recording_command(options: argparse.Namespace) -> int:
    """Do what ``recording`` was asked for; return an exit code."""
    from replica.recordings import commands

    return commands.COMMANDS[options.action](options)
