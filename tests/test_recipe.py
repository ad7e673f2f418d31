"""The map: what ``check`` refuses, and that what it accepts runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toys import GroupCenter, Moves, Reads, Reinforce, reinforce

from guerdon import train
from guerdon.advantages.standardize import Standardize
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SumOverLength, TokenMean
from guerdon.piece import Aggregation, Filter, Policy, PolicySpec, Rollout
from guerdon.recipe import FLOW, Columns, Recipe, snapshot
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.token_tree import TokenTree


def refused(**slots: Any) -> str:
    with pytest.raises(GuerdonError) as caught:
        reinforce(**slots).check()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_complete_recipe_passes_without_warnings() -> None:
    assert reinforce().check() == []


def test_a_missing_column_is_refused_with_piece_column_and_makers() -> None:
    sentence = refused(advantage=())
    assert "objective.surrogate (Reinforce) reads 'action.advantage', which nothing upstream writes" in sentence
    assert "pieces that write it:" in sentence and "Standardize" in sentence
    assert "Written so far at level action: token.behavior_logprob, token.context, token.id" in sentence


def test_a_column_that_no_piece_writes_says_so() -> None:
    sentence = refused(advantage=(Moves(reads=("traj.charm",)), GroupCenter()))
    assert sentence.startswith("advantage.0 (Moves) reads 'traj.charm', which nothing upstream writes; no piece of the")


def test_a_reward_is_not_spread_and_credit_pieces_are_named() -> None:
    sentence = refused(advantage=(Moves(reads=("action.reward",), writes=("action.advantage",)),))
    assert "advantage.0 (Moves) reads 'action.reward'" in sentence
    assert "traj.reward is a sum and is not spread, so a credit piece has to place it" in sentence


def test_makers_are_taken_from_the_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    from guerdon import catalogue

    @dataclass(frozen=True)
    class Places(Moves):
        writes: tuple[str, ...] = ("action.reward",)

    monkeypatch.setattr(catalogue, "pieces", lambda: {"Places": Places})
    sentence = refused(advantage=(Moves(reads=("action.reward",), writes=("action.advantage",)),))
    assert "has to place it; pieces that write it: Places" in sentence


def test_a_wrong_order_is_named_as_such() -> None:
    first = Moves(reads=("traj.charm",), writes=("traj.advantage",))
    sentence = refused(advantage=(first, Moves(writes=("traj.charm",))))
    assert "advantage.1 (Moves) writes it, but later: move it before advantage.0" in sentence


def test_policy_columns_exist_inside_the_update_only() -> None:
    assert reinforce(objective=Objective(Reinforce(also=("action.entropy",)))).check() == []
    for slots in (
        {"advantage": (Moves(reads=("action.entropy",)), GroupCenter())},
        {"metrics": (Reads(("action.entropy",)),)},
    ):
        assert "the policy gives it inside the update only: read action.old_entropy here" in refused(**slots)
    assert reinforce(metrics=(Reads(("action.old_entropy",)),)).check() == []


def test_the_aggregation_is_computed_before_the_policy() -> None:
    @dataclass(frozen=True)
    class ByEntropy(TokenMean):
        reads = ("action.entropy",)

    assert "objective.aggregation (ByEntropy)" in refused(objective=Objective(Reinforce(), ByEntropy()))


@pytest.mark.parametrize("name", ["action.old_value", "action.ref_logits", "action.ema_value/head"])
def test_a_snapshot_of_what_the_policy_does_not_give(name: str) -> None:
    @dataclass(frozen=True)
    class NoCritic(PolicySpec):
        provides = frozenset({"action.logprob", "action.entropy"})

        def build(self, task: Any, wants: frozenset[str], stream: Any) -> Policy:
            raise NotImplementedError

    sentence = refused(policy=NoCritic(), objective=Objective(Reinforce(also=(name,))))
    base = snapshot(name)
    assert base is not None
    assert f"the policy does not give {base[1]}: it gives action.entropy, action.logprob" in sentence


@pytest.mark.parametrize("name", ["token.entropy", "token.old_entropy"])
def test_policy_columns_are_read_by_the_name_that_the_policy_gives(name: str) -> None:
    sentence = refused(objective=Objective(Reinforce(also=(name,))))
    assert "the policy does not give token.entropy: it gives action.entropy" in sentence


def test_without_a_policy_only_columns_that_pieces_write_can_be_missing() -> None:
    recipe = reinforce(policy=None, objective=Objective(Reinforce(also=("action.energy", "action.ref_energy"))))
    assert recipe.check() == []
    assert "'action.advantage'" in refused(policy=None, advantage=())


def test_without_a_rollout_nothing_is_missing() -> None:
    assert reinforce(rollout=None, advantage=()).check() == []


def test_run_facts() -> None:
    assert reinforce(advantage=(Moves(reads=("run.progress",)), GroupCenter())).check() == []
    assert "'run.epoch'" in refused(advantage=(Moves(reads=("run.epoch",)), GroupCenter()))


def test_a_misspelt_level_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be LEVEL\.NAME"):
        reinforce(advantage=(Moves(reads=("trajectory.reward",)), GroupCenter())).check()


def test_curricula_observe_shaped_rewards() -> None:
    from toys import CountingCurriculum

    @dataclass(frozen=True)
    class Learns(CountingCurriculum):
        reads = ("traj.reward", "group.problem_id")

    assert reinforce(curriculum=Learns()).check() == []
    assert FLOW.index("shaping") < FLOW.index("curriculum") < FLOW.index("filters")


def test_what_a_built_policy_lacks_is_found_before_the_first_rollout() -> None:
    class Blind(Policy):
        provides = frozenset({"action.entropy"})

        def evaluate(self, batch: Batch, wants: frozenset[str]) -> dict[str, torch.Tensor]:
            return {}

    with pytest.raises(GuerdonError, match=r"reads 'action\.logprob', which nothing upstream writes"):
        train(reinforce(policy=None), steps=1, policy=Blind())


SATISFIED = [
    ("token", ["traj.advantage"], "action.advantage", True),
    ("token", ["step.advantage"], "step.advantage", True),
    ("token", ["step.advantage"], "traj.advantage", False),
    ("token", ["action.advantage"], "token.advantage", True),
    ("step", ["action.advantage"], "step.advantage", True),
    ("token", ["action.advantage"], "step.advantage", False),
    ("step", ["traj.advantage"], "token.advantage", False),
    ("token", ["group.source"], "action.source", True),
    ("token", ["traj.reward"], "action.reward", False),
    ("token", ["traj.reward"], "group.reward", False),
    ("token", ["step.reward"], "action.reward", False),
    ("step", ["step.reward"], "action.reward", True),
    ("token", ["traj.reward/format"], "traj.reward/*", True),
    ("token", ["traj.reward/*"], "traj.reward/format", True),
    ("token", ["traj.reward/*"], "traj.reward/*", True),
    ("token", ["traj.reward/*"], "traj.reward", False),
    ("token", ["traj.reward"], "traj.reward/*", False),
    ("token", ["step.reward/*"], "traj.reward/*", False),
    ("token", ["traj.rewards"], "traj.reward", False),
    ("token", ["traj.score/*"], "action.score/a", True),
    ("token", ["run.step"], "run.step", True),
    ("token", ["traj.step"], "run.step", False),
]


@pytest.mark.parametrize(("finest", "written", "read", "wanted"), SATISFIED)
def test_when_a_read_is_satisfied(finest: str, written: list[str], read: str, wanted: bool) -> None:
    assert Columns(finest, written).satisfy(read) == wanted


@given(
    tokens=st.booleans(),
    written=st.lists(
        st.tuples(st.sampled_from(["action", "step", "traj", "group"]), st.sampled_from("ab")), max_size=4
    ),
    level=st.sampled_from(["action", "token", "step", "traj", "group"]),
    column=st.sampled_from(["a", "b", "reward", "reward/x"]),
    rewards=st.lists(st.sampled_from(["step.reward", "traj.reward", "traj.reward/x", "action.reward"]), max_size=2),
)
def test_the_check_agrees_with_what_a_batch_finds(
    tokens: bool, written: list[tuple[str, str]], level: str, column: str, rewards: list[str]
) -> None:
    from strategies import batch_of

    batch = batch_of([1, 2], [1, 2, 1], [2, 1, 1, 1] if tokens else None)
    names = [f"{at}.{name}" for at, name in written] + rewards
    filled = batch.with_columns({name: torch.zeros(batch.size(name.partition(".")[0])) for name in names})
    assert Columns(batch.action, names).satisfy(f"{level}.{column}") == (f"{level}.{column}" in filled)


def test_snapshot_names() -> None:
    assert snapshot("action.old_logprob") == ("old", "action.logprob")
    assert snapshot("traj.ref_value/a") == ("ref", "traj.value/a")
    assert snapshot("action.older_logprob") is snapshot("action.old") is snapshot("traj.reference") is None


def test_snapshots_are_only_what_nobody_writes() -> None:
    ref = reinforce(objective=Objective(Reinforce(also=("action.ref_logprob", "action.old_logprob"))))
    assert ref.snapshots() == {"old", "ref"}
    written = reinforce(
        advantage=(GroupCenter(), Moves(writes=("traj.ref_answer",))),
        metrics=(Reads(("traj.ref_answer",)),),
    )
    assert written.snapshots() == frozenset()
    assert train(written, steps=1).metrics[0]["mean/traj.ref_answer"] == 0.0


@pytest.mark.parametrize(
    ("slots", "wanted"),
    [
        (
            {"advantage": GroupCenter()},
            r"advantage must be list of Transform, got GroupCenter\(\); write \(GroupCenter\(\.\.\.\),\)",
        ),
        ({"metrics": []}, r"Recipe.metrics must be list of Metric, got \[\]; use a tuple"),
        ({"advantage": (SampleTree(),)}, "Recipe.advantage must be list of Transform, got"),
        ({"task": SampleTree()}, "Recipe.task must be TaskSpec or none, got SampleTree"),
        ({"objective": Reinforce()}, "Recipe.objective must be Objective, got Reinforce"),
        ({"max_refills": 0}, "Recipe.max_refills must be at least 1, got 0"),
    ],
)
def test_pieces_in_the_wrong_slot(slots: dict[str, Any], wanted: str) -> None:
    with pytest.raises(GuerdonError, match=wanted):
        reinforce(**slots)


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        (
            {"regularizers": Reinforce()},
            r"regularizers must be list of Term, got Reinforce.*; write \(Reinforce\(\.\.\.\),\)",
        ),
        ({"aggregation": Reinforce()}, "Objective.aggregation must be Aggregation, got Reinforce"),
    ],
)
def test_pieces_in_the_wrong_part_of_the_objective(parts: dict[str, Any], wanted: str) -> None:
    with pytest.raises(GuerdonError, match=wanted):
        Objective(Reinforce(), **parts)


def test_save_and_load(tmp_path: Path) -> None:
    recipe = reinforce(objective=Objective(Reinforce(also=("action.entropy",)), SumOverLength(7)))
    recipe.save(tmp_path / "mine.json")
    assert Recipe.load(tmp_path / "mine.json") == recipe
    assert [path.name for path in tmp_path.iterdir()] == ["mine.json"], "no partial file is left"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (None, "must be a recipe saved as JSON: .*No such file"),
        ("{", "must be a recipe saved as JSON: Expecting"),
        ("[]", "must hold a Recipe at the top, got tuple"),
        ('{"piece": "TokenTree"}', "must hold a Recipe at the top, got TokenTree"),
        ('{"piece": "Recipe", "objectiv": 1}', r"Recipe has no field 'objectiv'; did you mean objective\?"),
    ],
)
def test_a_file_that_is_no_recipe(text: str | None, wanted: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(GuerdonError, match=wanted):
        Recipe.load(path)


@pytest.mark.parametrize("slot", ["task", "policy", "rollout"])
def test_training_needs_task_policy_and_rollout(slot: str) -> None:
    with pytest.raises(GuerdonError, match=f"training needs a {slot}; set Recipe.{slot} or pass {slot}="):
        train(reinforce(**{slot: None}), steps=1)


@dataclass(frozen=True)
class KeepAll(Filter):
    reads: tuple[str, ...] = ()

    def __call__(self, batch: Batch) -> torch.Tensor:
        assert all(batch[name] is not None for name in self.reads)
        return torch.ones(batch.size("group"), dtype=torch.bool)


@dataclass(frozen=True)
class Uniformly(Aggregation):
    reads: tuple[str, ...] = ()

    def __call__(self, batch: Batch, level: str) -> torch.Tensor:
        assert all(batch[name] is not None for name in self.reads)
        return torch.ones(batch.size(level))


@dataclass(frozen=True)
class Sampled(Rollout):
    writes = (*SampleTree().writes, "traj.score/a", "step.score/b")

    def __call__(self, task: Any, policy: Any, pick: Any, stream: Any) -> Batch:
        batch = SampleTree(2, 2)(task, policy, pick, stream)
        zeros = {f"{name}": torch.zeros(batch.size(name.partition(".")[0])) for name in self.writes if "score" in name}
        return batch.with_columns(zeros)


LEVEL = st.sampled_from(["action", "token", "step", "traj", "group"])
COLUMN = st.sampled_from(["a", "b", "score/a", "score/b", "reward", "reward/task", "reward/*", "reward/x", "advantage"])
POLICY = st.sampled_from(["logprob", "entropy", "value", "old_logprob", "ref_entropy", "ema_value", "old_a", "energy"])
NAME = st.one_of(st.builds("{}.{}".format, LEVEL, st.one_of(COLUMN, POLICY)), st.sampled_from(["run.step", "run.x"]))
NAMES = st.lists(NAME, max_size=2, unique=True).map(tuple)
WRITTEN = st.lists(
    st.builds("{}.{}".format, LEVEL, st.sampled_from(["a", "b", "reward", "reward/x"])), max_size=2, unique=True
)
MOVES = st.lists(st.builds(lambda reads, writes: Moves(reads, tuple(writes)), NAMES, WRITTEN), max_size=2).map(tuple)


@given(
    moves=st.tuples(MOVES, MOVES, MOVES),
    filters=NAMES,
    loss=NAMES,
    weights=NAMES,
    metrics=NAMES,
)
def test_what_check_accepts_runs(moves: tuple[Any, ...], filters: Any, loss: Any, weights: Any, metrics: Any) -> None:
    """A step of the loop never misses a column in a recipe that passed, and passing is not rare."""
    plain = tuple(name for name in loss if not name.endswith("*"))
    recipe = reinforce(
        rollout=Sampled(),
        task=TokenTree(2, 2, 2),
        rewards=moves[0],
        filters=(KeepAll(filters),),
        credit=moves[1],
        advantage=(Standardize(), *moves[2]),
        objective=Objective(Reinforce(also=plain), Uniformly(tuple(n for n in weights if not n.endswith("*")))),
        metrics=(Reads(tuple(name for name in metrics if not name.endswith("*"))),),
    )
    try:
        recipe.check()
    except GuerdonError as refusal:
        assert "which nothing upstream writes" in str(refusal)
        return
    train(recipe, steps=1)
