import statistics

import pytest

from guerdon.errors import GuerdonError
from guerdon.programs.chat import assistant, system, user
from guerdon.programs.evolve import reflection
from guerdon.programs.program import Field, RewardSpec, check
from guerdon.programs.static import code_of
from guerdon.programs.stub import EvolvingStub, linear_program, weights_of

SPEC = RewardSpec({"near": Field(), "fast": Field()})
FIRST = [system("rules"), user("task")]
OLD = {"near": 2.0, "fast": -1.5}


def drawn(stub, messages, n=300):
    return [weights_of(code_of(reply)) for reply in stub(messages, n)]


def test_its_programs_pass_and_are_read_back():
    source = linear_program(OLD)
    assert weights_of(source) == OLD and check(source, SPEC, isolate=False).ok
    assert check(code_of(EvolvingStub(("near", "fast"))(FIRST)[0]), SPEC, isolate=False).ok


def test_it_mutates_the_program_that_it_is_shown():
    shown = [*FIRST, assistant(f"```python\n{linear_program(OLD)}```"), user(reflection({"near": [0.0, 3.0]}))]
    weights = drawn(EvolvingStub(("near", "fast"), sigma=0.5), shown)
    assert statistics.fmean(one["near"] for one in weights) == pytest.approx(2.0, abs=0.1)
    assert statistics.pstdev([one["fast"] for one in weights]) == pytest.approx(0.5, abs=0.07)


def test_it_moves_what_hardly_changed_more():
    text = reflection({"near": [0.0, 3.0], "fast": [1.0, 1.0]})
    shown = [*FIRST, assistant(f"```python\n{linear_program(OLD)}```"), user(text)]
    weights = drawn(EvolvingStub(("near", "fast"), sigma=0.5), shown)
    assert statistics.pstdev([one["fast"] for one in weights]) == pytest.approx(1.5, abs=0.2)
    assert statistics.pstdev([one["near"] for one in weights]) == pytest.approx(0.5, abs=0.07)


def test_of_two_programs_it_moves_away_from_the_second():
    bad = linear_program({"near": 0.0, "fast": -1.5})
    shown = [*FIRST, user(f"good\n```python\n{linear_program(OLD)}```\nbad\n```python\n{bad}```")]
    weights = drawn(EvolvingStub(("near", "fast"), sigma=0.1), shown)
    assert statistics.fmean(one["near"] for one in weights) == pytest.approx(2.5, abs=0.1)


def test_it_repeats_itself_and_breaks_as_often_as_told():
    assert EvolvingStub(("near",), seed=1)(FIRST, 3) == EvolvingStub(("near",), seed=1)(FIRST, 3)
    assert EvolvingStub(("near",), seed=1)(FIRST, 3) != EvolvingStub(("near",), seed=2)(FIRST, 3)
    broken = [not weights for weights in drawn(EvolvingStub(("near",), p_bad=0.25), FIRST)]
    assert 0.15 < statistics.fmean(broken) < 0.35
    with pytest.raises(GuerdonError, match="p_bad"):
        EvolvingStub((), p_bad=0.5)
