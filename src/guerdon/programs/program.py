"""A reward written as a program: what it may read, whether it may run, and what it says of a batch of transitions.

Idea
    A program sees named fields of transitions and returns a number per transition, with named components if it likes.
    ``check`` refuses it at the first stage at which something is wrong; what is not refused is evaluated in the
    sandbox, one call per batch.
Maths
    Forms: ``batched`` is ``compute_reward(field, ...)`` on arrays ``[B, ...]``; ``by_row`` is
    ``compute_dense_reward(self, action)`` on one transition at a time, ``self.name`` a field; ``sparse_dense`` is
    ``sparse(obs, mem)`` and ``dense(obs, mem)`` with ``r = 1.0 sgn(sparse) + 0.1 sgn(dense)``, ``mem`` kept over an
    episode.
Reads
    Arrays by field name, ``[B, ...]`` each.
Deviations
    The sandbox's own limits stand for the published ones (``sandbox/``). Checks stop accidents and cheap tricks; for
    programs of people you do not trust, run all of it in a container.
"""

import base64
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from guerdon.errors import GuerdonError
from guerdon.programs import _inside
from guerdon.programs.static import ENTRIES, arguments, identity, refusal
from guerdon.sandbox import Limits, Sandbox

Form = Literal["batched", "by_row", "sparse_dense"]
Arrays = Mapping[str, np.ndarray]
DRY_ROWS = 64
"""Transitions of a dry run, and the corner cases besides."""
SECONDS, CPU_SECONDS, MEMORY_MB = 20.0, 2.0, 2048
"""Limits of one evaluation. The clock is generous, since busy machines are slow; a loop ends by processor time."""
MESSAGE = 2000


@dataclass(frozen=True)
class Field:
    """One input of a program."""

    shape: tuple[int, ...] = ()
    """Of one transition."""
    dtype: str = "float64"
    """``float64``, ``int64`` or ``bool``."""
    unit: str = ""
    """What it is, in words for the language model."""
    low: float = -10.0
    """Smallest value that is tried."""
    high: float = 10.0
    """Largest value that is tried."""

    def __post_init__(self) -> None:
        if self.dtype not in ("float64", "int64", "bool") or not self.low <= self.high:
            raise GuerdonError(
                "a Field needs dtype float64, int64 or bool and low <= high, got "
                f"dtype={self.dtype!r}, low={self.low}, high={self.high}"
            )


@dataclass(frozen=True)
class RewardSpec:
    """What programs may read and must return."""

    fields: Mapping[str, Field]
    """Name -> what it is. A dot makes an object: ``robot.height`` is ``self.robot.height``."""
    form: Form = "batched"
    """Which functions a program defines."""
    max_abs: float = 1e3
    """Largest size of a reward."""
    weights: tuple[float, float] = (1.0, 0.1)
    """Of the signs of sparse and dense."""
    signs: bool = True
    """Take the signs of sparse and dense; False: their values, to compare."""

    def __post_init__(self) -> None:
        if not self.fields or self.form not in ENTRIES or not self.max_abs > 0:
            raise GuerdonError(
                f"a RewardSpec needs fields, a form of {', '.join(ENTRIES)} and max_abs > 0, got "
                f"{len(self.fields)} fields, form={self.form!r}, max_abs={self.max_abs}"
            )

    def examples(self, stored: Arrays | None = None) -> dict[str, np.ndarray]:
        """Transitions of a dry run: ``stored`` ones or random ones, then zeros, the extremes and their halves, in range."""
        generator = np.random.default_rng(0)
        rows = {}
        for name, what in self.fields.items():
            if stored is not None:
                given = np.asarray(stored[name])[:DRY_ROWS].astype(what.dtype)
            elif what.dtype == "float64":
                given = generator.uniform(what.low, what.high, (DRY_ROWS, *what.shape))
            else:
                top = 2 if what.dtype == "bool" else int(what.high) + 1
                given = generator.integers(0 if what.dtype == "bool" else int(what.low), top, (DRY_ROWS, *what.shape))
            values = (0.0, what.low, what.high, what.low / 2, what.high / 2)
            corners = [np.full(what.shape, min(max(value, what.low), what.high)) for value in values]
            rows[name] = np.concatenate([given.astype(what.dtype), np.stack(corners).astype(what.dtype)])
        return rows

    def described(self) -> str:
        """The fields as lines for a prompt."""
        return "\n".join(
            f"{name}: {what.dtype}{list(what.shape) if what.shape else ''}{f' ({what.unit})' if what.unit else ''}"
            for name, what in self.fields.items()
        )

    @classmethod
    def load(cls, path: str | Path) -> "RewardSpec":
        """A spec from JSON: ``{"fields": {"angle": {"shape": [], "unit": "rad"}}, "form": "batched"}``.

        Raises:
            GuerdonError: if the file is none.
        """
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
            fields = {
                name: Field(**{**what, "shape": tuple(what.get("shape", ()))}) for name, what in data["fields"].items()
            }
            rest: dict[str, Any] = {
                key: tuple(value) if key == "weights" else value for key, value in data.items() if key != "fields"
            }
            return cls(fields, **rest)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise GuerdonError(f"{path} must be a RewardSpec as JSON, got {type(error).__name__}: {error}") from None


