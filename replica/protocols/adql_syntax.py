"""ADQL as a dialect of sqlglot, and its translation to the SQL of SQLite.

The language: IVOA ADQL 2.1.  Words that are not of ADQL stay names, so that columns may be
called ``time`` or ``table``, and every function stays as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlglot
from sqlglot import exp, tokens
from sqlglot.dialects.sqlite import SQLite
from sqlglot.errors import SqlglotError, UnsupportedError
from sqlglot.generators.sqlite import SQLiteGenerator
from sqlglot.parsers.sqlite import SQLiteParser
from sqlglot.tokens import TokenType

from replica.protocols import adql_functions
from replica.protocols.tables import QueryError, Table

#: The words of ADQL 2.1, section 2.1.2, of which a query can be made, and common
#: extensions: CASE, ILIKE, DECIMAL.
_WORDS = """
    ALL AND ANY AS ASC BETWEEN BY CASE CROSS CURRENT_TIMESTAMP DESC DISTINCT ELSE END EXCEPT
    EXISTS FALSE FROM FULL GROUP HAVING ILIKE IN INNER INTERSECT IS JOIN LEFT LIKE NATURAL NOT
    NULL OFFSET ON OR ORDER OUTER RECURSIVE RIGHT SELECT THEN TRUE UNION USING WHEN WHERE WITH
    BIGINT CHAR DATE DECIMAL DOUBLE FLOAT INT INTEGER NUMERIC REAL SMALLINT TIMESTAMP VARCHAR
""".split()  # noqa: SIM905
_SIGNS = ("<>", "!=", "<=", ">=", "||")
_ONLY_READING = "a query begins with SELECT or WITH: the tables can only be read"
#: What sqlglot says of a part that is not there, and of a statement that is no query.
_INCOMPLETE = re.compile(r"Required keyword: '\w+' missing for <class '[\w.]+\.(\w+)'>")
_NO_QUERY = re.compile(r"does not support CTE")
_LARGEST = 200_000  # characters of a query


def _is_adql(keyword: str) -> bool:
    return keyword in _SIGNS or all(word in _WORDS for word in keyword.split())


class Adql(SQLite):
    """The dialect that is read."""

    INTERSECT_BINDS_TIGHTER_THAN_UNION_AND_EXCEPT = True

    class Tokenizer(tokens.Tokenizer):
        """Texts in ``'``, delimited names in ``"``, comments behind ``--``."""

        IDENTIFIERS = ['"']
        COMMENTS = ["--"]
        KEYWORDS = {
            **{word: kind for word, kind in tokens.Tokenizer.KEYWORDS.items() if _is_adql(word)},
            "DOUBLE PRECISION": TokenType.DOUBLE,
            "TOP": TokenType.TOP,
        }

    class Parser(SQLiteParser):
        """No function but CAST has a syntax of its own."""

        STRING_ALIASES = False
        FUNCTIONS = {}
        FUNCTION_PARSERS = {"CAST": SQLiteParser.FUNCTION_PARSERS["CAST"]}
        NO_PAREN_FUNCTION_PARSERS = {"CASE": SQLiteParser.NO_PAREN_FUNCTION_PARSERS["CASE"]}


def _cast(generator: SQLiteGenerator, cast: exp.Cast) -> str:
    """CAST to text of a length cuts it; SQLite itself would ignore the length."""
    kind, value = cast.to.this, generator.sql(cast, "this")
    sizes = [generator.sql(size) for size in cast.to.expressions]
    if kind in exp.DataType.NUMERIC_TYPES:
        return f"CAST({value} AS {generator.sql(exp.DataType(this=kind))})"
    if kind not in exp.DataType.TEXT_TYPES | exp.DataType.TEMPORAL_TYPES:
        raise QueryError(f"CAST: there is no type {cast.to.sql(Adql)}")
    text = f"CAST({value} AS TEXT)"
    return f"SUBSTR({text}, 1, {sizes[0]})" if sizes else text


def _ilike(generator: SQLiteGenerator, ilike: exp.ILike) -> str:
    return generator.binary(ilike, "NOT REGEXP" if ilike.args.get("negate") else "REGEXP")


def _exclusive_or(generator: SQLiteGenerator, xor: exp.BitwiseXor) -> str:
    one, other = generator.sql(xor, "this"), generator.sql(xor, "expression")
    return f"(({one} | {other}) - ({one} & {other}))"


