"""The loop. It calls slots in order and knows no paper, no domain and no trainer variant by name."""

import contextlib
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from guerdon.batch import Batch, concat
from guerdon.errors import GuerdonError, RunStopped
from guerdon.health import Health
from guerdon.lint_settings import too_short
from guerdon.metrics.basic import describe
from guerdon.objective import call_with_state
from guerdon.piece import Origin, Policy, PolicySpec, TaskSpec, Transform
from guerdon.recipe import Recipe, check_columns, snapshot, with_run_choices
from guerdon.rng import Stream, seeded
from guerdon.snapshots import Snapshots
from guerdon.update import minibatches, optimizer_step, unit_of

if TYPE_CHECKING:
    from guerdon.runs.folder import RunFolder

Observer = Callable[["Trainer", Batch, dict[str, float]], None]


class Trainer:
    """A run in progress: policy, optimiser, piece states and the step counter.

    Everything else is derived from ``(seed, step)``, so ``state_dict`` is a complete checkpoint.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        steps: int,
        seed: int = 0,
        policy: Policy | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Check the recipe and build what it needs.

        ``policy``: a built policy to go on from (supervised warm-up, say); None builds ``recipe.policy``.

        Raises:
            GuerdonError: if the recipe has no task, policy or rollout, or fails ``Recipe.check``.
        """
        recipe = with_run_choices(recipe, None, None, built=policy is not None)
        self.warnings = [*recipe.check(), *too_short(recipe, steps)]
        self.noticed: list[str] = []
        self.remarked: set[str] = set()
        self.recipe, self.steps, self.seed, self.step = recipe, steps, seed, 0
        self.device = torch.device(device)
        self.stream = Stream((seed,))
        self.reads = sorted(name for name in recipe.reads() if "*" not in name)
        wants = frozenset(base(name) for name in recipe.reads())
        if policy is None:
            assert recipe.policy is not None
            policy = Origin(recipe.policy, recipe.task, wants).build(self.stream.child("policy"))
        elif lacking := wants & frozenset(getattr(recipe.policy, "provides", ())) - policy.provides:
            raise GuerdonError(
                f"the policy handed over must provide {', '.join(sorted(lacking))}, which the recipe reads; "
                "build it with these in wants"
            )
        check_columns(recipe, policy.provides)
        # Rollouts see the policy in evaluation mode from the first step on, fresh or resumed.
        self.policy = policy.to(self.device).eval()
        self.optimizer = recipe.update.optimizer(self.policy)
        self.optimizer_steps = 0
        self.states = nn.ModuleDict()
        for place, piece in recipe.flow():
            with seeded(self.stream.child("state", place), torch.device("cpu")):
                state = piece.init_state()
            if state is not None:
                self.states[place.replace(".", "/")] = state.to(self.device)
        self.snapshots = Snapshots(self.policy, recipe.snapshots(), recipe.update)
        self.health = Health()

    def state_of(self, place: str) -> Any:
        """The state module of the piece at a place of the recipe, or None."""
        key = place.replace(".", "/")
        return self.states[key] if key in self.states else None

    def train_step(self) -> tuple[Batch, dict[str, float]]:
        """One turn of the loop: collect, score, credit, update.

        Raises:
            RunStopped: if the run became non-finite or collapsed.
        """
        with seeded(self.stream.child("step", self.step, "global"), self.device):
            started = time.perf_counter()
            stream = self.stream.child("step", self.step)
            progress = self.step / max(self.steps, 1)
            batch, effort = self._collect(stream, progress)
            collected = time.perf_counter()
            for slot in ("credit", "advantage"):
                batch = self._apply(slot, batch)
            # Before the update, also for the metrics: afterwards ``old_`` would mean the new policy.
            batch = self._fill([name for piece in self.recipe.metrics for name in piece.reads], batch)
            own = self._own(batch)
            batch = self._fill([name for name in self.recipe.objective.reads if name not in own], batch)
            metrics = self._update(batch, stream, progress, own)
            self.snapshots.after_step(self.policy)
            for number, piece in enumerate(self.recipe.metrics):
                metrics.update(call_with_state(piece, batch, state=self.state_of(f"metrics.{number}")))
            done = time.perf_counter()
            actions = batch.size("action")
            timing = {
                "time/collect_s": collected - started,
                "time/update_s": done - collected,
                "actions_per_s": actions / max(done - started, 1e-9),
            }
            metrics = {**describe(batch), **metrics, **effort, **timing}
            self.step += 1
            self._notice(self.health.look(self.step, metrics))
            return batch, metrics

    def _collect(self, stream: Stream, progress: float) -> tuple[Batch, dict[str, float]]:
        """Rollouts, rewards and shaping until the filters have let through as many groups as one rollout has.

        The batch, and metrics of all that was sampled for it, dropped groups included.
        """
        recipe, kept, wanted = self.recipe, [], 0
        sampled: list[tuple[int, torch.Tensor | None]] = []
        rollout_state = self.state_of("rollout")
        assert recipe.rollout is not None
        for attempt in range(recipe.max_refills if recipe.filters else 1):
            inner = stream.child("rollout", attempt)
            pick = self._picker(inner)
            batch = call_with_state(recipe.rollout, recipe.task, self.policy, pick, inner, state=rollout_state)
            batch = batch.to(self.device)
            batch = batch.with_run(step=self.step, progress=progress, task=recipe.task, seed=self.seed)
            for slot in ("rewards", "shaping"):
                batch = self._apply(slot, batch)
            batch = self._fill(recipe.curriculum.reads, batch)
            recipe.curriculum.observe(batch, self.state_of("curriculum"))
            wanted = wanted or batch.size("group")
            told = recipe.filters and "traj.reward" in batch
            sampled.append((batch.size("action"), batch["traj.reward"] if told else None))
            for number, piece in enumerate(recipe.filters):
                if batch.size("group"):
                    batch = self._fill(piece.reads, batch)
                    keep = call_with_state(piece, batch, state=self.state_of(f"filters.{number}"))
                    batch = batch.select(piece.level, keep)
            if batch.size("group"):
                kept.append(batch)
            if sum(part.size("group") for part in kept) >= wanted:
                break
        if not kept:
            raise RunStopped(
                f"step {self.step}: the filters rejected every group of {recipe.max_refills} rollouts; "
                "the task is too easy or too hard for the policy, or the reward has no spread"
            )
        batch = concat(kept)
        if batch.size("group") > wanted:
            batch = batch.select("group", torch.arange(batch.size("group"), device=batch.device) < wanted)
        return batch, _effort(sampled)

    def _picker(self, stream: Stream) -> Callable[[int], list[int]]:
        calls = itertools.count()

        def pick(count: int) -> list[int]:
            inner = stream.child("pick", next(calls))
            return self.recipe.curriculum.pick(self.recipe.task, count, inner, self.state_of("curriculum"))

        return pick

    def _apply(self, slot: str, batch: Batch) -> Batch:
        for number, piece in enumerate(getattr(self.recipe, slot)):
            batch = self._fill(piece.reads, batch)
            place = f"{slot}.{number}"
            batch = batch.with_columns(call_with_state(piece, batch, state=self.state_of(place)))
            if place not in self.remarked and (remark := piece.remark(batch)):
                self.remarked.add(place)
                self._notice([f"step {self.step + 1}: {place} ({type(piece).__name__}) {remark}"])
        return batch

    def _notice(self, sentences: Sequence[str]) -> None:
        """Keep what was noticed for the result and for the run folder."""
        self.warnings += sentences
        self.noticed += sentences

    def _own(self, batch: Batch) -> dict[str, str]:
        """``old_`` columns that the update's only forward pass gives: name -> the policy's own column."""
        objective, update = self.recipe.objective, self.recipe.update
        if not update.on_policy:
            return {}
        inside = {name for piece in (*objective.terms, *objective.weights) for name in piece.reads}
        out = {}
        for name in sorted(inside - set(objective.aggregation.reads)):
            parts = snapshot(name)
            if parts and parts[0] == "old" and name not in batch and parts[1] in self.policy.provides:
                out[name] = parts[1]
        if not update.recompute_old and "action.behavior_logprob" in batch:
            out.pop("action.old_logprob", None)
        return out

    def _fill(self, reads: Sequence[str], batch: Batch) -> Batch:
        """Compute the snapshot columns among ``reads`` that the batch does not have yet.

        A copy that has to be evaluated gives all the columns that the recipe reads of it, from one forward pass.
        """
        copies = {parts[0] for name in reads if name not in batch and (parts := snapshot(name))}
        missing = [
            name for name in self.reads if name not in batch and (parts := snapshot(name)) and parts[0] in copies
        ]
        return self.snapshots.fill(missing, self.policy, batch) if missing else batch

    def _update(self, batch: Batch, stream: Stream, progress: float, own: Mapping[str, str]) -> dict[str, float]:
        recipe, sums, count = self.recipe, {}, 0
        states = {place.replace("/", "."): module for place, module in self.states.items()}
        self.policy.train()
        unit = unit_of(recipe.objective, self.policy)
        for part in minibatches(batch, recipe.update, unit, stream.child("update")):
            factor = recipe.update.lr_factor(self.optimizer_steps, progress)
            for group in self.optimizer.param_groups:
                group["lr"] = recipe.update.lr * factor * group.get("lr_scale", 1.0)
            for name, value in optimizer_step(
                self.policy, self.optimizer, recipe.objective, part, recipe.update, states, own
            ).items():
                sums[name] = sums.get(name, 0.0) + value
            self.optimizer_steps += 1
            count += 1
        self.policy.eval()
        return {name: value / max(count, 1) for name, value in sums.items()}

    def state_dict(self) -> dict[str, Any]:
        """Everything a resumed run needs; the counterpart of ``load_state_dict``."""
        return {
            "policy": self.policy.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "states": self.states.state_dict(),
            "snapshots": self.snapshots.state_dict(),
            "counters": {"step": self.step, "optimizer_steps": self.optimizer_steps, **self.health.state_dict()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict``."""
        self.policy.load_state_dict(state["policy"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.states.load_state_dict(state["states"])
        self.snapshots.load_state_dict(state["snapshots"])
        counters = dict(state["counters"])
        self.step, self.optimizer_steps = counters.pop("step"), counters.pop("optimizer_steps")
        self.health.load_state_dict(counters)


@dataclass
class Result:
    """What ``train`` gives back."""

    policy: Policy
    metrics: list[dict[str, float]] = field(default_factory=list)
    """One entry per step."""
    warnings: list[str] = field(default_factory=list)
    """What ``Recipe.check`` warned about, and what was noticed while it ran."""
    noticed: list[str] = field(default_factory=list)
    """The latter alone."""


def train(
    recipe: Recipe,
    *,
    steps: int,
    seed: int = 0,
    task: TaskSpec | None = None,
    policy: PolicySpec | Policy | None = None,
    device: torch.device | str = "cpu",
    observers: Sequence[Observer] = (),
    out: "str | Path | RunFolder | None" = None,
    resume: bool = False,
    save_every: int | None = None,
) -> Result:
    """Train a policy by a recipe.

    Args:
        recipe: the method.
        steps: turns of the loop.
        seed: of everything random.
        task: fills or replaces ``recipe.task``.
        policy: a spec to build, or a built policy to go on from.
        device: where the policy lives.
        observers: called after every step with (trainer, batch, metrics); a context manager among them is entered,
            and one may lower ``trainer.steps`` to end the run.
        out: the run folder, a path or a ``RunFolder`` with options; None keeps nothing on disk.
        resume: go on with the run in ``out`` where it stopped, if there is one.
        save_every: steps between checkpoints; None leaves it to ``out``.

    Raises:
        GuerdonError: if the recipe cannot work, or ``out`` holds another run.
        RunStopped: if the run became non-finite or collapsed.
        RunInterrupted: on Ctrl-C with ``out``, after the step is finished and saved.
    """
    built = policy if isinstance(policy, Policy) else None
    origin = built.origin if built else None
    spec = policy if isinstance(policy, PolicySpec) else origin and origin.spec
    recipe = with_run_choices(recipe, task, spec, built=built is not None)
    trainer = Trainer(recipe, steps=steps, seed=seed, policy=built, device=device)
    result = Result(trainer.policy, warnings=trainer.warnings, noticed=trainer.noticed)
    with contextlib.ExitStack() as stack:
        if out is not None:
            from guerdon.runs.folder import begin

            folder = begin(out, trainer, resume=resume, save_every=save_every, handed_over=built is not None)
            result.metrics += folder.so_far
            observers = (folder, *observers, folder.leave)
        for observer in observers:
            if isinstance(observer, contextlib.AbstractContextManager):
                stack.enter_context(observer)
        while trainer.step < trainer.steps:
            batch, metrics = trainer.train_step()
            result.metrics.append(metrics)
            for observer in observers:
                observer(trainer, batch, metrics)
    return result


def _effort(sampled: Sequence[tuple[int, torch.Tensor | None]]) -> dict[str, float]:
    """Metrics of the rollouts of a step from their (actions, rewards); the rewards where a filter may drop some.

    ``reward`` is that of the groups that are trained on; a filter makes it another one than the policy's.
    """
    out = {"refills": float(len(sampled) - 1), "sampled_actions": float(sum(actions for actions, _ in sampled))}
    rewards = [reward.float() for _, reward in sampled if reward is not None]
    scored = torch.cat(rewards) if rewards else torch.zeros(0)
    scored = scored[scored.isfinite()]
    return {**out, "sampled_reward": float(scored.mean())} if len(scored) else out


def base(name: str) -> str:
    """The column that a snapshot's column is of: ``action.logprob`` for ``action.old_logprob``; others as they are."""
    parts = snapshot(name)
    return parts[1] if parts else name


__all__ = ["Observer", "Result", "Trainer", "Transform", "train"]
