import runpy
from pathlib import Path

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
