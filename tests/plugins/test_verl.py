"""Registration with verl: found through the entry point, verified, and loud where something is missing."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

import guerdon
from guerdon import GuerdonError
from guerdon.plugins import verl as plugin

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    core = pytest.importorskip("verl.trainer.ppo.core_algos", reason="verl is not installed", exc_type=ImportError)

SOURCE = Path(guerdon.__file__).parents[1]
ENTRY = "[verl.plugins]\nguerdon = guerdon.plugins._verl_entry\n"


@pytest.fixture(autouse=True)
def loaded():
    plugin.load()


def run(tmp_path: Path, code: str, entry: str = ENTRY, **variables: str) -> subprocess.CompletedProcess[str]:
    """Python in a process of its own, that sees the sources as an installed package with this entry point."""
    info = tmp_path / "guerdon-9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: guerdon\nVersion: 9\n")
    (info / "entry_points.txt").write_text(entry)
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}:{SOURCE}", "PYTHONWARNINGS": "ignore", **variables}
    return subprocess.run([sys.executable, *code.split("|", 1)], capture_output=True, text=True, env=env)


def test_importing_verl_registers_everything_and_verify_tells_what_is_registered_and_what_is_not(tmp_path, monkeypatch):
    assert "estimators and policy losses of guerdon are registered" in plugin.verify()
    done = run(tmp_path, "-m|guerdon.plugins.verl")
    assert done.returncode == 0 and "are registered" in done.stdout, done.stderr
    monkeypatch.delitem(core.POLICY_LOSS_REGISTRY, "guerdon/grpo")
    with pytest.raises(GuerdonError, match="verl has no policy loss of guerdon named 'guerdon/grpo'; "):
        plugin.verify()


def test_plugins_that_are_kept_out_are_said_so(tmp_path):
    done = run(tmp_path, "-m|guerdon.plugins.verl", VERL_USE_EXTERNAL_PLUGINS="none")
    assert done.returncode == 2 and "VERL_USE_EXTERNAL_PLUGINS=none keeps plug-ins out" in done.stderr


def test_a_load_error_is_loud(monkeypatch, caplog):
    monkeypatch.setattr(plugin, "names", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        plugin.load()
    assert "guerdon could not register with verl: ZeroDivisionError" in caplog.text


def test_names_find_their_recipes(monkeypatch, tmp_path):
    monkeypatch.delenv(plugin.VARIABLE, raising=False)
    assert plugin.spec_of("guerdon/dapo") == "dapo"
    assert plugin.spec_of("guerdon", {"guerdon": {"recipe": "grpo:trl"}}) == "grpo:trl"
    with pytest.raises(GuerdonError, match="guerdon alone needs a recipe: set "):
        plugin.spec_of("guerdon", {})
    monkeypatch.setenv(plugin.VARIABLE, "rloo")
    assert plugin.spec_of("guerdon") == "rloo"


def test_the_registered_functions_run_as_verl_calls_them():
    from verl.workers.config import ActorConfig

    estimator = core.get_adv_estimator_fn("guerdon/grpo")
    rewards, mask = torch.tensor([[0.0, 1.0], [0.0, 0.0]]), torch.ones(2, 2)
    advantages, _ = estimator(token_level_rewards=rewards, response_mask=mask, config=None, index=["u", "u"])
    wanted, _ = core.compute_grpo_outcome_advantage(rewards, mask, ["u", "u"])
    torch.testing.assert_close(advantages, wanted)
    config = ActorConfig(strategy="fsdp", rollout_n=2, ppo_micro_batch_size_per_gpu=1)
    logprob = torch.zeros(2, 2, requires_grad=True)
    loss, metrics = core.get_policy_loss_fn("guerdon/grpo")(
        old_log_prob=torch.zeros(2, 2),
        log_prob=logprob,
        advantages=advantages,
        response_mask=mask.bool(),
        loss_agg_mode="token-mean",
        config=config,
        rollout_is_weights=None,
    )
    loss.backward()
    torch.testing.assert_close(logprob.grad, -advantages / 4)
    assert metrics["actor/clip_fraction"] == 0.0
