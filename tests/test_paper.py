"""Papers, claims and their evidence."""

import math

import pytest

from guerdon.errors import GuerdonError
from guerdon.paper import Claim, Evidence, Paper, claim


@pytest.mark.parametrize(
    ("value", "holds"), [(0.1, True), (0.3, True), (0.2, True), (0.0999, False), (0.31, False), (math.nan, False)]
)
def test_evidence_holds_inside_its_closed_interval(value, holds):
    assert Evidence(value, 0.1, 0.3).holds is holds


def test_a_claim_measures_under_its_seed():
    @claim("the seed is half of this", tier="proxy")
    def double(seed: int) -> Evidence:
        return Evidence(2.0 * seed, 0.0, 10.0)

    assert isinstance(double, Claim) and double.tier == "proxy" and double.sentence == "the seed is half of this"
    assert double(4).value == 8.0 and double().value == 0.0
    assert claim("exact")(lambda seed: Evidence(0, 0, 0)).tier == "check"


def test_a_paper_without_a_claim_is_refused():
    with pytest.raises(GuerdonError, match="paper 'Silent' must have at least one claim, got none"):
        Paper("Silent", None, "method", "code", ())
