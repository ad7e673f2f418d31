"""How different the samples of a problem are: different answers, different phrases, likeness of the texts.

Maths
    Different answers among k of n samples, exactly (rarefaction, Hurlbert, 1971): ``sum_a 1 - C(n - n_a, k) / C(n, k)``.
    distinct-n (Li et al., 2016): different word n-grams over all word n-grams of the samples.
    Self-similarity: the mean over pairs of samples of the Jaccard index ``|A & B| / |A | B|`` of the sets of their
    character trigrams.
Reads
    Answers, or texts, of the samples of one problem.
Deviations
    None, an answer that could not be read, is no answer. Texts are padded with two marks at both ends, so that a text
    of any length has trigrams. What has nothing to count is NaN.
"""

import math
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from guerdon.errors import GuerdonError

LONGEST = 8192
"""Characters of a text that its trigrams are taken from."""


def distinct_at_k(answers: Sequence[Hashable | None], k: int) -> float:
    """Expected number of different answers among k of the samples.

    Raises:
        GuerdonError: unless ``1 <= k <= samples``.
    """
    samples = len(answers)
    if not 1 <= k <= samples:
        raise GuerdonError(f"distinct_at_k needs k between 1 and the {samples} samples, got {k}")
    counts = Counter(answer for answer in answers if answer is not None).values()
    every = math.comb(samples, k)
    return math.fsum(1 - math.comb(samples - count, k) / every for count in counts)


def distinct_phrases(texts: Sequence[str], n: int = 2) -> float:
    """distinct-n over the words of all the texts; NaN if none has n words."""
    grams: list[tuple[str, ...]] = []
    for words in map(str.split, texts):
        grams += zip(*(words[start:] for start in range(n)), strict=False)
    return len(set(grams)) / len(grams) if grams else math.nan


def self_similarity(texts: Sequence[str]) -> float:
    """Mean Jaccard index over all pairs of texts; NaN for fewer than two."""
    if len(texts) < 2:
        return math.nan
    different = Counter(texts)
    sets = [_trigrams(text[:LONGEST]) for text in different]
    vocabulary = np.unique(np.concatenate(sets))
    member = np.zeros((len(sets), len(vocabulary)), dtype=np.float32)
    for row, found in enumerate(sets):
        member[row, np.searchsorted(vocabulary, found)] = 1
    shared, sizes = (member @ member.T).astype(np.float64), member.sum(1, dtype=np.float64)
    index = shared / (sizes[:, None] + sizes[None, :] - shared)
    times = np.array(list(different.values()), dtype=np.float64)
    # All ordered pairs less each text with itself.
    return float((times @ index @ times - times.sum()) / (times.sum() * (times.sum() - 1)))


def _trigrams(text: str) -> np.ndarray:
    """The different trigrams of the padded text, as sorted numbers; a character takes 21 bits."""
    padded = f"\0\0{text}\0\0".encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(padded, dtype="<u4").astype(np.int64)
    return np.unique((codes[:-2] << 42) | (codes[1:-1] << 21) | codes[2:])
