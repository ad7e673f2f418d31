import numpy as np
import pytest

from guerdon.papers.auto_mc_reward import CAREFUL, NEARER, SPARSE
from guerdon.programs.chat import ScriptedChat, ScriptExhausted
from guerdon.programs.gridcraft import SPEC
from guerdon.programs.program import Program
from guerdon.programs.roles import cycle_gain, design
from guerdon.programs.search import Diary, Trained


def block(source):
    return f"Thinking.\n```python\n{source}```"


def runs(rates, events=()):
    left = list(rates)
    return lambda program, seed: Trained({"task_score": [left.pop(0)]}, events, {"lava deaths": 0.25})


def book(folder=None):
    return Diary(folder, isolate=False)


def test_static_checks_come_before_the_critic_and_the_dry_run_after():
    unknown, broken = NEARER.replace("obs.found", "obs.gold"), NEARER.replace("nearer = ", "nearer = 1 / 0 + ")
    replies = [block(unknown), block(broken), block(NEARER)]
    chat = ScriptedChat({"designer": replies, "critic": ["OK", "ok, fine"], "analyzer": ["x"]})
    found = design(chat, SPEC, runs([0.5]), "go", rounds=1, diary=book())
    assert [call.role for call in chat.calls] == ["designer", "designer", "critic", "designer", "critic", "analyzer"]
    stages = [why.partition(":")[0] for why in found.rounds[0].rejected]
    assert stages == ["signature", "dry_run"] and "ZeroDivisionError" in found.rounds[0].rejected[1]
    assert "gold" in chat.calls[1].messages[-1]["content"] and found.best.source == NEARER


def test_after_three_rejections_a_round_ends_without_training():
    chat = ScriptedChat({"designer": ["prose"] * 3 + [block(NEARER)], "critic": ["OK"], "analyzer": ["x"]})
    found = design(chat, SPEC, runs([0.5]), "go", rounds=2, diary=book())
    assert found.rounds[0].candidate is None and len(found.rounds[0].rejected) == 3 and found.best is not None


def test_the_analyzer_sees_ten_failures_and_the_numbers():
    chat = ScriptedChat({"designer": [block(NEARER)], "critic": ["OK"], "analyzer": ["mind the lava"]})
    events = tuple(f"episode {number}: death:lava" for number in range(20))
    found = design(chat, SPEC, runs([0.5], events), "go", rounds=1, diary=book())
    text = chat.calls[-1].messages[-1]["content"]
    assert text.count("death:lava") == 10 and "success 0.5, lava deaths 0.25" in text and NEARER in text
    assert found.rounds[0].suggestions == "mind the lava"


def test_the_best_is_kept_and_equals_are_won_by_the_shorter():
    def best(rates, programs):
        script = {"designer": [block(one) for one in programs], "critic": ["OK"] * 3, "analyzer": ["x"] * 3}
        return design(ScriptedChat(script), SPEC, runs(rates), "go", rounds=len(rates), diary=book()).best.source

    assert best([0.9, 0.5], [CAREFUL, NEARER]) == CAREFUL
    assert best([0.5, 0.5], [CAREFUL, NEARER]) == NEARER
    assert best([0.5, 0.5], [NEARER, CAREFUL]) == NEARER
    assert best([0.5, 1.0], [NEARER, CAREFUL, SPARSE]) == CAREFUL


def test_training_that_fails_is_told_to_the_designer():
    def runner(program, seed):
        raise RuntimeError("too slow")

    chat = ScriptedChat({"designer": [block(NEARER), block(CAREFUL)], "critic": ["OK", "OK"]})
    found = design(chat, SPEC, runner, "go", rounds=2, diary=book())
    assert found.best is None and "too slow" in chat.calls[2].messages[-1]["content"]


def test_a_killed_design_goes_on_where_it_was(tmp_path):
    script = {"designer": [block(NEARER)], "critic": ["OK"], "analyzer": ["x"]}
    with pytest.raises(ScriptExhausted):
        design(ScriptedChat(script), SPEC, runs([0.5]), "go", rounds=2, diary=book(tmp_path))
    rest = ScriptedChat({"designer": [block(CAREFUL)], "critic": ["OK"], "analyzer": ["y"]})
    found = design(rest, SPEC, runs([0.8]), "go", rounds=2, diary=book(tmp_path))
    assert found.best.source == CAREFUL and [call.role for call in rest.calls] == ["designer", "critic", "analyzer"]


def test_a_reward_that_pays_for_going_around_is_found():
    distance = np.array([5, 4, 5, 6, 5, 3, 2, 3])
    loops = {"ore_distance": distance, "lava_distance": 9 + 0 * distance}
    loops.update(found=np.zeros(8, bool), dead=np.zeros(8, bool))
    episode = np.array([0, 0, 0, 0, 0, 1, 1, 1])
    assert cycle_gain(Program(NEARER, SPEC), loops, episode, isolate=False) == 0
    farmed = NEARER.replace("return nearer", "return max(nearer, 0)")
    assert cycle_gain(Program(farmed, SPEC), loops, episode) == 2
