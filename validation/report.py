"""The table at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from validation.exceptions import Explained
from validation.judging import Finding, Judge

#: The most findings that are shown of each judge; a defect often shows a hundred times.
_SHOWN = 20


def table(
    judges: Sequence[Judge],
    asked: Counter[str],
    findings: Sequence[Finding],
    explained: Sequence[Explained],
) -> str:
    """Format the table, what is wrong and the exceptions behind it.

    Parameters
    ----------
    judges : sequence of Judge
        All, those that are not installed too.
    asked : Counter
        How much each was asked, by its name.
    findings, explained : sequence
        What was found, and what of it may stay.
    """
    errors = wrong(findings, explained)
    lines = [f"\n{'judge':14}{'what':32}{'asked':>6}{'errors':>8}{'explained':>11}"]
    lines += [_row(judge, asked, findings, errors) for judge in judges]
    for judge in judges:
        own = [each for each in errors if each.judge == judge.name]
        lines += [f"{each.judge}, {each.subject}: {each.text}" for each in own[:_SHOWN]]
        lines += [f"{judge.name}: {len(own) - _SHOWN} more"] if len(own) > _SHOWN else []
    lines += [
        f"explained, {len(_covered(each, findings))} of {each.judge}: {each.reason}"
        for each in explained
    ]
    return "\n".join(lines) + "\n"


def _row(
    judge: Judge, asked: Counter[str], findings: Sequence[Finding], errors: Sequence[Finding]
) -> str:
    head = f"{judge.name:14}{judge.what:32}"
    if judge.name not in asked:
        return f"{head}{'not installed':>25}"
    wrong_here = sum(each.judge == judge.name for each in errors)
    found = sum(each.judge == judge.name for each in findings)
    stay = max(found - wrong_here, 0)
    return f"{head}{asked[judge.name]:6}{wrong_here:8}{stay:11}"


def wrong(findings: Sequence[Finding], explained: Sequence[Explained]) -> list[Finding]:
    """Return the findings that are not explained, and the explanations that nothing needs."""
    errors = [each for each in findings if not any(known.covers(each) for known in explained)]
    unused = [each for each in explained if not _covered(each, findings)]
    return errors + [
        Finding(each.judge, each.subject, "is explained, but no longer found: remove it")
        for each in unused
    ]


def _covered(explained: Explained, findings: Sequence[Finding]) -> list[Finding]:
    return [each for each in findings if explained.covers(each)]


def not_installed(judge: Judge) -> str:
    """Say what a judge needs and how it is installed."""
    missing = [f"{name} ({how})" for name, how in judge.missing.items()]
    return f"validation: {judge.name} needs {', '.join(missing)}\n"
