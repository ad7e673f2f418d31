"""A search for a reward program that trains a real gymnasium policy: Eureka's loop on CartPole-v1.

    python examples/reward_program.py --out runs/search

The replies of the language model are scripted here. For a real one, start any OpenAI-compatible server and add
`--url http://127.0.0.1:8000/v1 --model NAME` (and `--key-env VARIABLE` if it wants a key). Everything is kept in the
folder: start the same command again, and it goes on where it was.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from guerdon.errors import GuerdonError, RunStopped
from guerdon.papers.ppo_control import RECIPE
from guerdon.programs.chat import ChatFailed, ChatModel, OpenAIChat, ScriptedChat
from guerdon.programs.control import RecipeRunner
from guerdon.programs.evolve import evolve
from guerdon.programs.program import Field, RewardSpec
from guerdon.programs.search import Diary
from guerdon.rollouts.fixed_steps import FixedSteps
from guerdon.update import Update

SPEC = RewardSpec(
    {
        "place": Field(unit="m, of the cart; the episode ends at 2.4 on either side", low=-2.4, high=2.4),
        "velocity": Field(unit="m/s, of the cart", low=-3, high=3),
        "angle": Field(unit="rad, of the pole; the episode ends at 0.21", low=-0.25, high=0.25),
        "spin": Field(unit="rad/s, of the pole", low=-3, high=3),
        "push": Field(dtype="int64", unit="0 left, 1 right", low=0, high=1),
    }
)
FIELDS = {
    **{name: f"step.next_observation[{number}]" for number, name in enumerate(("place", "velocity", "angle", "spin"))},
    "push": "step.action",
}
TASK = "Keep the pole on the cart upright for as long as possible."
RUNNER = RecipeRunner(
    replace(RECIPE, rollout=FixedSteps(slots=4, horizon=512), update=Update(lr=3e-3, epochs=4, minibatches=16)),
    FIELDS,
    steps=12,
)
SCRIPT = [
    """Moving fast shows that the cart is in control.
```python
def compute_reward(velocity):
    parts = {"fast": np.abs(velocity) - 2.0}
    return parts["fast"], parts
```""",
    """The pole's height is what counts.
```python
import numpy as np

def compute_reward(height):
    return height, {"height": height}
```""",
    """Speed was rewarded and the pole fell. I reward an upright pole instead.
```python
def compute_reward(place, angle, spin):
    parts = {
        "upright": 1.0 - np.abs(angle) / 0.2,
        "centered": 0.5 - 0.2 * np.abs(place),
        "calm": -0.1 * np.abs(spin),
    }
    return parts["upright"] + parts["centered"] + parts["calm"], parts
```""",
    """Being alive may be enough.
```python
def compute_reward(angle):
    parts = {"alive": 1.0 + 0.0 * angle}
    return parts["alive"], parts
```""",
]


def main() -> None:
    """Run the search."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/search"), help="folder of the search")
    parser.add_argument("--url", help="base of an OpenAI-compatible endpoint; without it, a script answers")
    parser.add_argument("--model", default="", help="the model's name there")
    parser.add_argument("--key-env", help="environment variable that holds its key")
    options = parser.parse_args()
    chat: ChatModel = ScriptedChat(SCRIPT)
    if options.url:
        chat = OpenAIChat(options.url, options.model, options.key_env)
    diary = Diary(options.out)
    found = evolve(chat, SPEC, RUNNER, TASK, iterations=2, samples=2, evaluations=1, diary=diary)
    for number, iteration in enumerate(found.iterations):
        for candidate in iteration.candidates:
            told = candidate.error.splitlines()[0] if candidate.error else f"return {candidate.score:.0f}"
            print(f"round {number}: {told}")
    if found.best is None:
        sys.exit("reward_program: no program ran")
    print(f"\nBest program (return {found.finals[0]:.0f} when trained again):\n\n{found.best.source}")
    print(f"All prompts, programs, verdicts and runs: {options.out}")


if __name__ == "__main__":
    try:
        main()
    except (GuerdonError, RunStopped, ChatFailed) as error:
        sys.exit(f"reward_program: {error}")
