"""What running verl's advantages and policy loss through guerdon costs per step, and the largest differences.

python benchmarks/verl_overhead.py [--rows 1024] [--longest 1024] [--group 8] [--repeats 5] [--json]

The same padded tensors go to verl's own functions and to guerdon's by the names that verl calls them by, in turn; the
numbers are medians. Lengths are spread evenly up to the longest; a loss is one over the whole batch, with gradient.
Packing alone (verl's tensors to a batch and back) is timed apart. Needs verl: pip install 'guerdon[verl]'.
"""

import argparse
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from guerdon.plugins import verl, verl_batch

warnings.simplefilter("ignore")


def tensors(rows: int, longest: int, group: int) -> dict[str, Any]:
    """A step's rollouts: prompts in random order, outcomes of 0 and 1 on the last token."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, longest + 1, (rows,), generator=generator)
    mask = torch.arange(longest)[None] < lengths[:, None]
    rewards = torch.zeros(rows, longest)
    rewards[torch.arange(rows), lengths - 1] = torch.randint(0, 2, (rows,), generator=generator).float()
    uid = np.array([f"prompt {row // group}" for row in torch.randperm(rows, generator=generator).tolist()], object)
    old = -torch.rand(rows, longest, generator=generator)
    new = old + 0.2 * torch.randn(rows, longest, generator=generator)
    return {"mask": mask, "rewards": rewards, "uid": uid, "old": old, "new": new.requires_grad_()}


def functions(data: dict[str, Any]) -> dict[str, tuple[Callable[[], Tensor], Callable[[], Tensor]]]:
    """Name -> (verl's own, guerdon's), each giving what is compared."""
    from verl.trainer.ppo import core_algos as core
    from verl.workers.config import ActorConfig

    verl.load()
    mask, rewards, uid, old, new = (data[name] for name in ("mask", "rewards", "uid", "old", "new"))
    given = {"token_level_rewards": rewards, "response_mask": mask, "config": {}, "index": uid}
    advantages = core.compute_grpo_outcome_advantage(rewards, mask, uid)[0]

    def loss(function: Any, **settings: Any) -> Callable[[], Tensor]:
        config = ActorConfig(strategy="fsdp", rollout_n=1, ppo_micro_batch_size_per_gpu=1, **settings)

        def run() -> Tensor:
            value, _ = function(
                old_log_prob=old,
                log_prob=new,
                advantages=advantages,
                response_mask=mask,
                loss_agg_mode=config.loss_agg_mode,
                config=config,
                rollout_is_weights=None,
            )
            return torch.autograd.grad(value, new)[0]

        return run

    def estimator(function: Any) -> Callable[[], Tensor]:
        return lambda: function(**{**given, "token_level_rewards": rewards.clone()})[0]

    found: dict[str, tuple[Callable[[], Tensor], Callable[[], Tensor]]] = {}
    for ours, theirs in (("grpo", "grpo"), ("grpo", "grpo_vectorized"), ("rloo", "rloo_vectorized")):
        names = (theirs, f"guerdon/{ours}")
        found[f"advantages {theirs}"] = tuple(estimator(core.get_adv_estimator_fn(name)) for name in names)  # pyright: ignore
    gspo = {"clip_ratio_low": 3e-4, "clip_ratio_high": 4e-4, "loss_agg_mode": "seq-mean-token-mean"}
    for ours, theirs, settings in (("grpo", "vanilla", {}), ("gspo", "gspo", gspo), ("cispo", "cispo", {})):
        names = (theirs, f"guerdon/{ours}")
        found[f"loss {theirs}"] = tuple(loss(core.get_policy_loss_fn(name), **settings) for name in names)  # pyright: ignore
    return found


def seconds(function: Callable[[], Any]) -> float:
    """Of one call."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def measure(rows: int, longest: int, group: int, repeats: int) -> dict[str, dict[str, float]]:
    """Medians in ms and the largest difference, per function."""
    data = tensors(rows, longest, group)
    results = {}
    for name, (theirs, ours) in functions(data).items():
        difference = float((theirs() - ours()).abs().max())
        times = [(seconds(theirs), seconds(ours)) for _ in range(repeats)]
        verls, guerdons = (1000 * statistics.median(column) for column in zip(*times, strict=True))
        results[name] = {
            "verl_ms": verls,
            "guerdon_ms": guerdons,
            "added_ms": guerdons - verls,
            "difference": difference,
        }

    def there_and_back() -> None:
        batch = verl_batch.pack(data["mask"], data["uid"], {"token.old_logprob": data["old"]})
        verl_batch.unpack(batch, batch["token.old_logprob"])

    packing = 1000 * statistics.median(seconds(there_and_back) for _ in range(repeats))
    results["packing alone"] = {"verl_ms": 0.0, "guerdon_ms": packing, "added_ms": packing, "difference": 0.0}
    return results


def main() -> int:
    """Print a line per function."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1024, help="responses of a step")
    parser.add_argument("--longest", type=int, default=1024, help="most tokens of a response")
    parser.add_argument("--group", type=int, default=8, help="responses to a prompt")
    parser.add_argument("--repeats", type=int, default=5, help="measurements, of which the median counts")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options = parser.parse_args()
    try:
        results = measure(options.rows, options.longest, options.group, options.repeats)
    except ModuleNotFoundError as error:
        print(f"error: this needs verl, {error}; pip install 'guerdon[verl]'", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(results))
        return 0
    print(f"{options.rows} responses of up to {options.longest} tokens, {torch.get_num_threads()} threads")
    print(f"{'':28}{'verl':>10}{'guerdon':>10}{'added':>10}   largest difference")
    for name, row in results.items():
        times = "".join(f"{row[key]:8.1f}ms" for key in ("verl_ms", "guerdon_ms", "added_ms"))
        print(f"{name:28}{times}   {row['difference']:.1e}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
