"""What the search loops share: candidates, the run that a program gets, and a folder in which all of it is kept.

Idea
    A candidate is one object from the reply to the score, so nothing can be attributed to another one. Everything that
    costs time goes through a ``Diary``: chats, verdicts, training runs. A search that is started again with the same
    folder finds there what it did before, and goes on where it was killed.
Reads
    ``runner(program, seed) -> Trained``: trains a policy with the program and says how it went.
Deviations
    The policies themselves are not kept; what a search ends with is trained again from its program and seed.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from guerdon.errors import GuerdonError
from guerdon.programs.chat import ChatModel, Message
from guerdon.programs.program import Arrays, Program, RewardSpec, Verdict, check
from guerdon.programs.static import code_of
from guerdon.runs.atomic import write_text

FAILED = -10000.0
"""Score of a program that did not get through."""
TASK_SCORE = "task_score"
"""The series that a search optimises."""


@dataclass(frozen=True)
class Trained:
    """How training with a program went."""

    series: Mapping[str, Sequence[float]]
    """Name -> value per training iteration: ``task_score``, and the program's components."""
    events: tuple[str, ...] = ()
    """What happened in episodes that failed, one line each."""
    facts: Mapping[str, float] = field(default_factory=dict)
    """Further numbers."""
    policy: Any = None
    """What was trained; not kept in a diary."""

    @property
    def best(self) -> float:
        """Highest task score at any time."""
        return max(self.series[TASK_SCORE])

    @property
    def last(self) -> float:
        """Task score at the end."""
        return self.series[TASK_SCORE][-1]


Runner = Callable[[Program, int], Trained]


@dataclass
class Candidate:
    """One program of a search, from the reply to the score."""

    reply: str
    program: Program
    verdict: Verdict
    trained: Trained | None = None
    score: float = FAILED
    error: str = ""
    """Why it has no score."""

    @property
    def source(self) -> str:
        """The program's text."""
        return self.program.source


class Diary:
    """What a search did, in memory and, with a folder, on disk. A folder is for one search: one runner, one spec."""

    def __init__(self, folder: str | Path | None = None, isolate: bool = True) -> None:
        """``isolate``: dry runs happen in the sandbox; False is for programs that you have read."""
        self.folder, self.isolate = None if folder is None else Path(folder), isolate
        self.known: dict[str, Any] = {}
        self.asked = 0

    def recall(self, kind: str, key: Any, make: Callable[[], Any], **shown: Any) -> Any:
        """What ``make`` gives, JSON-able; from the diary if it was made for this key before."""
        digest = hashlib.blake2b(json.dumps(key, sort_keys=True).encode(), digest_size=8).hexdigest()
        name = f"{kind}/{digest}.json"
        if name not in self.known:
            path = None if self.folder is None else self.folder / name
            if path is not None and path.exists():
                self.known[name] = json.loads(path.read_text(encoding="utf-8"))["value"]
            else:
                self.known[name] = value = make()
                if path is not None:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    write_text(path, json.dumps({"key": key, **shown, "value": value}, indent=1) + "\n")
        return self.known[name]

    def chat(self, model: ChatModel) -> ChatModel:
        """The model, asked only for what the diary does not hold: the k-th call with the same messages."""

        def ask(messages: Sequence[Message], n: int = 1, temperature: float = 1.0) -> list[str]:
            self.asked += 1
            key = [self.asked, [dict(message) for message in messages], n, temperature]
            return self.recall("chats", key, lambda: model(messages, n, temperature))

        return ask

    def keep(self, program: Program) -> None:
        """The program as a file to read."""
        if self.folder is not None:
            path = self.folder / "programs" / f"{program.identity}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, program.source)

    def verdict(self, program: Program, stored: Arrays | None = None) -> Verdict:
        """``check``, once per program."""
        self.keep(program)
        judge = lambda: asdict(check(program.source, program.spec, stored, isolate=self.isolate))  # noqa: E731
        facts = self.recall("verdicts", [program.identity, asdict(program.spec)], judge)
        return Verdict(**facts)

    def train(self, runner: Runner, program: Program, seed: int) -> Trained:
        """The runner, once per program and seed."""
        made: list[Trained] = []

        def run() -> dict[str, Any]:
            made.append(trained := runner(program, seed))
            series = {name: [float(value) for value in values] for name, values in trained.series.items()}
            facts = {name: float(value) for name, value in trained.facts.items()}
            return {"series": series, "events": list(trained.events), "facts": facts}

        facts = self.recall("runs", [program.identity, seed], run)
        if made:
            return made[0]
        return Trained(facts["series"], tuple(facts["events"]), facts["facts"])


def examine(reply: str, spec: RewardSpec, diary: Diary, stored: Arrays | None = None) -> Candidate:
    """The candidate of a reply, checked."""
    program = Program(code_of(reply), spec)
    verdict = diary.verdict(program, stored)
    return Candidate(reply, program, verdict, error="" if verdict.ok else f"{verdict.stage}: {verdict.message}")


def score(candidate: Candidate, runner: Runner, seed: int, diary: Diary) -> None:
    """Train with a candidate that passed the checks. What its training raises costs the candidate, not the search.

    Raises:
        GuerdonError: on what no program could mend: the runner does not log what is searched for, or refuses its set-up.
    """
    if not candidate.verdict.ok:
        return
    try:
        trained = diary.train(runner, candidate.program, seed)
    except GuerdonError:
        raise  # a mistake in the recipe or the machine's set-up is not the program's
    except Exception as error:
        candidate.error = f"training: {type(error).__name__}: {error}"[:2000]
        return
    if not trained.series.get(TASK_SCORE):
        raise GuerdonError(f"a runner must log the series {TASK_SCORE}, got {', '.join(trained.series) or 'none'}")
    candidate.trained, candidate.score = trained, trained.best
