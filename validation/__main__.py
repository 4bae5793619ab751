"""``python -m validation``: let the judges speak, and write one table of what they found."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from tqdm import tqdm

from helpers.replica_process import start_replica
from validation import (
    clients,
    datalink,
    fits,
    report,
    s3,
    schemas,
    searches,
    tap,
    votable,
)
from validation.exceptions import EXPLAINED
from validation.judging import Case, Finding, Judge, Setting

JUDGES = {
    judge.name: judge
    for judge in (
        *(tap.JUDGE, votable.JUDGE, datalink.JUDGE, schemas.JUDGE, fits.JUDGE),
        *(s3.JUDGE, clients.JUDGE, searches.JUDGE),
    )
}


def main(arguments: list[str] | None = None) -> int:
    """Run the judges; return 0 if they find no error, 1 if they do, 2 if one is missing."""
    options = _parser().parse_args(arguments)
    judges = [JUDGES[name] for name in options.judge or JUDGES]
    absent = [judge for judge in judges if judge.missing]
    for judge in absent:
        sys.stderr.write(report.not_installed(judge))
    if absent and not options.allow_missing:
        return 2
    present = [judge for judge in judges if not judge.missing]
    with TemporaryDirectory() as folder:
        asked, findings = _hear(present, Path(folder))
    kept = [each for each in EXPLAINED if each.judge in asked]
    sys.stdout.write(report.table(judges, asked, findings, kept))
    return 1 if report.wrong(findings, kept) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m validation",
        description="Let programs that nobody of this project wrote judge the replica.",
        epilog="Exit code 0: no error; 1: an error; 2: a judge is not installed.",
    )
    names = ", ".join(JUDGES)
    parser.add_argument("judge", nargs="*", type=_name, help=f"{names} (default: all)")
    parser.add_argument(
        "--allow-missing", action="store_true", help="go on without the judges not installed"
    )
    return parser


def _name(text: str) -> str:
    if text not in JUDGES:
        raise argparse.ArgumentTypeError(f"there is no judge {text}")
    return text


def _hear(judges: list[Judge], folder: Path) -> tuple[Counter[str], list[Finding]]:
    """Ask the judges everything; return how much each was asked, and what they found."""
    replica = start_replica()
    try:
        setting = Setting(replica.environment, folder)
        cases = [(judge, case) for judge in judges for case in judge.cases(setting)]
        findings: list[Finding] = []
        with tqdm(cases, desc="validating", unit="case") as bar:
            for judge, case in bar:
                bar.set_postfix_str(f"{judge.name}: {case.subject}"[:60])
                findings += _ask(judge, case)
    finally:
        replica.stop()
    return Counter(judge.name for judge, _ in cases), findings


def _ask(judge: Judge, case: Case) -> list[Finding]:
    """Ask one thing; a judge that breaks down has found an error too."""
    try:
        found = case.findings()
    except Exception as error:  # noqa: BLE001  # the others must be heard all the same
        found = [f"{type(error).__name__}: {error}"]
    return [Finding(judge.name, case.subject, text) for text in found]


if __name__ == "__main__":
    raise SystemExit(main())
