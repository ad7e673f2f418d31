"""Auto MC-Reward's loop: a designer writes the reward, a critic reads it before it is run, an analyzer reads what failed.

Maths
    ``r_t = 1.0 sgn(sparse) + 0.1 sgn(dense)``, applied by the library (``program.py``, form ``sparse_dense``). Of the
    rounds' programs the one with the highest success rate is kept, of equals the shorter.
Reads
    A chat model that is asked as ``designer``, ``critic`` and ``analyzer``; a spec; a runner whose ``events`` are the logs
    of episodes that failed.
Deviations
    Numbers of attempts and rounds, the log's format and the critic's answer (it begins with OK where nothing is wrong) are
    ours. A round without a program that passes ends without training.
"""

from dataclasses import dataclass, field

import numpy as np

from guerdon.programs.chat import ChatModel, Message, as_role, system, user
from guerdon.programs.program import Arrays, Program, RewardSpec, Verdict
from guerdon.programs.search import Candidate, Diary, Runner, score
from guerdon.programs.static import code_of, refusal

DESIGNER = """You write reward functions: two Python functions, `sparse(obs, mem)` and `dense(obs, mem)`. `obs` has the
fields named below as attributes; `mem` is a dictionary that is kept during an episode, for numbers and texts. Only the
signs of what you return count: sparse is for success and failure, dense for steps towards and away from it. Think step
by step, then answer with one code block. No imports."""
CRITIC = """You review reward functions before they are used. Are all fields there, do the comments say what the code
does, does it use nothing that lies in the future? Answer OK, or say what is wrong."""
ANALYZER = """You read logs of episodes that failed and say in a few words what the reward function should change."""


@dataclass
class Round:
    """What happened in a round."""

    candidate: Candidate | None
    """None where no attempt got through."""
    rejected: list[str] = field(default_factory=list)
    """Why earlier attempts were sent back."""
    suggestions: str = ""
    """What the analyzer said afterwards."""


@dataclass
class Designed:
    """What the roles ended with."""

    best: Candidate | None = None
    rounds: list[Round] = field(default_factory=list)


def design(
    chat: ChatModel,
    spec: RewardSpec,
    runner: Runner,
    task: str,
    *,
    rounds: int = 3,
    attempts: int = 3,
    target: float = 1.0,
    failures: int = 10,
    seed: int = 0,
    diary: Diary | None = None,
    stored: Arrays | None = None,
) -> Designed:
    """Design a reward; stops early at a success rate of ``target``. ``failures``: episodes that the analyzer reads."""
    diary, found = diary or Diary(), Designed()
    analyzer = diary.chat(as_role(chat, "analyzer"))
    code, suggestions = "", ""
    for _ in range(rounds):
        this = _designed(chat, spec, diary, stored, task, (code, suggestions), attempts)
        found.rounds.append(this)
        if this.candidate is None:
            continue
        score(this.candidate, runner, seed, diary)
        code = this.candidate.source
        if _better(this.candidate, found.best):
            found.best = this.candidate
        trained = this.candidate.trained
        if trained is not None and trained.last >= target:
            break
        if trained is None:
            suggestions = this.candidate.error
            continue
        facts = ", ".join(f"{name} {value:.3g}" for name, value in {"success": trained.last, **trained.facts}.items())
        log = "\n".join(trained.events[:failures])
        told = f"{task}\n\n```python\n{code}```\nStatistics: {facts}\nEpisodes that failed:\n{log}"
        suggestions = this.suggestions = analyzer([system(ANALYZER), user(told)], 1, 0.0)[0]
    return found


def _designed(
    chat: ChatModel,
    spec: RewardSpec,
    diary: Diary,
    stored: Arrays | None,
    task: str,
    before: tuple[str, str],
    attempts: int,
) -> Round:
    """A candidate that passed static checks, critic and dry run, in this order."""
    designer, critic = (diary.chat(as_role(chat, name)) for name in ("designer", "critic"))
    this, fields = Round(None), f"Fields:\n{spec.described()}"
    asked: list[Message] = [system(DESIGNER), user(f"{fields}\n\nTask: {task}")]
    if before[0]:
        asked.append(user(f"The program so far:\n```python\n{before[0]}```\nSuggestions: {before[1]}"))
    for _ in range(attempts):
        reply = designer(asked, 1, 1.0)[0]
        program = Program(code_of(reply), spec)
        verdict = Verdict(True)
        if refused := refusal(program.source, tuple(spec.fields), spec.form):
            diary.keep(program)
            verdict = Verdict(False, refused.stage, refused.message)
        else:
            review = critic([system(CRITIC), user(f"{fields}\n\n```python\n{program.source}```")], 1, 0.0)[0]
            if not review.strip().upper().startswith("OK"):
                verdict = Verdict(False, "critic", review.strip()[:2000])
        verdict = diary.verdict(program, stored) if verdict.ok else verdict
        if verdict.ok:
            this.candidate = Candidate(reply, program, verdict)
            return this
        this.rejected.append(f"{verdict.stage}: {verdict.message}")
        asked = [*asked[:2], user(f"```python\n{program.source}```\nIt was rejected: {this.rejected[-1]}\nMend it.")]
    return this


def _better(one: Candidate, other: Candidate | None) -> bool:
    """By the success rate at the end; of equals the shorter."""
    if one.trained is None:
        return False
    if other is None or other.trained is None:
        return True
    return (one.trained.last, -len(one.source)) > (other.trained.last, -len(other.source))


def cycle_gain(program: Program, loops: Arrays, episode: np.ndarray, *, isolate: bool = True) -> float:
    """Most that the dense part's signs pay for going around in a closed loop; above 0, an agent can farm it.

    ``loops``: transitions, each episode of which ends in the state of its first row; ``episode``: their numbers from 0.
    """
    found = program.evaluate(loops, episode, isolate=isolate)
    return float(np.bincount(episode, np.sign(found.components["dense"])).max())
