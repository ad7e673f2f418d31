"""The reward server as a process: it says where it is, answers, and stops cleanly."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from guerdon import cli


def ask(url: str, data: object = None, token: str | None = None) -> object:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = None if data is None else json.dumps(data).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, body, headers), timeout=20) as answer:
        return json.loads(answer.read())


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_server_from_start_to_stop(tmp_path, end):
    (tmp_path / "mine.py").write_text(
        "def judge(response, problem):\n    print('x' * 10**7)\n    return len(response)\n"
    )
    command = [sys.executable, "-m", "guerdon", "serve-reward", "--reward", "mine:judge", "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "MY_TOKEN": "secret-1"}
    with subprocess.Popen(
        [*command, "--token-env", "MY_TOKEN", "--workers", "2"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("serving mine:judge at http://127.0.0.1:")
        url = line.split()[-1]
        assert ask(url.replace("/score", "/health")) == {"status": "ok"}
        sample = {"response": "abc"}
        assert ask(url, {"samples": [sample]}, "secret-1") == {"scores": [3.0], "errors": [""]}
        with pytest.raises(urllib.error.HTTPError, match="401") as refusal:
            ask(url, {"samples": [sample]})
        refusal.value.close()
        process.send_signal(end)
        out, error = process.communicate(timeout=20)
    assert (process.returncode, out, error) == (0, "", "")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--reward", "tags", "--port", "70000"], "--port must lie in 0..65535, got 70000"),
        (["--reward", "tags", "--port", "0", "--host", "0.0.0.0"], "needs a token, got host 0.0.0.0 and none"),
        (["--reward", "tags", "--port", "0", "--token-file", "nowhere"], "a token must stand in the file nowhere"),
        (["--reward", "tags", "--port", "0", "--workers", "0"], "--workers must be at least 1, got 0"),
        (["--reward", "verifier", "--port", "0"], "name a task of problems with --task"),
        (["--reward", "tags"], "the following arguments are required: --port"),
    ],
)
def test_refused(words, says, capsys):
    assert cli.main(["serve-reward", *words]) == 2
    assert says in capsys.readouterr().err
