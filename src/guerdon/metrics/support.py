"""Which right answers training kept, found and lost (leash).

Maths
    With P right answers in both supports, E only in the new one and S only in the base one:
    ``SRR = P / (P + S)``, ``NDR = E / (P + E)``, ``SDS = 2 SRR NDR / (SRR + NDR)``, ``NSCR = (E - S) / (P + E + S)``.
    An answer of probability ``1 - zeta^(1/k)`` is seen in k draws with confidence ``1 - zeta``.
    Answer entropy is ``-sum_a f_a log f_a`` over the shares of equal answers.
Reads
    Per prompt the answers sampled from both models; None is an answer that could not be read, all such are one class.
Deviations
    A ratio without a denominator is 0. The threshold is derived here; the paper leaves it to an appendix.
"""

import math
from collections import Counter
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass

from guerdon.errors import GuerdonError


@dataclass(frozen=True)
class Support:
    """P, E, S: how many right answers were kept, gained and lost."""

    kept: int
    """P: in both supports."""
    gained: int
    """E: only after training."""
    lost: int
    """S: only before training."""

    @property
    def retention(self) -> float:
        """SRR: share of the base model's right answers that is kept."""
        return _ratio(self.kept, self.kept + self.lost)

    @property
    def discovery(self) -> float:
        """NDR: share of the new model's right answers that is new."""
        return _ratio(self.gained, self.kept + self.gained)

    @property
    def dynamics(self) -> float:
        """SDS: harmonic mean of retention and discovery."""
        return _ratio(2 * self.retention * self.discovery, self.retention + self.discovery)

    @property
    def net_change(self) -> float:
        """NSCR: gained less lost, as a share of all."""
        return _ratio(self.gained - self.lost, self.kept + self.gained + self.lost)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def support(
    base: Sequence[Sequence[Hashable]], trained: Sequence[Sequence[Hashable]], right: Sequence[Collection[Hashable]]
) -> Support:
    """Counts over prompts; an answer is in a support if it was sampled at least once. None is never right.

    Raises:
        GuerdonError: unless the three have one entry per prompt.
    """
    if not len(base) == len(trained) == len(right):
        raise GuerdonError(
            f"support needs one entry per prompt in all three, got {len(base)}, {len(trained)} and {len(right)}"
        )
    kept = gained = lost = 0
    for before, after, good in zip(base, trained, right, strict=True):
        old, new = ({a for a in answers if a is not None and a in good} for answers in (before, after))
        kept, gained, lost = kept + len(old & new), gained + len(new - old), lost + len(old - new)
    return Support(kept, gained, lost)


def detectable(draws: int, miss: float = 0.05) -> float:
    """Smallest probability of an answer that ``draws`` samples miss with a chance of at most ``miss``.

    Raises:
        GuerdonError: unless ``draws >= 1`` and ``0 < miss < 1``.
    """
    if draws < 1 or not 0 < miss < 1:
        raise GuerdonError(f"detectable needs draws >= 1 and 0 < miss < 1, got {draws} and {miss}")
    return -math.expm1(math.log(miss) / draws)


def answer_entropy(answers: Sequence[Hashable]) -> float:
    """Entropy in nats of the shares of equal answers; 0 without answers."""
    counts = Counter(answers).values()
    return -math.fsum(n / len(answers) * math.log(n / len(answers)) for n in counts) + 0.0
