import gzip
import json
import sqlite3
from pathlib import Path

import pytest

from guerdon.errors import GuerdonError
from guerdon.scorers.sql import SqlExecution, same_rows
from guerdon.serial import from_json, to_json
from guerdon.tasks.problem import Problem

CREATE = """
CREATE TABLE city (name TEXT, state TEXT, people INT, area REAL);
INSERT INTO city VALUES ('a', 'x', 3, 1.5), ('b', 'x', 1, 0.5), ('c', 'y', 2, NULL), ('a', 'x', 3, 1.5);
"""
DATA = Path(__file__).parents[3] / "shared" / "data" / "text2sql"


def problem(*golds: str, **meta: object) -> Problem:
    return Problem(7, "?", meta={"sql": list(golds), "create": CREATE, **meta})


def score(gold: str, response: str, **fields: object) -> tuple[float, float]:
    scores = SqlExecution(**fields)(problem(gold), response)  # type: ignore[arg-type]
    return scores["sql_exec"], scores["sql_runs"]


RIGHT, WRONG, BROKEN = (1.0, 1.0), (0.0, 1.0), (0.0, 0.0)


@pytest.mark.parametrize(
    ("gold", "response", "scores"),
    [
        ("SELECT name FROM city WHERE people > 1", "SELECT c.name FROM city AS c WHERE NOT c.people <= 1;", RIGHT),
        ("SELECT name FROM city", "SELECT name FROM city ORDER BY name DESC", RIGHT),
        ("SELECT name FROM city ORDER BY name", "SELECT name FROM city ORDER BY name DESC", WRONG),
        ("SELECT name FROM (SELECT * FROM city ORDER BY area)", "SELECT name FROM city ORDER BY 1", RIGHT),
        ("SELECT name FROM city", "SELECT DISTINCT name FROM city", WRONG),
        ("SELECT name, state FROM city", "SELECT state, name FROM city", WRONG),
        ("SELECT name FROM city", "SELECT name, state FROM city", WRONG),
        ("SELECT area FROM city WHERE name = 'c'", "SELECT NULL", RIGHT),
        ("SELECT area FROM city WHERE name = 'c'", "SELECT 0", WRONG),
        ("SELECT people FROM city WHERE name = 'b'", "SELECT '1'", WRONG),
        ("SELECT people FROM city WHERE name = 'b'", "SELECT 1.0000000001", RIGHT),
        ("SELECT people FROM city WHERE name = 'b'", "SELECT 1.001", WRONG),
        ('SELECT name FROM city WHERE state = "y"', "SELECT 'c'", RIGHT),
        ("SELECT name FROM city", "SELEC name FROM city", BROKEN),
        ("SELECT name FROM city", "SELECT nam FROM city", BROKEN),
        ("SELECT name FROM city", "SELECT name FROM city; SELECT name FROM city", BROKEN),
        ("SELECT name FROM city", "", BROKEN),
        ("SELECT name FROM city", "Sure:\n```sql\nSELECT name FROM city\n```\nDone.", RIGHT),
        ("SELECT name FROM city", "SELECT name -- ORDER BY\nFROM city", RIGHT),
    ],
)
def test_rows_decide(gold, response, scores):
    assert score(gold, response) == scores


