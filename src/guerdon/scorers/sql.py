"""SQL by execution: the query's rows are those of the gold query.

Idea
    Two queries are equal if they give the same rows on the database, however they are written.
Maths
    ``exec = 1[rows(query) = rows(some gold)]``: equal as multisets of rows; as lists if that gold has an outermost
    ORDER BY. ``runs = 1[the query runs]``.
Reads
    ``problem.meta["sql"]`` (one gold query or several equivalent ones; else ``problem.answer``) and
    ``meta["database"]`` (a SQLite file) or ``meta["create"]`` (a script that makes one in memory).
Deviations
    Reasoning-SQL (arXiv 2503.23157) does not say how numbers compare; here up to a tolerance, and ``1`` is not ``'1'``.
    Column names do not count, the order of columns does. Rows that tie under ORDER BY may come in another order than
    the gold's and then count as wrong, and two queries can agree on one database by chance.
"""

import math
import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.scorers._sqlite import Row, database, golds, is_ordered, query_in, run
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class SqlExecution(Scorer):
    """``sql_exec``: the same rows as a gold query; ``sql_runs``: it runs. Queries only read, under limits."""

    tag: str | None = None
    """Take what the last ``<tag>...</tag>`` holds (0 without one); None: the last ``` fence, else the whole response."""
    steps: int = 10_000_000
    """Instructions of SQLite's machine (about 1e8 per second) after which a query counts as one that does not run."""
    rows: int = 10_000
    """Longest result that a gold query may have; anything longer differs from it."""
    tolerance: float = 1e-6
    """Relative and absolute error that is allowed in numbers."""
    empty_gold: bool = True
    """False: refuse problems whose gold query gives no rows, since any query without rows would equal it."""

    components = ("sql_exec", "sql_runs")

    def __post_init__(self) -> None:
        if self.steps < 1 or self.rows < 1:
            raise GuerdonError(f"SqlExecution.steps and rows must be at least 1, got {self.steps} and {self.rows}")
        if not self.tolerance >= 0:
            raise GuerdonError(f"SqlExecution.tolerance must be at least 0, got {self.tolerance}")

    def check(self, problem: Problem) -> None:
        """Refuse a problem with a gold query that does not run within the limits."""
        with database(problem) as connection:
            for gold in golds(problem):
                rows = self._gold_rows(connection, problem, gold)
                if not rows and not self.empty_gold:
                    raise GuerdonError(f"a gold query of problem {problem.id} must give rows, got none: {gold}")

    def _gold_rows(self, connection: sqlite3.Connection, problem: Problem, gold: str) -> list[Row]:
        try:
            rows = run(connection, gold, self.steps, self.rows)
        except sqlite3.Error as error:
            raise GuerdonError(f"a gold query of problem {problem.id} must run, got {error}: {gold}") from None
        if len(rows) > self.rows:
            raise GuerdonError(f"a gold query of problem {problem.id} must give at most {self.rows} rows: {gold}")
        return rows

    def __call__(self, problem: Problem, response: str) -> Mapping[str, float]:
        """The components, each 0 or 1."""
        query = query_in(response, self.tag)
        with database(problem) as connection:
            wanted = [(self._gold_rows(connection, problem, gold), is_ordered(gold)) for gold in golds(problem)]
            try:
                rows = None if not query else run(connection, query, self.steps, self.rows)
            except sqlite3.Error:
                rows = None
        equal = rows is not None and any(same_rows(rows, gold, order, self.tolerance) for gold, order in wanted)
        return {"sql_exec": float(equal), "sql_runs": float(rows is not None)}


def same_rows(first: list[Row], second: list[Row], ordered: bool = False, tolerance: float = 0.0) -> bool:
    """Whether two results hold the same rows, each as often; in the same order if ``ordered``."""
    if len(first) != len(second):
        return False
    if not ordered:
        if (left := Counter(first)) == (right := Counter(second)):
            return True
        # Only rows that are not exactly equal are left; texts come first, so that rounding cannot mix the pairs.
        first, second = (sorted(rest.elements(), key=_texts_first) for rest in (left - right, right - left))
    return all(map(lambda a, b: _same_row(a, b, tolerance), first, second))


def _texts_first(row: Row) -> tuple[list[str], list[float]]:
    return (
        [type(cell).__name__ + repr(cell) for cell in row if not isinstance(cell, (int, float))],
        [cell for cell in row if isinstance(cell, (int, float))],
    )


def _same_row(first: Row, second: Row, tolerance: float) -> bool:
    def same(a: object, b: object) -> bool:
        if isinstance(a, (int, float)) and isinstance(b, (int, float)):
            return a == b or math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)
        return type(a) is type(b) and a == b

    return len(first) == len(second) and all(map(same, first, second))
