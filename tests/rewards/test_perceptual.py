from itertools import combinations

import pytest
import torch
from safetensors.torch import save_file
from strategies import batch_of

from guerdon.errors import GuerdonError
from guerdon.rewards.perceptual import PerceptualReward, combined, recognize, segment_steps


def blocks(seed: int, lengths=(6, 6, 6), width: int = 4, noise: float = 0.1) -> torch.Tensor:
    """Frames around one corner per step, in the first features; the rest is noise alone."""
    generator = torch.Generator().manual_seed(seed)
    step = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    frames = noise * torch.randn(len(step), width, generator=generator)
    frames[torch.arange(len(step)), step] += 1
    return frames


def spread(demos, cuts):
    total = 0.0
    for start, end in zip(cuts, [*cuts[1:], len(demos[0])], strict=True):
        inside = torch.cat([demo[start:end].double() for demo in demos])
        total += float((inside - inside.mean(0)).square().sum())
    return total


def test_separated_blocks_are_cut_where_they_meet():
    demos = [blocks(seed) for seed in range(3)]
    assert segment_steps(demos, 3) == [0, 6, 12] and segment_steps(demos, 1) == [0]


def test_the_cut_has_the_least_spread_of_all_cuts():
    demos = [torch.randn(9, 3, generator=torch.Generator().manual_seed(seed)) for seed in range(2)]
    cuts = segment_steps(demos, 3, shortest=2)
    possible = [[0, a, b] for a, b in combinations(range(1, 9), 2) if a >= 2 and b - a >= 2 and 9 - b >= 2]
    assert spread(demos, cuts) == pytest.approx(min(spread(demos, other) for other in possible))


def test_features_that_tell_a_step_apart_are_chosen_and_later_steps_earn_more():
    demos = [blocks(seed, width=12) for seed in range(5)]
    model = recognize(demos, [0, 6, 12], top=3)
    assert all(int(g) in model.features[g].tolist() for g in range(3))
    reward = combined(model.log_likelihood(blocks(99, width=12), -20.0))
    means = [float(reward[start : start + 6].mean()) for start in (0, 6, 12)]
    assert means[0] < means[1] < means[2]


def test_combination_by_hand():
    # Weights 0, 2, 4 over 6.
    assert combined(torch.tensor([[-9.0, -3.0, -6.0]])).tolist() == pytest.approx([-5.0])


def test_the_piece_fits_a_file(tmp_path):
    save_file({f"demo{seed}": blocks(seed) for seed in range(3)}, tmp_path / "demos.safetensors")
    piece = PerceptualReward(str(tmp_path / "demos.safetensors"), top=2)
    batch = batch_of([1], [18], columns={"step.features": blocks(7)})
    reward = piece(batch, piece.init_state())["step.reward"]
    assert reward.shape == (18,) and float(reward[12:].min()) > float(reward[:6].max())


def test_bad_input(tmp_path):
    with pytest.raises(GuerdonError, match="steps >= 2"):
        PerceptualReward("x", steps=1)
    with pytest.raises(GuerdonError, match="must be a safetensors file"):
        PerceptualReward(str(tmp_path / "no")).init_state()
    with pytest.raises(GuerdonError, match=r"at least 6 frames, got lengths \[5\]"):
        segment_steps([torch.zeros(5, 1)], 3)
    with pytest.raises(GuerdonError, match=r"got lengths \[8, 9\]"):
        segment_steps([torch.zeros(8, 1), torch.zeros(9, 1)], 2)
