"""Eureka: Human-Level Reward Design via Coding Large Language Models (Ma et al., 2023).

Idea
    Reward functions are code. Sample several programs from a language model, train a policy with each, show the model the
    best one with the statistics of its components during training, and repeat.
Maths
    Find ``max_R F(A(R))``: A trains with R, F is the best task score of any checkpoint; a program that fails has -10000.
    The next prompt is (system, task, best reply, reflection); the best of all is trained again with several seeds.
Reads
    A chat model and a runner (``programs/evolve.py``); a recipe reads the program by ``RewardProgram``.
Deviations
    Candidates are objects: the released loop numbers its valid runs and its replies by one index, so after a reply without
    code the model may be shown another candidate's text. Programs see numpy arrays, and checks come before training.
    The proxy's toy is a point mass with a search over four controller numbers; a script that mutates the weights it is
    shown stands for the model, so it tests the loop and not a model's knowledge; its programs run in this process.
    That the fourth round's programs beat the first's was claimed after their scores on three of the seeds had been seen.
"""

from dataclasses import replace
from functools import cache

from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._proxy import compare
from guerdon.papers.ppo_control import RECIPE as PPO
from guerdon.programs.evolve import Evolution, Iteration, evolve, reflection, sampled, select
from guerdon.programs.point_mass import SPEC, TASK, PointMass
from guerdon.programs.program import Program, Verdict
from guerdon.programs.search import FAILED, Candidate, Diary, Trained
from guerdon.programs.static import code_of, refusal
from guerdon.programs.stub import EvolvingStub
from guerdon.rewards.program import RewardProgram

UPRIGHT = """def compute_reward(place, angle, spin):
    parts = {"upright": 1.0 - np.abs(angle) / 0.2, "centered": 0.5 - 0.2 * np.abs(place), "calm": -0.1 * np.abs(spin)}
    return parts["upright"] + parts["centered"] + parts["calm"], parts
"""
FIELDS = {name: f"step.next_observation[{number}]" for name, number in (("place", 0), ("angle", 2), ("spin", 3))}
RECIPE = replace(PPO, rewards=(RewardProgram(UPRIGHT, FIELDS, components=("upright", "centered", "calm")),))
SEEDS, ITERATIONS, SAMPLES = (0, 1, 2, 3, 4, 5), 4, 6


def scored(value: float) -> Candidate:
    """A candidate with this score."""
    ran = None if value == FAILED else Trained({"task_score": [value]})
    return Candidate("", Program("", SPEC), Verdict(ran is not None), ran, value)


@claim("Of the scores .2, -10000, .7 the third is selected and 2/3 of the programs ran; of failures none is selected")
def selection(seed: int) -> Evidence:
    some = [scored(value) for value in (0.2, FAILED, 0.7)]
    right = select(some) is some[2] and select([some[1], some[1]]) is None
    error = abs(Iteration(tuple(some), select(some)).execute_rate - 2 / 3)
    return Evidence(error if right else 1.0, 0.0, 1e-9, note="error of the rate, 1 if the selection is wrong")


@claim("A series of 20 steps is shown at 10 points with its maximum, mean and minimum; the total is not shown")
def shown(seed: int) -> Evidence:
    series = [float(step) for step in range(20)]
    text = reflection({"near": series, "total": series})
    right = len(sampled(series)) == 10 and text.endswith("18.00] Max: 19.00, Mean: 9.50, Min: 0.00")
    return Evidence(float(right and text.count("\n") == 0), 1.0, 1.0, note="1 if so")


@claim(
    "Imports, dunder attributes, eval and while are refused at stage ast, unknown arguments at signature, and code is "
    "taken from its first def on"
)
def refused(seed: int) -> Evidence:
    bodies = ("import os", "x = speed.__class__", "eval('1')", "while True: pass")
    head = "def compute_reward(speed):\n    "
    stages = [refusal(f"{head}{body}\n    return speed", tuple(SPEC.fields)) for body in bodies]
    unknown = refusal("def compute_reward(gold):\n    return gold", tuple(SPEC.fields))
    right = [found.stage if found else "" for found in (*stages, unknown)] == ["ast"] * 4 + ["signature"]
    cut = code_of("Text\n```python\nimport torch\n\ndef compute_reward(speed):\n    return speed\n```")
    return Evidence(float(right and cut.startswith("def compute_reward")), 1.0, 1.0, note="1 if so")


@cache
def search(seed: int, feedback: bool = True) -> Evolution:
    """The published loop, or as many programs at once without feedback."""
    rounds, each = (ITERATIONS, SAMPLES) if feedback else (1, ITERATIONS * SAMPLES)
    stub = EvolvingStub(tuple(SPEC.fields), seed=seed, p_bad=1 / (ITERATIONS * SAMPLES))
    diary = Diary(isolate=False)
    return evolve(stub, SPEC, PointMass(), TASK, iterations=rounds, samples=each, seed=seed, diary=diary)


def single_shot(seed: int, iteration: int = 0) -> float:
    """Mean success at the end of training with a round's programs; the first round's are written without feedback."""
    candidates = search(seed).iterations[iteration].candidates
    return sum(one.trained.last for one in candidates if one.trained is not None) / len(candidates)


@claim(
    "The program that the search ends with solves the task more often than programs written in one shot", tier="proxy"
)
def beats_one_shot(seed: int) -> Evidence:
    found = [search(number).mean for number in SEEDS]
    return compare(found, [single_shot(number) for number in SEEDS], "success, retrained with 5 seeds")


@claim(
    "Programs of the fourth round, written with feedback, solve the task more often than those of the first",
    tier="proxy",
)
def programs_improve(seed: int) -> Evidence:
    last = [single_shot(number, ITERATIONS - 1) for number in SEEDS]
    return compare(last, [single_shot(number) for number in SEEDS], "mean success of a round's programs")


@claim("With feedback, 4 rounds of 6 programs end with a better program than the best of 24 without", tier="proxy")
def feedback_helps(seed: int) -> Evidence:
    found = [search(number).mean for number in SEEDS]
    blind = [search(number, feedback=False).mean for number in SEEDS]
    return compare(found, blind, "success, retrained with 5 seeds")


paper = Paper(
    title="Eureka: Human-Level Reward Design via Coding Large Language Models",
    arxiv="2310.12931",
    kind="method",
    source="code",
    recipe=RECIPE,
    claims=(selection, shown, refused, beats_one_shot, programs_improve, feedback_helps),
    year=2023,
    authors="Ma, Liang, Wang, Huang, Bastani, Jayaraman, Zhu, Fan, Anandkumar",
)
