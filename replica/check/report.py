"""Write the drift report, as markdown for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from replica.check.comparison import Comparison, exit_code


@dataclass(frozen=True)
class Report:
    """The outcome of a check.

    Attributes
    ----------
    against : str
        The source that was compared with the replica.
    time : str
        When, ISO 8601, UTC.
    comparisons : sequence of Comparison
        One for each question.
    expected : str
        What it was compared with.
    """

    against: str
    time: str
    comparisons: Sequence[Comparison]
    expected: str = "the replica"

    @property
    def exit_code(self) -> int:
        """See `replica.check.EXIT_CODES`."""
        return exit_code(self.comparisons)

    def as_json(self) -> str:
        """Write all that is known."""
        facts = {"against": self.against, "time": self.time, "exit_code": self.exit_code}
        return json.dumps(facts | {"questions": [asdict(each) for each in self.comparisons]})

    def as_markdown(self) -> str:
        """Write what a maintainer wants to read."""
        parts = [
            f"# Drift report\n\nCompared with {self.expected}: {self.against}, {self.time} UTC.\n",
            self._summary(),
            _table(
                ("question", "verdict", "same", "new", "gone", "changed"),
                [_counts(each) for each in self.comparisons],
            ),
            self._outages(),
            *(self._differences(each) for each in self.comparisons if each.verdict == "drift"),
        ]
        return "\n".join(filter(None, parts))

    def _named(self, verdict: str) -> list[str]:
        return [each.question for each in self.comparisons if each.verdict == verdict]

    def _summary(self) -> str:
        drifted, lost = self._named("drift"), self._named("unreachable")
        if not drifted and not lost:
            return (
                f"**Same**: all {len(self.comparisons)} answers are as {self.expected} has them.\n"
            )
        sentences = []
        if drifted:
            sentences.append(f"**Drift** in {len(drifted)}: {', '.join(drifted)}.")
        if lost:
            sentences.append(f"**Outage**: no answer to {len(lost)}: {', '.join(lost)}.")
        return f"{' '.join(sentences)} (Of {len(self.comparisons)} questions.)\n"

    def _outages(self) -> str:
        lost = [each for each in self.comparisons if each.verdict == "unreachable"]
        rows = [(e.host or "–", e.failure or f"not asked: {e.not_asked}", e.question) for e in lost]
        if not rows:
            return ""
        return f"## Unreachable\n\n{_table(('host', 'how it failed', 'question'), rows)}"

    def _differences(self, each: Comparison) -> str:
        if each.not_asked:
            return f"## {each.question}\n\nNot asked: it {each.not_asked}.\n"
        rows = [
            *(("new", name, "", text) for name, text in each.new.items()),
            *(("gone", name, text, "") for name, text in each.gone.items()),
            *(("changed", name, *pair) for name, pair in each.changed.items()),
        ]
        head = ("", "what", self.expected.removeprefix("the "), "asked")
        return f"## {each.question}\n\n{_table(head, rows)}"


def _counts(each: Comparison) -> tuple[str, ...]:
    numbers = (each.same, len(each.new), len(each.gone), len(each.changed))
    return (each.question, each.verdict, *map(str, numbers))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([_cell(text) for text in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(text: str) -> str:
    """Text that cannot end its cell, nor the table; HTML in it is shown, not obeyed."""
    flat = " ".join(text.split())
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), ("|", "&#124;"), ("@", "&#64;")):
        flat = flat.replace(character, entity)
    return flat
