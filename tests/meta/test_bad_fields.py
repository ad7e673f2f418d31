"""A piece takes a value or refuses it with a sentence; nothing else comes out of building one."""

import dataclasses
import math
import subprocess
import sys
from typing import Any

import pytest

from guerdon.catalogue import EXTRAS, pieces
from guerdon.describe import field_types
from guerdon.errors import GuerdonError
from guerdon.serial import fits

ODD: tuple[Any, ...] = (0, -1, 10**9, 0.0, -0.5, 1e30, math.inf, "", "no such thing", "traj.reward", None, (), {}, True)


@pytest.mark.parametrize("cls", pieces().values(), ids=pieces())
def test_a_field_takes_a_value_or_refuses_it_with_a_sentence(cls: type) -> None:
    if any(f.default is f.default_factory is dataclasses.MISSING for f in dataclasses.fields(cls)):
        return
    for name, hint in field_types(cls).items():
        for value in (odd for odd in ODD if fits(odd, hint)):
            try:
                cls(**{name: value})
            except GuerdonError as refusal:
                assert "\n" not in str(refusal) and len(str(refusal)) < 400


def test_pieces_are_found_without_the_extras() -> None:
    blocked = ", ".join(repr(name) for name in EXTRAS if name != "transformers")
    code = (
        f"import sys\nfor name in ({blocked},): sys.modules[name] = None\n"
        "from guerdon.catalogue import pieces; print(len(pieces()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(pieces())
