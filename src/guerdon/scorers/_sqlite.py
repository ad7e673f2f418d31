"""Running queries that nobody has read: they can look at one SQLite database and do nothing else."""

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from guerdon.errors import GuerdonError
from guerdon.tasks.answer import tagged
from guerdon.tasks.problem import Problem

Row = tuple[object, ...]

READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}
"""All that a query may do, apart from calling functions."""
FORBIDDEN = {"random", "randomblob", "load_extension", "zeroblob", "fts3_tokenizer"}
"""Functions that load code, make a result random, or fill the memory in one call."""
EVERY = 1_000
"""Instructions of SQLite's machine between two looks at the step counter."""
VALUE_BYTES, RESULT_BYTES = 4_000_000, 64_000_000
"""Longest value (enforced inside SQLite from Python 3.11 on) and longest result."""

TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|--[^\n]*|/\*.*?(?:\*/|\Z)|\w+|[^\w\s]", re.DOTALL)


def golds(problem: Problem) -> list[str]:
    """The accepted queries: ``meta["sql"]`` (one or a list), else the answer.

    Raises:
        GuerdonError: if there is none.
    """
    given = problem.meta.get("sql", problem.answer)
    queries: list[str] = [given] if isinstance(given, str) else list(given or [])
    if not queries:
        raise GuerdonError(f"problem {problem.id} needs a gold query, got none; give it an `answer` or meta['sql']")
    return queries


@contextlib.contextmanager
def database(problem: Problem) -> Iterator[sqlite3.Connection]:
    """The problem's database, opened to read: the file ``meta["database"]``, or made by the script ``meta["create"]``.

    Raises:
        GuerdonError: if there is no such file, the script fails, or the problem names neither.
    """
    path, script = problem.meta.get("database"), problem.meta.get("create")
    if not isinstance(path, str) and not isinstance(script, str):
        raise GuerdonError(
            f"problem {problem.id} needs a database, got none; give it meta['database'] (a file) or meta['create'] (SQL)"
        )
    source = f"{Path(path).resolve().as_uri()}?mode=ro" if isinstance(path, str) else ":memory:"
    try:
        connection = sqlite3.connect(source, uri=True)
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        if source == ":memory:":
            connection.executescript(str(script))
    except sqlite3.Error as error:
        what = path if isinstance(path, str) else "the script"
        raise GuerdonError(f"the database of problem {problem.id} must open, got {error} for {what}") from None
    with contextlib.closing(connection):
        yield connection


def columns(connection: sqlite3.Connection) -> dict[str, set[str]]:
    """Table or view -> its columns, in lower case."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')").fetchall()
    return {
        table.lower(): {row[1].lower() for row in connection.execute(f'PRAGMA table_info("{table}")')}
        for (table,) in tables
    }


def run(connection: sqlite3.Connection, query: str, steps: int, rows: int) -> list[Row]:
    """The rows of one query, at most one more than ``rows``.

    Raises:
        sqlite3.Error: if it does not run, does anything but read, or takes more than ``steps`` steps.
    """
    left = steps // EVERY

    def out_of_steps() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    if hasattr(connection, "setlimit"):
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_BYTES)  # pyright: ignore[reportAttributeAccessIssue]
    connection.set_authorizer(_may)
    connection.set_progress_handler(out_of_steps, EVERY)
    try:
        found: list[Row] = []
        size = 0
        for row in connection.execute(query):
            found.append(row)
            size += sum(len(cell) if isinstance(cell, (str, bytes)) else 8 for cell in row)
            if size > RESULT_BYTES:
                raise sqlite3.DataError("the result is too large")
            if len(found) > rows:
                break
        return found
    # Several statements in one, a null byte or half a surrogate pair, as the Python version words it.
    except (sqlite3.Warning, ValueError, MemoryError) as error:
        raise sqlite3.ProgrammingError(str(error)) from None


def _may(action: int, first: str | None, second: str | None, *_where: str | None) -> int:
    """Whether a query may do something; a function's name is the second argument."""
    calls = action == sqlite3.SQLITE_FUNCTION and (second or "").lower() not in FORBIDDEN
    return sqlite3.SQLITE_OK if calls or action in READING else sqlite3.SQLITE_DENY


def tokens(query: str) -> list[str]:
    """Names, numbers and keywords in lower case, quoted texts as they stand, and signs; comments are left out."""
    found = (match[0] for match in TOKEN.finditer(query))
    words = [word for word in found if not word.startswith(("--", "/*"))]
    words = [word if word[0] in "'\"" else word.lower() for word in words]
    return words[:-1] if words and words[-1] == ";" else words


def is_ordered(query: str) -> bool:
    """Whether the outermost query has an ORDER BY."""
    depth, last = 0, ""
    for word in tokens(query):
        depth += (word == "(") - (word == ")")
        if depth == 0 and (last, word) == ("order", "by"):
            return True
        last = word
    return False


def query_in(response: str, tag: str | None) -> str | None:
    """The query that a response holds: what the last ``<tag>`` or else the last ``` fence holds, or all of it."""
    text = tagged(response, tag)
    if text is None or "```" not in text:
        return text
    parts = text.split("```")
    return re.sub(
        r"\A[ \t]*(?:sqlite|sql)?[ \t]*\n|\A(?:sqlite|sql)\s", "", parts[-2] if len(parts) > 2 else parts[-1]
    ).strip()
