"""Pieces as JSON: what is saved loads equal; anything else is refused with a sentence."""

import json
import math
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from strategies import some_piece

from guerdon.batch import Batch, Column
from guerdon.describe import field_types
from guerdon.errors import GuerdonError
from guerdon.piece import Piece, Transform
from guerdon.recipe import Recipe
from guerdon.serial import fits, from_json, to_json


@dataclass(frozen=True)
class Everything(Transform):
    """A piece of one's own with a field of every kind."""

    number: float = 1.0
    limit: float | None = None
    nested: tuple[tuple[float, ...], ...] = ()
    table: dict[str, float] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    either: int | float = 1
    inner: Transform | None = None

    def __call__(self, batch: Batch, state: Any = None) -> dict[str, Column]:
        return {}


def again(value: Any) -> Any:
    """Through the text that a file would hold, which any JSON reader takes."""
    return from_json(json.loads(json.dumps(to_json(value), allow_nan=False)))


@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large])
@given(piece=some_piece(Piece))
def test_every_piece_of_the_catalogue_loads_equal(piece: Any) -> None:
    loaded = again(piece)
    assert loaded == piece and type(loaded) is type(piece) and repr(loaded) == repr(piece)


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(recipe=some_piece(Recipe))
def test_random_recipes_load_equal(recipe: Recipe) -> None:
    assert again(recipe) == recipe
    assert to_json(again(recipe)) == to_json(recipe)


@pytest.mark.parametrize(
    "piece",
    [
        Everything(number=math.inf, limit=-math.inf),
        Everything(nested=((), (1.0, 2.0), (math.inf,))),
        Everything(table={"piece": 1.0, "value": 2.0}),
        Everything(options={"piece": "TokenTree", "deep": {"piece": "dict", "value": {"piece": "float"}}}),
        Everything(options={"list": (1, ("a", None)), "true": True}),
        Everything(inner=Everything(inner=Everything(number=3.0))),
        Everything(number=1e308, limit=5e-324),
    ],
)
def test_odd_values_load_equal(piece: Everything) -> None:
    assert again(piece) == piece


def test_an_int_becomes_a_float_where_a_float_is_asked_for() -> None:
    name = to_json(Everything())["piece"]
    loaded = from_json({"piece": name, "number": 2, "limit": 3, "nested": [[1, 2]], "table": {"a": 4}, "either": 5})
    assert loaded == Everything(number=2.0, limit=3.0, nested=((1.0, 2.0),), table={"a": 4.0}, either=5)
    kinds = [loaded.number, loaded.limit, loaded.nested[0][0], loaded.table["a"], loaded.either]
    assert [type(value) for value in kinds] == [float, float, float, float, int]


def test_a_number_is_no_boolean_and_the_other_way_round() -> None:
    assert not fits(True, float) and not fits(True, int) and not fits(1, bool) and not fits("1", float)
    assert fits(1, float) and not fits(1.0, int)
    from typing import Literal

    assert fits(1, Literal[1, 2]) and not fits(True, Literal[1, 2]) and not fits(1.0, Literal[1, 2])


OWN = f"{Everything.__module__}:Everything"
BAD = {
    "unknown piece": (
        {"piece": "TokenTrees"},
        r"^recipe: unknown piece 'TokenTrees'; did you mean TokenTree\?",
    ),
    "unknown piece deep inside": (
        {"piece": "Recipe", "advantage": [{"piece": "Nope"}]},
        r"^recipe.advantage\[0\]: unknown piece 'Nope'",
    ),
    "name that is no text": ({"piece": ["TokenTree"]}, r"^recipe: unknown piece \['TokenTree'\]"),
    "unknown field": (
        {"piece": "TokenTree", "dept": 2},
        r"TokenTree has no field 'dept'; did you mean depth\? known: .*depth, .*vocab",
    ),
    "missing field": ({"piece": "Recipe"}, "Recipe needs a value for 'objective', got none"),
    "text for a number": ({"piece": "TokenTree", "depth": "2"}, "recipe.depth must be int, got '2'"),
    "float for an int": ({"piece": "TokenTree", "depth": 2.0}, "recipe.depth must be int, got 2.0"),
    "boolean for a number": ({"piece": "Update", "lr": True}, "recipe.lr must be float, got True"),
    "nan": ({"piece": "Update", "lr": math.nan}, "recipe.lr must be float, got nan"),
    "unknown choice": ({"piece": "Update", "decay": "step"}, "recipe.decay must be 'constant' or 'linear' or 'cosine'"),
    "wrong length": ({"piece": "Update", "betas": [0.9]}, r"recipe.betas must be list of 2 values .* got \(0.9,\)"),
    "wrong entry of a dict": (
        {"piece": "WeightedSum", "weights": {"a": "much"}},
        "recipe.weights must be dict of str to float, got {'a': 'much'}",
    ),
    "piece of another slot": (
        {"piece": "Objective", "surrogate": {"piece": "TokenTree"}},
        "recipe.surrogate must be Term, got TokenTree",
    ),
    "value out of range": ({"piece": "Update", "epochs": 0}, "Update.epochs must be at least 1, got 0"),
    "wrapped nonsense": ({"piece": "float", "value": "nan"}, "must wrap a dict, 'inf' or '-inf', got 'nan'"),
    "piece of a module that is not imported": (
        {"piece": "os_not_there.adv:Mine"},
        "unknown piece 'os_not_there.adv:Mine'; if it is yours, import os_not_there.adv before loading",
    ),
    "class that is no piece": ({"piece": "pathlib:Path"}, "unknown piece 'pathlib:Path'"),
    "function instead of a class": ({"piece": "os:system"}, "unknown piece 'os:system'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_json_gets_one_sentence(case: str) -> None:
    data, wanted = BAD[case]
    with pytest.raises(GuerdonError, match=wanted) as caught:
        from_json(data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (Everything(options={"a": [1]}), "got list; use a tuple"),
        (Everything(options={"a": {1}}), "got set"),
        (Everything(options={1: 2}), "keys of a saved dict must be text, got 1"),  # pyright: ignore
        (Everything(number=math.nan), "must not be nan"),
        (Everything(options={"a": Batch({}, {}, {})}), "must be made of pieces, got Batch"),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(value: Any, wanted: str) -> None:
    with pytest.raises(GuerdonError, match=wanted):
        to_json(value)


def test_a_piece_of_ones_own_is_saved_with_its_module() -> None:
    assert to_json(Everything())["piece"] == OWN
    assert isinstance(from_json({"piece": OWN}), Everything)


def test_saved_pieces_are_named_by_class() -> None:
    from guerdon.tasks.token_tree import TokenTree

    data = to_json(TokenTree(depth=2))
    assert data["piece"] == "TokenTree" and data["depth"] == 2
    assert list(data) == ["piece", *field_types(TokenTree)], "every field, in the order of the class"
