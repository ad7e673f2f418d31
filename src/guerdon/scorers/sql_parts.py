"""SQL by its parts: the tables and columns it uses and the words it is written in.

Idea
    A query that is not right yet can be nearer or farther: partial rewards give a gradient long before any query
    executes correctly.
Maths
    ``schema = |S & S*| / |S | S*|`` with S the tables and columns that a query uses;
    ``ngram`` the same of the sets of n-grams (bigrams) of words. The better gold counts, each part on its own.
    Two empty sets are equal.
Reads
    What ``sql.py`` reads.
Deviations
    Reasoning-SQL (arXiv 2503.23157, weights and bigram as recalled) leaves the linking open. Here aliases are resolved
    with sqlglot and the database's own schema: a column counts as ``table.column``, whatever its table is called in the
    query. As in SQLite a name in double quotes that is no column is a text. ``*`` names no column. A query that
    sqlglot cannot parse uses nothing that could be told, so ``schema`` is 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.scorers._sqlite import columns, database, golds, query_in, tokens
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class SqlParts(Scorer):
    """``sql_schema``: Jaccard of tables and columns used; ``sql_ngram``: Jaccard of word n-grams. Needs sqlglot."""

    tag: str | None = None
    """Take what the last ``<tag>...</tag>`` holds (0 without one); None: the last ``` fence, else the whole response."""
    order: int = 2
    """The n of the n-grams."""
    longest: int = 10_000
    """Characters beyond which a query is not looked at: both parts are 0."""

    components = ("sql_schema", "sql_ngram")

    def __post_init__(self) -> None:
        if self.order < 1 or self.longest < 1:
            raise GuerdonError(f"SqlParts.order and longest must be at least 1, got {self.order} and {self.longest}")

    def check(self, problem: Problem) -> None:
        """Refuse a problem whose gold queries cannot be parsed."""
        with database(problem) as connection:
            known = columns(connection)
        for gold in golds(problem):
            if used(gold, known) is None:
                raise GuerdonError(f"a gold query of problem {problem.id} must parse, got {gold}")

    def __call__(self, problem: Problem, response: str) -> Mapping[str, float]:
        """The components, each from 0 to 1."""
        query = query_in(response, self.tag)
        if not query or len(query) > self.longest:
            return dict.fromkeys(self.components, 0.0)
        with database(problem) as connection:
            known = columns(connection)
        accepted, mine, words = golds(problem), used(query, known), ngrams(tokens(query), self.order)
        schema = 0.0 if mine is None else max(jaccard(mine, used(gold, known) or set()) for gold in accepted)
        return {"sql_schema": schema, "sql_ngram": max(jaccard(words, _words(gold, self.order)) for gold in accepted)}


def _words(query: str, order: int) -> set[tuple[str, ...]]:
    return ngrams(tokens(query), order)


def ngrams(words: list[str], order: int) -> set[tuple[str, ...]]:
    """The runs of ``order`` words."""
    return {tuple(words[at : at + order]) for at in range(len(words) - order + 1)}


def jaccard(first: set[Any], second: set[Any]) -> float:
    """``|a & b| / |a | b|``; 1 for two empty sets."""
    return len(first & second) / len(first | second) if first or second else 1.0


def used(query: str, known: Mapping[str, set[str]]) -> set[str] | None:
    """Tables ``t`` and columns ``t.c`` that a query uses, of those in ``known`` (table -> columns); None: no query.

    Raises:
        GuerdonError: if sqlglot is not installed.
    """
    try:
        import sqlglot
        from sqlglot import exp
        from sqlglot.errors import SqlglotError
    except ImportError as error:
        raise GuerdonError(f"SqlParts needs sqlglot; run `pip install guerdon[sql]` ({error})") from None
    if tokens(query)[:1] not in ([word] for word in ("select", "with", "values", "(")):
        return None
    try:
        trees = sqlglot.parse(query, read="sqlite")
    except (SqlglotError, RecursionError):
        return None
    if len(trees) != 1 or not isinstance(tree := trees[0], exp.Query):
        return None
    found = {table.name.lower() for table in tree.find_all(exp.Table) if table.name.lower() in known}
    return found | {name for column in tree.find_all(exp.Column) if (name := _resolved(column, known))}


def _resolved(column: Any, known: Mapping[str, set[str]]) -> str | None:
    """``table.column``, looking for the table in the SELECT around the column and then further out."""
    name, alias = column.name.lower(), column.table.lower()
    select = column.parent_select
    while select is not None:
        sources = _sources(select)
        if alias in sources:
            table = sources[alias]
            return f"{table}.{name}" if name in known.get(table, ()) else None
        if not alias:
            for table in sources.values():
                if name in known.get(table, ()):
                    return f"{table}.{name}"
        select = select.parent_select
    return None


def _sources(select: Any) -> dict[str, str]:
    """Name inside a SELECT -> table behind it; a subquery's name stands for nothing, its inside counts by itself."""
    from sqlglot import exp

    clauses = [select.args.get("from_") or select.args.get("from"), *(select.args.get("joins") or [])]
    relations = [clause.this for clause in clauses if clause is not None]
    tables = [relation for relation in relations if isinstance(relation, exp.Table)]
    return {
        **{relation.alias_or_name.lower(): "" for relation in relations},
        **{table.alias_or_name.lower(): table.name.lower() for table in tables},
    }
