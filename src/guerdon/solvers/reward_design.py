"""Designing rewards for a finite process by linear programs (EXPRD, EXPADARD): the same policy is best, but it shows early.

Idea
    A sparse reward says what is best but only in the long run. Among the rewards that keep the target policy best by at
    least its own margin, choose the one whose advantage of the target shows at short horizons, or the one that
    tells this learner most.
Maths
    ``Q_h = sum_{j<h} (gamma P_pi)^j R``, ``D_h(s, a) = Q_h(s, pi(s)) - Q_h(s, a)``, ``delta_s = min_a D_inf(s, a)`` under
    the original reward, over the actions that are worse.
    ``I(R) = -mean_{h, s} max(0, max_a (delta_s - D_h(s, a)))``; invariant: ``D_inf(s, a) >= delta_s``.
    EXPADARD: maximise ``sum C R`` with ``W = mu_T mu_L pi_L^2 (A_T - pi_L . A_T)``, ``C = W - pi_L sum_a W``.
    Self-shaping: ``grad[s, a] += c``, ``grad[s, .] -= pi(. | s) c``, ``c = pi(a | s) (G - V(s))``.
Reads
    A ``FiniteMDP`` whose reward is the original one, and the target's actions ``[S]``.
Deviations
    Actions that are as good as the target's enter no constraint. The states that may pay grow greedily from those
    that pay originally, where the original reward itself is a solution. scipy's HiGHS solves the programs.
"""

from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from guerdon.errors import GuerdonError
from guerdon.solvers.mdp import FiniteMDP

TIE = 1e-9


def backups(mdp: FiniteMDP, actions: Tensor, horizon: int | None) -> Tensor:
    """The matrix that makes Q_h of a reward, ``[SA, SA]`` float64; None: of the infinite horizon."""
    states, choices = mdp.reward.shape
    chosen = torch.arange(states) * choices + actions
    step = torch.zeros((states * choices, states * choices), dtype=torch.float64)
    step[:, chosen] = mdp.discount * mdp.transition.double().reshape(states * choices, states)
    eye = torch.eye(states * choices, dtype=torch.float64)
    if horizon is None:
        return torch.linalg.inv(eye - step)
    total = eye
    for _ in range(horizon - 1):
        total = eye + step @ total
    return total


def gap_matrix(mdp: FiniteMDP, actions: Tensor, horizon: int | None) -> Tensor:
    """The matrix that makes D_h of a reward, ``[SA, SA]``."""
    states, choices = mdp.reward.shape
    rows = backups(mdp, actions, horizon)
    chosen = rows[(torch.arange(states) * choices + actions).repeat_interleave(choices)]
    return chosen - rows


def gaps(mdp: FiniteMDP, reward: Tensor, actions: Tensor, horizon: int | None) -> Tensor:
    """``D_h(s, a)`` of a reward, ``[S, A]``."""
    return (gap_matrix(mdp, actions, horizon) @ reward.double().reshape(-1)).reshape(reward.shape)


def margins(mdp: FiniteMDP, actions: Tensor) -> tuple[Tensor, Tensor]:
    """``delta_s`` of the original reward, ``[S]`` (0 where no action is worse), and which actions are worse ``[S, A]``.

    Raises:
        GuerdonError: if the target is not a best policy.
    """
    found = gaps(mdp, mdp.reward, actions, None)
    if float(found.min()) < -TIE:
        state = int(found.amin(1).argmin())
        raise GuerdonError(f"the target must be a best policy of the process, got a better action in state {state}")
    worse = found > TIE
    delta = torch.where(worse, found, torch.inf).amin(1)
    return torch.where(worse.any(1), delta, 0.0), worse


