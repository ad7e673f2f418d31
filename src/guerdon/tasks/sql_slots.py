"""Questions to a small database whose answer is a query of six slots: the text-to-SQL toy of the partial rewards.

Idea
    One of 28,800 queries is asked for. Executing right is rare at first, while running, using the right columns and
    sharing words with the gold are not: what partial rewards are for.
Maths
    ``SELECT item FROM table WHERE column sign value`` with 2 keywords (one is misspelled), 8 items, 2 tables, 9 columns
    (one does not exist), 5 signs and 20 values; each slot is a token, with table rows of its own for each question. The
    golds are random queries that give some rows of their table, but not all. The rewards are those of
    ``scorers/sql.py`` and ``sql_parts.py``.
Reads
    Nothing; ``rollouts/tabular.py`` samples it. Needs sqlglot.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from guerdon.batch import Column
from guerdon.errors import GuerdonError
from guerdon.rng import Stream
from guerdon.scorers.sql import SqlExecution
from guerdon.scorers.sql_parts import SqlParts
from guerdon.tasks.problem import Problem
from guerdon.tasks.token_task import TokenTask

PEOPLE = "('Ann','Oslo',31,300,1),('Bo','Rome',45,420,2),('Cy','Oslo',28,250,2),('Di','Lima',60,510,3)"
MORE_PEOPLE = "('Ed','Rome',37,330,1),('Flo','Lima',22,210,4),('Gus','Oslo',53,480,3),('Hal','Bonn',40,390,4)"
SHOPS = "('Nord','Oslo',31,60),('Sud','Rome',22,45),('Ost','Lima',60,90),('West','Bonn',40,75)"
CREATE = f"""
CREATE TABLE people (name TEXT, city TEXT, age INTEGER, salary INTEGER, shop INTEGER);
CREATE TABLE shops (title TEXT, city TEXT, size INTEGER, rent INTEGER);
INSERT INTO people VALUES {PEOPLE},{MORE_PEOPLE};
INSERT INTO shops VALUES {SHOPS};
"""
NUMBERS = ("1", "2", "3", "22", "31", "40", "53", "60", "75", "90", "300", "420")
SLOTS: tuple[tuple[str, ...], ...] = (
    ("SELECT", "SELEC"),
    ("name", "city", "age", "salary", "title", "size", "count(*)", "max(age)"),
    ("people", "shops"),
    ("name", "city", "age", "salary", "shop", "title", "size", "rent", "bonus"),
    ("=", "<", ">", "<=", "!="),
    ("'Oslo'", "'Rome'", "'Lima'", "'Bonn'", "'Ann'", "'Ed'", "'Nord'", "'West'", *NUMBERS),
)
"""What can stand in each slot."""


@dataclass(frozen=True)
class SqlSlots(TokenTask):
    """P questions, each answered by one query of six slots."""

    prompts: int = 2
    """P: number of questions."""
    seed: int = 0
    """Of the gold queries."""

    depth = len(SLOTS)

    def __post_init__(self) -> None:
        if self.prompts < 1:
            raise GuerdonError(f"SqlSlots.prompts must be at least 1, got {self.prompts}")

    @property
    def actions(self) -> int:
        """Choices of the largest slot."""
        return max(map(len, SLOTS))

    def golds(self) -> Tensor:
        """Tokens of the gold queries, ``[P, 6]``."""
        return torch.tensor(_golds(self.prompts, self.seed))

    def initial_logits(self) -> Tensor:
        """Uniform over what a slot can hold, ``[P 6, actions]``."""
        rows = torch.full((self.depth, self.actions), -1e9)
        for row, slot in zip(rows, SLOTS, strict=True):
            row[: len(slot)] = 0.0
        return rows.repeat(self.prompts, 1)

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """``traj.reward/task`` (execution) and ``traj.reward/sql_runs``, ``sql_schema`` and ``sql_ngram``, ``[n]``."""
        golds = [query(row) for row in self.golds()[prompt].tolist()]
        scores = torch.tensor([score(gold, query(row)) for gold, row in zip(golds, tokens.tolist(), strict=True)])
        names = ("traj.reward/task", "traj.reward/sql_runs", "traj.reward/sql_schema", "traj.reward/sql_ngram")
        return dict(zip(names, scores.view(-1, 4).unbind(1), strict=True))


def query(tokens: list[int]) -> str:
    """The query of six tokens."""
    keyword, item, table, column, sign, value = (slot[token] for slot, token in zip(SLOTS, tokens, strict=True))
    return f"{keyword} {item} FROM {table} WHERE {column} {sign} {value}"


@cache
def score(gold: str, written: str) -> tuple[float, float, float, float]:
    """Execution, whether it runs, schema and n-gram overlap."""
    problem = Problem(0, "?", gold, {"create": CREATE})
    found = {**SqlExecution()(problem, written), **SqlParts()(problem, written)}
    return found["sql_exec"], found["sql_runs"], found["sql_schema"], found["sql_ngram"]


@cache
def _golds(prompts: int, seed: int) -> list[list[int]]:
    generator, found = Stream((seed, "sql_slots")).generator(), []
    while len(found) < prompts:
        tokens = [int(torch.randint(len(slot), (1,), generator=generator)) for slot in SLOTS]
        if tokens[0] == 0 and tokens[1] < 6 and _chooses(tokens):
            found.append(tokens)
    return found


def _chooses(tokens: list[int]) -> bool:
    """Whether a query gives some rows of its table, but not all."""
    gold, everything = query(tokens), query(tokens).partition(" WHERE ")[0]
    try:
        SqlExecution(empty_gold=False).check(Problem(0, "?", gold, {"create": CREATE}))
    except GuerdonError:
        return False
    return score(everything, gold)[0] == 0
