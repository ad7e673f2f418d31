import http.client
import json
import socket
import threading
from contextlib import contextmanager

import pytest
from fake_runs import fake_run, text_batch

from guerdon.errors import GuerdonError
from guerdon.view import export, server
from guerdon.view.server import ViewServer
from guerdon.view.store import Store

HTML = "<!--policy--><!--style--><!--data--><!--scripts-->"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    fake_run(folder / "a", {1: text_batch(4, 1, 0)})
    with serving(Store([folder])) as found:
        yield found


@contextmanager
def serving(store):
    with ViewServer(store) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield found
        finally:
            found.shutdown()
            thread.join()


def ask(running, path, method="GET", body=None, **headers):
    link = http.client.HTTPConnection("127.0.0.1", running.server_port, timeout=10)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    link.request(method, path, body, given)
    answer = link.getresponse()
    text = answer.read()
    link.close()
    return answer, text


def told(running, path, **options):
    answer, text = ask(running, path, **options)
    assert answer.headers["Content-Type"] == "application/json"
    return answer.status, json.loads(text)


def test_every_question_has_the_answer_of_the_store(running):
    store = running.store
    questions = {
        "/api/meta": store.meta(),
        "/api/meta?known=1": {"version": "1"},
        "/api/meta?known=0": store.meta(),
        "/api/columns": store.columns(),
        "/api/columns?names=reward,length": store.columns(["reward", "length"]),
        "/api/texts?rows=3,7,9": store.heads([3, 7, 9]),
        "/api/texts?rows=": store.heads([]),
        "/api/texts": store.heads([]),
        "/api/search?q=SEVEN+times&in=response&case=0": store.search("SEVEN times"),
        "/api/search?q=SEVEN%20times&case=1": {"rows": []},
        "/api/search?q=plus&in=prompt": {"rows": list(range(32))},
        "/api/rollout?row=5": store.rollout(5),
    }
    for path, wanted in questions.items():
        assert told(running, path) == (200, json.loads(json.dumps(wanted)))


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/api/rollout?row=x", "row must be a whole number, got 'x'"),
        ("/api/rollout", "row must be a whole number, got None"),
        ("/api/rollout?row=32", "a row must be one of 0..31, got 32"),
        ("/api/rollout?row=-1", "a row must be one of 0..31, got -1"),
        ("/api/rollout?row=99999999999999999999", "a row must be one of 0..31, got 99999999999999999999"),
        ("/api/texts?rows=1,,2", "rows must be a whole number, got ''"),
        ("/api/columns?names=nope", "a column must be one of"),
        ("/api/search?q=a&in=files", "a search must be in response, prompt or both, got 'files'"),
    ],
)
def test_a_bad_question_gets_a_sentence(running, path, sentence):
    status, found = told(running, path)
    assert status == 400 and sentence in found["error"]


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/run.json",
            "/a/run.json",
            "/../../etc/passwd",
            "/%2e%2e/%2e%2e/etc/passwd",
            "//etc/passwd",
            "/api/../run.json",
        ),
        *("/api", "/api/", "/api/meta/", "/API/META", "/api/meta%00", "/index.html", "/page.js", "\\etc\\passwd"),
    ],
)
def test_no_path_names_a_file(running, path):
    status, found = told(running, path)
    assert status in (400, 404) and "root:" not in found["error"] and set(found) == {"error"}


def test_only_this_host_and_port_are_served(running):
    port = running.server_port
    for host in (
        "evil.example",
        f"evil.example:{port}",
        "127.0.0.1",
        f"127.0.0.1:{port + 1}",
        f"127.0.0.1.nip.io:{port}",
    ):
        assert told(running, "/api/meta", Host=host)[0] == 403
        assert told(running, "/", Host=host)[0] == 403
        assert told(running, "/api/checkpoints", method="POST", body="{}", Host=host)[0] == 403
    assert told(running, "/api/meta", Host=f"localhost:{port}")[0] == 200
    with socket.create_connection(("127.0.0.1", port)) as plain:
        plain.sendall(b"GET /api/meta HTTP/1.0\r\n\r\n")
        assert b" 403 " in plain.recv(100)


def test_posting_takes_json_from_our_own_page(running):
    port, json_type = running.server_port, {"Content_Type": "application/json"}
    post = lambda body="{}", path="/api/checkpoints", **headers: told(  # noqa: E731
        running, path, method="POST", body=body, **headers
    )
    for origin in ("http://evil.example", "null", f"https://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}"):
        assert post(Origin=origin, **json_type)[0] == 403
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert post(Content_Type=kind) == (400, {"error": "a request must have Content-Type application/json"})
    assert post("{", **json_type) == (400, {"error": "a request must be JSON"})
    assert post("[" * 30_000, **json_type)[0] == 400
    assert post("[1]", **json_type) == (400, {"error": "a request must be a JSON object"})
    assert post("{}", "/api/meta", **json_type)[0] == 404
    status, found = post(json.dumps({"pad": "x" * (64 << 10)}), **json_type)
    assert status == 400 and "at most 65536 bytes" in found["error"]
    for origin in (f"http://127.0.0.1:{port}", f"http://localhost:{port}"):
        assert post(Origin=origin, **json_type) == (400, {"error": "run must be a whole number, got None"})


def test_other_methods_and_torn_requests_get_json_too(running):
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE"):
        assert told(running, "/api/meta", method=method)[0] == 501
    with socket.create_connection(("127.0.0.1", running.server_port)) as plain:
        plain.sendall(b"<script>alert(1)</script>\r\n\r\n")
        answer = plain.recv(2000)
    assert answer == b'{"error": "Bad Request"}'


def test_answers_are_data_and_nothing_else(running, monkeypatch):
    monkeypatch.setattr(export, "files", lambda: (HTML, "b{}", ["one()"]))
    data, _ = ask(running, "/api/meta")
    page, text = ask(running, "/")
    for answer in (data, page):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store" and answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in answer.headers and "Python" not in answer.headers["Server"]
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert page.headers["Content-Type"] == "text/html; charset=utf-8" and b"<script>one()</script>" in text
    assert export.fingerprint("one()") in page.headers["Content-Security-Policy"]
    assert data.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_failure_inside_is_an_answer(running, monkeypatch):
    monkeypatch.setitem(server.READ, "/api/meta", lambda store, query: {}["x"])
    assert told(running, "/api/meta") == (500, {"error": "the viewer failed: KeyError: 'x'"})


def test_many_questions_over_one_connection_and_at_the_same_time(running):
    link = http.client.HTTPConnection("127.0.0.1", running.server_port, timeout=10)
    for row in range(20):
        link.request("GET", f"/api/rollout?row={row}")
        assert json.loads(link.getresponse().read())["row"] == row
    link.close()
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda row=row: found.append(told(running, f"/api/rollout?row={row}")[1]["row"]))
        for row in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(12))


def test_a_used_port_is_said(running):
    with pytest.raises(GuerdonError, match=f"port {running.server_port} on 127.0.0.1 must be free, .*--port, or 0"):
        ViewServer(running.store, running.server_port)
    assert running.url == f"http://127.0.0.1:{running.server_port}/"
