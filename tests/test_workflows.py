"""The workflow of the tests names each Python that we say we run on, and asks for what is there."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml
from replicas import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
JOBS = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())["jobs"]
RUNS = JOBS["test"]["strategy"]["matrix"]["include"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def asked_for(run: str) -> set[str]:
    """The make targets that a step asks for; those of the matrix stand in its place."""
    named = set(re.findall(r"\bmake ([\w./-]+)", run))
    if "make ${{ matrix.target }}" in run:
        named |= {each["target"] for each in RUNS}
    return named


def pythons(target: str) -> list[str]:
    return [each["python"] for each in RUNS if each["target"] == target]


def test_each_python_that_is_named_is_tested_with_the_newest_packages() -> None:
    words = "Programming Language :: Python :: "
    named = [each.removeprefix(words) for each in PROJECT["classifiers"] if words in each]
    assert pythons("test") == named


def test_no_python_between_the_oldest_and_the_newest_is_left_out() -> None:
    minors = [int(python.removeprefix("3.")) for python in pythons("test")]
    assert minors == list(range(minors[0], minors[-1] + 1))
    assert PROJECT["requires-python"] == f">=3.{minors[0]}"


def test_the_oldest_packages_are_tested_on_the_oldest_python() -> None:
    assert pythons("test-oldest") == pythons("test-oldest-live") == pythons("test")[:1]


def test_the_thorough_tests_run_by_the_calendar_and_on_demand_only() -> None:
    assert "github.event_name == 'schedule'" in JOBS["thorough"]["if"]
    assert {"make test-thorough"} == {step.get("run") for step in JOBS["thorough"]["steps"]} - {
        None
    }


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_each_job_asks_for_a_target_that_is_there(workflow) -> None:
    files = {".venv/ready"}
    for name, job in yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].items():
        named = set().union(*(asked_for(step.get("run", "")) for step in job["steps"]))
        assert named, f"{workflow.name}, {name}: no step calls make"
        assert named <= targets() | files, f"{workflow.name}, {name}"


def test_what_runs_on_a_merge_is_the_readme_s_test_command() -> None:
    assert re.findall(r"^make .*$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE) == [
        "make test"
    ]
