import pytest

from guerdon.papers.text2reward import LIFT, REACH, WRONG, blocks, person
from guerdon.programs.chat import ScriptedChat, ScriptExhausted
from guerdon.programs.repair import abstraction, write
from guerdon.programs.search import Diary, Trained
from guerdon.programs.tabletop import INSTRUCTION, NAMES, SPEC


def runner(program, seed):
    return Trained({"task_score": [1.0 if "lift" in program.source else 0.0]})


def run(chat, folder=None, **options):
    options = {"names": NAMES, "diary": Diary(folder, isolate=False), **options}
    return write(chat, SPEC, runner, INSTRUCTION, **options)


def test_one_mistake_one_repair_one_round_of_feedback():
    chat = blocks(WRONG, REACH, LIFT)
    found = run(chat, feedback=person)
    assert [attempt.repairs for attempt in found.attempts] == [1, 0] and found.execution_rate == 0.5
    assert [attempt.candidate.score for attempt in found.attempts] == [0.0, 1.0]
    mend, improve = (call.messages for call in chat.calls[1:])
    assert "obj.pose" in mend[-1]["content"] and WRONG in mend[-2]["content"]
    assert "does not lift" in improve[-1]["content"] and REACH in improve[-2]["content"]
    assert all(WRONG not in message["content"] for message in improve)


def test_without_feedback_the_first_program_that_runs_is_the_last():
    found = run(blocks(REACH))
    assert len(found.attempts) == 1 and found.last.score == 0.0


def test_feedback_ends_after_its_rounds():
    found = run(blocks(*[REACH] * 4), feedback=person, rounds=3)
    assert len(found.attempts) == 4


def test_a_reply_without_code_is_asked_for_again():
    chat = ScriptedChat(["I see.", "Well.", f"```python\n{LIFT}```"])
    assert run(chat).attempts[0].repairs == 0 and len(chat.calls) == 3
    prose = run(ScriptedChat(["I see."] * 12))
    assert prose.last.verdict.stage == "parse" and prose.attempts[0].repairs == 3


def test_the_prompt_shows_classes_under_general_names_and_the_nearest_example():
    chat = blocks(LIFT)
    examples = [("Open the drawer", "def a(): pass\n"), ("Pick up the ball and lift it", "def b(): pass\n")]
    run(chat, examples=examples, knowledge="The table is 2 m long.")
    text = chat.calls[0].messages[1]["content"]
    assert "class of self.robot:\n    place: np.ndarray[2]" in text and "    grasped: bool" in text
    assert "self.tcp" not in text and "def b()" in text and "def a()" not in text and "2 m long" in text
    assert "class of self:\n    action: np.ndarray[3]" in abstraction(SPEC, {})


def test_a_killed_loop_goes_on_where_it_was(tmp_path):
    with pytest.raises(ScriptExhausted):
        run(blocks(WRONG, REACH), tmp_path, feedback=person)
    assert run(blocks(LIFT), tmp_path, feedback=person).last.score == 1.0
