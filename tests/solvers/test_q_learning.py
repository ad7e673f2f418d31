import torch

from guerdon.solvers.mdp import FiniteMDP
from guerdon.solvers.q_learning import solve_by_q_learning
from guerdon.solvers.shaped_mdp import progress_chain, shaped


def test_one_cell_is_solved_by_the_first_step_that_pays():
    ends = FiniteMDP(torch.zeros(1, 1, 1), torch.ones(1, 1), 0.9)
    assert solve_by_q_learning(ends, 0) == (1, 1)


def test_the_optimal_potential_needs_few_episodes_and_no_reward_never_ends():
    chain, _ = progress_chain(6, 1.0, 0.9)
    value = chain.optimal_q().amax(1)
    assert solve_by_q_learning(shaped(chain, value), 0).episodes < 10
    nothing = FiniteMDP(chain.transition, torch.zeros_like(chain.reward), 0.9)
    assert solve_by_q_learning(nothing, 0, episodes=20, limit=10).episodes == 20


def test_it_depends_on_the_seed_alone():
    chain, _ = progress_chain(8, 0.5, 0.9)
    runs = [solve_by_q_learning(chain, seed) for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]


def test_a_bonus_on_new_states_leads_to_the_end():
    chain, _ = progress_chain(8, 1.0, 0.9)
    bonus = [
        solve_by_q_learning(chain, seed, limit=12, bonus=lambda n: 0.2 / (1 + n) ** 0.5).episodes for seed in range(5)
    ]
    plain = [solve_by_q_learning(chain, seed, limit=12).episodes for seed in range(5)]
    assert sum(bonus) < sum(plain)
