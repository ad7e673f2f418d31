"""A transformers tokenizer behind ``TextTokenizer``, with documents and chats as prompts.

Idea
    A prompt is tokenised once, with the special tokens the model was trained with: a leading one for plain text, those
    of the chat template for messages. Nothing is ever tokenised twice.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from guerdon.errors import GuerdonError


class HuggingFaceTokenizer:
    """Ids of texts, documents and chats; texts of ids."""

    def __init__(self, inner: Any, name: str) -> None:
        """``inner``: a ``PreTrainedTokenizerBase``; ``name``: of the model, for messages.

        Raises:
            GuerdonError: if it has no end-of-sequence token.
        """
        if inner.eos_token_id is None:
            raise GuerdonError(f"the tokenizer of {name!r} must have an end-of-sequence token, got none; set eos_token")
        self.inner, self.name = inner, name
        self.eos_id: int = inner.eos_token_id
        self.pad_id: int = self.eos_id if inner.pad_token_id is None else inner.pad_token_id
        self.vocab_size = len(inner)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, no special tokens added."""
        return list(self.inner(text, add_special_tokens=False)["input_ids"])

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids, special tokens left out."""
        return self.inner.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def encode_document(self, text: str) -> list[int]:
        """Token ids of the beginning of a document: with the leading special token, if the model has one."""
        ids = list(self.inner(text)["input_ids"])
        while ids and ids[-1] == self.eos_id:
            ids.pop()
        return ids or [self.eos_id]

    def encode_chat(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """Token ids of messages in the chat template, up to where the assistant's answer starts.

        Raises:
            GuerdonError: if the tokenizer has no chat template, or the template refuses the messages.
        """
        if not self.inner.chat_template:
            raise GuerdonError(
                f"chat prompts need a tokenizer with a chat template, got {self.name!r} without one; "
                "choose an instruction-tuned model, or plain-text prompts with chat=False"
            )
        from jinja2.exceptions import TemplateError

        conversation = [dict(message) for message in messages]
        try:
            ids = self.inner.apply_chat_template(
                conversation, add_generation_prompt=True, tokenize=True, return_dict=False
            )
        except TemplateError as error:
            roles = ", ".join(message.get("role", "?") for message in conversation)
            raise GuerdonError(
                f"the chat template of {self.name!r} refuses messages with roles {roles}: {error}"
            ) from None
        return list(ids)
