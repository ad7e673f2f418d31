"""A reward that another machine computes: samples over HTTP, scores back. ``guerdon serve-reward`` is such a server.

Idea
    Judges and reward models live on machines of their own. The samples of a batch go out in parts, several at a time;
    whatever a server does costs its part of the samples, which are then unscored, and never the run.
Maths
    ``POST url  {"samples": [{"response", "prompt", "answer", "meta", "id", ...}, ...]}`` gives
    ``{"scores": [1.0, null, {"a": 1.0, "b": null}, ...], "errors": ["", "why", "", ...]}``; ``errors`` may be left out.
Reads
    ``group.problem``, ``traj.response`` and whatever ``columns`` names.
Deviations
    Redirects are not followed, and nothing is sent through a proxy.
"""

import hashlib
import json
import math
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.rewards import _http, _worker
from guerdon.rewards._columns import REASONS, check_bounds, reward_columns
from guerdon.rewards._outcome import Outcome, cached
from guerdon.rewards.cache import key_of
from guerdon.rewards.function import items
from guerdon.rewards.retry import Retry
from guerdon.rewards.samples import OWN

BYTES = 1 << 20
BYTES_PER_SAMPLE = 1 << 14
"""An answer may have ``BYTES`` and this for every sample."""


@dataclass(frozen=True)
class Remote(Transform):
    """``r_i`` as a server at ``url`` says."""

    url: str
    """Where to, such as ``http://127.0.0.1:8000/score``."""
    name: str = "remote"
    """The component's name: writes ``traj.reward/<name>``."""
    components: tuple[str, ...] = ()
    """Where the server gives several: their names; writes ``traj.reward/<key>`` for each instead."""
    columns: tuple[str, ...] = ()
    """Further columns to send, such as ``traj.truncated`` or ``run.step``, under their names without the level."""
    bounds: tuple[float, float] = (-math.inf, math.inf)
    """Smallest and largest score; anything beyond is unscored."""
    timeout: float = 60.0
    """Seconds for one request, from the connection to the last byte."""
    samples: int = 32
    """Samples per request."""
    workers: int = 4
    """Requests at the same time."""
    retry: Retry = field(default_factory=Retry)
    """How requests are tried again after a failure that may pass."""
    cache: str | None = None
    """File that keeps scores by the content of what was scored; see ``cache.py``."""
    token_env: str | None = None
    """Environment variable that holds a bearer token for the server."""
    token_file: str | None = None
    """File that holds it instead."""

    def __post_init__(self) -> None:
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise GuerdonError("Remote.url must be http://HOST:PORT/PATH or https, without a password; give it a token")
        if not self.timeout > 0 or self.samples < 1 or self.workers < 1:
            raise GuerdonError(
                "Remote needs timeout > 0, samples >= 1 and workers >= 1, got "
                f"timeout={self.timeout}, samples={self.samples}, workers={self.workers}"
            )
        check_bounds("Remote", self.bounds)
        names = [split_name(column)[1] for column in self.columns]
        if twice := sorted({name for name in names if names.count(name) > 1 or name in OWN}):
            raise GuerdonError(f"Remote.columns must have names of their own, got {', '.join(twice)}")
        if finer := [column for column in self.columns if split_name(column)[0] not in ("traj", "group", "run")]:
            raise GuerdonError(f"Remote.columns must be of level traj, group or run, got {', '.join(finer)}")

    @property
    def reads(self) -> tuple[str, ...]:
        """Problem, response and the chosen columns."""
        return ("group.problem", "traj.response", *self.columns)

    @property
    def writes(self) -> tuple[str, ...]:
        """The components and the reasons."""
        return (*(f"traj.reward/{key}" for key in self.components or (self.name,)), REASONS)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The components ``[traj]``, NaN where unscored, and the reasons."""
        given = {split_name(column)[1]: items(batch, column) for column in self.columns}
        samples = [
            {
                "response": response,
                "prompt": problem.prompt,
                "answer": problem.answer,
                "meta": dict(problem.meta),
                "id": problem.id,
                **{name: column[row] for name, column in given.items()},
            }
            for row, (problem, response) in enumerate(zip(batch["traj.problem"], batch["traj.response"], strict=True))
        ]
        return reward_columns(batch, self.outcomes(samples), self.name, self.components, self.bounds)

    def outcomes(self, samples: Sequence[Mapping[str, Any]]) -> list[Outcome]:
        """One outcome per sample, in order."""
        if self.cache is None:
            return self._sent(samples)
        keys = [key_of(self.url, sample) for sample in samples]
        together = 4 * self.samples * self.workers
        return cached(self.cache, keys, lambda rows: self._sent([samples[row] for row in rows]), together)

    def _sent(self, samples: Sequence[Mapping[str, Any]]) -> list[Outcome]:
        token = _http.read_token(self.token_env, self.token_file)
        found: dict[int, Outcome] = {}
        texts: dict[int, str] = {}
        for row, sample in enumerate(samples):
            try:
                texts[row] = json.dumps(sample, allow_nan=False)
            except (TypeError, ValueError, RecursionError) as error:
                found[row] = Outcome(math.nan, f"the arguments cannot be sent: {_worker.explain(error)}")
        rows = [*texts]
        parts = [rows[start : start + self.samples] for start in range(0, len(rows), self.samples)]
        with ThreadPoolExecutor(min(self.workers, max(len(parts), 1))) as threads:
            for part, outcomes in zip(
                parts, threads.map(lambda part: self._asked([texts[row] for row in part], token), parts), strict=True
            ):
                found.update(zip(part, outcomes, strict=True))
        return [found[row] for row in range(len(samples))]

    def _asked(self, texts: Sequence[str], token: str | None) -> list[Outcome]:
        """The outcomes of one request."""
        body = f'{{"samples": [{", ".join(texts)}]}}'.encode()
        waits = self.retry.waits(hashlib.blake2b(body, digest_size=8).hexdigest())
        while True:
            try:
                answer = _http.post(self.url, body, token, self.timeout, BYTES + BYTES_PER_SAMPLE * len(texts))
                return _outcomes(answer, len(texts))
            except _http.NoAnswer as failure:
                wait = next(waits, None) if failure.passing else None
                if wait is None:
                    return [Outcome(math.nan, failure.reason)] * len(texts)
                time.sleep(wait)


def _outcomes(answer: Any, count: int) -> list[Outcome]:
    """A server's answer as outcomes.

    Raises:
        NoAnswer: if it is no answer to so many samples.
    """
    scores = answer.get("scores") if isinstance(answer, dict) else None
    if not isinstance(scores, list):
        raise _http.NoAnswer("the reward server answered JSON without a list `scores`", passing=False)
    if len(scores) != count:
        raise _http.NoAnswer(f"the reward server returned {len(scores)} scores for {count} samples", passing=False)
    errors = answer.get("errors")
    told = errors if isinstance(errors, list) and len(errors) == count else [""] * count
    outcomes = []
    for score, error in zip(scores, told, strict=True):
        try:
            value, reason = _worker.judge(score)
        except (OverflowError, ValueError) as failure:
            value, reason = math.nan, _worker.explain(failure)
        outcomes.append(Outcome(value, str(error)[:400] if reason and error else reason))
    return outcomes