def informativeness(mdp: FiniteMDP, reward: Tensor, actions: Tensor, horizons: Sequence[int]) -> float:
    """``I(R)``: 0 if the target's margin shows at every horizon, negative else."""
    delta, worse = margins(mdp, actions)
    missing = [
        torch.where(worse, delta[:, None] - gaps(mdp, reward, actions, horizon), 0.0).amax(1).clamp(min=0)
        for horizon in horizons
    ]
    return -float(torch.stack(missing).mean())


def is_invariant(mdp: FiniteMDP, reward: Tensor, actions: Tensor, slack: float = 1e-7) -> bool:
    """Whether the target stays best by its original margin."""
    delta, worse = margins(mdp, actions)
    return bool(((gaps(mdp, reward, actions, None) >= delta[:, None] - slack) | ~worse).all())


def occupancy(mdp: FiniteMDP, policy: Tensor, start: Tensor) -> Tensor:
    """Normalised discounted share of time in each state under probabilities ``[S, A]`` from a law ``[S]``."""
    law = (policy.double()[..., None] * mdp.transition.double()).sum(1)
    visits = torch.linalg.solve(torch.eye(len(law), dtype=torch.float64) - mdp.discount * law.T, start.double())
    return visits / visits.sum()


def adaptive_coefficients(mdp: FiniteMDP, actions: Tensor, learner: Tensor, start: Tensor) -> Tensor:
    """C: what a unit of reward for each state and action tells a learner with this policy ``[S, A]``."""
    learner = learner.double()
    target = torch.nn.functional.one_hot(actions, mdp.reward.shape[1]).double()
    q = mdp.policy_q(target)
    advantage = q - (target * q).sum(1, keepdim=True)
    weight = occupancy(mdp, target, start) * occupancy(mdp, learner, start)
    centered = advantage - (learner * advantage).sum(1, keepdim=True)
    weights = weight[:, None] * learner**2 * centered
    return weights - learner * weights.sum(1, keepdim=True)


def self_shaping_gradient(policy: Tensor, states: Tensor, actions: Tensor, surprise: Tensor) -> Tensor:
    """Gradient of the shaping table by rows ``(s, a, G - V(s))``, for probabilities ``[S, A]``."""
    policy = policy.double()
    gain = policy[states, actions] * surprise.double()
    table = torch.zeros_like(policy).index_put((states, actions), gain, accumulate=True)
    return table - policy * table.new_zeros(len(policy)).index_add(0, states, gain)[:, None]


