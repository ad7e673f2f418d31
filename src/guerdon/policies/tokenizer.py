"""Text <-> token ids: what language-model policies ask of a tokenizer, and a small one trained on a task.

Idea
    A byte-level BPE over the task's own prompts and answers: the boilerplate of a prompt becomes a few
    tokens, digits stay single, and nothing is unknown.
Reads
    A sample of the task's training problems.
Deviations
    Training is deterministic, so a policy rebuilt from its spec has the same vocabulary.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

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
        self.pad_id, self.eos_id = tokenizer.token_to_id(PAD), tokenizer.token_to_id(EOS)
        self.vocab_size = tokenizer.get_vocab_size()

    def encode(self, text: str) -> list[int]:
        """Token ids of a text."""
        return self.tokenizer.encode(text).ids

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids; end-of-sequence and padding are left out."""
        return self.tokenizer.decode(list(ids))


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> SmallTokenizer:
    """Byte-level BPE over ``texts``; digits and punctuation are never merged, bytes that do not occur cost nothing."""
    texts = list(texts)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\d| ?[^\w\s]| ?[a-zA-Z]+|\s"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[PAD, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        min_frequency=max(len(texts) // 20, 2),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return SmallTokenizer(tokenizer)
