"""What a piece says about itself."""

import dataclasses
from dataclasses import dataclass, field
from typing import Literal

from guerdon.describe import brief, default_text, field_docs, summary, type_name, value_text
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SumOverLength
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.scorers.exact import Exact


@dataclass(frozen=True)
class Base:
    size: int
    """How many
    there are."""


@dataclass(frozen=True)
class Example(Base):
    bare: float = 1.0
    names: tuple[str, ...] = ()
    """What they are called."""
    weights: dict[str, float] = field(default_factory=lambda: {"a": 1.0})
    """What they weigh."""


def test_the_line_under_a_field_is_found_in_base_classes_too():
    assert field_docs(Example) == {
        "size": "How many there are.",
        "bare": "",
        "names": "What they are called.",
        "weights": "What they weigh.",
    }


def test_types_for_people():
    hints = [int, float | None, Literal["a", "b"], tuple[str, ...], tuple[float, float], dict[str, float], type(None)]
    assert [type_name(hint) for hint in hints] == [
        "int",
        "float or none",
        "'a' or 'b'",
        "list of str",
        "list of 2 values (float, float)",
        "dict of str to float",
        "none",
    ]


def test_values_as_they_are_typed_after_a_flag():
    values = [None, True, 1e-8, "text", "", (1, 2.5), {"a": 1.0}]
    assert [value_text(v) for v in values] == ["none", "true", "1e-08", "text", "''", "[1, 2.5]", '{"a": 1.0}']
    assert [default_text(f) for f in dataclasses.fields(Example)] == ["required", "1.0", "[]", '{"a": 1.0}']


def test_a_summary_is_plain_data():
    facts = summary(SumOverLength)
    assert facts["slot"] == "objectives" and facts["reads"] == [] and "``" not in facts["line"]
    assert facts["fields"]["per_trajectory"]["default"] == "true"


def test_a_piece_in_brief_shows_what_was_set():
    assert brief(SumOverLength(8)) == "SumOverLength(length=8)"
    assert brief(Objective(PPOClip(clip_high=0.3))) == "Objective(surrogate=PPOClip(clip_high=0.3))"
    assert brief(PPOClip()) == "PPOClip"


def test_pieces_in_a_dict_are_told_in_brief():
    assert value_text({"a": Exact(tag="x"), "b": 1}) == '{"a": "Exact(tag=x)", "b": 1}'
