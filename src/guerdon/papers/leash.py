"""The Invisible Leash: Why RLVR May Not Escape Its Origin.

Idea
    Count the right answers that training keeps, finds and loses: it loses more than it finds, because it can only
    raise what it samples.
Maths
    ``SRR = P/(P+S)``, ``NDR = E/(P+E)``, ``SDS`` their harmonic mean, ``NSCR = (E-S)/(P+E+S)``; an answer counts as
    supported if seen in k samples, which shows probabilities from ``1 - zeta^(1/k)`` on.
Reads
    The answers sampled from the base and the trained model, and which are right.
Deviations
    The sampling threshold is derived here. The recipe is plain GRPO on a toy, the kind of run that is measured; the
    direction of support change is not measured on it. The SDS of the check is 13550 / 1849855 = 0.0073249; the 0.00733
    that is reported for these counts is the harmonic mean of ratios rounded before.
"""

from guerdon.metrics.support import Support, answer_entropy, detectable
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers.passk import GRPO_TOY


@claim("1355 answers kept, 5 gained and 56 lost give SRR 0.96031, NDR 0.00368, SDS 0.00732 and NSCR -0.03602")
def counts(seed: int) -> Evidence:
    table = Support(kept=1355, gained=5, lost=56)
    got = (table.retention, table.discovery, table.dynamics, table.net_change)
    error = max(abs(a - b) for a, b in zip(got, (0.96031, 0.00368, 0.0073249, -0.03602), strict=True))
    return Evidence(error, 0.0, 5e-6, note="largest error, in digits of the table")


@claim("With 1024 samples, an answer of probability 0.0029212 is missed 5% of the time")
def threshold(seed: int) -> Evidence:
    return Evidence(detectable(1024, 0.05), 0.00292115, 0.00292125, note="probability of an answer")


@claim("Answer entropy falls when one of four equally frequent answers takes over")
def narrowing(seed: int) -> Evidence:
    fall = answer_entropy("abcd") - answer_entropy("aaaaabcd")
    return Evidence(fall, 1e-6, 2.0, note="fall in nats")


paper = Paper(
    title="The Invisible Leash: Why RLVR May Not Escape Its Origin",
    arxiv="2507.14843",
    kind="analysis",
    source="paper",
    year=2025,
    recipe=GRPO_TOY,
    claims=(counts, threshold, narrowing),
)
