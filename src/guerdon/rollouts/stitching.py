"""Which states of other clips a clip may be entered from, and how long the entry may take (skillmimic_v2).

Idea
    Few clips show few transitions. A frame of another skill that looks like one of this clip is a further start state;
    the less alike they are, the more steps pass before tracking counts.
Maths
    For each frame and each other class: the most similar frame of that class, unless its similarity is below 1e-10.
    Buffer: 0 steps above a similarity of 0.5, else ``min(-floor(log10 similarity), 10)``.
Reads
    Logs of similarities (``rewards/tracking.py``), so that long products do not vanish.
Deviations
    A similarity of 0 is no edge and gets no buffer. Ties go to the earlier frame.
"""

import math

import torch
from torch import Tensor

LOG_TEN = math.log(10.0)


def best_matches(
    log_similarity: Tensor, source: Tensor, usable: Tensor | None = None, least: float = 1e-10
) -> tuple[Tensor, Tensor]:
    """For each frame and each class, the most similar frame of that class: ``[n, n]`` -> ``[n, classes]`` twice.

    Args:
        log_similarity: of every pair of frames.
        source: class of each frame, from 0, ``[n]``.
        usable: frames that may be entered, ``[n]``; the method leaves out the first two and the last of a clip.
        least: what is less similar is dropped.

    Returns:
        The frame's number, -1 where there is none (among them the frame's own class), and the log of its similarity.
    """
    classes = int(source.max()) + 1 if len(source) else 0
    usable = torch.ones_like(source, dtype=torch.bool) if usable is None else usable
    of_class = (source == torch.arange(classes)[:, None]) & usable
    apart = (source[:, None] != torch.arange(classes)) & of_class.any(1)
    table = torch.where(of_class, log_similarity[:, None, :], -torch.inf)
    if not len(source):
        return torch.zeros((0, 0), dtype=torch.int64), log_similarity.new_zeros((0, 0))
    value, frame = table.max(2)
    found = apart & (value >= math.log(least))
    return torch.where(found, frame, -1), torch.where(found, value, -torch.inf)


def buffer_steps(log_similarity: Tensor, enough: float = 0.5, most: int = 10) -> Tensor:
    """Steps before tracking counts, int64 like the logs: 0 where it is similar ``enough``, or not at all."""
    # The small shift keeps log10(1e-3) = -2.9999999999999996 at -3.
    steps = -(log_similarity / LOG_TEN + 1e-9).floor()
    near = (log_similarity > math.log(enough)) | (log_similarity == -torch.inf)
    return torch.where(near, 0.0, steps.clamp(max=most)).long()
