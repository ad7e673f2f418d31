"""The KL-regularised optimum on a finite set of responses (baseline-kl-optimum): what alignment methods converge to.

Maths
    max_pi E_pi[r] - beta KL(pi || ref)  is solved by  pi*(y) = ref(y) exp(r(y) / beta) / Z, with value beta log Z.
Reads
    Log-probs and rewards of all responses, ``[..., responses]``.
Deviations
    None.
"""

from torch import Tensor


def kl_optimum(ref_logprob: Tensor, reward: Tensor, beta: float) -> Tensor:
    """log pi* of every response, ``[..., responses]``; ``ref_logprob`` need not be normalised."""
    return (ref_logprob + reward / beta).log_softmax(-1)


def kl(logprob: Tensor, other: Tensor) -> Tensor:
    """KL(p || q) from the log-probs of all responses, ``[...]``; both are normalised."""
    return (logprob.exp() * (logprob - other)).sum(-1)
