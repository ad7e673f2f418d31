"""Search on a line: a program is a number, and its score is how near it is to 3."""

import re

from guerdon.programs.program import Field, Program, RewardSpec
from guerdon.programs.search import Diary, Trained

SPEC = RewardSpec({"x": Field()})
_NUMBER = re.compile(r"return \(?(-?[\d.]+) \* x")


def reply(number: float) -> str:
    return f"```python\ndef compute_reward(x):\n    return {number:.2f} * x, {{'part': {number:.2f} * x}}\n```"


BROKEN = reply(1).replace("x)", "y)", 1)


def number_of(source: str) -> float:
    return float(_NUMBER.findall(source)[-1])


def runner(program: Program, seed: int) -> Trained:
    away = abs(number_of(program.source) - 3)
    return Trained({"part": [1.0, 2.0], "task_score": [0.0, 10 - away]}, policy=number_of(program.source))


def diary(folder=None) -> Diary:
    return Diary(folder, isolate=False)
