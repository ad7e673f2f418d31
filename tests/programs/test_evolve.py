import math

import pytest
from lines import BROKEN, SPEC, diary, reply, runner

from guerdon.errors import GuerdonError
from guerdon.programs.chat import ScriptedChat, ScriptExhausted
from guerdon.programs.evolve import Iteration, correlation, evolve, normalized, reflection, sampled, select
from guerdon.programs.program import Program, Verdict
from guerdon.programs.search import FAILED, Candidate, Trained


def candidates(*scores):
    made = []
    for value in scores:
        trained = None if value == FAILED else Trained({"task_score": [value]})
        made.append(Candidate("", Program("", SPEC), Verdict(trained is not None), trained, value))
    return made


def test_the_best_is_selected_and_failures_count():
    some = candidates(0.2, FAILED, 0.7)
    assert select(some) is some[2] and Iteration(tuple(some), some[2]).execute_rate == pytest.approx(2 / 3)
    assert select(candidates(FAILED, FAILED)) is None
    ties = candidates(0.7, 0.7)
    assert select(ties) is ties[0]


def test_only_the_best_pair_goes_into_the_next_prompt():
    chat = ScriptedChat([reply(1), BROKEN, reply(2), reply(0), reply(2.5), reply(9)])
    found = evolve(chat, SPEC, runner, "go to 3", iterations=2, samples=3, evaluations=2, diary=diary())
    first, second = (call.messages for call in chat.calls)
    assert [message["role"] for message in first] == ["system", "user"]
    assert [message["role"] for message in second] == ["system", "user", "assistant", "user"]
    assert second[2]["content"] == reply(2) and "task_score: [0.00, 9.00]" in second[3]["content"]
    assert found.best is not None and found.best.trained.policy == 2.5
    assert found.finals == [9.5, 9.5] and found.mean == 9.5 and found.std == 0
    assert [iteration.execute_rate for iteration in found.iterations] == [pytest.approx(2 / 3), 1]


def test_the_best_of_all_is_kept_though_later_rounds_are_worse():
    chat = ScriptedChat([reply(3), reply(0), reply(1), reply(0)])
    found = evolve(chat, SPEC, runner, "go", iterations=2, samples=2, evaluations=0, diary=diary())
    assert found.best is not None and found.best.trained.policy == 3 and math.isnan(found.mean)


def test_a_round_in_which_all_fail_is_repeated_from_the_same_messages():
    chat = ScriptedChat([BROKEN, "prose", reply(1), reply(2)])
    found = evolve(chat, SPEC, runner, "go", iterations=2, samples=2, evaluations=0, diary=diary())
    assert chat.calls[0].messages == chat.calls[1].messages
    assert found.iterations[0].best is None and found.best is not None and found.best.score == 9
    nothing = evolve(ScriptedChat([BROKEN]), SPEC, runner, "go", iterations=1, samples=1, diary=diary())
    assert nothing.best is None and nothing.finals == []


def test_a_killed_search_goes_on_where_it_was(tmp_path):
    replies = [reply(1), reply(2), reply(2.5), reply(0)]
    whole = evolve(ScriptedChat(replies), SPEC, runner, "go", iterations=2, samples=2, diary=diary())
    with pytest.raises(ScriptExhausted):
        evolve(ScriptedChat(replies[:2]), SPEC, runner, "go", iterations=2, samples=2, diary=diary(tmp_path))
    rest = ScriptedChat(replies[2:])
    again = evolve(rest, SPEC, runner, "go", iterations=2, samples=2, diary=diary(tmp_path))
    assert len(rest.calls) == 1
    assert again.best is not None and whole.best is not None and again.best.source == whole.best.source
    assert again.finals == whole.finals


def test_a_series_is_shown_at_ten_points():
    assert sampled(list(range(20))) == list(range(0, 20, 2))
    assert sampled([1, 2]) == [1, 2] and len(sampled(list(range(25)))) == 13
    text = reflection({"near": [0.0, 1.0], "total": [5.0], "empty": [], "task_score": [0.5]})
    assert text == (
        "near: [0.00, 1.00] Max: 1.00, Mean: 0.50, Min: 0.00\ntask_score: [0.50] Max: 0.50, Mean: 0.50, Min: 0.50"
    )


def test_scores_against_people():
    assert correlation([1, 2, 3], [2, 4, 6]) == pytest.approx(1) and correlation([1, 2], [5, 5]) == 0
    assert normalized(3, 1, 2) == 2 and normalized(3, 2, 1) == 1
    with pytest.raises(GuerdonError, match="one length"):
        correlation([1], [1])
    with pytest.raises(GuerdonError, match="differ"):
        normalized(1, 2, 2)


def test_a_search_needs_rounds():
    with pytest.raises(GuerdonError, match=">= 1"):
        evolve(ScriptedChat([]), SPEC, runner, "go", iterations=0)
