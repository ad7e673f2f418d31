import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from guerdon.errors import GuerdonError
from guerdon.programs.chat import ChatFailed, OpenAIChat, ScriptedChat, ScriptExhausted, as_role, user
from guerdon.rewards.retry import Retry

QUICK = Retry(times=2, wait=0.001)


@pytest.fixture
def server():
    """A chat endpoint whose answers are the test's: a function of (number of the request, its JSON) -> (status, data)."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append((self.path, self.headers.get("Authorization"), body))
            status, data = httpd.answer(len(seen), body)  # pyright: ignore[reportAttributeAccessIssue]
            text = json.dumps(data).encode()
            with suppress(OSError):  # who asked may have gone
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        def log_message(self, format, *args):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.seen = seen
    thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
    thread.start()
    yield httpd
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def chat_to(server, **options):
    return OpenAIChat(f"http://127.0.0.1:{server.server_port}/v1", "tiny", **{"retry": QUICK, **options})


def choices(*texts):
    return 200, {"choices": [{"message": {"role": "assistant", "content": text}} for text in texts]}


def test_n_replies_come_from_one_request(server, monkeypatch):
    server.answer = lambda number, body: choices(*(f"r{k}" for k in range(body["n"])))
    monkeypatch.setenv("CHAT_KEY", "sk-secret")
    chat = chat_to(server, key_env="CHAT_KEY", options={"max_tokens": 5})
    assert chat([user("hi")], n=3, temperature=0.5) == ["r0", "r1", "r2"]
    path, authorization, body = server.seen[0]
    assert (path, authorization) == ("/v1/chat/completions", "Bearer sk-secret")
    assert body == {
        "max_tokens": 5,
        "model": "tiny",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.5,
        "n": 3,
    }
    assert "sk-secret" not in repr(chat)


def test_a_server_without_n_is_asked_n_times(server):
    server.answer = lambda number, body: choices(f"r{number}")
    assert chat_to(server)([user("hi")], n=3) == ["r1", "r2", "r3"]
    server.seen.clear()
    server.answer = lambda number, body: (400, {"error": "n unknown"}) if body.get("n") else choices(f"r{number}")
    assert chat_to(server)([user("hi")], n=2) == ["r2", "r3"]


def test_a_busy_server_is_asked_again_and_a_refusal_is_not(server, monkeypatch):
    server.answer = lambda number, body: (503, {}) if number < 3 else choices("ok")
    assert chat_to(server)([user("hi")]) == ["ok"]
    server.answer = lambda number, body: (401, {"error": {"message": "bad key sk-secret-key"}})
    server.seen.clear()
    monkeypatch.setenv("CHAT_KEY", "sk-secret-key")
    with pytest.raises(ChatFailed, match="answered 401") as caught:
        chat_to(server, key_env="CHAT_KEY")([user("hi")])
    assert "secret" not in str(caught.value) and len(server.seen) == 1


def test_a_late_answer_halves_n(server):
    wait = threading.Event()

    def answer(number, body):
        if body.get("n", 1) > 2:
            wait.wait(1)
        return choices(*"ab"[: body.get("n", 1)])

    server.answer = answer
    assert chat_to(server, timeout=0.4)([user("hi")], n=4) == ["a", "b", "a", "b"]
    wait.set()
    assert [body.get("n") for _, _, body in server.seen] == [4, 2, 2]


@pytest.mark.parametrize("data", [[], {}, {"choices": []}, {"choices": [{"message": {"content": 3}}]}])
def test_an_answer_without_replies_is_said_to_be_none(server, data):
    server.answer = lambda number, body: (200, data)
    with pytest.raises(ChatFailed, match="without choices"):
        chat_to(server)([user("hi")])


def test_bad_settings_are_refused(monkeypatch):
    for url in ("ftp://a", "http://", "http://me:pw@host/v1"):
        with pytest.raises(GuerdonError, match="url must be"):
            OpenAIChat(url, "tiny")
    with pytest.raises(GuerdonError, match="timeout > 0"):
        OpenAIChat("http://host", "tiny", timeout=0)
    monkeypatch.delenv("NO_KEY", raising=False)
    with pytest.raises(GuerdonError, match="NO_KEY"):
        OpenAIChat("http://127.0.0.1:1", "tiny", key_env="NO_KEY")([user("hi")])


def test_a_script_answers_in_order_and_records_every_call():
    chat = ScriptedChat(["a", "b", "c"])
    assert chat([user("x")], n=2) == ["a", "b"] and chat([user("y")]) == ["c"]
    assert [(call.messages[0]["content"], call.replies) for call in chat.calls] == [("x", ("a", "b")), ("y", ("c",))]
    with pytest.raises(ScriptExhausted, match="call 4"):
        chat([user("z")])
    with pytest.raises(ScriptExhausted, match="call 1"):
        ScriptedChat(["a"])([user("z")], n=0) or ScriptedChat([])([user("z")])


def test_roles_have_scripts_of_their_own():
    chat = ScriptedChat({"designer": ["d"], "critic": ["c"]})
    assert as_role(chat, "critic")([user("x")]) == ["c"] and as_role(chat, "designer")([user("x")]) == ["d"]
    assert [call.role for call in chat.calls] == ["critic", "designer"]
    with pytest.raises(ScriptExhausted, match="role 'critic'"):
        as_role(chat, "critic")([user("x")])
    real = OpenAIChat("http://host", "tiny")
    assert as_role(real, "critic") is real


def test_a_script_may_be_a_function():
    chat = ScriptedChat(lambda messages: messages[-1]["content"].upper())
    assert chat([user("x")], n=2) == ["X", "X"]
