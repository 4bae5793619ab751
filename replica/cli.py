"""The commands of ``python -m replica``."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from threading import Thread
from typing import NoReturn

from replica.check import EXIT_CODES
from replica.middleware.faults import FaultError, fault
from replica.middleware.throttle import Throttle, ThrottleError, bandwidth, latency
from replica.program import run_program
from replica.recordings import RecordingError
from replica.recordings.options import (
    add_record,
    add_recording,
    add_replay_options,
    recording_command,
    source_of,
)
from replica.server import LOOPBACK, Replica, Settings, is_loopback, running
from replica.storage.build import build

#: How long an orphan may take to end in good order, seconds.
GRACE = 5.0


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command == "build":
        return build(options.pattern, jobs=options.jobs)
    if options.command in ("run", "record") and not options.program:
        parser.error(f"{options.command} needs a command: give it after --")
    if options.command == "check":
        _refuse_wrong_source(parser, options)
    if getattr(options, "record", False) and not is_loopback(options.address):
        parser.error("--record asks the network for its clients: it serves this machine only")
    if options.command == "record" and "ARCHIVES_RECORDING" in os.environ:
        parser.error("the proxies of this environment lead to a recording, not to the network")
    try:
        if options.command == "recording":
            return recording_command(options)
        return asyncio.run(_with_replica(_settings(options), _work(options)))
    except KeyboardInterrupt:
        return 130
    except (OSError, RecordingError) as error:
        print(f"replica: {error}", file=sys.stderr)  # noqa: T201
        return 1


async def _with_replica(settings: Settings, work: Callable[[Replica], Awaitable[int]]) -> NoReturn:
    async with running(settings) as replica:
        status = await work(replica)
    if replica.summary:
        print(f"replica: {replica.summary}", file=sys.stderr)  # noqa: T201
    # Threads may still make a file, or run a query.  Python would wait for them at its end.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status or int(settings.source.failed))


def _work(options: argparse.Namespace) -> Callable[[Replica], Awaitable[int]]:
    if options.command == "record":
        return lambda replica: _record(replica, options.program)
    if options.command == "run":
        return lambda replica: run_program(replica, options.program)
    if options.command == "check":
        return lambda replica: _check(replica, options)
    return lambda replica: _serve(replica, as_json=options.json, parent=options.parent)


async def _serve(replica: Replica, *, as_json: bool, parent: int | None) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    sys.stdout.write(_introduction(replica, as_json=as_json))
    sys.stdout.flush()
    if not replica.on_loopback:
        sys.stderr.write(_warning(replica.proxy))
    if parent is not None:
        end = partial(loop.call_soon_threadsafe, stop.set)
        Thread(target=_watch, args=(parent, end), daemon=True).start()
    await stop.wait()
    return 0


def _watch(parent: int, end: Callable[[], object]) -> None:
    """End this process soon after its parent, also while the event loop is busy."""
    # An orphan gets another parent at once, also when its own was killed without warning.
    while os.getppid() == parent:
        time.sleep(1.0)
    end()
    time.sleep(GRACE)
    os._exit(1)


def _introduction(replica: Replica, *, as_json: bool) -> str:
    if as_json:
        facts = {"proxy": replica.proxy, "certificate": str(replica.certificate)}
        return json.dumps(facts | {"environment": replica.environment}) + "\n"
    lines = [f"export {name}={shlex.quote(value)}" for name, value in replica.environment.items()]
    return "\n".join([f"# {replica.source.sentence} Until Ctrl-C, in another shell:", *lines, ""])


def _warning(proxy: str) -> str:
    return (
        f"replica: every machine that reaches {proxy} may ask this one. It answers for the "
        f"archives' hosts only and passes nothing on. Others set ARCHIVES={proxy}\n"
    )


async def _record(replica: Replica, program: list[str]) -> int:
    from replica.recordings.commands import showing_progress

    async with showing_progress(replica.source):
        return await run_program(replica, program)


def _refuse_wrong_source(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if bool(options.against) != bool(options.certificate):
        parser.error("--against and --certificate belong together")
    if not options.against and "ARCHIVES_REPLICA" in os.environ:
        parser.error("the proxies of this environment lead to a replica, not to the archives")


async def _check(replica: Replica, options: argparse.Namespace) -> int:
    # Imported here: astropy takes half a second that the other commands need not wait for.
    from replica.check.command import check

    return await asyncio.to_thread(
        check,
        replica,
        against=options.against,
        certificate=options.certificate,
        json_file=options.json,
    )


def _settings(options: argparse.Namespace) -> Settings:
    if options.command == "check":
        return Settings()
    if options.command == "record":
        return Settings(log=options.log, source=source_of(options))
    return Settings(
        address=options.address,
        port=options.port,
        log=options.log,
        throttle=Throttle(options.latency, options.bandwidth),
        faults=options.fault,
        source=source_of(options),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m replica",
        description="An embedded stand-in for the archives: same URLs, simulated data, no network.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve until Ctrl-C; print the variables to export")
    serve.add_argument("--json", action="store_true", help="print one JSON line instead")
    serve.add_argument(
        "--parent", type=int, metavar="PID", help="end when this parent process has ended"
    )
    run = commands.add_parser("run", help="run a command whose HTTP goes to the replica")
    for command in (serve, run):
        _add_server_options(command)
        add_replay_options(command)
    serve.add_argument(
        "--record", action="store_true", help="ask the network for what --recording has not"
    )
    run.add_argument("program", nargs="*", metavar="COMMAND", help="after --, with its arguments")
    add_record(commands)
    add_recording(commands)
    _add_check(commands)
    make = commands.add_parser("build", help="make data now rather than on first request")
    make.add_argument("pattern", nargs="*", help="keys to make, such as '*-w1-int-3.fits'")
    make.add_argument("--jobs", type=int, default=2, help="files made at once (default 2)")
    return parser


def _add_check(commands: argparse._SubParsersAction) -> None:
    check = commands.add_parser(
        "check",
        help="compare what the archives answer with what the replica says",
        description="Ask the archives what the notebooks ask them, compare the form of the\n"
        "answers with the replica's, and print a drift report (markdown).",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument("--against", metavar="PROXY", help="ask a second replica at this address")
    check.add_argument("--certificate", type=Path, metavar="PEM", help="trust it by this file")
    check.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON too")


def _add_server_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--host",
        "--address",
        dest="address",
        default=LOOPBACK,
        help="where to listen (default loopback); 0.0.0.0 lets other machines ask this one",
    )
    command.add_argument("--port", type=_port, default=0, help="port (default: a free one)")
    command.add_argument("--log", type=Path, metavar="FILE", help="append one JSON line a request")
    command.add_argument(
        "--latency", type=_reader(latency), default=0.0, metavar="30ms", help="delay each answer"
    )
    command.add_argument(
        "--bandwidth",
        type=_reader(bandwidth),
        default=0.0,
        metavar="50MB/s",
        help="limit all connections together",
    )
    command.add_argument(
        "--fault",
        type=_reader(fault),
        action="append",
        default=[],
        metavar="KIND[,host=*][,path=*][,times=N]",
        help="fail in a named way; may be given again",
    )


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) >= 2**16:
        raise argparse.ArgumentTypeError(f"cannot read {text!r}: a port is from 0 to {2**16 - 1}")
    return int(text)


def _reader(read: Callable[[str], object]) -> Callable[[str], object]:
    """Let argparse show the sentence of our own exceptions."""

    def checked(text: str) -> object:
        try:
            return read(text)
        except (ThrottleError, FaultError) as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return checked
