"""Few-shot In-Context Preference Learning Using Large Language Models (Yu et al., 2024).

Idea
    Nobody has to write a task score: a person looks at what policies trained with the model's reward programs do, and says
    which is the best and which the worst. Both programs, their training and the last change go back to the model.
Maths
    N rounds of K programs; the best of those and of the incumbent stays. A ranking of m clips is m - 1 pairwise queries.
Reads
    A chat model, a runner and a ranker (``programs/prefer.py``).
Deviations
    The loop is confirmed by the project page; K = 6, N = 5, traces and differences are recalled. The incumbent stays in
    the pool. The proxy's person is the hidden success rate without noise, and its model a script that moves from the
    rejected towards the preferred weights. The preference network it is compared with learns from clips of random
    controllers, and trains with the same search; it has none of the refinements of published preference learning. Six
    seeds did not tell the first proxy's two apart, twelve do (LOG.md); against 2400 pairs the published gap is not seen.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._proxy import compare
from guerdon.papers.eureka import RECIPE
from guerdon.programs.chat import Message
from guerdon.programs.point_mass import SPEC, TASK, PointMass
from guerdon.programs.prefer import Preferred, oracle, prefer
from guerdon.programs.preference_net import fit
from guerdon.programs.program import Field, Program, RewardSpec
from guerdon.programs.search import Diary, Trained
from guerdon.programs.stub import BROKEN, EvolvingStub, linear_program, weights_of

LINE = RewardSpec({"x": Field()})
STEPS = (-1.0, -0.5, 0.0, 0.5, 1.0)
SEEDS, RETRAINED = tuple(range(12)), 3


def climber(messages: Sequence[Message], n: int = 1, temperature: float = 1.0) -> list[str]:
    """Five steps from the preferred weight, and a reply that stays broken."""
    shown = messages[-1]["content"].partition("least liked")[0]
    start = weights_of(shown).get("x", 0.0)
    return [*(f"```python\n{linear_program({'x': start + step})}```" for step in STEPS), BROKEN] if n > 1 else [BROKEN]


@cache
def climb() -> Preferred:
    """The search for 3 from 0."""

    def runner(program: Program, seed: int) -> Trained:
        return Trained({"task_score": [-abs(weights_of(program.source)["x"] - 3)]})

    person = oracle(lambda one: one.score)
    return prefer(climber, LINE, runner, person, "Reach 3", samples=6, diary=Diary(isolate=False))


@claim("From 0 with steps of at most 1, the search reaches 3 in 5 rounds, asks 4 + 4 x 5 queries and never gets worse")
def climbs(seed: int) -> Evidence:
    found = climb()
    weights = [weights_of(one.source)["x"] for one in found.incumbents]
    scores = [one.score for one in found.incumbents]
    right = weights[-1] == 3.0 and scores == sorted(scores) and len(scores) == 5
    return Evidence(float(found.queries if right else 0), 24, 24, note="pairwise queries, 0 if it did not get there")


@claim("A program that fails is asked for again three times and never ranked")
def never_ranked(seed: int) -> Evidence:
    ranked = [one for pool in climb().ranked for one in pool]
    return Evidence(float(all(one.verdict.ok for one in ranked) and len(ranked) == 29), 1.0, 1.0, note="1 if so")


@cache
def by_programs(seed: int) -> float:
    """Success of the search's program, trained again with other seeds; 4 to 5 queries a round."""
    toy = PointMass()
    stub = EvolvingStub(tuple(SPEC.fields), seed=seed, p_bad=1 / 30)
    person = oracle(lambda one: one.trained.last if one.trained else 0.0)
    found = prefer(stub, SPEC, toy, person, TASK, samples=5, seed=seed, diary=Diary(isolate=False))
    assert found.incumbent is not None
    return mean([toy(found.incumbent.program, seed + 1 + number).last for number in range(RETRAINED)])


@cache
def by_network(seed: int, queries: int) -> float:
    """Success with a reward network learned from so many pairs of clips, trained with the same seeds."""
    toy, chance = PointMass(), np.random.default_rng([seed, queries])
    clips = min(2 * queries, 400)
    controllers = 1.5 * chance.standard_normal((clips, 4))
    played = [toy.episodes(controllers[i : i + 1], toy.places(chance, 1)) for i in range(clips)]
    fields = {name: np.stack([data[name] for data, _ in played]) for name in SPEC.fields}
    success = np.array([won[0] for _, won in played])
    pairs = chance.integers(0, clips, (queries, 2))
    labels = 0.5 + 0.5 * np.sign(success[pairs[:, 0]] - success[pairs[:, 1]])
    reward = fit(fields, pairs, labels, seed)
    return mean([toy.search(reward, seed + 1 + number).last for number in range(RETRAINED)])


def mean(values: list[float]) -> float:
    """Arithmetic mean."""
    return sum(values) / len(values)


def against(queries: int) -> Evidence:
    """Programs from at most 24 queries against a network from so many."""
    ours, theirs = [by_programs(seed) for seed in SEEDS], [by_network(seed, queries) for seed in SEEDS]
    return compare(ours, theirs, f"success, programs from 24 queries against a network from {queries}")


@claim("With 24 queries, the search ends with a better reward than a network learned from 24 pairs", tier="proxy")
def beats_network(seed: int) -> Evidence:
    return against(24)


@claim("With 24 queries, it is better than a network learned from 2400 pairs", tier="proxy")
def beats_large_network(seed: int) -> Evidence:
    middle = mean([by_network(number, 240) for number in SEEDS])
    evidence = against(2400)
    return replace(evidence, note=f"{evidence.note}; with 240 pairs the network has {middle:.3f}")


paper = Paper(
    title="Few-shot In-Context Preference Learning Using Large Language Models",
    arxiv="2410.17233",
    kind="method",
    source="recalled",
    recipe=RECIPE,
    claims=(climbs, never_ranked, beats_network, beats_large_network),
    year=2024,
    authors="Yu, Jiang, Clavera, Abbeel, Gur, Vinitsky",
)
