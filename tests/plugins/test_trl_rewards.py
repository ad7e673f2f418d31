"""Guerdon's rewards as TRL calls reward functions; TRL itself is not needed for that."""

import time

import pytest

from guerdon.errors import GuerdonError
from guerdon.plugins import trl as plugin
from guerdon.rewards.verifier import Verifier
from guerdon.scorers.exact import Exact
from guerdon.tasks.jsonl import JsonlProblems


def test_a_spec_is_a_reward_function_that_reads_the_answer_from_a_column():
    function = plugin.reward("number")
    assert function.__name__ == "correct"
    assert function(prompts=["1+1=", "2+2="], completions=["= 2", "5"], answer=["2", "4"], trainer_state=None) == [1, 0]
    assert function(prompts=["1+1="], completions=["= 2"], solution=[2]) == [1]


def test_of_a_conversation_the_assistants_words_are_scored():
    said = [{"role": "assistant", "content": "I look."}, {"role": "tool", "content": "7"}]
    answer = {"role": "assistant", "content": [{"type": "text", "text": "It is 3."}]}
    function = plugin.reward("number", answer="gold")
    prompt = [{"role": "user", "content": "1+2?"}]
    assert function(prompts=[prompt, prompt], completions=[[*said, answer], said], gold=["3", "7"]) == [1, 0]


def test_a_missing_answer_column_is_named():
    with pytest.raises(GuerdonError, match="must have the column 'gold' with the reference answers"):
        plugin.reward("exact", answer="gold")(prompts=["a"], completions=["b"], answer=["c"])


def test_a_scorer_a_piece_and_a_path_are_rewards_too():
    given = {"prompts": ["a"], "completions": ["c"], "answer": ["c"], "length": [1]}
    assert plugin.reward(Exact(), name="same")(**given) == [1]
    assert plugin.reward("trl_rewards_toy:length", timeout=20.0)(**given) == [1]
    with pytest.raises(GuerdonError, match="a reward must be"):
        plugin.reward(3)


def test_one_of_several_components_has_to_be_named():
    with pytest.raises(GuerdonError, match="component= must be one, got none"):
        plugin.reward("tool_score")
    names = plugin.reward("tool_score", component="tool_format")
    assert names.__name__ == "tool_format"


def test_what_hangs_or_raises_is_none_for_its_row_alone_and_is_counted(caplog):
    logged = {}
    function = plugin.reward("trl_rewards_toy:moody", timeout=0.5)
    started = time.perf_counter()
    values = function(
        prompts=["p"] * 4,
        completions=["fine", "hang", "raise", "nothing"],
        log_metric=lambda name, value: logged.update({name: value}),
    )
    assert values == [4.0, None, None, None]
    assert time.perf_counter() - started < 30
    assert logged == {"unscored/function": 0.75}
    assert "3 of 4 completions are unscored by function" in caplog.text


def test_a_function_written_for_trl_runs_under_a_guard():
    from trl_rewards_toy import for_trl

    function = plugin.reward(for_trl, timeout=1.0)
    assert function.__name__ == "for_trl"
    values = function(
        prompts=["p"] * 3, completions=["abc", "hang", "x"], completion_ids=[[1], [2], [3]], bonus=[1, 1, 5]
    )
    assert values == [4.0, None, 6.0]


def test_a_task_is_a_data_set_and_its_rule_a_reward(tmp_path):
    pytest.importorskip("datasets", reason="needs datasets: pip install 'guerdon[trl]'")
    path = tmp_path / "problems.jsonl"
    path.write_text("".join(f'{{"prompt": "say {n}", "answer": "{n}"}}\n' for n in range(5)))
    task = JsonlProblems(str(path), test_size=2)
    rows = plugin.dataset(task, "test")
    assert rows.column_names == ["prompt", "answer", "problem_id", "split"]
    first = rows[0]
    given = {name: [first[name]] * 2 for name in ("answer", "problem_id", "split")}
    function = plugin.reward(Verifier(), task=task)
    assert function(prompts=[first["prompt"]] * 2, completions=[first["answer"], "no"], **given) == [1, 0]
    with pytest.raises(GuerdonError, match="needs the column problem_id"):
        function(prompts=["x"], completions=["y"], answer=["z"])
    with pytest.raises(GuerdonError, match="scores by the task's own rule"):
        plugin.reward(Verifier())
