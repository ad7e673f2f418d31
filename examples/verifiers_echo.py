"""Train a small model from scratch on a verifiers environment of two turns, on a CPU in under a minute.

    pip install 'guerdon[verifiers]'
    python examples/verifiers_echo.py [--steps 80] [--out runs/echo]

The environment is in this file: a taskset whose tasks have two named rewards, and a control flow that asks once more.
An installed verifiers package is used in the same way, by its id: ``VerifiersTaskset("gsm8-v1")``. The weights of the
rewards are kept apart from them, so that a recipe may combine them in its own way; here they are added as verifiers does.
"""

import argparse
import sys

import verifiers.v1 as vf

from guerdon import GuerdonError, Objective, Recipe, Update, pieces, train

STEPS = 80


class Data(vf.TaskData):
    """A task's fields: the letter to say."""

    answer: str = ""


class EchoTask(vf.Task[Data]):
    """Say a letter: all of the reply counts, and so does the length."""

    @vf.reward(weight=1.0)
    async def letters(self, task, trace) -> float:
        """Share of the reply that is the letter."""
        reply = trace.last_reply
        return sum(sign == task.answer for sign in reply) / max(len(reply), 1)

    @vf.reward(weight=0.2)
    async def plain(self, trace) -> float:
        """Share of the reply that is printable."""
        reply = trace.last_reply
        return sum(sign.isascii() and sign.isprintable() for sign in reply) / max(len(reply), 1)


class Echo(vf.Taskset[EchoTask]):
    """One task per letter."""

    def load(self):
        """The tasks."""
        for letter in "ab":
            yield EchoTask(Data(prompt=f"say {letter}", answer=letter), self.config.task)


class TwoTurnsConfig(vf.EnvConfig):
    """Its one agent."""

    agent: vf.AgentConfig = vf.AgentConfig(max_turns=2)


class TwoTurns(vf.Env[TwoTurnsConfig]):
    """Asks once more; the last reply counts."""

    async def run(self, task, agents):
        """One episode."""
        async with agents.agent.interaction(task) as chat:
            await chat.turn()
            await chat.turn("once more")


__all__ = ["Echo", "TwoTurns"]


def main() -> int:
    """Train and print the rewards on the way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=STEPS, help="turns of the loop")
    parser.add_argument("--out", help="keep the run in this folder")
    options = parser.parse_args()
    task = pieces.VerifiersTaskset("verifiers_echo")
    recipe = Recipe(
        Objective(pieces.PPOClip(), regularizers=(pieces.EntropyBonus(0.03),)),
        task=task,
        policy=pieces.TinyLM(width=64, layers=1, heads=2),
        rollout=pieces.VerifiersEpisodes(2, 32, sampling=pieces.Sampling(max_tokens=3)),
        shaping=(pieces.WeightedSum(task.weights()),),
        advantage=(pieces.Standardize(),),
        update=Update(lr=3e-3, minibatches=2),
    )
    try:
        result = train(recipe, steps=options.steps, out=options.out)
    except GuerdonError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for step in (0, len(result.metrics) // 2, len(result.metrics) - 1):
        now = result.metrics[step]
        print(f"step {step + 1}: letters {now['reward/letters']:.2f}, plain {now['reward/plain']:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
