"""The work of ``python -m replica check``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from tqdm import tqdm

from replica.check.comparison import Check, ReplicaFailedError
from replica.check.questions import QUESTIONS
from replica.check.report import Report
from replica.check.source import REPLICA_TIMEOUT, Source, behind, live
from replica.server import Replica


def check(
    replica: Replica, *, against: str | None, certificate: Path | None, json_file: Path | None
) -> int:
    """Ask both sources, write the report to standard output, and return the exit code.

    Parameters
    ----------
    replica : Replica
        What the answers are compared with; it is running.
    against : str or None
        Proxy address of a second replica; None asks the real archives.
    certificate : pathlib.Path or None
        Certificate of the second replica.
    json_file : pathlib.Path or None
        Where to write the report as JSON too.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    here = behind(replica.proxy, replica.certificate, "the replica", REPLICA_TIMEOUT)
    there = behind(against, certificate, against) if against and certificate else live()
    try:
        report = compare_sources(here, there)
    except ReplicaFailedError as error:
        sys.stderr.write(f"replica: the replica itself does not answer: {error}\n")
        return 1
    sys.stdout.write(report.as_markdown())
    if json_file:
        json_file.write_text(report.as_json(), encoding="utf-8")
    return report.exit_code


def compare_sources(replica: Source, source: Source) -> Report:
    """Put all questions to both sources, with a progress bar."""
    asking = Check(replica, source)
    bar = tqdm(QUESTIONS, desc="asking the archives", unit="question")
    comparisons = [asking.put(question) for question in bar]
    return Report(source.name, datetime.now(UTC).isoformat(" ", "seconds")[:19], comparisons)
