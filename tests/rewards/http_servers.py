"""Servers that misbehave, for the tests of the remote reward, and one that serves a reward."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator

from guerdon.rewards.samples import SampleJudge
from guerdon.rewards.server import RewardServer

JSON = b"Content-Type: application/json\r\n"


def reply(body: bytes, status: str = "200 OK", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s" % (status.encode(), JSON, size, body)


def scores(*values: object, **more: object) -> bytes:
    return reply(json.dumps({"scores": list(values), **more}).encode())


def hang(connection: socket.socket) -> None:
    connection.recv(1)
    time.sleep(30)


def drip(connection: socket.socket) -> None:
    """A header line that never ends."""
    byte_by_byte(connection, b"HTTP/1.1 200 OK\r\nX-Long: ", b"x")


def drip_body(connection: socket.socket) -> None:
    byte_by_byte(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n[", b" ")


def byte_by_byte(connection: socket.socket, start: bytes, byte: bytes) -> None:
    """The start, and then a byte at a time, each of them in time."""
    connection.sendall(start)
    with contextlib.suppress(OSError):
        for _ in range(600):
            connection.sendall(byte)
            time.sleep(0.05)


def flood(connection: socket.socket) -> None:
    """An answer without an end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    with contextlib.suppress(OSError):
        for _ in range(1000):
            connection.sendall(b"x" * (1 << 20))


def read_request(connection: socket.socket) -> tuple[bytes, bytes]:
    """Head and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := connection.recv(1 << 16)):
            return data, b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-l")), 0
    )
    while len(body) < length:
        body += connection.recv(1 << 16)
    return head, body


class Scripted:
    """Answers each request by the next entry of a list, the last one again and again: bytes, or what to do with it."""

    def __init__(self, *answers: bytes | Callable[[socket.socket], None]) -> None:
        self.answers, self.requests = answers, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/score"
        self.lock = threading.Lock()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            request = read_request(connection)
            with self.lock:
                answer = self.answers[min(len(self.requests), len(self.answers) - 1)]
                self.requests.append(request)
            if isinstance(answer, bytes):
                connection.sendall(answer)
            else:
                answer(connection)

    def close(self) -> None:
        self.socket.close()


@contextlib.contextmanager
def served(piece: object, task: object = None, **options: object) -> Iterator[RewardServer]:
    """A reward server in a thread."""
    with RewardServer(("127.0.0.1", 0), SampleJudge(piece, task), **options) as server:  # type: ignore[arg-type]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
