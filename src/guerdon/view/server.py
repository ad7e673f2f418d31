"""The page and its data on loopback, and nothing else.

Idea
    A fixed table of paths, so that no request can name a file. A request has to say that it is for this host and port,
    which a page elsewhere that a name server points here cannot; one that makes something run has to come from
    our own page.
"""

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from guerdon.errors import GuerdonError
from guerdon.view import export
from guerdon.view.store import Store

HOST = "127.0.0.1"
BODY = 64 << 10
"""Bytes of a request."""
PATIENCE = 60.0
"""Seconds to wait for a caller's next bytes."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Frame-Options": "DENY",
}
NOTHING_RUNS = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}

Query = Mapping[str, str]


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class ViewServer(ThreadingHTTPServer):
    """Serves one store."""

    daemon_threads = True

    def __init__(self, store: Store, port: int = 0) -> None:
        """Binds; serves once ``serve_forever`` is called.

        Raises:
            GuerdonError: if the port is taken.
        """
        self.store = store
        self.one_at_a_time = threading.Lock()
        try:
            super().__init__((HOST, port), Handler)
        except OSError as error:
            raise GuerdonError(
                f"port {port} on {HOST} must be free, but it cannot be used ({error.strerror}); "
                "name another with --port, or 0 for any"
            ) from None

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away is no event."""


def read_meta(store: Store, query: Query) -> Any:
    # A page that asks whether anything is new is told no more than that nothing is.
    version = str(store.refresh().version)
    return {"version": version} if query.get("known") == version else store.meta()


def read_columns(store: Store, query: Query) -> Any:
    return store.columns(query["names"].split(",") if query.get("names") else None)


def read_texts(store: Store, query: Query) -> Any:
    text = query.get("rows", "")
    return store.heads([integer("rows", part) for part in text.split(",")] if text else [])


def read_search(store: Store, query: Query) -> Any:
    return store.search(query.get("q", ""), query.get("in", "response"), query.get("case", "0") == "1")


def read_rollout(store: Store, query: Query) -> Any:
    return store.rollout(integer("row", query.get("row")))


READ: Mapping[str, Callable[[Store, Query], Any]] = {
    "/api/meta": read_meta,
    "/api/columns": read_columns,
    "/api/texts": read_texts,
    "/api/search": read_search,
    "/api/rollout": read_rollout,
}


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: ViewServer  # type: ignore[assignment]
    server_version, sys_version = "guerdon", ""
    protocol_version = "HTTP/1.1"
    timeout = PATIENCE
    wbufsize = -1  # headers and body in one packet: the second would wait for an acknowledgement
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """The page, or data."""
        self._guarded(self._get)

    def do_POST(self) -> None:
        """What takes a model to answer."""
        self._guarded(self._post)

    def _get(self) -> None:
        where = urlsplit(self.path)
        if where.path == "/":
            return self._page()
        if where.path not in READ:
            raise Refused(404, f"there are / and {', '.join(READ)}")
        query = {name: values[-1] for name, values in parse_qs(where.query, keep_blank_values=True).items()}
        self._json(200, READ[where.path](self.server.store, query))

    def _post(self) -> None:
        own = {f"http://{name}:{self.server.server_port}" for name in (HOST, "localhost")}
        if self.headers.get("Origin", self.server.url.rstrip("/")) not in own:
            raise Refused(403, "only the viewer's own page may ask for this")
        body = self._body()
        if self.headers.get_content_type() != "application/json":
            raise Refused(400, "a request must have Content-Type application/json")
        if urlsplit(self.path).path != "/api/checkpoints":
            raise Refused(404, "there is POST /api/checkpoints")
        from guerdon.view.checkpoints import compare

        with self.server.one_at_a_time:
            self._json(200, compare(self.server.store, body))

    def _guarded(self, answer: Callable[[], None]) -> None:
        hosts = {f"{name}:{self.server.server_port}" for name in (HOST, "localhost")}
        try:
            if self.headers.get("Host") not in hosts:
                raise Refused(403, "a request must be for the host and port that the viewer serves")
            answer()
        except Refused as refusal:
            self._json(refusal.status, {"error": refusal.sentence})
        except GuerdonError as error:
            self._json(400, {"error": str(error)})
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception as error:
            self._json(500, {"error": f"the viewer failed: {type(error).__name__}: {error}"[:400]})

    def _body(self) -> dict[str, Any]:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > BODY:
            self.close_connection = True
            raise Refused(400, f"a request must say its Content-Length, at most {BODY} bytes")
        try:
            data = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            raise Refused(400, "a request must be JSON") from None
        if not isinstance(data, dict):
            raise Refused(400, "a request must be a JSON object")
        return data

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Errors of the protocol: as JSON too, and without an echo of what was sent."""
        self.close_connection = True
        self._json(code, {"error": str(self.responses.get(code, ("an error",))[0])})

    def _page(self) -> None:
        html, style, scripts = export.files()
        policy = f"{export.policy(style, scripts, live=True)}; frame-ancestors 'none'"
        page = export.join(html, style, scripts, None).encode()
        self._send(200, "text/html; charset=utf-8", page, {"Content-Security-Policy": policy})

    def _json(self, status: int, data: Any) -> None:
        self._send(status, "application/json", json.dumps(data, allow_nan=False).encode())

    def _send(self, status: int, kind: str, body: bytes, headers: Mapping[str, str] = NOTHING_RUNS) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in {**HEADERS, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged."""


def integer(name: str, text: Any) -> int:
    """A number of a query.

    Raises:
        GuerdonError: if it is none.
    """
    try:
        return int(text)
    except (TypeError, ValueError):
        raise GuerdonError(f"{name} must be a whole number, got {text!r}") from None


__all__ = ["ViewServer"]
