"""Running claims, their verdicts, and the record that goes stale."""

import datetime
import json
import math
import re
import threading
from pathlib import Path

import pytest

from guerdon import claims, cli
from guerdon.errors import GuerdonError
from guerdon.paper import Claim, Evidence, Paper


def claim_of(evidence, tier="check"):
    def measured(seed: int) -> Evidence:
        if isinstance(evidence, Exception):
            raise evidence
        return evidence

    return Claim("a sentence", measured, tier)


@pytest.mark.parametrize(
    ("evidence", "tier", "passed", "verdict"),
    [
        (Evidence(0.2, 0.1, 0.3), "check", True, "confirmed"),
        (Evidence(0.4, 0.1, 0.3), "check", False, "contradicted"),
        (Evidence(math.nan, -math.inf, math.inf), "check", False, "contradicted"),
        (Evidence(0.4, 0.1, 0.3, verdict="not seen at this scale"), "check", False, "not seen at this scale"),
        (Evidence(0.4, 0.1, 0.3, verdict="not seen at this scale"), "proxy", True, "not seen at this scale"),
        (Evidence(0.2, 0.1, 0.3, verdict="contradicted"), "proxy", False, "contradicted"),
        (Evidence(0.4, 0.1, 0.3), "proxy", False, "contradicted"),
        (GuerdonError("no such column"), "proxy", False, "error"),
    ],
)
def test_a_verdict_follows_from_the_interval_or_from_the_claim_itself(evidence, tier, passed, verdict):
    outcome = claims.run_claim("grpo", claim_of(evidence, tier), seed=3)
    assert (outcome.passed, outcome.verdict, outcome.seed, outcome.claim) == (passed, verdict, 3, "measured")
    if verdict == "error":
        assert outcome.note == "GuerdonError: no such column" and outcome.value is None


def test_a_record_holds_what_is_needed_to_repeat_it(tmp_path):
    path = tmp_path / "_results.json"
    outcome = claims.run_claim("grpo", claim_of(Evidence(0.2, 0.1, math.inf, (0.15, 0.25), "gap"), "proxy"))
    claims.record(outcome, path)
    entry = claims.read_results(path)["grpo"]["measured"]
    assert entry["date"] == datetime.date.today().isoformat()
    assert re.fullmatch(r"[0-9a-f]{10}\+?|\d+\.\d+\.\d+", entry["commit"])
    wanted = {"value": 0.2, "low": 0.1, "high": "Infinity", "interval": [0.15, 0.25], "verdict": "confirmed", "seed": 0}
    assert {key: entry[key] for key in wanted} == wanted


def test_records_are_sorted_one_line_each_and_replaced(tmp_path):
    path = tmp_path / "_results.json"
    for paper, value in (("rloo", 1.0), ("grpo", 2.0), ("rloo", 3.0)):
        claims.record(claims.run_claim(paper, claim_of(Evidence(value, 0.0, 9.0), "proxy")), path)
    lines = path.read_text().splitlines()
    assert [line.strip().split(":")[0] for line in lines if ":" in line] == [
        '"grpo"',
        '"measured"',
        '"rloo"',
        '"measured"',
    ]
    assert json.loads(path.read_text())["rloo"]["measured"]["value"] == 3.0
    assert claims.as_text({}) and json.loads(claims.as_text({})) == {}


def _record_one(path: Path, paper: str) -> None:
    claims.record(claims.run_claim(paper, claim_of(Evidence(1.0, 0.0, 2.0), "proxy")), path)


def test_records_written_at_the_same_time_are_all_kept(tmp_path):
    path = tmp_path / "_results.json"
    writers = [threading.Thread(target=_record_one, args=(path, f"paper_{number}")) for number in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert len(claims.read_results(path)) == 6


@pytest.mark.parametrize("text", ["[1]", "{"])
def test_a_record_that_is_no_record_is_refused(tmp_path, text):
    (tmp_path / "_results.json").write_text(text)
    with pytest.raises(GuerdonError, match=r"_results.json must (be JSON|hold an object of papers)"):
        claims.read_results(tmp_path / "_results.json")


@pytest.mark.parametrize(
    ("age", "verdict", "state"),
    [
        (0, "confirmed", "ok"),
        (30, "not seen at this scale", "ok"),
        (31, "confirmed", "stale"),
        (0, "contradicted", "failed"),
    ],
)
def test_the_state_of_a_result(age, verdict, state):
    today = datetime.date(2030, 3, 1)
    entry = {"date": (today - datetime.timedelta(days=age)).isoformat(), "verdict": verdict}
    assert claims.state(["gap"], {"gap": entry}, today) == state
    assert claims.state(["gap", "other"], {"gap": entry}, today) == "never"
    assert claims.state([], {"gap": entry}, today) == "none"


@pytest.fixture
def papers(monkeypatch, tmp_path):
    """Two papers: one whose check fails, one that holds."""
    held = Paper(
        "Held", None, "method", "paper", (claim_of(Evidence(1.0, 0.0, 2.0)), claim_of(Evidence(5.0, 0.0, 9.0), "proxy"))
    )
    wrong = Paper("Wrong", None, "method", "paper", (claim_of(Evidence(3.0, 0.0, 2.0)),))
    found = {"held": held, "wrong": wrong}
    monkeypatch.setattr(claims, "paper_ids", lambda: list(found))
    monkeypatch.setattr(claims, "load_paper", found.__getitem__)
    monkeypatch.setattr(claims, "results_file", lambda: tmp_path / "_results.json")
    return tmp_path / "_results.json"


def test_checking_everything_exits_1_and_names_the_claim_that_failed(papers, capsys):
    assert cli.main(["papers", "check"]) == 1
    out = capsys.readouterr().out
    assert "FAIL wrong.measured: 3, must lie in [0, 2]" in out and "1 of 2 claims of 2 papers passed" in out
    assert "ok   held" not in out and not papers.exists()


def test_checking_one_paper_exits_0_and_shows_its_claims(papers, capsys):
    assert cli.main(["papers", "check", "held"]) == 0
    assert "ok   held.measured: 1, must lie in [0, 2]" in capsys.readouterr().out
    assert cli.main(["papers", "check", "--json", "wrong"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["passed"] is False


def test_a_proxy_is_recorded(papers, capsys):
    assert cli.main(["papers", "proxy", "held"]) == 0
    assert "ok   held.measured: 5, must lie in [0, 9], confirmed" in capsys.readouterr().out
    assert claims.read_results(papers)["held"]["measured"]["verdict"] == "confirmed"


def test_what_is_due_is_what_has_no_good_result(papers, capsys, monkeypatch):
    from guerdon.commands import papers as command

    monkeypatch.setattr(command, "paper_ids", lambda: ["held", "wrong"])
    found = {"held": ["measured"], "wrong": []}
    monkeypatch.setattr(command, "paper_facts", lambda name: {"id": name, "claims": 1, "proxies": [*found[name]]})
    assert command.due() == ["held"]
    assert cli.main(["papers", "proxy", "--due"]) == 0
    assert command.due() == []
    assert cli.main(["papers", "proxy", "--due"]) == 0
    assert "0 of 0 claims" in capsys.readouterr().out
