"""Compare the facts of two sources, question by question."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from replica.check import DRIFT, OUTAGE, SAME
from replica.check.answers import Facts
from replica.check.question import CaptureMissingError, Question
from replica.check.source import Source, UnreachableError


class ReplicaFailedError(Exception):
    """The replica itself did not answer, so there is nothing to compare with."""


@dataclass(frozen=True)
class Comparison:
    """What became of one question.

    Attributes
    ----------
    question : str
        Its name.
    verdict : str
        ``same``, ``drift`` or ``unreachable``.
    same : int
        Facts that are equal.
    new, gone : dict
        Facts that only the source asked, or only the replica has.
    changed : dict
        Facts to what the replica says, and the source asked.
    host, failure : str
        Which host cannot be reached, and how it failed.
    not_asked : str
        Why the question could not be put.
    """

    question: str
    verdict: str
    same: int = 0
    new: Facts = field(default_factory=dict)
    gone: Facts = field(default_factory=dict)
    changed: dict[str, tuple[str, str]] = field(default_factory=dict)
    host: str = ""
    failure: str = ""
    not_asked: str = ""


def compare(question: str, replica: Facts, source: Facts) -> Comparison:
    """Compare the facts of one question."""
    both = replica.keys() & source.keys()
    changed = {name: (replica[name], source[name]) for name in replica if name in both}
    changed = {name: pair for name, pair in changed.items() if pair[0] != pair[1]}
    new = {name: text for name, text in source.items() if name not in both}
    gone = {name: text for name, text in replica.items() if name not in both}
    verdict = "drift" if new or gone or changed else "same"
    return Comparison(question, verdict, len(both) - len(changed), new, gone, changed)


class Check:
    """Put questions to both sources, in their order; each source follows its own captures.

    Parameters
    ----------
    replica, source : Source
        What is compared with what.
    """

    def __init__(self, replica: Source, source: Source) -> None:
        self._replica = replica
        self._source = source
        self._replica_captures: dict[str, str] = {}
        self._source_captures: dict[str, str] = {}
        self._verdicts: dict[str, str] = {}

    def put(self, question: Question) -> Comparison:
        """Ask both sources and compare.

        Raises
        ------
        ReplicaFailedError
            If the replica does not answer.
        """
        expected = self._expected(question)
        comparison = self._compare(question, expected)
        self._verdicts[question.name] = comparison.verdict
        return comparison

    def _expected(self, question: Question) -> Facts:
        try:
            answer = self._replica.ask(question, self._replica_captures)
        except (UnreachableError, CaptureMissingError) as error:
            raise ReplicaFailedError(f"{question.name}: {error}") from error
        self._replica_captures |= answer.captures
        return answer.facts

    def _compare(self, question: Question, expected: Facts) -> Comparison:
        try:
            answer = self._source.ask(question, self._source_captures)
        except UnreachableError as error:
            host, failure = error.host, error.failure
            return Comparison(question.name, "unreachable", host=host, failure=failure)
        except CaptureMissingError as error:
            # For the same reason as the question that should have given the capture.
            reason = self._verdicts[question.after]
            verdict = "unreachable" if reason == "unreachable" else "drift"
            return Comparison(question.name, verdict, not_asked=str(error))
        self._source_captures |= answer.captures
        return compare(question.name, expected, answer.facts)


def exit_code(comparisons: Iterable[Comparison]) -> int:
    """Tell drift from outage; both give the sum of their codes."""
    verdicts = {comparison.verdict for comparison in comparisons}
    return SAME + DRIFT * ("drift" in verdicts) + OUTAGE * ("unreachable" in verdicts)