class _Sql(SQLite):
    """The dialect that is written.

    Names stand in backticks: SQLite takes an unknown name in double quotes for a text.  ILIKE
    becomes the operator REGEXP, which SQLite leaves to the application.
    """

    class Tokenizer(SQLite.Tokenizer):
        IDENTIFIERS = ["`"]

    class Generator(SQLiteGenerator):
        TRANSFORMS = {
            **SQLiteGenerator.TRANSFORMS,
            exp.BitwiseXor: _exclusive_or,
            exp.Cast: _cast,
            exp.ILike: _ilike,
        }


def read(adql: str) -> exp.Query:
    """Read a query.

    Raises
    ------
    QueryError
        If it is not one SELECT.
    """
    if len(adql) > _LARGEST:
        raise QueryError(f"a query has at most {_LARGEST} characters")
    try:
        words = (token for token in Adql().tokenize(adql) if token.token_type != TokenType.L_PAREN)
        first = next(words, None)
        if first is None or first.token_type not in (TokenType.SELECT, TokenType.WITH):
            raise QueryError(_ONLY_READING)
        trees = [tree for tree in sqlglot.parse(adql, dialect=Adql) if tree is not None]
    except SqlglotError as problem:
        raise QueryError(_reason(problem)) from problem
    except RecursionError:
        raise QueryError("the query is nested too deeply") from None
    if len(trees) != 1:
        raise QueryError("a query is one statement")
    if not isinstance(trees[0], exp.Query):
        raise QueryError(_ONLY_READING)
    for select in list(trees[0].find_all(exp.Select)):
        _name_expressions(select)
    return trees[0]


def _reason(problem: SqlglotError) -> str:
    """What is wrong with a query and where, in one line."""
    known: list[dict[str, Any]] = getattr(problem, "errors", [])
    if not known:
        return "the query is not understood: a text or a name is not closed"
    first = known[0]
    what = first["description"].rstrip(".")
    if _NO_QUERY.search(what):
        return _ONLY_READING
    if incomplete := _INCOMPLETE.match(what):
        what = f"{incomplete[1].upper()} is not complete"
        if incomplete[1] == "Limit":
            what = "TOP must be followed by a number of rows"
    return f"the query is not understood: {what}, in line {first['line']} at {first['highlight']!r}"


def functions(tree: exp.Query) -> set[str]:
    """Names of the functions that a query calls, in small letters."""
    return {call.name.lower() for call in tree.find_all(exp.Anonymous)}


@dataclass(frozen=True)
class Scope:
    """The tables of a query.

    Attributes
    ----------
    tables : dict
        All of them by their full names.
    selects : list of (sqlglot.exp.Select, dict)
        Aliases in small letters to the tables, for each SELECT; another SELECT may give the
        same alias to another table.
    """

    tables: dict[str, Table]
    selects: list[tuple[exp.Expression | None, dict[str, Table]]]

    def aliases(self, place: exp.Expression) -> dict[str, Table]:
        """What the aliases mean at a place: in its own SELECT, in those around it, elsewhere."""
        around = list(_selects_around(place))
        nearest_first = [own for at in around for select, own in self.selects if select is at]
        found: dict[str, Table] = {}
        for aliases in (*nearest_first, *(own for _, own in self.selects)):
            found = found | {alias: table for alias, table in aliases.items() if alias not in found}
        return found


def _selects_around(place: exp.Expression) -> Iterator[exp.Expression]:
    select = place if isinstance(place, exp.Select) else place.parent_select
    while select is not None:
        yield select
        select = select.parent_select


def resolve(tree: exp.Query, find: Callable[[str], Table]) -> Scope:
    """Replace the names of the tables by the full ones of what `find` returns for them.

    Each keeps the last part of its name as alias: ``rr.resource.ivoid`` and ``resource.ivoid``
    are the same column.
    """
    common = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    scope = Scope({}, [])
    for name in list(tree.find_all(exp.Table)):
        if not isinstance(name.this, exp.Identifier):
            raise QueryError(f"{name.sql(Adql)} is not the name of a table")
        if name.db or name.name.lower() not in common:
            table = find(".".join(part.name for part in name.parts))
            scope.tables[table.name] = table
            scope.selects.append((name.parent_select, {name.alias_or_name.lower(): table}))
            _rename(name, table.name)
    for column in tree.find_all(exp.Column):
        column.set("db", None)
        column.set("catalog", None)
    return scope


def _rename(table: exp.Table, name: str) -> None:
    if not table.alias:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
    table.set("this", exp.to_identifier(name))
    table.set("db", None)
    table.set("catalog", None)


