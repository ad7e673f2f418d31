"""One request to a server, with a time limit that holds for all of it and a limit on the answer's size."""

import http.client
import json
import os
import ssl
import threading
import urllib.parse
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from guerdon.errors import GuerdonError

FOR_NOW = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which another try can help."""
SHOWN = 120
"""Letters of a foreign text that a reason quotes."""


class NoAnswer(Exception):
    """The server gave no usable answer."""

    def __init__(self, reason: str, passing: bool = True) -> None:
        """``passing``: whether another try can help."""
        super().__init__(reason)
        self.reason, self.passing = reason, passing


def post(
    url: str,
    body: bytes,
    token: str | None,
    timeout: float,
    limit: int,
    who: str = "reward server",
    what: str = "score",
) -> Any:
    """The JSON that the server answers; ``who`` and ``what`` it gives are words for reasons.

    Raises:
        NoAnswer: if there is none within ``timeout`` seconds and ``limit`` bytes.
    """
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        secure = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=secure)
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=timeout)
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    late = threading.Event()

    def cut() -> None:
        # A read that waits for the next byte has a limit of its own for each; this one is for the whole.
        late.set()
        with suppress(OSError, AttributeError):
            sock.shutdown(2)

    watch = threading.Timer(timeout, cut)
    try:
        connection.connect()
        sock = connection.sock
        watch.start()
        connection.request("POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers)
        response = connection.getresponse()
        data = response.read(limit + 1)
        missing = response.length
    except (OSError, http.client.HTTPException) as error:
        if late.is_set() or isinstance(error, TimeoutError):
            raise NoAnswer(f"no {what} within {timeout:g} s from the {who}") from None
        raise NoAnswer(f"the {who} cannot be reached: {type(error).__name__}: {error}"[:400]) from None
    finally:
        watch.cancel()
        connection.close()
    if late.is_set():
        raise NoAnswer(f"no {what} within {timeout:g} s from the {who}")
    return _read(response.status, data, limit, bool(missing), who)


def _read(status: int, data: bytes, limit: int, cut_off: bool, who: str) -> Any:
    if status != 200:
        told = _told(data)
        raise NoAnswer(f"the {who} answered {status}{f': {told}' if told else ''}", status in FOR_NOW)
    if len(data) > limit:
        raise NoAnswer(f"the {who} answered more than {limit} bytes", passing=False)
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        what = "half an answer" if cut_off else f"no JSON but {data[:SHOWN].decode(errors='replace')!r}"
        raise NoAnswer(f"the {who} answered {what}") from None


def _told(data: bytes) -> str:
    """The sentence of an error answer, or its first letters."""
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        answer = None
    told = answer.get("error") if isinstance(answer, Mapping) else None
    return str(told)[:400] if told else " ".join(data[:SHOWN].decode(errors="replace").split())


def read_token(variable: str | None, file: str | None) -> str | None:
    """The bearer token in an environment variable or a file; None where neither is named.

    Raises:
        GuerdonError: if there is no usable token; the message does not show it.
    """
    if variable is None and file is None:
        return None
    where = f"the environment variable {variable}" if variable is not None else f"the file {file}"
    try:
        token = os.environ[variable] if variable is not None else Path(str(file)).read_text(encoding="utf-8")
    except (KeyError, OSError, UnicodeDecodeError):
        raise GuerdonError(f"a token must stand in {where}, which cannot be read") from None
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise GuerdonError(f"a token must be letters, digits and signs without spaces; what {where} holds is not")
    return token


__all__ = ["NoAnswer", "post", "read_token"]
