import math

import pytest

from guerdon.metrics.policy_drift import PolicyDrift
from guerdon.papers._bench import ragged


def test_golden_numbers() -> None:
    batch = ragged([[0.0, 1.0]], lengths=[1, 1]).with_columns(
        {
            "token.old_logprob": ragged([[0.0, math.log(0.5)]])["traj.reward"],
            "token.ref_logprob": ragged([[0.0, math.log(0.25)]])["traj.reward"],
            "token.old_entropy": ragged([[1.0, 2.0]])["traj.reward"],
        }
    )
    out = PolicyDrift()(batch)
    # d = log 2 on the second action: k3 = 1/2 + log 2 - 1.
    assert out == pytest.approx({"entropy": 1.5, "kl": (math.log(2) - 0.5) / 2})


def test_nothing_is_logged_where_there_is_no_action() -> None:
    empty = ragged([[0.0]], lengths=[0]).with_columns(
        {name: ragged([[]])["traj.reward"] for name in ("token.old_logprob", "token.ref_logprob", "token.old_entropy")}
    )
    assert PolicyDrift()(empty) == {}
