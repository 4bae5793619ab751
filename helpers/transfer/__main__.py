"""``python -m helpers.transfer my_script.py``: run a script, say what it read and why so slowly."""

from __future__ import annotations

import argparse
import os
import runpy
import sys
import traceback
from contextlib import redirect_stdout, suppress
from importlib import import_module
from pathlib import Path
from types import TracebackType

from helpers.connection import connect
from helpers.errors import ArchiveAccessError
from helpers.transfer.block import Transfer


def main(arguments: list[str] | None = None) -> int:
    """Run the script that the command line names; return its exit code."""
    options = _parser().parse_args(arguments)
    if not options.script.is_file():
        sys.stderr.write(f"helpers.transfer: there is no script {options.script}\n")
        return 2
    try:
        _choose_source()
    except ArchiveAccessError as error:
        sys.stderr.write(f"helpers.transfer: {error}\n")
        return 2
    # The clients are loaded before the clock starts, and listened to from the first request on.
    _load_clients()
    transfer = Transfer()
    with transfer:
        code = _run(options.script, options.arguments)
    sys.stdout.flush()
    sys.stdout.write(_shown(transfer))
    if options.picture:
        transfer.picture().savefig(options.picture)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m helpers.transfer",
        description="Run a script; print what it read from the network, line by line, and what "
        "would make it faster. The script needs none of the helpers.",
        epilog="ARCHIVES=replica, or a recording, answers the script as it answers a notebook.",
    )
    parser.add_argument(
        "--picture", type=Path, metavar="FILE", help="draw it too: .png, .svg, .pdf"
    )
    parser.add_argument("script", type=Path, help="the script")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="the script's own arguments")
    return parser


def _choose_source() -> None:
    """Take the source that ``ARCHIVES`` names; without it the script asks whom it always asks."""
    if os.environ.get("ARCHIVES", "").strip().lower() not in ("", "live"):
        with redirect_stdout(sys.stderr):
            connect()


def _load_clients() -> None:
    for name in ("botocore.credentials", "aiobotocore.credentials"):
        with suppress(ImportError):
            import_module(name)


def _run(script: Path, arguments: list[str]) -> int:
    """Run a script as ``python`` would; return the exit code that it would have had."""
    before = sys.argv, sys.path[:]
    sys.argv = [str(script), *arguments]
    sys.path.insert(0, str(script.resolve().parent))
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as end:
        return _exit_code(end.code)
    except KeyboardInterrupt:
        return 130
    except BaseException as error:  # noqa: BLE001  whatever a script raises
        trace = _trace_of(script, error.__traceback__)
        traceback.print_exception(type(error), error, trace)
        return 1
    finally:
        sys.argv, sys.path[:] = before
    return 0


def _exit_code(code: object) -> int:
    """What the interpreter makes of ``sys.exit(code)``."""
    if code is None or isinstance(code, int):
        return code or 0
    sys.stderr.write(f"{code}\n")
    return 1


def _trace_of(script: Path, trace: TracebackType | None) -> TracebackType | None:
    """Leave out the frames that run the script."""
    inner = trace
    while inner is not None and inner.tb_frame.f_code.co_filename != str(script):
        inner = inner.tb_next
    return inner or trace


def _shown(transfer: Transfer) -> str:
    found = transfer.advice()
    lines = ["", repr(transfer.report()), ""]
    lines += ["No pitfall was found."] if not found else [f"Pitfalls: {len(found)}", ""]
    return "\n".join([*lines, "\n\n".join(map(str, found)), ""])


if __name__ == "__main__":
    sys.exit(main())
