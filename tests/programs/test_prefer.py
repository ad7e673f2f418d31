import pytest
from lines import BROKEN, SPEC, diary, number_of, reply, runner

from guerdon.programs.chat import ScriptedChat
from guerdon.programs.prefer import components_of, difference, oracle, prefer, trace
from guerdon.programs.program import Program, Verdict
from guerdon.programs.search import Candidate, Trained

STEPS = (-1, -0.5, 0, 0.5, 1)


def climber(messages, n=1, temperature=1.0):
    """Steps from the preferred number; the last of six replies is broken, however often it is asked for again."""
    shown = messages[-1]["content"].partition("least liked")[0]
    start = number_of(shown) if "preferred" in shown else 0.0
    return [*(reply(start + step) for step in STEPS), BROKEN] if n == 6 else [BROKEN] * n


def test_a_noiseless_search_climbs_to_the_top_and_counts_its_queries():
    found = prefer(climber, SPEC, runner, oracle(lambda one: one.score), "go", samples=6, diary=diary())
    numbers = [number_of(one.source) for one in found.incumbents]
    assert numbers == [1, 2, 3, 3, 3] and found.queries == 4 + 4 * 5
    assert [len(pool) for pool in found.ranked] == [5, 6, 6, 6, 6]
    assert all(one.verdict.ok for pool in found.ranked for one in pool)


def test_a_failed_candidate_is_asked_for_again_three_times():
    chat = ScriptedChat([BROKEN, reply(1), "prose", "prose", reply(2)])
    found = prefer(chat, SPEC, runner, oracle(lambda one: one.score), "go", iterations=1, samples=2, diary=diary())
    assert [call.n for call in chat.calls] == [2, 1, 1, 1] and len(found.ranked[0]) == 2


def test_one_clip_is_no_query_and_a_contradiction_is_ignored():
    chat = ScriptedChat([reply(1)])
    alone = prefer(chat, SPEC, runner, lambda pool: pytest.fail("asked"), "go", iterations=1, samples=1, diary=diary())
    assert alone.incumbent is None and alone.queries == 0
    chat = ScriptedChat([reply(1), reply(2)])
    odd = prefer(chat, SPEC, runner, lambda pool: [1, 0, 1], "go", iterations=1, samples=2, diary=diary())
    assert odd.incumbent is None and odd.queries == 1


def test_the_prompt_shows_programs_traces_and_differences_but_no_score():
    chat = ScriptedChat([reply(1), reply(2), reply(2.5), reply(0), reply(3), reply(3)])
    prefer(chat, SPEC, runner, oracle(lambda one: one.score), "go", iterations=3, samples=2, diary=diary())
    text = chat.calls[2].messages[-1]["content"]
    assert "return (2.50" in text or "return 2.50" in text
    assert "changed part: 2.0 * x -> 2.5 * x" in text and "part: [1.00, 2.00]" in text and "task_score" not in text


def test_differences_are_by_component():
    old, new = "{'a': 1 * x, 'b': x}", "{'b': 2 * x, 'c': y}"
    assert components_of(old) == {"a": "1 * x", "b": "x"}
    assert difference(old, new) == "added c: y\nremoved a: 1 * x\nchanged b: x -> 2 * x"
    assert difference(old, old) == "no component changed"


def made(*scores):
    return [
        Candidate("", Program("", SPEC), Verdict(True), Trained({"task_score": [value]}), value) for value in scores
    ]


def test_the_oracle_ranks_and_errs_as_told():
    pool = made(0.1, 0.9, 0.9, 0.5)
    assert oracle(lambda one: one.score)(pool) == [1, 2, 3, 0]
    assert oracle(lambda one: one.score, flip=1.0)(made(1, 2, 3)) == [0, 1, 2]
    noisy = oracle(lambda one: one.score, temperature=1e3)
    firsts = [noisy(pool)[0] for _ in range(200)]
    assert set(firsts) == {0, 1, 2, 3}
    cool = oracle(lambda one: one.score, temperature=1e-3)
    assert all(cool(made(0.1, 0.5))[0] == 1 for _ in range(20))


def test_a_candidate_without_training_has_no_trace():
    assert trace(Candidate("", Program("", SPEC), Verdict(True))) == ""