def design_reward(
    mdp: FiniteMDP,
    actions: Tensor,
    horizons: Sequence[int] = (1, 4, 8, 16, 32),
    allowed: Collection[int] | None = None,
    largest: float = 10.0,
) -> Tensor:
    """EXPRD: the invariant reward with the largest I, ``[S, A]``.

    Args:
        mdp: the process with its original reward.
        actions: the target policy.
        horizons: H.
        allowed: states whose reward may differ from 0; None: all.
        largest: bound on the size of a reward.
    """
    delta, worse = margins(mdp, actions)
    states, choices = mdp.reward.shape
    rows = worse.reshape(-1).nonzero()[:, 0]
    limits = delta[rows // choices]
    slacks = len(horizons) * states
    blocks = [torch.cat([-gap_matrix(mdp, actions, None)[rows], torch.zeros(len(rows), slacks)], 1)]
    for number, horizon in enumerate(horizons):
        # delta_s - D_h(s, a) <= t_{h, s}
        lack = torch.zeros((len(rows), slacks), dtype=torch.float64)
        lack[torch.arange(len(rows)), number * states + rows // choices] = -1.0
        blocks.append(torch.cat([-gap_matrix(mdp, actions, horizon)[rows], lack], 1))
    costs = torch.cat([torch.zeros(states * choices), torch.full((slacks,), 1.0 / slacks)])
    bounds = [*_bounds(mdp, allowed, largest), *[(0.0, None)] * slacks]
    solution = solve_program(costs, torch.cat(blocks), -limits.repeat(len(blocks)), bounds)
    return _reward(solution, mdp, actions, allowed, largest)


def adapt_reward(
    mdp: FiniteMDP,
    actions: Tensor,
    learner: Tensor,
    start: Tensor,
    allowed: Collection[int] | None = None,
    largest: float = 10.0,
) -> Tensor:
    """EXPADARD: the invariant reward that tells this learner most, ``[S, A]``; arguments as in ``design_reward``."""
    delta, worse = margins(mdp, actions)
    rows = worse.reshape(-1).nonzero()[:, 0]
    costs = -adaptive_coefficients(mdp, actions, learner, start).reshape(-1)
    limits = delta[rows // mdp.reward.shape[1]]
    matrix = -gap_matrix(mdp, actions, None)[rows]
    solution = solve_program(costs, matrix, -limits, _bounds(mdp, allowed, largest))
    return _reward(solution, mdp, actions, allowed, largest)


def grow_allowed(
    mdp: FiniteMDP, actions: Tensor, budget: int, horizons: Sequence[int] = (1, 4, 8, 16, 32), largest: float = 10.0
) -> list[int]:
    """States that may pay: those that pay originally, then always the one that raises I most, up to ``budget``."""
    chosen = (mdp.reward != 0).any(1).nonzero()[:, 0].tolist()

    def gain(state: int) -> float:
        reward = design_reward(mdp, actions, horizons, [*chosen, state], largest)
        return informativeness(mdp, reward, actions, horizons)

    while len(chosen) < min(budget, len(mdp.reward)):
        chosen.append(max((state for state in range(len(mdp.reward)) if state not in chosen), key=gain))
    return sorted(chosen)


Bounds = list[tuple[float | None, float | None]]


def _bounds(mdp: FiniteMDP, allowed: Collection[int] | None, largest: float) -> Bounds:
    states, choices = mdp.reward.shape
    sizes = [largest if allowed is None or state in allowed else 0.0 for state in range(states)]
    return [(-size, size) for size in sizes for _ in range(choices)]


def solve_program(costs: Tensor, matrix: Tensor, limits: Tensor, bounds: Bounds) -> Tensor | None:
    """``argmin costs x`` subject to ``matrix x <= limits`` and bounds; None if nothing fits.

    Raises:
        GuerdonError: without scipy.
    """
    try:
        from scipy.optimize import linprog  # pyright: ignore[reportMissingImports, reportMissingModuleSource]
    except ImportError:
        raise GuerdonError("designing a reward needs the package scipy; pip install 'guerdon[control]'") from None
    found = linprog(costs.numpy(), matrix.numpy(), limits.numpy(), bounds=bounds, method="highs")
    return torch.from_numpy(found.x) if found.status == 0 else None


def _reward(
    solution: Tensor | None, mdp: FiniteMDP, actions: Tensor, allowed: Collection[int] | None, largest: float
) -> Tensor:
    """The reward out of a solution, or an error that names the state whose margin cannot be had."""
    states, choices = mdp.reward.shape
    if solution is not None:
        return solution[: states * choices].reshape(states, choices)
    delta, worse = margins(mdp, actions)
    rows = worse.reshape(-1).nonzero()[:, 0]
    lack = torch.zeros((len(rows), states), dtype=torch.float64)
    lack[torch.arange(len(rows)), rows // choices] = -1.0
    matrix = torch.cat([-gap_matrix(mdp, actions, None)[rows], lack], 1)
    costs = torch.cat([torch.zeros(states * choices), torch.ones(states)])
    bounds = [*_bounds(mdp, allowed, largest), *[(0.0, None)] * states]
    least = solve_program(costs, matrix, -delta[rows // choices], bounds)
    assert least is not None
    state = int(least[states * choices :].argmax())
    raise GuerdonError(
        f"the allowed states and rewards up to {largest:g} must let the target be best by its margin, got state {state} "
        f"{float(least[states * choices + state]):.3g} short; allow more states or larger rewards"
    )