@pytest.mark.parametrize(
    "attack",
    [
        "ATTACH 'attack.db' AS other",
        "VACUUM INTO 'attack.db'",
        "PRAGMA user_version = 3",
        "SELECT * FROM pragma_table_info('city')",
        "DELETE FROM city",
        "CREATE TEMP TABLE t (x)",
        "BEGIN",
        "SELECT load_extension('attack')",
        "SELECT random()",
        "SELECT zeroblob(1000000000)",
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c",
        "WITH RECURSIVE c(x) AS (SELECT 'aaaaaaaa' UNION ALL SELECT x || x FROM c LIMIT 40) SELECT sum(x) FROM c",
        "SELECT ?",
        "SELECT \0",
        "SELECT '\ud800'",
        "SELECT " + "(" * 100_000,
    ],
)
def test_a_query_can_only_read_and_only_so_much(attack, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert score("SELECT name FROM city", attack, steps=100_000) == BROKEN
    assert not list(tmp_path.iterdir())


def test_a_file_is_opened_to_read(tmp_path):
    path = tmp_path / "small city.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(CREATE)
    connection.close()
    before = path.read_bytes()
    asked = Problem(0, "?", "SELECT max(people) FROM city", {"database": str(path)})
    assert SqlExecution()(asked, "SELECT 3") == {"sql_exec": 1.0, "sql_runs": 1.0}
    assert SqlExecution()(asked, "UPDATE city SET people = 3")["sql_runs"] == 0.0
    assert path.read_bytes() == before and [found.name for found in tmp_path.iterdir()] == [path.name]


def test_any_of_several_golds_and_a_tag():
    either = problem("SELECT 1", "SELECT 2")
    assert [SqlExecution()(either, f"SELECT {n}")["sql_exec"] for n in (1, 2, 3)] == [1.0, 1.0, 0.0]
    assert score("SELECT 1", "<sql>SELECT 1</sql> or <sql>SELECT 2</sql>", tag="sql") == WRONG
    assert score("SELECT 1", "SELECT 1", tag="sql") == BROKEN


def test_more_rows_than_the_limit_are_other_rows():
    assert score("SELECT 1", "SELECT name FROM city", rows=2) == WRONG
    with pytest.raises(GuerdonError, match="must give at most 2 rows: SELECT name"):
        SqlExecution(rows=2).check(problem("SELECT name FROM city"))


def test_rows_pair_up_within_a_tolerance():
    first, second = [(1.0, "b"), (2.0, "a"), (2.0, "a")], [(2.0, "a"), (2.0 + 1e-9, "a"), (1.0 - 1e-9, "b")]
    assert same_rows(first, second, tolerance=1e-6) and not same_rows(first, second)
    assert not same_rows(first, second, ordered=True, tolerance=1e-6)
    assert not same_rows([(1,), (1,), (2,)], [(1,), (2,), (2,)])
    assert same_rows([], [], ordered=True)


def test_bad_problems_and_fields_are_refused():
    with pytest.raises(GuerdonError, match="must run, got no such table: town: SELECT \\* FROM town"):
        SqlExecution().check(problem("SELECT * FROM town"))
    with pytest.raises(GuerdonError, match="must give rows, got none"):
        SqlExecution(empty_gold=False).check(problem("SELECT 1 WHERE 0"))
    with pytest.raises(GuerdonError, match="needs a gold query, got none"):
        SqlExecution().check(problem())
    with pytest.raises(GuerdonError, match="needs a database, got none"):
        SqlExecution().check(Problem(7, "?", "SELECT 1"))
    with pytest.raises(GuerdonError, match="must open, got unable to open database file for nowhere"):
        SqlExecution().check(Problem(7, "?", "SELECT 1", {"database": "nowhere.db"}))
    with pytest.raises(GuerdonError, match="must be at least 1, got 0 and 10000"):
        SqlExecution(steps=0)
    with pytest.raises(GuerdonError, match="tolerance must be at least 0"):
        SqlExecution(tolerance=-1.0)
    assert from_json(to_json(SqlExecution(tag="sql"))) == SqlExecution(tag="sql") and not SqlExecution.trusted


@pytest.mark.skipif(not DATA.exists(), reason="needs the text2sql data")
@pytest.mark.parametrize("name", ["geography", "restaurants"])
def test_released_golds_score_1(name, tmp_path):
    path = tmp_path / "filled.sqlite"
    path.write_bytes(gzip.decompress((DATA / f"{name}.sqlite.gz").read_bytes()))
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines][::30]
    for row in rows:
        asked = Problem(row["query_id"], row["question"], meta={"sql": row["sql"], "database": str(path)})
        for gold in row["sql"]:
            assert SqlExecution()(asked, gold) == {"sql_exec": 1.0, "sql_runs": 1.0}, gold
        assert SqlExecution()(asked, "SELECT 'no such answer'")["sql_exec"] == 0.0
