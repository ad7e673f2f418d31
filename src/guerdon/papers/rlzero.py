"""RL Zero: Zero-Shot Language to Behaviors without any Supervision.

Idea
    Imagine frames for an instruction, replace each by the most similar real observation, and read the policy off a
    representation that holds the best policy of every reward: no gradient step.
Maths
    ``s_t = argmax_s cos(e(f_t), e(s))`` (``rewards/frame_match.py``); ``z = sqrt(d) normalize(mean_t B(s_t))``,
    ``pi_z = argmax_a F(s, a, z) . z`` (``solvers/forward_backward.py``). The reward it is best for is the frames' share
    of a state over the data's.
Reads
    Features of frames and observations; a representation.
Deviations
    Recalled. F and B are exact tables, not networks of 32 features, so nothing is lost by learning them; the video model
    and the encoder are made (``solvers/imagined_room.py``). Following the frames one by one is not compared: it uses
    their order, which the closed form drops. The temperature of the soft policy was chosen on seeds 100 to 102.
"""

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._proxy import compare
from guerdon.rewards.frame_match import match_frames
from guerdon.solvers.forward_backward import ForwardBackward, normalized
from guerdon.solvers.imagined_room import WALKS, ImaginedRoom

SEEDS = tuple(range(10))
TEMPERATURE = 3.0


@claim("Scaled copies of observations are matched to their own rows, with a similarity of 1")
def copies(seed: int) -> Evidence:
    generator = torch.Generator().manual_seed(seed)
    library, rows = torch.randn((40, 8), generator=generator, dtype=torch.float64), torch.tensor([7, 0, 39, 7])
    found = match_frames(library[rows] * torch.tensor([[0.5], [3.0], [1e-3], [70.0]]), library, rows=16)
    error = float((found.similarity - 1).abs().max()) + float((found.index != rows).sum()) + abs(found.distinct - 3)
    return Evidence(error, 0.0, 1e-12, note="error of the similarities, plus wrong rows")


@claim(
    "With exact tables, F . z of a set of states is Q* of the reward share / rho; sqrt(d) z / |z| has the same policy"
)
def closed_form(seed: int) -> Evidence:
    room = ImaginedRoom(size=5, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    share = torch.rand(25, generator=generator, dtype=torch.float64) + 0.1
    solver, states = ForwardBackward(room.transition(), share / share.sum(), 0.9), room.walk(3)
    z = solver.from_states(states)
    policy, q = solver.solve(z)
    errors = [(q - solver.induced(states).optimal_q()).abs().max() / q.abs().max()]
    errors.append(normalized(z).norm() - 5.0)
    errors.append((solver.solve(normalized(z))[0] != policy).double().max())
    return Evidence(max(abs(float(error)) for error in errors), 0.0, 1e-9, note="largest error")


@cache
def apart(how: str, soft: bool) -> list[float]:
    """Total variation between the occupancy and the imagined one, mean over the walks, by seed."""
    found = []
    for seed in SEEDS:
        room = ImaginedRoom(seed=seed)
        cells = room.size**2
        solver = ForwardBackward(room.transition(), torch.full((cells,), 1 / cells), 0.95)
        values = []
        for number in range(WALKS):
            _, q = solver.solve(normalized(solver.from_states(states_of(how, room, number))))
            policy = (q / TEMPERATURE).softmax(1) if soft else functional.one_hot(q.argmax(1), 4)
            values.append(room.apart(room.occupancy(policy, int(room.walk(number)[0])), number))
        found.append(sum(values) / WALKS)
    return found


def states_of(how: str, room: ImaginedRoom, number: int) -> Tensor:
    """The cells that a walk's frames are taken for."""
    frames, features = room.frames(number), room.features()
    if how == "distance":
        return torch.cdist(frames, features).argmin(1)
    matched = match_frames(frames, features).index
    return matched[-1:] if how == "last" else matched


@claim("The occupancy is nearer to the imagined one than that of the policy that goes to the last frame", tier="proxy")
def beats_goal(seed: int) -> Evidence:
    return compare(apart("cosine", False), apart("last", False), "total variation, greedy policies", lower=True)


@claim("With soft policies it is nearer by more than a fifth of the whole", tier="proxy")
def beats_goal_soft(seed: int) -> Evidence:
    ours, baseline = apart("cosine", True), apart("last", True)
    return compare(
        ours, [0.8 * value for value in baseline], "total variation, against 0.8 of the last frame's", lower=True
    )


@claim("Matching by cosine leads nearer than matching by distance, where the imagined colors are off", tier="proxy")
def beats_distance(seed: int) -> Evidence:
    return compare(apart("cosine", True), apart("distance", True), "total variation, soft policies", lower=True)


paper = Paper(
    title="RL Zero: Zero-Shot Language to Behaviors without any Supervision",
    arxiv="2412.05718",
    kind="method",
    source="recalled",
    year=2024,
    claims=(copies, closed_form, beats_goal, beats_goal_soft, beats_distance),
)
