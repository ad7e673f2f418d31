"""Short texts that name pieces."""

import pytest

from guerdon.errors import GuerdonError
from guerdon.objective import Objective
from guerdon.objectives.aggregation import TokenMean
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.piece import Aggregation, PolicySpec, TaskSpec, Transform
from guerdon.recipe import Recipe
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.specs import find_recipe, read_value, resolve, short_name
from guerdon.tasks.token_tree import TokenTree

RECIPE = Recipe(Objective(PPOClip()), task=TokenTree())


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("token_tree", TokenTree()),
        ("token-tree", TokenTree()),
        ("TokenTree", TokenTree()),
        ("tree:depth=2,vocab=3", TokenTree(depth=2, vocab=3)),
        ("tree:5", TokenTree(prompts=5)),
        ('{"piece": "TokenTree", "seed": 4}', TokenTree(seed=4)),
    ],
)
def test_a_task_by_its_short_text(text, piece):
    assert resolve(text, TaskSpec, "task") == piece


def test_a_data_set_of_reasoning_gym_is_a_task_with_its_own_options():
    task = resolve("chain_sum:min_terms=2,max_terms=2,test_size=7", TaskSpec, "task")
    assert (task.name, task.test_size, task.options) == ("chain_sum", 7, {"min_terms": 2, "max_terms": 2})


@pytest.mark.parametrize(
    ("text", "kind", "sentence"),
    [
        ("token_tre", TaskSpec, "a task must be one that guerdon has, got 'token_tre'; did you mean token_tree?"),
        ("chain_sun", TaskSpec, "did you mean chain_sum?"),
        ("tree:dept=2", TaskSpec, "task: TokenTree has no field 'dept'; did you mean depth?"),
        ("tree:depth=two", TaskSpec, "task.depth must be int, got 'two'"),
        ("tree:depth=2,3", TaskSpec, "task: options after a colon must be key=value, got '3'"),
        ('{"piece": "TokenMean"}', TaskSpec, "task must be a task, got TokenMean"),
        ('{"piece": ', TaskSpec, "task must be JSON where it begins with a brace"),
        ("tree", PolicySpec, "a policy must be one that guerdon has, got 'tree'"),
    ],
)
def test_a_bad_text_is_refused_with_a_sentence(text, kind, sentence):
    with pytest.raises(GuerdonError) as refusal:
        resolve(text, kind, "task")
    assert sentence in str(refusal.value)


def test_short_names_are_words_joined_by_underscores():
    named = [type(name, (), {}) for name in ("TokenTree", "PPOClip", "TinyLM", "KL", "GAE2")]
    assert [short_name(cls) for cls in named] == ["token_tree", "ppo_clip", "tiny_lm", "kl", "gae2"]


@pytest.mark.parametrize(
    ("text", "hint", "value"),
    [
        ("1e-4", float, 1e-4),
        ("3", float, 3),
        ("8", str, "8"),
        ("none", int | None, None),
        ("8", str | None, "8"),
        ("True", bool, True),
        ("inf", float, float("inf")),
        ("[0.9, 0.99]", tuple[float, float], [0.9, 0.99]),
        ('{"a": 2}', dict[str, float], {"a": 2}),
    ],
)
def test_a_value_is_read_as_its_annotation_says(text, hint, value):
    assert read_value(text, hint, "here") == value


@pytest.mark.parametrize(
    ("text", "hint"), [("1.5", int), ("yes", bool), ("[1]", tuple[float, float]), ("nul", int | None)]
)
def test_a_value_that_does_not_fit_is_refused(text, hint):
    with pytest.raises(GuerdonError, match=r"here must be .*, got '"):
        read_value(text, hint, "here")


def test_a_recipe_by_its_file(tmp_path):
    RECIPE.save(tmp_path / "mine.json")
    assert find_recipe(str(tmp_path / "mine.json")) == RECIPE


def test_pieces_of_another_kind_are_not_offered():
    with pytest.raises(GuerdonError) as refusal:
        resolve("token_men", Aggregation, "objective.aggregation")
    assert "token_mean" in str(refusal.value) and "token_tree" not in str(refusal.value)
    assert resolve("token_mean", Aggregation, "objective.aggregation") == TokenMean()
    assert issubclass(WeightedSum, Transform)
