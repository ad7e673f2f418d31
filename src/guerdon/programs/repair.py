"""Text2Reward's loop: one dense reward over a typed description, mended by its errors and refined by a person's words.

Maths
    None is learned here. The program is ``compute_dense_reward(self, action)`` over objects with read-only attributes
    (``program.py``, form ``by_row``).
Reads
    A chat model, a spec whose dotted names make the objects, a runner; if wanted, somebody who looks at what was trained
    and says what it does and what to change.
Deviations
    General names are exchanged for the environment's in the syntax tree, where the released code replaces text, also in
    comments and strings. A call without code is repeated three times at most, where the release has no end.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from guerdon.programs.chat import ChatModel, Message, assistant, system, user
from guerdon.programs.program import Arrays, Program, RewardSpec
from guerdon.programs.search import Candidate, Diary, Runner, score
from guerdon.programs.static import code_of, renamed

INTRO = """You write one dense reward for reinforcement learning: `def compute_dense_reward(self, action)`, which returns
a number for the present step. `self` has the attributes of the classes below and no others. Typical parts are the
distance between gripper and object, what is left to the goal, a small cost of the action, and further constraints;
stages with if and else are fine. `np` and `math` are there; do not import anything. Answer with one code block."""
CALLS, REPAIRS = 3, 3
Feedback = Callable[[Candidate], tuple[str, str] | None]
"""Trained candidate -> (what the robot does, what to change), or None where it is good."""


@dataclass
class Attempt:
    """One program and how it came about."""

    candidate: Candidate
    first_try: bool
    """It passed without repair."""
    repairs: int
    """Times that it was sent back with an error."""


@dataclass
class Repaired:
    """What the loop ended with: an attempt from the instruction, and one per round of feedback."""

    attempts: list[Attempt] = field(default_factory=list)

    @property
    def last(self) -> Candidate:
        """The last program."""
        return self.attempts[-1].candidate

    @property
    def execution_rate(self) -> float:
        """Share of the programs that passed at the first try."""
        return sum(attempt.first_try for attempt in self.attempts) / len(self.attempts)


def write(
    chat: ChatModel,
    spec: RewardSpec,
    runner: Runner,
    instruction: str,
    *,
    names: Mapping[str, str] | None = None,
    knowledge: str = "",
    examples: Sequence[tuple[str, str]] = (),
    shots: int = 1,
    feedback: Feedback | None = None,
    rounds: int = 3,
    seed: int = 0,
    diary: Diary | None = None,
    stored: Arrays | None = None,
) -> Repaired:
    """Write a reward.

    Args:
        chat: writes the programs.
        spec: what they may read.
        runner: trains with one.
        instruction: what is to be achieved.
        names: general name -> the environment's, such as ``{"self.cube": "self.obj"}``.
        knowledge: further sentences about the environment.
        examples: (instruction, program) pairs, of which the ``shots`` most similar are shown.
        shots: how many.
        feedback: a person, or a function of the trained candidate.
        rounds: of feedback, at most.
        seed: of the training runs.
        diary: keeps what was done.
        stored: transitions for the dry runs.
    """
    diary, found, names = diary or Diary(), Repaired(), dict(names or {})
    ask = diary.chat(chat)
    parts = [abstraction(spec, names), knowledge, *_shots(instruction, examples, shots), f"Instruction: {instruction}"]
    messages = [system(INTRO), user("\n\n".join(filter(None, parts)))]
    for _ in range(1 + (rounds if feedback else 0)):
        attempt = _attempt(ask, spec, messages, names, diary, stored)
        found.attempts.append(attempt)
        score(attempt.candidate, runner, seed, diary)
        if attempt.candidate.trained is None or feedback is None:
            break
        told = feedback(attempt.candidate)
        if told is None:
            break
        request = f"What the robot does: {told[0]}\nWhat to improve: {told[1]}\nWrite the reward function again."
        messages = [*messages, assistant(attempt.candidate.reply), user(request)]
    return found


def _attempt(
    ask: ChatModel,
    spec: RewardSpec,
    messages: Sequence[Message],
    names: dict[str, str],
    diary: Diary,
    stored: Arrays | None,
) -> Attempt:
    candidate = _candidate(_with_code(ask, messages), spec, names, diary, stored)
    repairs = 0
    while not candidate.verdict.ok and repairs < REPAIRS:
        told = f"It failed: {candidate.verdict.stage}: {candidate.verdict.message}\nWrite it again without this error."
        candidate = _candidate(
            _with_code(ask, [*messages, assistant(candidate.reply), user(told)]), spec, names, diary, stored
        )
        repairs += 1
    return Attempt(candidate, candidate.verdict.ok and not repairs, repairs)


def _with_code(ask: ChatModel, messages: Sequence[Message]) -> str:
    """A reply that holds a code block, or the last of three."""
    reply = ""
    for _ in range(CALLS):
        reply = ask(messages, 1, 1.0)[0]
        if "```" in reply:
            break
    return reply


def _candidate(reply: str, spec: RewardSpec, names: dict[str, str], diary: Diary, stored: Arrays | None) -> Candidate:
    source = code_of(reply)
    with contextlib.suppress(SyntaxError, ValueError, RecursionError):  # the verdict says what is wrong with it
        source = renamed(source, names) if names else source
    program = Program(source, spec)
    verdict = diary.verdict(program, stored)
    return Candidate(reply, program, verdict, error="" if verdict.ok else f"{verdict.stage}: {verdict.message}")


def abstraction(spec: RewardSpec, names: Mapping[str, str]) -> str:
    """The spec's fields as Python classes, under their general names."""
    general = {new: old for old, new in names.items()}
    classes: dict[str, list[str]] = {}
    for name, what in spec.fields.items():
        head, dot, rest = f"self.{name}".rpartition(".")
        owner = general.get(head, head) if dot else "self"
        kind = {"float64": "float", "int64": "int", "bool": "bool"}[what.dtype]
        kind = f"np.ndarray[{', '.join(map(str, what.shape))}]" if what.shape else kind
        classes.setdefault(owner, []).append(f"    {rest}: {kind}" + (f"  # {what.unit}" if what.unit else ""))
    return "\n".join(f"class of {owner}:\n" + "\n".join(lines) for owner, lines in classes.items())


def _shots(instruction: str, examples: Sequence[tuple[str, str]], count: int) -> list[str]:
    """The examples whose instructions share most words with this one."""
    words = set(instruction.lower().split())

    def likeness(example: tuple[str, str]) -> float:
        others = set(example[0].lower().split())
        return len(words & others) / max(len(words | others), 1)

    nearest = sorted(examples, key=likeness, reverse=True)[:count]
    return [f"Example instruction: {told}\n```python\n{code}```" for told, code in nearest]
