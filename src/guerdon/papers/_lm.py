"""A bench of small real language models: a supervised start in seconds, then reinforcement learning from it.

A comparison trains both of its arms from the same weights: the start of a (task, model, steps, seed) is trained once
per process and handed out as copies. Pass ``warm(steps)`` as the ``start`` of ``_proxy.finals``.

>>> recipe = on_lm(Recipe(objective=Objective(NLL())), SUMS, max_tokens=8)
>>> finals(recipe, 60, pass_at(1), seeds=(0, 1, 2), start=warm(300))  # doctest: +SKIP
"""

import copy
import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from guerdon.errors import GuerdonError
from guerdon.loop import Result, train
from guerdon.metrics.pass_at_k import pass_at_k
from guerdon.objective import Objective
from guerdon.objectives.nll import NLL
from guerdon.papers._proxy import Measure
from guerdon.piece import Origin, Policy, Transform
from guerdon.policies.language_model import PROVIDES, LanguageModel
from guerdon.policies.tiny_lm import TinyLM
from guerdon.policies.tokenizer import train_tokenizer
from guerdon.recipe import Recipe
from guerdon.rewards.guard import Guard
from guerdon.rewards.verifier import Verifier
from guerdon.rng import Stream
from guerdon.rollouts.demonstrations import Demonstrations
from guerdon.rollouts.sample import Sample, sample_batch
from guerdon.rollouts.sampler import LocalSampler, Sampling
from guerdon.serial import from_json, to_json
from guerdon.tasks.modular_sum import ModularSum
from guerdon.tasks.problem import Problem
from guerdon.tasks.reasoning_gym import ReasoningGym
from guerdon.tasks.worked_sum import WorkedSum
from guerdon.update import Update

MODEL = TinyLM(width=48, layers=2, heads=2)
"""About 70,000 weights."""
SUMS = ModularSum(modulus=11)
"""One-line sums and products: prompt and answer, 2 tokens to sample."""
WORKED = WorkedSum(terms=3, modulus=10)
"""Sums with their running sums written out."""
WORDS = ReasoningGym("spell_backward", train_size=4000, test_size=200, options={"min_word_len": 3, "max_word_len": 4})
"""A generator of reasoning-gym that such a model learns in seconds; no other was found as even in difficulty."""

BYTES = train_tokenizer([], 0)
"""What every tokenizer of the bench begins with."""
COLON, END = tuple(BYTES.encode(":")), (BYTES.eos_id,)
"""Ids of the marker before an answer and of the end of a response."""

Start = Callable[[Any, int], Policy]


def supervised(task: Any, steps: int, seed: int, model: TinyLM = MODEL) -> LanguageModel:
    """A copy of the model that ``steps`` batches of 64 demonstrations of the task have made of fresh weights."""
    policy = copy.deepcopy(_supervised(json.dumps(to_json((task, model))), steps, seed))
    assert isinstance(policy, LanguageModel)
    return policy


@cache
def _supervised(what: str, steps: int, seed: int) -> Policy:
    task, model = from_json(json.loads(what)[0]), from_json(json.loads(what)[1])
    # With a value head, which costs nothing where no piece reads it, so that PPO's arm starts there too.
    policy = Origin(model, task, PROVIDES).build(Stream((seed, "start")))
    recipe = Recipe(
        task=task,
        rollout=Demonstrations(prompts=64),
        shaping=(),
        objective=Objective(NLL()),
        update=Update(lr=5e-3, warmup=20, decay="cosine"),
    )
    return train(recipe, steps=max(steps, 1), seed=seed, policy=policy).policy if steps else policy


def warm(steps: int, model: TinyLM = MODEL, task: Any = None) -> Start:
    """The ``start`` of ``_proxy.finals``: ``supervised`` on the run's task, or on another ``task``."""

    def start(run_task: Any, seed: int) -> Policy:
        source = run_task if task is None else dataclasses.replace(task, seed=run_task.seed)
        return supervised(source, steps, seed, model)

    return start


def on_lm(
    recipe: Recipe, task: Any, *, prompts: int = 16, samples: int = 8, max_tokens: int = 12, lr: float = 1e-3
) -> Recipe:
    """The recipe on a task of the bench: short responses, verifiers in this process, on policy.

    Raises:
        GuerdonError: if its rollout is none whose sampling can be set.
    """
    rollout = recipe.rollout or Sample()
    if not isinstance(rollout, Sample):
        raise GuerdonError(f"on_lm needs a recipe that samples responses, got rollout {type(rollout).__name__}")
    sampling = dataclasses.replace(rollout.sampling, max_tokens=max_tokens)
    return dataclasses.replace(
        recipe,
        task=task,
        rollout=dataclasses.replace(rollout, prompts=prompts, samples_per_prompt=samples, sampling=sampling),
        rewards=tuple(in_process(piece) for piece in recipe.rewards),
        update=dataclasses.replace(recipe.update, lr=lr, minibatches=1, warmup=0),
    )


def in_process(piece: Transform) -> Transform:
    """The reward without worker processes, which the bench's own scorers do not need."""
    return dataclasses.replace(piece, guard=Guard(isolate=False)) if isinstance(piece, Verifier) else piece


@dataclass(frozen=True)
class Look:
    """Responses to look at: so many to each of the first problems of a split."""

    problems: int = 100
    samples: int = 4
    split: str = "test"
    max_tokens: int = 12

    def __call__(self, policy: Any, task: Any, seed: int = 0) -> list[list[tuple[Problem, str]]]:
        """A list per problem of (problem, response)."""
        how, stream = Sampling(max_tokens=self.max_tokens), Stream((seed, "look"))
        numbers = list(range(min(self.problems, task.size(self.split) or self.problems)))
        batch = sample_batch(task, policy, LocalSampler(policy), numbers, self.split, self.samples, how, stream)
        texts = iter(batch["traj.response"])
        return [[(problem, next(texts)) for _ in range(self.samples)] for problem in batch["group.problem"]]


HELD_OUT = Look()


def pass_at(k: int = 1, look: Look = HELD_OUT) -> Measure:
    """pass@k; of at least k responses per problem."""

    def measure(result: Result, task: Any) -> float:
        samples = max(k, look.samples)
        groups = dataclasses.replace(look, samples=samples)(result.policy, task)
        values = [pass_at_k(samples, sum(task.score(*each) >= 1 for each in group), k) for group in groups]
        return sum(values) / len(values)

    return measure


def share(test: Callable[[Problem, str], bool], look: Look = HELD_OUT) -> Measure:
    """Share of the responses that pass a test of (problem, response)."""

    def measure(result: Result, task: Any) -> float:
        flat = [test(*each) for group in look(result.policy, task) for each in group]
        return sum(flat) / len(flat)

    return measure


def several(*measures: Measure) -> tuple[Measure, list[list[float]]]:
    """One measure that takes several: the list fills with a row of values per run, and the first is what it gives."""
    rows: list[list[float]] = []

    def measure(result: Result, task: Any) -> float:
        rows.append([each(result, task) for each in measures])
        return rows[-1][0]

    return measure, rows


def characters(response: str) -> float:
    """A reward that is easily worked out by hand."""
    return float(len(response))