class ProgramFailure(Exception):
    """A program that was not refused did not give a reward for a batch."""

    def __init__(self, stage: str, message: str) -> None:
        super().__init__(f"{stage}: {message}")
        self.stage, self.message = stage, message[:MESSAGE]


@dataclass(frozen=True)
class Evaluated:
    """What a program said of a batch."""

    total: np.ndarray
    """``[B]`` float64."""
    components: dict[str, np.ndarray] = field(default_factory=dict)
    """Name -> ``[B]``."""


@dataclass(frozen=True)
class Verdict:
    """Whether a program may be used."""

    ok: bool
    stage: str = ""
    """Where it was refused: parse, ast, signature, dry_run, nonfinite, shape, nondeterministic, mutates_input, timeout,
    memory or crash; empty where it was not."""
    message: str = ""
    """Why, at most 2 kB; of a program that is fine, what is odd about it."""
    stats: dict[str, dict[str, float]] = field(default_factory=dict)
    """Component -> its min, mean and max in the dry run; the total is ``total``."""


@dataclass(frozen=True)
class Program:
    """A program's text, and what it may read."""

    source: str
    """Python."""
    spec: RewardSpec
    """What it is for."""

    @cached_property
    def identity(self) -> str:
        """Short name, equal for programs that do the same text."""
        return identity(self.source)

    @cached_property
    def arguments(self) -> tuple[str, ...]:
        """Arguments of the entry point that are given to it."""
        asked = arguments(self.source, ENTRIES[self.spec.form][0])
        return tuple(name for name in asked if name in self.spec.fields) if self.spec.form == "batched" else asked

    def evaluate(
        self, data: Arrays, episode: np.ndarray | None = None, *, isolate: bool = True, dry: bool = False
    ) -> Evaluated:
        """The rewards of transitions.

        Args:
            data: the spec's fields, ``[B, ...]`` each.
            episode: which episode each row is of, for programs with a memory.
            isolate: in the sandbox; False is for programs that you have read.
            dry: look for randomness and changed inputs as well.

        Raises:
            ProgramFailure: saying the stage at which it failed.
        """
        missing = [name for name in self.spec.fields if name not in data]
        sizes = {len(values) for values in data.values()}
        if missing or len(sizes) != 1:
            raise GuerdonError(
                f"a program's data must hold the fields {', '.join(self.spec.fields)} with equal numbers of rows, "
                f"got {', '.join(data)} with {sorted(sizes)}"
            )
        arrays = {name: np.ascontiguousarray(data[name], what.dtype) for name, what in self.spec.fields.items()}
        job = {"source": self.source, "form": self.spec.form, "arguments": self.arguments, "dry": dry}
        facts: Mapping[str, Any] = (
            _sandboxed(job, arrays, episode) if isolate else _inside.outcome(job, arrays, episode)
        )
        needed = {"sparse", "dense"} if self.spec.form == "sparse_dense" else {""}
        if not needed <= set(facts.get("columns", ())):
            raise ProgramFailure(str(facts.get("stage", "crash")), str(facts.get("message", "no message")))
        return self._read(facts["columns"])

    def _read(self, columns: dict[str, np.ndarray]) -> Evaluated:
        if self.spec.form == "sparse_dense":
            total = signed(columns["sparse"], columns["dense"], self.spec)
        else:
            total = columns.pop("")
        values = {"the total": total, **columns}
        for name, value in values.items():
            if not np.isfinite(value).all():
                row = int(np.flatnonzero(~np.isfinite(value))[0])
                raise ProgramFailure("nonfinite", f"{name} must be finite, got {value[row]} in row {row}")
        if len(total) and (largest := np.abs(total).max()) > self.spec.max_abs:
            raise ProgramFailure("nonfinite", f"the total must stay within {self.spec.max_abs:g}, got {largest:.6g}")
        return Evaluated(total, columns)


