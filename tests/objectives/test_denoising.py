import pytest
import torch

from guerdon.batch import Batch
from guerdon.loop import train
from guerdon.objective import Objective
from guerdon.objectives.denoising import NoiseRegression
from guerdon.policies.denoiser import Denoiser
from guerdon.recipe import Recipe
from guerdon.rollouts.noising import NoisedData
from guerdon.tasks.points import Points
from guerdon.update import Update


def test_mean_over_dimensions_by_hand():
    batch = Batch.build(
        {
            "step.noise_prediction": torch.tensor([[1.0, 2.0], [0.0, 0.0]]),
            "step.noise": torch.tensor([[0.0, 0.0], [0.0, 3.0]]),
            "step.ref_noise_prediction": torch.tensor([[1.0, 1.0], [0.0, 0.0]]),
        },
        traj_of_step=torch.tensor([0, 1]),
        group_of_traj=torch.tensor([0, 0]),
    )
    rows = NoiseRegression(coef=2.0)(batch)
    assert rows.level == "action" and rows.values.tolist() == [5.0, 9.0]
    assert rows.metrics["noise_error"].tolist() == [2.5, 4.5]
    anchor = NoiseRegression(target="action.ref_noise_prediction")
    assert anchor.reads == ("action.noise_prediction", "action.ref_noise_prediction")
    assert anchor(batch).values.tolist() == [0.5, 0.0]


def test_training_reaches_the_irreducible_error():
    # For data N(0, 1) the best prediction is sqrt(1 - abar) x, whose error is abar.
    recipe = Recipe(
        objective=Objective(NoiseRegression()),
        task=Points(),
        policy=Denoiser(hidden=(32,), steps=10),
        rollout=NoisedData(samples=512),
        shaping=(),
        update=Update(lr=1e-2),
    )
    result = train(recipe, steps=120, seed=0)
    abar = result.policy.abar  # pyright: ignore[reportAttributeAccessIssue]
    floor = float(abar[1:].mean())  # pyright: ignore[reportArgumentType, reportIndexIssue]
    reached = sum(entry["noise_error"] for entry in result.metrics[-30:]) / 30
    assert result.metrics[0]["noise_error"] > 2 * floor
    assert reached == pytest.approx(floor, rel=0.1)
