import pytest
from lines import BROKEN, SPEC, diary, reply, runner

from guerdon.errors import GuerdonError
from guerdon.programs.chat import ScriptedChat, user
from guerdon.programs.program import Program
from guerdon.programs.search import FAILED, Trained, examine, score


def test_a_candidate_is_checked_trained_and_scored():
    candidate = examine(reply(2), SPEC, book := diary())
    score(candidate, runner, 0, book)
    assert candidate.verdict.ok and candidate.score == 9.0 and candidate.trained.policy == 2 and candidate.error == ""


def test_what_is_refused_is_never_trained():
    candidate = examine(BROKEN, SPEC, book := diary())
    score(candidate, lambda program, seed: pytest.fail("it was trained"), 0, book)
    assert candidate.score == FAILED and candidate.trained is None and "signature" in candidate.error


def test_training_that_raises_costs_the_candidate():
    def raises(program, seed):
        raise ZeroDivisionError("too far")

    candidate = examine(reply(2), SPEC, book := diary())
    score(candidate, raises, 0, book)
    assert candidate.score == FAILED and candidate.error == "training: ZeroDivisionError: too far"


def test_a_mistake_in_the_set_up_is_told_at_once():
    def refuses(program, seed):
        raise GuerdonError("no such environment")

    candidate = examine(reply(2), SPEC, book := diary())
    with pytest.raises(GuerdonError, match="no such environment"):
        score(candidate, refuses, 0, book)


def test_a_runner_without_a_task_score_is_told_at_once():
    candidate = examine(reply(2), SPEC, book := diary())
    with pytest.raises(GuerdonError, match="task_score"):
        score(candidate, lambda program, seed: Trained({"part": [1.0]}), 0, book)


def test_equal_programs_are_trained_once_per_seed():
    seen = []

    def counts(program, seed):
        seen.append(seed)
        return runner(program, seed)

    book = diary()
    for text in (reply(2), reply(2).replace("    return", "    # why\n    return")):
        for seed in (0, 1, 0):
            score(examine(text, SPEC, book), counts, seed, book)
    assert seen == [0, 1]


def test_a_folder_holds_everything_and_gives_it_back(tmp_path):
    chat = ScriptedChat([reply(2)])
    for _ in range(2):
        book = diary(tmp_path)
        replies = book.chat(chat)([user("go")], 1, 0.5)
        candidate = examine(replies[0], SPEC, book)
        trained = book.train(runner, candidate.program, 0)
        assert trained.series == {"part": [1.0, 2.0], "task_score": [0.0, 9.0]} and trained.best == trained.last == 9
    assert len(chat.calls) == 1, "the second time nobody was asked"
    assert {path.parent.name for path in tmp_path.rglob("*") if path.is_file()} == {
        "chats",
        "programs",
        "verdicts",
        "runs",
    }
    (program,) = (tmp_path / "programs").iterdir()
    assert Program(program.read_text(), SPEC).identity == candidate.program.identity == program.stem


def test_the_same_question_asked_twice_is_two_questions():
    chat, book = ScriptedChat(["a", "b"]), diary()
    ask = book.chat(chat)
    assert [ask([user("go")]), ask([user("go")])] == [["a"], ["b"]]
