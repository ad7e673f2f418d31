"""A reward network learned from preferences between pairs of clips: what searches by preference are compared with.

Maths
    ``P(1 better than 2) = sigmoid(sum_t r(f_1t) - sum_t r(f_2t))`` (Bradley and Terry); the loss is the cross entropy with
    labels 1, 0 and 0.5 for a tie, minimised by Adam over all pairs at once.
Reads
    Clips ``[clips, steps, features]``, pairs of their numbers, labels.
Deviations
    One small network, no ensemble and no active choice of the pairs: enough for a baseline on toys.
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import nn

from guerdon.errors import GuerdonError
from guerdon.rng import Stream, seeded


def fit(
    clips: Mapping[str, np.ndarray], pairs: np.ndarray, labels: np.ndarray, seed: int, steps: int = 300
) -> Callable[[dict[str, np.ndarray]], tuple[np.ndarray, dict[str, np.ndarray]]]:
    """A reward of steps' fields, ``data -> (total, {})``.

    Args:
        clips: field -> ``[clips, steps]``.
        pairs: ``[pairs, 2]`` numbers of clips.
        labels: ``[pairs]``, 1 where the first is better, 0 where the second is, 0.5 for ties.
        seed: of the network's weights.
        steps: of Adam.
    """
    if len(pairs) != len(labels) or not len(pairs):
        raise GuerdonError(f"a fit needs one label per pair, got {len(pairs)} pairs and {len(labels)} labels")
    names = list(clips)
    rows = torch.from_numpy(np.stack([clips[name] for name in names], -1)).float()
    shift, scale = rows.mean((0, 1)), rows.std((0, 1)).clamp(min=1e-6)
    with seeded(Stream((seed, "preference_net")), torch.device("cpu")):
        network = nn.Sequential(nn.Linear(len(names), 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    chosen, wanted = torch.from_numpy(pairs), torch.from_numpy(labels).float()
    for _ in range(steps):
        value = network((rows - shift) / scale)[..., 0].mean(1)
        margin = rows.shape[1] * (value[chosen[:, 0]] - value[chosen[:, 1]])
        loss = nn.functional.binary_cross_entropy_with_logits(margin, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def reward(data: dict[str, np.ndarray]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        with torch.no_grad():
            given = torch.from_numpy(np.stack([data[name] for name in names], -1)).float()
            return network((given - shift) / scale)[..., 0].double().numpy(), {}

    return reward
