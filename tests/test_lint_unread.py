from guerdon import Objective, Recipe
from guerdon.advantages.standardize import Standardize
from guerdon.objectives.nll import NLL
from guerdon.objectives.reinforce import Reinforce
from guerdon.rollouts.tabular import SampleTree
from guerdon.shaping.overlong import OverlongPenalty
from guerdon.shaping.weighted_sum import WeightedSum

SLOTS = {"rollout": SampleTree(), "advantage": (Standardize(),), "objective": Objective(Reinforce())}


def test_a_component_after_the_sum_is_warned_about():
    late = Recipe(**SLOTS, shaping=(WeightedSum(), OverlongPenalty(8, 4)))
    assert late.check() == [
        "shaping.1 (OverlongPenalty) has no effect: it writes 'traj.reward/overlong', which nothing after it reads; "
        "put it before the piece that combines the components"
    ]
    assert Recipe(**SLOTS, shaping=(OverlongPenalty(8, 4), WeightedSum())).check() == []
    assert Recipe(**SLOTS, rewards=(OverlongPenalty(8, 4),)).check() == []


def test_what_a_rollout_writes_besides_is_no_setting():
    assert Recipe(objective=Objective(NLL()), rollout=SampleTree(), shaping=()).check() == []
