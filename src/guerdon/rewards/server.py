"""A reward as an HTTP server: what ``guerdon serve-reward`` runs and ``remote.py`` talks to.

Idea
    ``POST /score`` scores samples (see ``samples.py``), ``GET /health`` says that it is there. JSON both ways. The reward
    is guarded as in a run, so one bad sample costs one score.
Reads
    The token, if there is one, from every request but that for health.
Deviations
    Meant for a network that is trusted: the token and the samples are not encrypted. Nothing is logged.
"""

import hmac
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from guerdon.errors import GuerdonError
from guerdon.rewards.samples import SampleJudge

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Limits:
    """What one caller may ask for."""

    body: int = 64 << 20
    """Bytes of a request."""
    requests: int = 64
    """Requests at the same time; further ones are told to come again."""
    patience: float = 30.0
    """Seconds to wait for the next bytes of a request."""


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class RewardServer(ThreadingHTTPServer):
    """Scores what is posted to it."""

    daemon_threads = False  # closing waits for answers that are under way

    def __init__(
        self, address: tuple[str, int], judge: SampleJudge, *, token: str | None = None, limits: Limits | None = None
    ) -> None:
        """Binds; serves once ``serve_forever`` is called.

        Raises:
            GuerdonError: if other machines could call it and it has no token.
        """
        if token is None and address[0] not in LOOPBACK:
            raise GuerdonError(
                f"a reward server that other machines can call needs a token, got host {address[0]} and none; "
                "name one with --token-env or --token-file"
            )
        self.judge, self.token, self.limits = judge, token, limits or Limits()
        self.places = threading.BoundedSemaphore(self.limits.requests)
        super().__init__(address, Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away is no event."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: RewardServer  # type: ignore[assignment]
    server_version, sys_version = "guerdon", ""

    def setup(self) -> None:
        """Wait for a caller's bytes only so long."""
        self.request.settimeout(self.server.limits.patience)
        BaseHTTPRequestHandler.setup(self)

    def do_GET(self) -> None:
        """Health."""
        if self.path.partition("?")[0] == "/health":
            self._answer(200, {"status": "ok"})
        else:
            self._answer(404, {"error": "there are GET /health and POST /score"})

    def do_POST(self) -> None:
        """Score."""
        if not self.server.places.acquire(blocking=False):
            self._answer(503, {"error": "too many requests at the same time; come again"})
            return
        try:
            self._answer(200, self._scored())
        except Refused as refusal:
            self._answer(refusal.status, {"error": refusal.sentence})
        except GuerdonError as error:
            self._answer(400, {"error": str(error)})
        except OSError:
            self.close_connection = True
        except Exception as error:
            self._answer(500, {"error": f"the reward failed: {type(error).__name__}: {error}"[:400]})
        finally:
            self.server.places.release()

    def _scored(self) -> dict[str, Any]:
        self._check_token()
        if self.path.partition("?")[0] != "/score":
            raise Refused(404, "there are GET /health and POST /score")
        samples = read_samples(self._body())
        results = self.server.judge([*enumerate(samples, 1)])
        single = len(results[0]["reward"]) == 1 if results else True
        scores = [next(iter(result["reward"].values())) if single else result["reward"] for result in results]
        return {"scores": scores, "errors": [result.get("error", "") for result in results]}

    def _check_token(self) -> None:
        given = self.headers.get("Authorization", "").encode()
        if self.server.token is not None and not hmac.compare_digest(given, f"Bearer {self.server.token}".encode()):
            raise Refused(401, "a bearer token is needed, and the one given is not it")

    def _body(self) -> bytes:
        text = self.headers.get("Content-Length", "")
        if not text.isdigit():
            raise Refused(411, "a request must say its Content-Length")
        if int(text) > self.server.limits.body:
            raise Refused(413, f"a request must have at most {self.server.limits.body} bytes, got {text}; send fewer")
        return self.rfile.read(int(text))

    def _answer(self, status: int, data: Mapping[str, Any]) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged."""


def read_samples(body: bytes) -> list[Any]:
    """The samples of a request.

    Raises:
        Refused: if it is not ``{"samples": [...]}``.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "a request must be JSON") from None
    samples = data.get("samples") if isinstance(data, dict) else None
    if not isinstance(samples, list):
        raise Refused(400, 'a request must be {"samples": [...]}')
    return samples
