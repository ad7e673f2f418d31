import gzip
import json
import sys
from pathlib import Path

import pytest

from guerdon.errors import GuerdonError
from guerdon.scorers.sql_parts import SqlParts, used
from guerdon.tasks.problem import Problem

pytest.importorskip("sqlglot")

DATA = Path(__file__).parents[3] / "shared" / "data" / "spider"
CREATE = "CREATE TABLE t (a, b, id); CREATE TABLE u (id, c); CREATE VIEW v AS SELECT a AS x FROM t;"
KNOWN = {"t": {"a", "b", "id"}, "u": {"id", "c"}, "v": {"x"}}


def score(gold: str, response: str, **fields: object) -> tuple[float, float]:
    asked = Problem(7, "?", gold, {"create": CREATE})
    scores = SqlParts(**fields)(asked, response)  # type: ignore[arg-type]
    return scores["sql_schema"], scores["sql_ngram"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("SELECT a FROM t", "t t.a"),
        ("SELECT T1.A FROM T AS T1", "t t.a"),
        ("SELECT count(*) FROM t", "t"),
        ("SELECT * FROM t JOIN u ON t.id = u.id WHERE c = 1", "t t.id u u.c u.id"),
        ("SELECT a FROM t WHERE b = \"c\" AND a = 'id'", "t t.a t.b"),
        ("SELECT s.n FROM (SELECT a AS n, b FROM t) AS s ORDER BY s.b", "t t.a t.b"),
        ("WITH s AS (SELECT c FROM u) SELECT c FROM s", "u u.c"),
        ("SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.id = t.id AND b = c)", "t t.a t.b t.id u u.c u.id"),
        ("SELECT count(a) AS n FROM t GROUP BY b ORDER BY n", "t t.a t.b"),
        ("SELECT a FROM t UNION SELECT c FROM u", "t t.a u u.c"),
        ("SELECT x FROM v, nowhere", "v v.x"),
        ("SELECT 1", ""),
    ],
)
def test_tables_and_columns_behind_the_names(query, names):
    assert used(query, KNOWN) == set(names.split())


@pytest.mark.parametrize(
    "query", ["SELECT FROM WHERE", "DROP TABLE t", "SELECT 1; SELECT 2", "SELECT " + "(" * 900, "EXPLAIN SELECT 1", ""]
)
def test_what_is_no_query_uses_nothing(query):
    assert used(query, KNOWN) is None


@pytest.mark.parametrize(
    ("gold", "response", "scores"),
    [
        ("SELECT a FROM t", "select  a\nfrom t ;", (1.0, 1.0)),
        ("SELECT a FROM t", "SELECT b FROM t", (1 / 3, 1 / 5)),
        ("SELECT a FROM t", "SELECT x.a FROM t AS x", (1.0, 2 / 8)),
        ("SELECT 1", "SELECT 2", (1.0, 0.0)),
        ("SELECT a FROM t", "SELECT a FROM", (0.0, 2 / 3)),
        ("SELECT a FROM t", "", (0.0, 0.0)),
        ("SELECT a FROM t", "```sql\nSELECT a FROM t\n```", (1.0, 1.0)),
    ],
)
def test_parts(gold, response, scores):
    assert score(gold, response) == pytest.approx(scores)


def test_options():
    assert score("SELECT a FROM t", "SELECT b FROM t", order=1) == pytest.approx((1 / 3, 3 / 5))
    assert score("SELECT a FROM t", "SELECT a FROM t", longest=5) == (0.0, 0.0)
    either = Problem(7, "?", meta={"sql": ["SELECT a FROM t", "SELECT c FROM u"], "create": CREATE})
    assert SqlParts()(either, "SELECT c FROM u") == {"sql_schema": 1.0, "sql_ngram": 1.0}


def test_bad_problems_fields_and_a_missing_package(monkeypatch):
    with pytest.raises(GuerdonError, match="must parse, got SELECT FROM"):
        SqlParts().check(Problem(7, "?", "SELECT FROM", {"create": CREATE}))
    with pytest.raises(GuerdonError, match="must be at least 1, got 0 and 10000"):
        SqlParts(order=0)
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    with pytest.raises(GuerdonError, match=r"SqlParts needs sqlglot; run `pip install guerdon\[sql\]`"):
        SqlParts().check(Problem(7, "?", "SELECT a FROM t", {"create": CREATE}))


@pytest.mark.skipif(not DATA.exists(), reason="needs the Spider data")
def test_released_golds_have_all_parts_and_predictions_some():
    schemas, pairs = (
        [json.loads(line) for line in gzip.decompress((DATA / name).read_bytes()).decode().splitlines()]
        for name in ("schemas.jsonl.gz", "gold_pred.jsonl.gz")
    )
    scripts = {
        schema["db_id"]: "".join(
            f'CREATE TABLE "{table}" ({", ".join(names)});'
            for number, table in enumerate(schema["table_names_original"])
            if (names := [f'"{name}"' for owner, name in schema["column_names_original"] if owner == number])
        )
        for schema in schemas
    }
    for pair in pairs[::20]:
        asked = Problem(7, "?", pair["gold"], {"create": scripts[pair["db_id"]]})
        assert SqlParts()(asked, pair["gold"]) == {"sql_schema": 1.0, "sql_ngram": 1.0}
        assert 0 <= SqlParts()(asked, pair["pred"])["sql_ngram"] <= 1
