"""Rules that every piece keeps, checked on all of them."""

import dataclasses
import inspect

import pytest

from guerdon.axes import split_name
from guerdon.catalogue import SLOTS, pieces, slot_of
from guerdon.describe import field_docs, field_types
from guerdon.piece import Piece

ALL = {name: cls for name, cls in pieces().items() if issubclass(cls, Piece)}


def test_there_are_pieces_in_the_folders_that_hold_pieces():
    assert {slot_of(cls) for cls in ALL.values()} <= set(SLOTS)
    assert len(ALL) > 10


@pytest.mark.parametrize("cls", ALL.values(), ids=ALL)
def test_a_piece_explains_itself(cls):
    own = cls.__doc__ or ""
    assert own and not own.startswith(f"{cls.__name__}("), "a piece needs a docstring of its own"
    assert "\n" not in own.strip().partition("\n\n")[0].strip() or own.strip().partition("\n")[0].endswith((".", ","))
    undocumented = [name for name, doc in field_docs(cls).items() if not doc]
    assert not undocumented, f"{cls.__name__}: one line under {', '.join(undocumented)}"
    module = inspect.getmodule(cls)
    assert module is not None and module.__doc__


@pytest.mark.parametrize("cls", ALL.values(), ids=ALL)
def test_a_piece_is_a_frozen_dataclass_of_saveable_fields(cls):
    assert cls.__dataclass_params__.frozen
    assert not [name for name in field_types(cls) if name.startswith("_")]


@pytest.mark.parametrize("cls", ALL.values(), ids=ALL)
def test_what_a_piece_reads_and_writes_are_column_names(cls):
    for word in ("reads", "writes"):
        declared = getattr(cls, word)
        if isinstance(declared, property):
            required = [f for f in dataclasses.fields(cls) if f.default is f.default_factory is dataclasses.MISSING]
            if required:
                continue
            declared = getattr(cls(), word)
        assert isinstance(declared, tuple), f"{cls.__name__}.{word} must be a tuple"
        for name in declared:
            split_name(name)


@pytest.mark.parametrize("cls", ALL.values(), ids=ALL)
def test_what_a_piece_is_invariant_to_are_known_words(cls):
    words = {"scale", "group_scale", "shift", "group_shift"}
    if isinstance(cls.invariant, frozenset):
        assert cls.invariant <= words
    if isinstance(cls.acts_as, str):
        assert cls.acts_as in {*words, "affine", "group_affine", ""}
