import runpy
from pathlib import Path

from guerdon.programs.chat import ScriptedChat
from guerdon.programs.evolve import evolve
from guerdon.programs.search import Trained
from guerdon.serial import from_json, to_json

DEMO = Path(__file__).parent.parent / "examples" / "demo.py"


def test_the_demos_recipes_are_sound_and_have_no_setting_that_cannot_matter() -> None:
    demo = runpy.run_path(str(DEMO))
    for name in ("SUPERVISED", "REINFORCED"):
        assert demo[name].check() == []
        assert from_json(to_json(demo[name])) == demo[name]


def test_supervised_training_ends_at_the_level_and_looks_no_earlier_than_it_should(monkeypatch) -> None:
    demo = runpy.run_path(str(DEMO))
    looks: list[int] = []

    class Trainer:
        policy, step, steps = None, 0, 600

    class Result:
        def __getitem__(self, k: int):
            return type("Entry", (), {"value": 0.1 * len(looks)})

    monkeypatch.setitem(
        demo["Until"].__call__.__globals__, "evaluate", lambda *a, **k: looks.append(k["seed"]) or Result()
    )
    trainer, until = Trainer(), demo["Until"](0.3)
    while trainer.step < trainer.steps:
        trainer.step += 1
        until(trainer, None, {})
    assert looks == [100, 120, 140] and trainer.step == 140


def test_the_scripted_search_refuses_one_program_and_ends_with_another() -> None:
    example = runpy.run_path(str(DEMO.with_name("reward_program.py")))

    def runner(program, seed):
        assert example["RUNNER"].with_program(program).check() == []
        return Trained({"task_score": [100.0 if "upright" in program.source else 20.0], "fast": [0.0, 1.0]})

    chat = ScriptedChat(example["SCRIPT"])
    found = evolve(chat, example["SPEC"], runner, example["TASK"], iterations=2, samples=2, evaluations=1)
    first, second = (iteration.candidates for iteration in found.iterations)
    assert [one.verdict.stage for one in (*first, *second)] == ["", "signature", "", ""]
    assert found.best is second[0] and found.finals == [100.0]
    assert "fast: [0.00, 1.00]" in chat.calls[1].messages[-1]["content"]
