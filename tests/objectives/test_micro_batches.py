"""Whatever the objective, cutting an optimiser step into micro-batches does not change its gradient."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.objective import Objective
from guerdon.objectives.aggregation import SeqMeanTokenMean, SumOverLength, TokenMean
from guerdon.objectives.clip_mask import ClipMask
from guerdon.objectives.entropy import EntropyBonus
from guerdon.objectives.importance import ImportanceWeight
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.nll import NLL
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.reinforce import Reinforce
from guerdon.objectives.rollout_correction import OffPolicyMask
from guerdon.objectives.sapo import SAPO
from guerdon.objectives.value_clip import ValueClip
from guerdon.papers._bench import ragged
from guerdon.policies.tabular import TabularPolicy
from guerdon.update import Update, micro_batches, unit_of

OBJECTIVES = {
    "ppo": Objective(PPOClip(), TokenMean(), regularizers=(ValueClip(), EntropyBonus(0.1), KLPenalty(0.5))),
    "gspo": Objective(PPOClip(0.01, 0.02, ratio="sequence"), SeqMeanTokenMean()),
    "gspo_token": Objective(PPOClip(0.01, 0.02, ratio="sequence_token"), SeqMeanTokenMean()),
    "rloo": Objective(PPOClip(ratio="sequence_sum"), SeqMeanTokenMean(count_empty=True)),
    "cispo": Objective(Reinforce(), TokenMean(), (ImportanceWeight("current", "old", low=0.8, high=1.2),)),
    "minirl": Objective(Reinforce(), SumOverLength(8), (ImportanceWeight("current", "behavior"), ClipMask())),
    "tis": Objective(PPOClip(), TokenMean(), (ImportanceWeight(level="sequence_sum"), OffPolicyMask(0.1))),
    "normalized": Objective(SAPO(), TokenMean(), (ImportanceWeight(normalize=True),)),
    "sft": Objective(NLL(), SeqMeanTokenMean()),
}


def random_batch(lengths, seed):
    generator = torch.Generator().manual_seed(seed)
    rows = sum(lengths)

    def noise(scale=1.0):
        return scale * torch.randn(rows, generator=generator, dtype=torch.float64)

    names = ("old_logprob", "behavior_logprob", "ref_logprob")
    columns = {f"token.{name}": -1.4 + noise(0.5) for name in names}
    columns |= {"token.advantage": noise(), "token.old_value": noise(), "token.return": noise()}
    columns["token.context"] = torch.randint(0, 3, (rows,), generator=generator)
    columns["token.id"] = torch.randint(0, 4, (rows,), generator=generator)
    columns["action.mask"] = torch.rand(rows, generator=generator) < 0.8
    half = len(lengths) // 2
    return ragged([[0.0] * half, [0.0] * (len(lengths) - half)], lengths, columns)


@pytest.mark.parametrize("name", OBJECTIVES)
@given(lengths=st.lists(st.integers(0, 4), min_size=1, max_size=6), micro=st.integers(1, 4), seed=st.integers(0, 99))
def test_the_gradient_is_the_same(name, lengths, micro, seed):
    objective, batch = OBJECTIVES[name], random_batch(lengths, seed)

    def gradient(micro_batch):
        policy = TabularPolicy(torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(3, 4), critic=True)
        wants = frozenset(name for name in objective.reads if name in policy.provides)
        for part in micro_batches(
            objective.prepare(batch), Update(micro_batch=micro_batch), unit_of(objective, policy)
        ):
            loss, _ = objective(part.with_columns(policy.evaluate(part, wants)), {})
            if loss.requires_grad:
                loss.backward()
        return [None if p.grad is None else p.grad for p in policy.parameters()]

    for whole, cut in zip(gradient(None), gradient(micro), strict=True):
        if whole is None or cut is None:
            assert all(grad is None or not grad.any() for grad in (whole, cut))
        else:
            assert torch.allclose(whole, cut, atol=1e-12)
