import http.client
import json
import threading
import time

import pytest
from http_servers import served

from guerdon.errors import GuerdonError
from guerdon.rewards import _pool
from guerdon.rewards.function import Function
from guerdon.rewards.guard import Guard
from guerdon.rewards.samples import SampleJudge
from guerdon.rewards.scored import Scored
from guerdon.rewards.server import Limits, RewardServer
from guerdon.scorers.exact import Exact

SAMPLE = {"response": "2", "answer": "2"}
NAPS = Function("scoring_functions:nap_a_while", guard=Guard(isolate=False))


@pytest.fixture(autouse=True, scope="module")
def closed():
    yield
    _pool.close_all()


def ask(server, body, method="POST", path="/score", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    try:
        connection.request(method, path, body if isinstance(body, bytes) else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_scores_and_health():
    with served(Scored(Exact())) as server:
        assert ask(server, b"", "GET", "/health") == (200, {"status": "ok"})
        status, answer = ask(server, {"samples": [SAMPLE, {"response": "3", "answer": 2}, {"response": "2"}]})
        assert status == 200 and answer["scores"] == [1.0, 0.0, None]
        assert answer["errors"][:2] == ["", ""] and "needs a reference answer" in answer["errors"][2]
        assert ask(server, {"samples": []}) == (200, {"scores": [], "errors": []})


def test_several_components():
    with served(Function("scoring_functions:named", components=("same", "length"))) as server:
        sample = {"response": "ab", "prompt": "ab"}
        assert ask(server, {"samples": [sample]})[1] == {"scores": [{"same": 1.0, "length": 2.0}], "errors": [""]}


def test_bad_requests_are_answered_and_the_server_goes_on():
    with served(Scored(Exact()), limits=Limits(body=1000)) as server:
        for body, status, says in [
            (b"{", 400, "must be JSON"),
            (b"[" * 500, 400, "must be JSON"),
            ([], 400, 'must be {"samples": [...]}'),
            ({"samples": 1}, 400, 'must be {"samples": [...]}'),
            ({"samples": [1]}, 400, "line 1 must be an object with a text under `response`"),
            ({"samples": [SAMPLE, {"response": 3}]}, 400, "line 2 must be an object"),
            ({"samples": [{**SAMPLE, "meta": 3}]}, 400, "an object under `meta`, got int"),
            ({"samples": [{**SAMPLE, "problem": 3}]}, 400, "names a problem by its number"),
        ]:
            got, answer = ask(server, body)
            assert (got, says in answer["error"]) == (status, True), answer
        assert ask(server, b"", path="/other")[0] == 404 and ask(server, b"", "GET", "/score")[0] == 404
        assert ask(server, {"samples": [SAMPLE]})[1]["scores"] == [1.0]


def test_sizes_are_limited_before_anything_is_read():
    with served(Scored(Exact()), limits=Limits(body=1000, patience=0.3)) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
        connection.putrequest("POST", "/score")
        connection.putheader("Content-Length", str(10**12))
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 413 and b"at most 1000 bytes" in answer.read()
        connection.close()
        assert ask(server, b"", **{"Content-Length": "many"})[0] == 411
        # One that never sends what it promised is given up, and holds no place.
        connection.putrequest("POST", "/score")
        connection.putheader("Content-Length", "100")
        connection.endheaders()
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            connection.getresponse()
        connection.close()
        assert ask(server, {"samples": [SAMPLE]})[0] == 200


def test_a_token_is_needed_for_scores_and_not_for_health(capfd):
    with served(Scored(Exact()), token="secret-1") as server:
        assert ask(server, b"", "GET", "/health")[0] == 200
        for headers in ({}, {"Authorization": "Bearer secret-2"}, {"Authorization": "secret-1"}):
            status, answer = ask(server, {"samples": [SAMPLE]}, **headers)
            assert status == 401 and "secret" not in json.dumps(answer)
        assert ask(server, {"samples": [SAMPLE]}, Authorization="Bearer secret-1")[1]["scores"] == [1.0]
    assert capfd.readouterr() == ("", "")
    with pytest.raises(GuerdonError, match=r"other machines can call needs a token, got host 0\.0\.0\.0"):
        RewardServer(("0.0.0.0", 0), SampleJudge(Scored(Exact())))


def test_too_many_at_once_are_told_to_come_again_and_a_stop_waits_for_answers():
    answers = []
    with served(NAPS, limits=Limits(requests=2)) as server:
        threads = [
            threading.Thread(target=lambda: answers.append(ask(server, {"samples": [SAMPLE]})[0])) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.4)
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 200, 503, 503]


def test_a_reward_that_cannot_work_is_an_answer():
    with served(Function("scoring_functions:graded")) as server:
        status, answer = ask(server, {"samples": [SAMPLE]})
        assert status == 400 and "needs source" in answer["error"]
