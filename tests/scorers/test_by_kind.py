import pytest

from guerdon.errors import GuerdonError
from guerdon.scorers.boxes import BoxParts
from guerdon.scorers.by_kind import ByKind
from guerdon.scorers.consistency import Consistency
from guerdon.scorers.exact import Exact
from guerdon.scorers.number import Number
from guerdon.scorers.unit_tests import UnitTests
from guerdon.serial import from_json, to_json
from guerdon.tasks.problem import Problem

MIXED = ByKind({"word": Exact(), "sum": Number()})


def problem(kind, answer="7"):
    return Problem(3, "?", answer, {"kind": kind})


def test_each_kind_has_its_rule():
    assert [MIXED(problem(kind), "it is 7") for kind in ("word", "sum")] == [0.0, 1.0]
    assert MIXED.at_once(problem("sum"), "7.0") == 1.0
    assert MIXED.trusted and MIXED.bounds == (0.0, 1.0) and from_json(to_json(MIXED)) == MIXED
    wide = ByKind({"judge": Consistency(), "code": UnitTests()})
    assert wide.bounds == (-1.0, 1.0) and not wide.trusted


def test_what_is_refused():
    with pytest.raises(GuerdonError, match=r"problem 3 needs one of word, sum in meta\['kind'\], got None"):
        MIXED(Problem(3, "?", "7"), "7")
    with pytest.raises(GuerdonError, match="needs a reference answer"):
        MIXED.check(problem("word", None))
    with pytest.raises(GuerdonError, match=r"rules that give one number, got \['boxes'\]"):
        ByKind({"boxes": BoxParts()})
    with pytest.raises(GuerdonError, match="one or more rules"):
        ByKind({})
