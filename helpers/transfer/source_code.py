"""What the source of the user's code says of a line: is it in a loop, does it take a part?"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from functools import lru_cache

from helpers.transfer.callers import Line

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
#: What tells of an image without taking its pixels.
_FACTS = {"shape", "dtype", "ndim", "size", "nbytes"}
#: What gives an image like it.
_COPIES = {"copy", "astype", "squeeze"}
#: What takes a part of an image that it is given as the first argument.
_PART_TAKERS = {"Cutout2D", "extract_array"}
#: How many functions an image is followed into.
_DEPTH = 4
#: What gives an image whole: an attribute, and functions of astropy.
_WHOLE = {"data", "getdata"}

Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef


class Source:
    """The syntax tree of one file, with the way up from each node."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.parents = {
            child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)
        }

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield what a node is in, innermost first."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def loops(self, number: int) -> list[ast.AST]:
        """Return the loops that run the line again and again."""
        return [
            node
            for node in ast.walk(self.tree)
            if (isinstance(node, _LOOPS) and _within(number, node.body[0], node.body[-1]))
            or (isinstance(node, _COMPREHENSIONS) and _within(number, node, node))
            or (_name_called(node) == "map" and _within(number, node, node))
        ]

    def takes_part(self, number: int) -> bool:
        """Whether an image that the line reads whole is needed in part only."""
        return any(
            _is_whole_on(node, number) and self._is_partial(node) for node in ast.walk(self.tree)
        )

    def cuts(self) -> list[int]:
        """Return the lines that take a part of an image."""
        return [
            node.lineno
            for node in ast.walk(self.tree)
            if _name_called(node) in _PART_TAKERS
            or (isinstance(node, ast.Attribute) and node.attr == "section")
            or (_is_whole(node) and self._is_partial(node))
            if isinstance(node, ast.expr)
        ]

    def _is_partial(self, node: ast.AST) -> bool:
        return (
            bool(uses := self._uses(node))
            and all(use != "all" for use in uses)
            and ("part" in uses)
        )

    def _uses(self, node: ast.AST, depth: int = _DEPTH) -> list[str]:
        """Say what becomes of an image: a ``part``, ``all``, or only a ``fact`` is taken of it."""
        parent = self.parents.get(node)
        if isinstance(parent, ast.Subscript) and parent.value is node:
            return ["part" if _has_slice(parent.slice) else "all"]
        if isinstance(parent, ast.Attribute):
            call = self.parents.get(parent)
            if parent.attr in _COPIES and isinstance(call, ast.Call):
                return self._uses(call, depth)
            return ["fact" if parent.attr in _FACTS else "all"]
        if isinstance(parent, ast.keyword):
            node, parent = parent, self.parents.get(parent)
        if isinstance(parent, ast.Call) and node is not parent.func:
            return self._uses_as_argument(parent, node, depth)
        if isinstance(parent, ast.Assign) and (name := _first_name(parent.targets[0])):
            return self._uses_of_name(name, self._scope(node), parent.lineno, depth)
        return ["all"]

    def _uses_as_argument(self, call: ast.Call, node: ast.AST, depth: int) -> list[str]:
        called = _name_called(call)
        first = call.args[:1] == [node] or (isinstance(node, ast.keyword) and node.arg == "data")
        if called in _PART_TAKERS:
            return ["part" if first else "fact"]
        functions = [
            function
            for function in ast.walk(self.tree)
            if isinstance(function, ast.FunctionDef) and function.name == called
        ]
        for function in functions if depth else []:
            if name := _parameter(function, call, node):
                return self._uses_of_name(name, function, function.lineno, depth - 1)
        return ["all"]

    def _uses_of_name(self, name: str, scope: ast.AST, number: int, depth: int) -> list[str]:
        """Say what becomes of an image that has got a name on a line."""
        loads = [
            node
            for node in ast.walk(scope)
            if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
        ]
        around = set(self.loops(number))
        # Many parts may be all of it, and a second name is not followed.
        lost = [
            load
            for load in loads
            if set(self.loops(load.lineno)) - around
            or isinstance(self.parents.get(load), ast.Assign)
        ]
        return ["all"] * len(lost) + [
            use for load in loads if load not in lost for use in self._uses(load, depth)
        ]

    def _scope(self, node: ast.AST) -> ast.AST:
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        return next(
            (above for above in self.above(node) if isinstance(above, functions)), self.tree
        )


def source_of(filename: str) -> Source | None:
    """Return what the source of a file says; None where there is none to be read."""
    # A script may have been edited since a run before.
    linecache.checkcache(filename)
    return _parsed("".join(linecache.getlines(filename)))


@lru_cache(maxsize=32)
def _parsed(text: str) -> Source | None:
    try:
        return Source(ast.parse(text)) if text else None
    except (SyntaxError, ValueError):
        return None


def in_loop(lines: tuple[Line, ...]) -> bool:
    """Whether a user's line, or one that leads to it, runs for each of some things.

    A ``while`` waits for something, or takes its next step from the last one.
    """
    loops = [
        loop
        for filename, number in lines
        if (source := source_of(filename)) is not None
        for loop in source.loops(number)
    ]
    return any(not isinstance(loop, ast.While) for loop in loops)


def takes_part(line: Line) -> bool:
    """Whether an image that a line reads whole is needed in part only, as far as one can see."""
    source = source_of(line[0])
    return source is not None and source.takes_part(line[1])


def cut_afterwards(line: Line) -> bool:
    """Whether parts are cut, as far as one can see one a file, of what a line downloads whole."""
    source = source_of(line[0])
    if source is None:
        return False
    around = source.loops(line[1])
    return any(set(source.loops(cut)) <= set(around) for cut in source.cuts() if cut != line[1])


def _within(number: int, first: ast.AST, last: ast.AST) -> bool:
    return getattr(first, "lineno", 0) <= number <= (getattr(last, "end_lineno", 0) or 0)


def _is_whole_on(node: ast.AST, number: int) -> bool:
    return _is_whole(node) and _within(number, node, node)


def _is_whole(node: ast.AST) -> bool:
    return _name_called(node) == "getdata" or (
        isinstance(node, ast.Attribute) and node.attr == "data" and isinstance(node.ctx, ast.Load)
    )


def _first_name(target: ast.AST) -> str:
    """Return the name that an image gets: the first of several, as of ``getdata`` with header."""
    if isinstance(target, ast.Tuple) and target.elts:
        target = target.elts[0]
    return target.id if isinstance(target, ast.Name) else ""


def _parameter(function: ast.FunctionDef, call: ast.Call, node: ast.AST) -> str:
    """Return the name under which a function gets an argument of a call."""
    names = [argument.arg for argument in function.args.args]
    if isinstance(node, ast.keyword):
        return node.arg if node.arg in names else ""
    number = call.args.index(node) if isinstance(node, ast.expr) and node in call.args else 99
    return names[number] if number < len(names) else ""


def _name_called(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    return getattr(function, "id", "") or getattr(function, "attr", "")


def _has_slice(node: ast.AST) -> bool:
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    return any(isinstance(part, ast.Slice) and (part.lower or part.upper) for part in parts)
