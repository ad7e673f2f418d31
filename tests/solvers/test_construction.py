import itertools

import torch

from guerdon.policies.flow import Flow
from guerdon.rng import Stream
from guerdon.solvers.construction import exact_flow, terminal_law, waves
from guerdon.tasks.hypergrid import HyperGrid

GRID = HyperGrid(dimensions=2, side=3)


def random_logprobs() -> torch.Tensor:
    logits = torch.randn(GRID.points, GRID.actions, generator=Stream((5,)).generator(), dtype=torch.float64)
    return logits.masked_fill(~GRID.allowed(GRID.states()), -torch.inf).log_softmax(1)


def test_terminal_law_equals_the_sum_over_all_paths():
    logprobs, expected = random_logprobs(), torch.zeros(GRID.points, dtype=torch.float64)
    for length in range(GRID.depth + 1):
        for moves in itertools.product(range(2), repeat=length):
            state, total = torch.zeros((1, 2), dtype=torch.int64), torch.zeros((), dtype=torch.float64)
            for move in moves:
                if not bool(GRID.allowed(state)[0, move]):
                    break
                total = total + logprobs[GRID.number(state)[0], move]
                state = GRID.advance(state, torch.tensor([move]))
            else:
                at = GRID.number(state)[0]
                expected[at] += (total + logprobs[at, 2]).exp()
    torch.testing.assert_close(terminal_law(GRID, logprobs), expected, atol=1e-12, rtol=0)
    assert abs(float(expected.sum()) - 1) < 1e-12


def test_exact_flow_samples_the_target_and_knows_its_total():
    for grid in (GRID, HyperGrid(dimensions=3, side=4, r0=0.01)):
        reward = grid.reward(grid.states()).double()
        logprobs, log_z = exact_flow(grid, reward)
        torch.testing.assert_close(logprobs.exp().sum(1), torch.ones(grid.points, dtype=torch.float64))
        torch.testing.assert_close(terminal_law(grid, logprobs), reward / reward.sum(), atol=1e-12, rtol=0)
        torch.testing.assert_close(log_z, reward.sum().log())


def test_waves_hold_every_edge_once_and_complete_parents_first():
    edges = [edge for wave in waves(GRID) for edge in zip(*(part.tolist() for part in wave), strict=True)]
    assert len(edges) == len(set(edges)) == 12
    done = [child for _, _, child in edges]
    for place, (parent, _, _) in enumerate(edges):
        assert parent not in done[place:]


def test_terminal_law_of_a_float32_policy_sums_to_one():
    policy = Flow(hidden=(4,)).build(GRID, frozenset(), Stream((0,)))
    law = terminal_law(GRID, policy.forward_logprobs(GRID.states()).detach())
    assert law.dtype == torch.float64 and abs(float(law.sum()) - 1) < 1e-6
