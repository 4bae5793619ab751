"""What a user can name is documented: public names, options, routes."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterator
from importlib import import_module

import pytest
from numpydoc.validate import validate
from replicas import ROOT

import helpers
from replica import cli
from replica.application import ROUTES

PAGES = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")}
#: numpydoc's names of what is wanted: a docstring, its summary in one line, and every parameter
#: and return value with a type and a description.
WANTED = {"GL08", "SS03", "SS06", "PR01", "PR02", "PR03", "PR04", "PR07", "RT01", "RT03"}


def wanted(name: str) -> set[str]:
    # Dataclasses and exceptions say what they carry under "Attributes", and where they inherit it.
    return WANTED - {"PR01", "PR02"} if inspect.isclass(getattr(helpers, name)) else WANTED


@pytest.mark.parametrize("name", helpers.__all__)
def test_a_public_name_has_a_docstring_that_is_whole(name: str) -> None:
    errors = validate(f"helpers.{name}")["errors"]
    assert not [error for error in errors if error[0] in wanted(name)]


@pytest.mark.parametrize("name", helpers.__all__)
def test_a_public_name_is_on_the_helpers_page(name: str) -> None:
    assert re.search(rf"`{name}\b", PAGES["helpers"])


def test_editors_see_the_public_names() -> None:
    """The imports for type checkers name what the package offers, no more and no less."""
    source = inspect.getsource(helpers)
    seen = re.findall(r"^    from (helpers\.\S+) import (\w+) as \2$", source, re.MULTILINE)
    assert sorted(name for _, name in seen) == helpers.__all__
    for module, name in seen:
        assert getattr(import_module(module), name) is getattr(helpers, name)


def parsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command of ``python -m replica`` with its parser."""
    for action in cli._parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


OPTIONS = [
    pytest.param(action, id=f"{command} {action.option_strings or action.dest}")
    for command, parser in parsers()
    for action in parser._actions
    if action.dest != "help"
]


@pytest.mark.parametrize("command", [name for name, _ in parsers()])
def test_a_command_is_on_the_replicas_page(command: str) -> None:
    assert f"python -m replica {command}" in PAGES["replica"]


@pytest.mark.parametrize("action", OPTIONS)
def test_an_option_says_what_it_does(action: argparse.Action) -> None:
    assert action.help


@pytest.mark.parametrize(
    "option",
    sorted({name for option in OPTIONS for name in option.values[0].option_strings}),
)
def test_an_option_is_on_the_replicas_page(option: str) -> None:
    assert re.search(rf"`{option}\b", PAGES["replica"])


def paths_on_the_page(host: str) -> list[str]:
    """The paths in the rows of a host: its own, and those below it that name no other."""
    rows = [line.split("|")[1:3] for line in PAGES["replica"].splitlines() if line.startswith("|")]
    current, found = "", []
    for name, paths in rows:
        current = name.strip().strip("`") or current
        found += re.findall(r"`(/[^`]+)`", paths) if current == host else []
    return found


@pytest.mark.parametrize(
    ("host", "path"),
    [
        (host, route.path)
        for host, routes in ROUTES.items()
        for route in routes
        if "amazonaws" not in host
    ],
)
def test_a_route_is_on_the_replicas_page(host: str, path: str) -> None:
    """In a row of its host stands the path, or one above it."""
    assert any(path.startswith(known) for known in paths_on_the_page(host))
