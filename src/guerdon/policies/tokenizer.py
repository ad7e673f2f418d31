"""Text <-> token ids: what language-model policies ask of a tokenizer, and a small one trained on a task.

Idea
    Bytes, plus the words that the task's prompts share: the boilerplate of a prompt becomes a few tokens,
    everything that varies is spelled letter by letter, and nothing is unknown.
Reads
    A sample of the task's training problems.
Deviations
    The vocabulary follows from the texts alone, so a policy rebuilt from its spec has the same vocabulary.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

EOS, PAD = "<eos>", "<pad>"


class TextTokenizer(Protocol):
    """What a language-model policy needs of a tokenizer."""

    eos_id: int
    pad_id: int
    vocab_size: int

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, no special tokens added."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids, special tokens left out."""
        ...


class SmallTokenizer:
    """A trained ``tokenizers.Tokenizer`` behind the three methods above."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        vocabulary = tokenizer.get_vocab()
        self.pad_id, self.eos_id, self.vocab_size = vocabulary[PAD], vocabulary[EOS], len(vocabulary)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text."""
        return self.tokenizer.encode(text).ids

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids; end-of-sequence and padding are left out."""
        return self.tokenizer.decode(list(ids))


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> SmallTokenizer:
    """Bytes, and the words (with their leading space) that at least a fifth of the texts share.

    ``vocab_size`` bounds the vocabulary; the most common words come first, ties in alphabetical order.
    """
    found: Counter[str] = Counter()
    texts = list(texts)
    for text in texts:
        found.update(set(re.findall(r" ?[A-Za-z]{2,}", text)))
    alphabet = [PAD, EOS, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    room = max(vocab_size - len(alphabet), 0)
    common = sorted(
        (word for word, texts_with in found.items() if 5 * texts_with >= len(texts)), key=lambda w: (-found[w], w)
    )
    # Byte-level pre-tokenisation writes a space as this letter.
    words = [word.replace(" ", "\u0120") for word in common[:room]]
    vocabulary = {token: number for number, token in enumerate([*alphabet, *words])}
    tokenizer = Tokenizer(
        models.WordPiece(vocabulary, unk_token=PAD, continuing_subword_prefix="", max_input_chars_per_word=10**9)
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r" ?[a-zA-Z]+|."), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([PAD, EOS])
    # A prompt that spells out a special token stays text: only the sampler may end a response.
    tokenizer.encode_special_tokens = True
    return SmallTokenizer(tokenizer)
