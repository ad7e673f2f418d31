"""The door to all pieces."""

import subprocess
import sys

import pytest

from guerdon import catalogue, pieces
from guerdon.advantages.standardize import Standardize
from guerdon.piece import Piece


def test_every_piece_of_the_catalogue_is_there_under_its_name():
    found = {name: cls for name, cls in catalogue.pieces().items() if issubclass(cls, Piece)}
    assert found and all(getattr(pieces, name) is cls for name, cls in found.items())
    assert set(found) <= set(dir(pieces))
    assert pieces.Standardize is Standardize


def test_what_is_no_piece_is_refused_with_the_nearest_name():
    with pytest.raises(AttributeError, match=r"guerdon.pieces has no piece 'Standardise'; did you mean Standardize\?"):
        pieces.Standardise  # noqa: B018
    with pytest.raises(AttributeError, match="has no piece 'Pool'"):
        pieces.Pool  # noqa: B018


def test_a_task_does_not_bring_torch_along():
    code = "import sys; from guerdon import pieces; pieces.ReasoningGym; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "False\n", done.stderr
