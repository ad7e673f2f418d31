import json
import math
import re
import time

import pytest
import torch
from http_servers import Scripted, drip, drip_body, flood, hang, reply, scores, served
from strategies import batch_of

from guerdon.errors import GuerdonError
from guerdon.rewards import _pool
from guerdon.rewards.function import Function
from guerdon.rewards.guard import Guard
from guerdon.rewards.remote import Remote
from guerdon.rewards.retry import Retry
from guerdon.rewards.scored import Scored
from guerdon.rewards.verifier import Verifier
from guerdon.scorers.exact import Exact
from guerdon.serial import from_json, to_json
from guerdon.tasks.jsonl import JsonlProblems
from guerdon.tasks.problem import Problem

ONCE = Retry(times=0)
SOON = Retry(times=2, wait=0.01)


@pytest.fixture(autouse=True, scope="module")
def closed():
    yield
    _pool.close_all()


@pytest.fixture
def scripted():
    made = []

    def make(*answers):
        made.append(Scripted(*answers))
        return made[-1]

    yield make
    for server in made:
        server.close()


def batch_for(responses, **columns):
    problem = Problem(7, "1+1", "2", {"source": "web"})
    fixed = {"traj.response": responses, "group.problem": [problem]}
    return batch_of([len(responses)], columns={**fixed, **columns})


def judged(piece, batch):
    out = piece(batch)
    assert set(out) == set(piece.writes)
    columns = {name[12:]: column.tolist() for name, column in out.items() if name != "traj.reward_error"}
    return columns, out["traj.reward_error"]


