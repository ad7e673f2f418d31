"""Eureka's search: sample programs, train with each, show the best one's statistics to the model, again.

Maths
    F(R) = max over training of the task score; a program that fails has -10000. Of each iteration's candidates the best
    goes on into the next prompt; the best of all is kept and trained again with several seeds.
Reads
    A chat model, a spec, a runner.
Deviations
    Candidates are objects. The released loop keeps valid runs and replies in lists under one number, so after a reply
    that could not be read the text shown to the model may be another candidate's (``execute_rate`` there counts
    scores >= 0; here, programs that ran). Equal programs are trained once.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from guerdon.errors import GuerdonError
from guerdon.programs.chat import ChatModel, Message, assistant, system, user
from guerdon.programs.program import Arrays, RewardSpec
from guerdon.programs.search import TASK_SCORE, Candidate, Diary, Runner, examine, score

RULES = """You write reward functions for reinforcement learning. The reward is a Python function:

```python
def compute_reward(FIELDS):
    ...
    return total, {"name": component}
```

Its arguments are any of the fields named below; each is a numpy array whose first axis is the batch. Return the
total, an array with one number per row, and a dictionary of its components. `np` and `math` are there; do not import
anything, use no while, try or classes, and loop over range(n) with small numbers only. Answer with one code block."""
ADVICE = """Please analyze the statistics and write an improved reward function. If task_score stays near zero,
rewrite all of it. If a component hardly changes, it is not optimised: change its scale or its form, or drop it. If a
component is much larger than the others, make it smaller."""
POINTS = 10
"""Values of a series that a reflection shows."""


@dataclass(frozen=True)
class Iteration:
    """One round of a search."""

    candidates: tuple[Candidate, ...]
    best: Candidate | None
    """None where every candidate failed."""

    @property
    def execute_rate(self) -> float:
        """Share of the candidates that trained."""
        return sum(candidate.trained is not None for candidate in self.candidates) / len(self.candidates)


@dataclass
class Evolution:
    """What a search found."""

    best: Candidate | None = None
    """The best program of all iterations; None where none ran."""
    iterations: list[Iteration] = field(default_factory=list)
    finals: list[float] = field(default_factory=list)
    """The best program's task score with each of the seeds of the evaluation."""

    @property
    def mean(self) -> float:
        """Mean of ``finals``."""
        return statistics.fmean(self.finals) if self.finals else math.nan

    @property
    def std(self) -> float:
        """Standard deviation of ``finals``."""
        return statistics.pstdev(self.finals) if self.finals else math.nan


def select(candidates: Sequence[Candidate]) -> Candidate | None:
    """The candidate with the highest score, the first of equals; None where all failed."""
    ran = [candidate for candidate in candidates if candidate.trained is not None]
    return max(ran, key=lambda candidate: candidate.score, default=None)


def sampled(values: Sequence[float]) -> list[float]:
    """Every ``max(T // 10, 1)``-th value of a series."""
    return list(values[:: max(len(values) // POINTS, 1)])


def reflection(series: Mapping[str, Sequence[float]]) -> str:
    """Statistics of training, one line per component and one for the task score; the total is not shown."""
    lines = []
    for name, values in series.items():
        if name != "total" and values:
            points = ", ".join(f"{value:.2f}" for value in sampled(values))
            mean = math.fsum(values) / len(values)
            lines.append(f"{name}: [{points}] Max: {max(values):.2f}, Mean: {mean:.2f}, Min: {min(values):.2f}")
    return "\n".join(lines)


def correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Pearson's, of the mean rewards per iteration of two reward functions; 0 where one does not change."""
    if len(one) != len(other) or len(one) < 2:
        raise GuerdonError(f"a correlation needs two series of one length >= 2, got {len(one)} and {len(other)}")
    means = math.fsum(one) / len(one), math.fsum(other) / len(other)
    apart = [(a - means[0], b - means[1]) for a, b in zip(one, other, strict=True)]
    size = math.sqrt(math.fsum(a * a for a, _ in apart) * math.fsum(b * b for _, b in apart))
    return math.fsum(a * b for a, b in apart) / size if size > 0 else 0.0


def normalized(method: float, sparse: float, human: float) -> float:
    """``(method - sparse) / |human - sparse|``: 0 is the sparse reward, 1 the one that a person wrote."""
    if human == sparse:
        raise GuerdonError(f"a human-normalised score needs human and sparse to differ, got {human} twice")
    return (method - sparse) / abs(human - sparse)


def opening(spec: RewardSpec, task: str, rules: str = RULES) -> list[Message]:
    """The first two messages: rules, and the task with its fields."""
    return [system(rules), user(f"Fields:\n{spec.described()}\n\nTask: {task}")]


def evolve(
    chat: ChatModel,
    spec: RewardSpec,
    runner: Runner,
    task: str,
    *,
    iterations: int = 5,
    samples: int = 16,
    temperature: float = 1.0,
    evaluations: int = 5,
    seed: int = 0,
    diary: Diary | None = None,
    stored: Arrays | None = None,
) -> Evolution:
    """Search for a program.

    Args:
        chat: writes the programs.
        spec: what they may read.
        runner: trains with one.
        task: what is to be achieved, in words.
        iterations: rounds.
        samples: programs per round.
        temperature: of the model.
        evaluations: seeds with which the best is trained again.
        seed: of the training runs; those of the evaluation follow it.
        diary: keeps what was done; None keeps it in memory.
        stored: transitions for the dry runs.
    """
    if iterations < 1 or samples < 1 or evaluations < 0:
        raise GuerdonError(f"a search needs iterations and samples >= 1, got {iterations} and {samples}")
    diary = diary or Diary()
    ask, found = diary.chat(chat), Evolution()
    first = opening(spec, task)
    messages = first
    for _ in range(iterations):
        candidates = [examine(reply, spec, diary, stored) for reply in ask(messages, samples, temperature)]
        for candidate in candidates:
            score(candidate, runner, seed, diary)
        best = select(candidates)
        found.iterations.append(Iteration(tuple(candidates), best))
        if best is None:
            continue
        assert best.trained is not None
        if found.best is None or best.score > found.best.score:
            found.best = best
        messages = [*first, assistant(best.reply), user(f"{reflection(best.trained.series)}\n\n{ADVICE}")]
    if found.best is not None:
        program = found.best.program
        runs = [diary.train(runner, program, seed + 1 + number) for number in range(evaluations)]
        found.finals = [run.series[TASK_SCORE][-1] for run in runs]
    return found
