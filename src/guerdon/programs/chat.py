"""Language models that answer in a chat, behind one small protocol: n replies to a list of messages.

Idea
    A search loop needs no more than ``chat(messages, n, temperature) -> list[str]``, so any endpoint, or a script,
    can stand behind it. Loops with several roles ask ``as_role(chat, name)``, which only scripts tell apart.
Reads
    Messages ``{"role": "system" | "user" | "assistant", "content": text}``.
Deviations
    ``OpenAIChat`` speaks the common part of the OpenAI-compatible protocol: no tools, no streams.
"""

import hashlib
import json
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from guerdon.errors import GuerdonError
from guerdon.rewards import _http
from guerdon.rewards.retry import Retry

Message = Mapping[str, str]
ANSWER_BYTES = 1 << 24


class ChatModel(Protocol):
    """What search loops talk to."""

    def __call__(self, messages: Sequence[Message], n: int = 1, temperature: float = 1.0) -> list[str]:
        """``n`` replies to the messages."""
        ...


class ChatFailed(RuntimeError):
    """The model gave no answer. One sentence; it never holds the key."""


class ScriptExhausted(GuerdonError):
    """A script was asked for more replies than it has."""


def as_role(chat: ChatModel, name: str) -> ChatModel:
    """The model in one of the roles of a loop; a real model is the same in all of them."""
    role = getattr(chat, "as_role", None)
    return chat if role is None else role(name)


def system(text: str) -> Message:
    """A message of the system."""
    return {"role": "system", "content": text}


def user(text: str) -> Message:
    """A message of the user."""
    return {"role": "user", "content": text}


def assistant(text: str) -> Message:
    """A message of the model."""
    return {"role": "assistant", "content": text}


@dataclass(frozen=True)
class OpenAIChat:
    """A model behind an OpenAI-compatible endpoint: ``POST <url>/chat/completions``."""

    url: str
    """Base, such as ``http://127.0.0.1:8000/v1``."""
    model: str
    """The model's name there."""
    key_env: str | None = None
    """Environment variable that holds the key; None: no key. It is read for each request, never kept or shown."""
    timeout: float = 120.0
    """Seconds for one request, to the last byte."""
    retry: Retry = field(default_factory=Retry)
    """How requests are tried again after a failure that may pass."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further entries of a request, such as ``{"max_tokens": 2000, "seed": 1}``."""

    def __post_init__(self) -> None:
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise GuerdonError("OpenAIChat.url must be http://HOST:PORT/PATH or https, without a password; use key_env")
        if not self.timeout > 0 or not self.model:
            raise GuerdonError(f"OpenAIChat needs a model and timeout > 0, got {self.model!r} and {self.timeout}")

    def __call__(self, messages: Sequence[Message], n: int = 1, temperature: float = 1.0) -> list[str]:
        """``n`` replies; a server that gives fewer at once, or is too slow for so many, is asked again for less.

        Raises:
            ChatFailed: if there is no answer after all tries.
        """
        replies: list[str] = []
        size = n
        while len(replies) < n:
            size = min(size, n - len(replies))
            try:
                got = self._asked(messages, size, temperature)
            except _http.NoAnswer as failure:
                # Servers that know no n say 400 or 422; one that is late may manage half.
                refused = any(f"answered {status}" in failure.reason for status in (400, 422))
                if size == 1 or not (refused or "within" in failure.reason):
                    raise ChatFailed(f"the model {self.model!r} must answer, but {failure.reason}") from None
                size = 1 if refused else size // 2
                continue
            replies += got[:size]
        return replies

    def _asked(self, messages: Sequence[Message], n: int, temperature: float) -> list[str]:
        facts = {"model": self.model, "messages": [dict(message) for message in messages], "temperature": temperature}
        body = json.dumps({**self.options, **facts, **({"n": n} if n > 1 else {})}).encode()
        waits = self.retry.waits(hashlib.blake2b(body, digest_size=8).hexdigest())
        key = _http.read_token(self.key_env, None)
        url = self.url.rstrip("/") + "/chat/completions"
        while True:
            try:
                return _replies(_http.post(url, body, key, self.timeout, ANSWER_BYTES, "chat server", "reply"))
            except _http.NoAnswer as failure:
                wait = next(waits, None) if failure.passing and (n == 1 or "within" not in failure.reason) else None
                if wait is None:
                    raise _http.NoAnswer(without(key, failure.reason), failure.passing) from None
                time.sleep(wait)


def without(key: str | None, text: str) -> str:
    """The text up to where it quotes the key, or the beginning of it: servers put it into their complaints."""
    return text if key is None or key[:6] not in text else text[: text.index(key[:6])] + "[key]"


def _replies(answer: Any) -> list[str]:
    """The texts of an answer.

    Raises:
        NoAnswer: if there are none.
    """
    try:
        texts = [choice["message"]["content"] or "" for choice in answer["choices"]]
    except (KeyError, TypeError, IndexError):
        texts = []
    if not texts or not all(isinstance(text, str) for text in texts):
        raise _http.NoAnswer("the chat server answered JSON without choices that hold a message", passing=False)
    return texts


@dataclass(frozen=True)
class Call:
    """One request that a script saw."""

    role: str
    messages: tuple[dict[str, str], ...]
    n: int
    replies: tuple[str, ...]


Script = Sequence[str] | Mapping[str, Sequence[str]] | Callable[[Sequence[Message]], str]


class ScriptedChat:
    """Replies from a list, from a list per role, or from a function of the messages. Records every call."""

    def __init__(self, replies: Script) -> None:
        self.calls: list[Call] = []
        self._function = replies if callable(replies) else None
        by_role: Any = {} if callable(replies) else replies if isinstance(replies, Mapping) else {"": replies}
        self._left: dict[str, list[str]] = {role: list(texts) for role, texts in by_role.items()}

    def as_role(self, name: str) -> ChatModel:
        """The script of one role."""
        return lambda messages, n=1, temperature=1.0: self(messages, n, temperature, role=name)

    def __call__(self, messages: Sequence[Message], n: int = 1, temperature: float = 1.0, role: str = "") -> list[str]:
        """The next ``n`` replies.

        Raises:
            ScriptExhausted: if there are not so many.
        """
        replies = [self._next(messages, role) for _ in range(n)]
        self.calls.append(Call(role, tuple(dict(message) for message in messages), n, tuple(replies)))
        return replies

    def _next(self, messages: Sequence[Message], role: str) -> str:
        if self._function is not None:
            return self._function(messages)
        left = self._left.get(role, self._left.get(""))
        if not left:
            whose = f" of role {role!r}" if role else ""
            raise ScriptExhausted(
                f"the script{whose} must have a reply for each call, got none for call {self._count()}"
            )
        return left.pop(0)

    def _count(self) -> int:
        return sum(call.n for call in self.calls) + 1
