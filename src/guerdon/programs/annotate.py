"""ONI: a language model labels the captions that an agent meets, beside the training, and the labels become a reward.

Idea
    The agent never waits. Captions go onto a pile, a worker takes the newest, asks the model, and writes the labels into a
    table from which the reward is read. A label that comes later does not change rewards that were given.
Maths
    ``r_t = c_ext r_ext + c_int rhat(o_t) N(o_t)^-beta``, N how often the caption came up in this episode, now included.
    Retrieval: ``rhat(o)`` is the label, 0 without one. Ranking: ``L = -mean(y log s(r2 - r1) + (1 - y) log s(r1 - r2))``
    with y = 0 where the first is better, 1 the second, .5 for ties; online ``z = (rhat - mu) / sqrt(var)`` with running
    moments, ``rhat <- z 1[z > eps]``.
Reads
    Captions and outer rewards of the steps, which episode each is of, a chat model.
Deviations
    The released ranking branch normalises one variable and trains with another (a misspelled name), so its normalisation
    does nothing; here it does what the paper says, and ``RunningThreshold(off=True)`` gives the released behaviour.
    Empty captions are masked: no key, no inner reward. Left out: the classification network and V-trace with APPO.
"""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from guerdon.errors import GuerdonError
from guerdon.programs.chat import ChatModel, system, user

HELPFUL, USELESS = "<helpful>", "<useless>"
ASKED = f"""You watch somebody play a game. Say of the message below whether it is a sign of progress towards the goal.
End your answer with {HELPFUL} or {USELESS}."""
Labeler = Callable[[Sequence[str]], Sequence[float]]


def labeler(chat: ChatModel, goal: str, temperature: float = 0.1) -> Labeler:
    """Captions -> 1 helpful, 0 not; 0 as well where the model does not end with a marker."""

    def label(captions: Sequence[str]) -> list[float]:
        asked = ([system(ASKED), user(f"Goal: {goal}\nMessage: {caption}")] for caption in captions)
        replies = [chat(messages, 1, temperature)[0] for messages in asked]
        return [float(reply.rfind(HELPFUL) > reply.rfind(USELESS)) for reply in replies]

    return label


class Annotator:
    """A pile of captions, a worker that labels the newest, and the table of labels. A context manager."""

    def __init__(self, label: Labeler, batch: int = 8) -> None:
        """``batch``: captions per call of the labeler."""
        if batch < 1:
            raise GuerdonError(f"Annotator.batch must be at least 1, got {batch}")
        self.label, self.batch = label, batch
        self.error = ""
        """Why the worker ended; empty while it runs."""
        self._table: dict[str, float] = {}
        self._pile: list[str] = []
        self._busy = 0
        self._changed = threading.Condition()
        self._ends = False
        self._worker: threading.Thread | None = None

    def __enter__(self) -> "Annotator":
        self._ends = False
        self._worker = threading.Thread(target=self._work, daemon=True)
        self._worker.start()
        return self

    def __exit__(self, *exception: object) -> None:
        with self._changed:
            self._ends = True
            self._changed.notify_all()
        assert self._worker is not None
        self._worker.join()

    def put(self, captions: Sequence[str]) -> None:
        """Put captions that have no label onto the pile, each once; those met again come to the top."""
        with self._changed:
            if self.error:
                return
            for caption in captions:
                if caption and caption not in self._table:
                    if caption in self._pile:
                        self._pile.remove(caption)
                    self._pile.append(caption)
            self._changed.notify_all()

    def reward(self, caption: str) -> float:
        """The caption's label as of now; 0 without one."""
        with self._changed:
            return self._table.get(caption, 0.0)

    def labels(self) -> dict[str, float]:
        """A copy of the table."""
        with self._changed:
            return dict(self._table)

    def restore(self, labels: dict[str, float]) -> None:
        """Put labels back, such as those of a checkpoint."""
        with self._changed:
            self._table.update(labels)

    def wait(self, seconds: float) -> bool:
        """Wait until the pile is empty; False if it is not by then, or the worker has ended."""
        until = time.monotonic() + seconds
        with self._changed:
            while self._pile or self._busy:
                left = until - time.monotonic()
                if self.error or left <= 0:
                    return False
                self._changed.wait(left)
        return not self.error

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._pile and not self._ends:
                    self._changed.wait()
                if self._ends:
                    return
                newest = [self._pile.pop() for _ in range(min(self.batch, len(self._pile)))]
                self._busy = len(newest)
            try:
                labels = [float(value) for value in self.label(newest)]
                if len(labels) != len(newest):
                    raise ValueError(f"{len(labels)} labels for {len(newest)} captions")
            except Exception as error:
                with self._changed:
                    self.error, self._busy = f"{type(error).__name__}: {error}"[:400], 0
                    self._changed.notify_all()
                return
            with self._changed:
                self._table.update(zip(newest, labels, strict=True))
                self._busy = 0
                self._changed.notify_all()


def intrinsic(
    captions: Sequence[str | None],
    outer: Sequence[float],
    rhat: Callable[[str], float],
    episode: Sequence[int] | None = None,
    *,
    c_ext: float = 0.1,
    c_int: float = 0.4,
    beta: float = 3.0,
) -> np.ndarray:
    """``c_ext r_ext + c_int rhat(o) N(o)^-beta`` of steps in the order of time, ``[steps]``."""
    if len(captions) != len(outer) or beta < 0:
        raise GuerdonError(
            f"intrinsic needs a caption per step and beta >= 0, got {len(captions)}, {len(outer)}, {beta}"
        )
    seen: Counter[tuple[int, str]] = Counter()
    rewards = []
    for step, (caption, earned) in enumerate(zip(captions, outer, strict=True)):
        inner = 0.0
        if caption:
            key = (0 if episode is None else int(episode[step]), caption)
            seen[key] += 1
            inner = rhat(caption) * seen[key] ** -beta
        rewards.append(c_ext * earned + c_int * inner)
    return np.array(rewards, dtype=np.float64)


def ranking_loss(first: np.ndarray, second: np.ndarray, label: np.ndarray) -> float:
    """Bradley-Terry with soft labels: 0 where the first is better, 1 the second, .5 for ties."""
    margin = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    label = np.asarray(label, np.float64)
    return float((label * np.logaddexp(0, -margin) + (1 - label) * np.logaddexp(0, margin)).mean())


@dataclass
class RunningThreshold:
    """``z = (r - mu) / sqrt(var)`` with the moments of all values so far, and 0 where ``z <= eps``."""

    eps: float = -0.5
    """What is not above it is no reward."""
    off: bool = False
    """Let values through as they are, as the release does by a slip."""
    count: float = 1e-4
    """Values so far; it begins a little above 0."""
    mean: float = 0.0
    """Of the values so far."""
    var: float = 1.0
    """Of the values so far."""

    def update(self, values: np.ndarray) -> None:
        """Take values into the moments."""
        values = np.asarray(values, np.float64)
        if values.size:
            total = self.count + values.size
            apart = float(values.mean()) - self.mean
            squares = self.var * self.count + float(values.var()) * values.size
            self.var = (squares + apart**2 * self.count * values.size / total) / total
            self.mean += apart * values.size / total
            self.count = total

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """The rewards of values; 0 where nothing varies."""
        values = np.asarray(values, np.float64)
        if self.off:
            return values
        if self.var <= 0:
            return np.zeros_like(values)
        z = (values - self.mean) / math.sqrt(self.var)
        return np.where(z > self.eps, z, 0.0)