FAILURES = {
    "hang": (hang, r"^remote: no score within 0\.5 s from the reward server$"),
    "drip": (drip, r"^remote: no score within 0\.5 s"),
    "drip_body": (drip_body, r"^remote: no score within 0\.5 s"),
    "flood": (flood, r"answered more than \d+ bytes$|no score within"),
    "hang_up": (b"", r"the reward server cannot be reached: RemoteDisconnected"),
    "garbage": (b"\x00\xff garbage\r\n\r\n", r"the reward server cannot be reached: BadStatusLine"),
    "html": (reply(b"<html><body>Login</body></html>"), r"answered no JSON but '<html><body>Login"),
    "half": (reply(b'{"scores": [1.0, 2', length=1000), r"half an answer|IncompleteRead"),
    "error_page": (reply(b"<h1>Bad Gateway</h1>", "502 Bad Gateway"), r"answered 502: <h1>Bad Gateway</h1>$"),
    "refused": (reply(b'{"error": "no such model"}', "400 Bad"), r"answered 400: no such model$"),
    "moved": (reply(b"", "302 Found"), r"answered 302$"),
    "too_few": (scores(1.0), r"returned 1 scores for 2 samples$"),
    "too_many": (scores(1.0, 1.0, 1.0), r"returned 3 scores for 2 samples$"),
    "no_scores": (reply(b'{"reward": 1}'), r"JSON without a list `scores`$"),
    "list": (reply(b"[1.0, 2.0]"), r"JSON without a list `scores`$"),
    "nan": (reply(b'{"scores": [NaN, Infinity]}'), r"^remote: the function returned (nan|inf)$"),
    "text": (scores("good", "1.0"), r"must return a number or None, got str$"),
    "huge": (reply(b'{"scores": [1e999, 1' + b"0" * 400 + b"]}"), r"returned inf|OverflowError"),
    "deep": (reply(b"[" * 100_000), r"answered no JSON but"),
    "beyond": (scores(7, -1), r"scores must lie in 0 \.\. 1, got remote (7|-1)$"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_whatever_a_server_does_costs_scores_and_not_the_run(kind, scripted):
    answer, says = FAILURES[kind]
    piece = Remote(scripted(answer).url, timeout=0.5, retry=ONCE, bounds=(0.0, 1.0))
    started = time.monotonic()
    columns, reasons = judged(piece, batch_for(["a", "b"]))
    assert all(math.isnan(value) for value in columns["remote"])
    assert all(re.search(says, reason) for reason in reasons), reasons
    assert time.monotonic() - started < 5


def test_nobody_there():
    server = Scripted(b"")
    server.close()
    columns, reasons = judged(Remote(server.url, retry=SOON, timeout=2), batch_for(["a"]))
    assert math.isnan(columns["remote"][0]) and "cannot be reached: ConnectionRefusedError" in reasons[0]


def test_what_may_pass_is_tried_again_and_the_rest_is_not(scripted):
    busy = reply(b'{"error": "too many"}', "503 Busy")
    server = scripted(busy, hang, scores(1.0, None, errors=["", "cannot tell"]))
    columns, reasons = judged(Remote(server.url, retry=SOON, timeout=0.5), batch_for(["a", "b"]))
    assert columns == {"remote": pytest.approx([1.0, math.nan], nan_ok=True)}
    assert reasons == ["", "remote: cannot tell"] and len(server.requests) == 3
    for answer in (reply(b"", "404 Not Found"), scores(1.0, 2.0, 3.0)):
        server = scripted(answer)
        judged(Remote(server.url, retry=SOON), batch_for(["a", "b"]))
        assert len(server.requests) == 1


def test_one_bad_part_leaves_the_others(scripted):
    server = scripted(scores(1.0, 2.0), reply(b"<html>"), scores(5.0))
    piece = Remote(server.url, samples=2, workers=1, retry=ONCE)
    columns, _ = judged(piece, batch_for(["a", "b", "c", "d", "e"]))
    assert columns["remote"] == pytest.approx([1, 2, math.nan, math.nan, 5], nan_ok=True)


def test_what_is_sent(scripted, monkeypatch):
    monkeypatch.setenv("A_TOKEN", "secret-1")
    server = scripted(scores(1.0, 0.0))
    columns = {"traj.truncated": torch.tensor([True, False]), "group.source": ["web"]}
    piece = Remote(server.url, columns=("traj.truncated", "group.source", "run.step"), token_env="A_TOKEN")
    judged(piece, batch_for(["a", "ü\ud800"], **columns).with_run(step=3))
    head, body = server.requests[0]
    assert b"POST /score HTTP/1.1" in head and b"Authorization: Bearer secret-1" in head
    sample = {"prompt": "1+1", "answer": "2", "meta": {"source": "web"}, "id": 7, "source": "web", "step": 3}
    assert json.loads(body) == {
        "samples": [
            {"response": "a", **sample, "truncated": True},
            {"response": "ü\ud800", **sample, "truncated": False},
        ]
    }


def test_a_sample_that_json_lacks_costs_itself(scripted):
    server = scripted(scores(1.0))
    batch = batch_for(["a", "b"], **{"traj.extra": [1.0, math.nan]})
    columns, reasons = judged(Remote(server.url, columns=("traj.extra",)), batch)
    assert columns["remote"] == pytest.approx([1.0, math.nan], nan_ok=True) and "cannot be sent" in reasons[1]


def test_components_and_the_cache(scripted, tmp_path):
    server = scripted(scores({"a": 1, "b": 0.5}, {"a": 1, "b": None}), scores({"a": 2, "b": 2}))
    piece = Remote(server.url, components=("a", "b"), cache=str(tmp_path / "c.sqlite"))
    columns, reasons = judged(piece, batch_for(["x", "y"]))
    assert columns == {"a": [1.0, 1.0], "b": pytest.approx([0.5, math.nan], nan_ok=True)}
    assert reasons[1].startswith("remote: b: unscored")
    columns, _ = judged(piece, batch_for(["x", "y"]))
    assert columns == {"a": [1.0, 2.0], "b": [0.5, 2.0]}
    assert len(json.loads(server.requests[1][1])["samples"]) == 1


def test_a_served_reward_gives_what_it_gives_in_the_run():
    batch = batch_for(["2", "3", "2 "])
    with served(Scored(Exact())) as server:
        piece = Remote(f"http://127.0.0.1:{server.server_port}/score", name="correct", samples=2)
        there, here = piece(batch), Scored(Exact())(batch)
    assert torch.equal(there["traj.reward/correct"], here["traj.reward/correct"])
    assert there["traj.reward_error"] == here["traj.reward_error"]


def test_the_rule_of_a_task_behind_a_server(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"prompt": "1+1", "answer": 2, "source": "web"}')
    task = JsonlProblems(str(tmp_path / "a.jsonl"), scorer=Exact(tag="a"))
    batch = batch_of([2], columns={"traj.response": ["<a>2</a>", "2"], "group.problem": [task.problem("train", 0)]})
    with served(Verifier(), task) as server:
        there = Remote(f"http://127.0.0.1:{server.server_port}/score")(batch)
    assert there["traj.reward/remote"].tolist() == [1.0, 0.0]


def test_a_reward_that_misbehaves_behind_a_server_costs_its_samples():
    kinds = ["fine", "spin", "hard_exit", "nan", "raise", "flood", "list", "fraction"]
    with served(Function("scoring_functions:by_kind", guard=Guard(timeout=1.0))) as server:
        piece = Remote(f"http://127.0.0.1:{server.server_port}/score", retry=ONCE)
        columns, reasons = judged(piece, batch_for(kinds))
    nan = math.nan
    assert columns["remote"] == pytest.approx([1, nan, nan, nan, nan, 1, nan, 0.5], nan_ok=True)
    for reason, says in zip(
        reasons, ("^$", "no score within 1 s", "exit code 7", "returned nan", "bad sample", "^$"), strict=False
    ):
        assert re.search(says, reason), reasons


def test_a_server_that_runs_its_function_in_its_own_process_survives_it_too():
    with served(Function("scoring_functions:wrong_count", guard=Guard(isolate=False, batched=True))) as server:
        piece = Remote(f"http://127.0.0.1:{server.server_port}/score", retry=ONCE)
        _, reasons = judged(piece, batch_for(["a", "b"]))
    assert reasons == ["remote: function: the function returned 1 scores for 2 samples"] * 2


def test_tokens_are_never_shown(monkeypatch, tmp_path):
    piece = Remote("http://127.0.0.1:1/score", token_env="A_TOKEN", retry=ONCE)
    monkeypatch.delenv("A_TOKEN", raising=False)
    with pytest.raises(GuerdonError, match="must stand in the environment variable A_TOKEN, which cannot be read"):
        piece(batch_for(["a"]))
    monkeypatch.setenv("A_TOKEN", "se\ncret")
    with pytest.raises(
        GuerdonError, match="without spaces; what the environment variable A_TOKEN holds is not"
    ) as told:
        piece(batch_for(["a"]))
    assert "cret" not in str(told.value)
    file = tmp_path / "token"
    file.write_text("from-a-file\n")
    server = Scripted(scores(1.0))
    judged(Remote(server.url, token_file=str(file)), batch_for(["a"]))
    assert b"Authorization: Bearer from-a-file" in server.requests[0][0]
    server.close()


def test_an_empty_batch_and_saving():
    piece = Remote("https://example.org:8443/v1/score?a=1", columns=("run.step",), bounds=(0.0, 1.0), retry=SOON)
    assert from_json(to_json(piece)) == piece
    assert piece.reads == ("group.problem", "traj.response", "run.step")
    assert Remote("http://127.0.0.1:1")(batch_for([]))["traj.reward/remote"].shape == (0,)


def test_refused():
    for url in ("127.0.0.1:8000", "ftp://host/x", "http://", "http://user:word@host/"):
        with pytest.raises(GuerdonError, match="must be http://HOST:PORT/PATH") as told:
            Remote(url)
        assert "word@" not in str(told.value)
    with pytest.raises(GuerdonError, match="timeout > 0, samples >= 1 and workers >= 1"):
        Remote("http://a", samples=0)
    with pytest.raises(GuerdonError, match="names of their own, got answer"):
        Remote("http://a", columns=("group.answer",))
    with pytest.raises(GuerdonError, match=r"level traj, group or run, got token\.position"):
        Remote("http://a", columns=("token.position",))
    with pytest.raises(GuerdonError, match="smallest and the largest score, got 1 and 0"):
        Remote("http://a", bounds=(1, 0))