def convert_units(tree: exp.Query, unit_of: Callable[[exp.Column], str]) -> None:
    """Multiply a column by a factor in place of each ``IN_UNIT(column, 'unit')``.

    Parameters
    ----------
    tree : sqlglot.exp.Query
        The query.
    unit_of : callable
        Returns the unit of a column; empty if it has none.

    Raises
    ------
    QueryError
        If the unit is not known, or of another kind than that of the column.
    """
    for call in list(tree.find_all(exp.Anonymous)):
        if call.name.lower() == "in_unit":
            column, unit, *more = [*call.expressions, None, None]
            if not isinstance(column, exp.Column) or not isinstance(unit, exp.Literal) or more[2:]:
                raise QueryError("IN_UNIT takes a column and a unit: IN_UNIT(ra, 'rad')")
            factor = exp.Literal.number(repr(_factor(column.name, unit_of(column), unit.name)))
            call.replace(exp.paren(exp.Mul(this=column.copy(), expression=factor)))


def _factor(column: str, unit: str, wanted: str) -> float:
    from astropy import units

    if not unit:
        raise QueryError(f"IN_UNIT: the column {column} has no unit")
    try:
        return float(units.Unit(unit).to(units.Unit(wanted)))
    except units.UnitConversionError:
        raise QueryError(f"IN_UNIT: a {unit} is not a {wanted}") from None
    except ValueError as problem:
        raise QueryError(f"IN_UNIT: {str(problem).splitlines()[0]}") from None


def write(tree: exp.Query) -> str:
    """Write the SQL of SQLite.

    Raises
    ------
    QueryError
        If SQLite has no words for a part of it.
    """
    for operation in list(tree.find_all(exp.SetOperation)):
        for operand in ("this", "expression"):
            _flatten(operation, operand)
    try:
        return tree.sql(
            _Sql, identify=True, comments=False, unsupported_level=sqlglot.ErrorLevel.RAISE
        )
    except UnsupportedError as problem:
        raise QueryError(f"the query is not understood: {problem}") from problem
    except RecursionError:
        raise QueryError("the query is nested too deeply") from None


def _flatten(operation: exp.SetOperation, name: str) -> None:
    """Make a derived table of an operand that SQLite cannot have in a UNION as it is.

    SQLite wants SELECTs in a row, without TOP and ORDER BY of their own and not in parentheses.
    """
    operand = operation.args[name]
    chained = name == "this" and isinstance(operand, exp.SetOperation)
    plain = isinstance(operand, exp.Select) or chained
    if plain and not any(operand.args.get(part) for part in ("limit", "order", "offset")):
        return
    inner = operand if isinstance(operand, exp.Subquery) else operand.subquery(copy=False)
    operation.set(name, exp.select("*").from_(inner, copy=False))


def _name_expressions(select: exp.Select) -> None:
    """Name what has no name of its own as PostgreSQL does: ``COUNT(*)`` is ``count``."""
    for each in list(select.expressions):
        if not isinstance(each, exp.Alias | exp.Column | exp.Star):
            each.replace(exp.alias_(each.copy(), _name(each), quoted=True))


def _name(expression: exp.Expression) -> str:
    if isinstance(expression, exp.Anonymous):
        return expression.name.lower()
    if isinstance(expression, exp.Cast | exp.Paren):
        inner = expression.this
        return inner.name if isinstance(inner, exp.Column) else _name(inner)
    return "case" if isinstance(expression, exp.Case) else "column"


def first_select(tree: exp.Query) -> exp.Select:
    """The SELECT that names the columns of an answer: the first one of a set operation."""
    select: Any = tree
    while isinstance(select, exp.SetOperation | exp.Subquery):
        select = select.this
    if not isinstance(select, exp.Select):
        raise QueryError("the query is not understood: a part of it is no SELECT")
    return select


def sources(select: exp.Select) -> dict[str, exp.Expression]:
    """Names of the columns of an answer, each with what it shows; those of a ``*`` not named."""
    return {each.alias_or_name: each.unalias() for each in select.expressions if not each.is_star}


def is_column(shown: exp.Expression) -> bool:
    """Whether what is shown is a column as it is."""
    return isinstance(shown, exp.Column)


def datatype(shown: exp.Expression) -> str:
    """Datatype of an expression of which no values are known."""
    if isinstance(shown, exp.Paren):
        return datatype(shown.this)
    if isinstance(shown, exp.Cast):
        is_number = shown.to.this in exp.DataType.NUMERIC_TYPES
    elif isinstance(shown, exp.Anonymous):
        if shown.name.lower() == "count":
            return "long"
        is_number = shown.name.lower() not in adql_functions.NOT_NUMERIC
    else:
        is_number = isinstance(shown, exp.Neg | exp.Binary) or shown.is_number
        is_number = is_number and not isinstance(shown, exp.DPipe)
    return "double" if is_number else "char*"