def signed(sparse: np.ndarray, dense: np.ndarray, spec: RewardSpec) -> np.ndarray:
    """``w_1 sgn(sparse) + w_2 sgn(dense)``, which the program has no part in; NaN stays NaN."""
    squash = np.sign if spec.signs else np.asarray
    return spec.weights[0] * squash(sparse) + spec.weights[1] * squash(dense)


def check(source: str, spec: RewardSpec, stored: Arrays | None = None, *, isolate: bool = True) -> Verdict:
    """Whether a program may be used: the stages of ``static.py``, then a dry run.

    ``stored``: transitions for the dry run, the spec's fields, of which the first 64 are taken.
    """
    if refused := refusal(source, tuple(spec.fields), spec.form):
        return Verdict(False, refused.stage, refused.message[:MESSAGE])
    data = spec.examples(stored)
    rows = len(next(iter(data.values())))
    episode = np.arange(rows) // 16
    try:
        found = Program(source, spec).evaluate(data, episode, isolate=isolate, dry=True)
    except ProgramFailure as failure:
        return Verdict(False, failure.stage, failure.message)
    columns = {**found.components, "total": found.total}
    stats = {
        name: {"min": float(values.min()), "mean": float(values.mean()), "max": float(values.max())}
        for name, values in columns.items()
    }
    parts = [*found.components.values()]
    differs = spec.form != "sparse_dense" and parts and not np.allclose(sum(parts), found.total)
    return Verdict(True, "", "the total is not the sum of the components" if differs else "", stats)


@lru_cache
def _worker() -> str:
    return Path(_inside.__file__).read_text(encoding="utf-8")


def _sandboxed(job: Mapping[str, Any], arrays: Arrays, episode: np.ndarray | None) -> dict[str, Any]:
    """The facts of ``_inside.outcome``, from the sandbox."""
    buffer = io.BytesIO()
    stored: dict[str, Any] = {**arrays, **({} if episode is None else {"episode:": episode})}
    np.savez(buffer, **stored)
    files = {"job.json": json.dumps(job).encode(), "data.npz": buffer.getvalue()}
    rows = len(next(iter(arrays.values())))
    limits = Limits(
        seconds=SECONDS,
        cpu_seconds=CPU_SECONDS,
        memory_mb=MEMORY_MB,
        file_mb=16 + 2 * (len(buffer.getvalue()) >> 20),
        processes=4,
        # Every column is 8 bytes a row, a third more in base64.
        output_kb=256 + math.ceil(rows * 8 * (_inside.MOST_COMPONENTS + 1) * 1.4 / 1024),
    )
    finished = Sandbox(limits).run(_worker(), files=files)
    if "processor time" in finished.reason or "longer than" in finished.reason:
        return {"stage": "timeout", "message": f"a program must be quick, but {finished.reason}"}
    if "No module named 'numpy'" in finished.stderr:
        raise GuerdonError(
            f"reward programs need numpy in the sandbox, which {Sandbox(limits).interpreter} lacks; install bubblewrap, or "
            "numpy for that Python"
        )
    if not finished.ok:
        last = finished.stderr.strip().splitlines()[-1:]
        stage = "memory" if last and "MemoryError" in last[0] else "crash"
        return {"stage": stage, "message": f"the program's process ended: {finished.reason or finished.code} {last}"}
    return _facts(finished.stdout, rows)


def _facts(text: str, rows: int) -> dict[str, Any]:
    try:
        facts = dict(json.loads(text).items())
        if "npz" in facts:
            with np.load(io.BytesIO(base64.b64decode(facts.pop("npz"))), allow_pickle=False) as file:
                facts["columns"] = {name.removeprefix("c:"): file[name] for name in file.files}
            if any(values.shape != (rows,) or values.dtype != np.float64 for values in facts["columns"].values()):
                return {"stage": "crash", "message": "the program's process must answer one number per row"}
        return facts
    except (ValueError, TypeError, AttributeError, OSError, KeyError) as error:
        return {"stage": "crash", "message": f"the program's process must answer as agreed, got {error}"[:MESSAGE]}
