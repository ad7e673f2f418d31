"""``guerdon view``: starts, says where it is, ends with Ctrl-C, and says in a sentence why it cannot start."""

import http.client
import re
import signal
import subprocess
import sys
import threading

import pytest
from fake_runs import fake_run, text_batch

from guerdon import cli


def test_it_serves_until_ctrl_c(tmp_path):
    fake_run(tmp_path / "runs" / "a", {1: text_batch(2, 1, 0)})
    words = [sys.executable, "-m", "guerdon", "view", str(tmp_path / "runs"), "--port", "0", "--no-browser"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stderr
        line = process.stdout.readline()
        found = re.fullmatch(r"16 rollouts of 1 run at http://127\.0\.0\.1:(\d+)/ \(Ctrl-C ends\)\n", line)
        assert found, (line, process.stderr.read())
        link = http.client.HTTPConnection("127.0.0.1", int(found.group(1)), timeout=10)
        link.request("GET", "/api/meta")
        answer = link.getresponse()
        assert (answer.status, len(answer.read()) > 100) == (200, True)
        link.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0 and process.stderr.read() == ""


@pytest.mark.parametrize(
    ("words", "screen", "opens"), [([], True, True), ([], False, False), (["--no-browser"], True, False)]
)
def test_it_opens_a_browser_where_there_is_a_screen(tmp_path, monkeypatch, capsys, words, screen, opens):
    opened, done = [], threading.Event()

    def serve(server):
        """Ctrl-C, as soon as the browser had time to open."""
        assert done.wait(10) or not opens
        raise KeyboardInterrupt

    monkeypatch.setattr("webbrowser.open", lambda url: (opened.append(url), done.set()))
    monkeypatch.setattr("guerdon.view.server.ViewServer.serve_forever", serve)
    monkeypatch.setattr("guerdon.commands.view.has_screen", lambda: screen)
    done.set() if not opens else None
    assert cli.main(["view", str(fake_run(tmp_path / "run", {})), "--port", "0", *words]) == 0
    assert len(opened) == opens and all(url in capsys.readouterr().out for url in opened)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["none"], "none must be a run folder or hold run folders (with a run.json), but there is none"),
        (["run", "--port", "70000"], "--port must lie in 0..65535, got 70000"),
        ([], "the following arguments are required: DIR; see `guerdon view --help`"),
    ],
)
def test_what_it_cannot_serve(tmp_path, monkeypatch, capsys, words, sentence):
    monkeypatch.chdir(tmp_path)
    fake_run(tmp_path / "run", {})
    assert cli.main(["view", *words]) == 2
    assert capsys.readouterr().err == f"guerdon: {sentence}\n"
