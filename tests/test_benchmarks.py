"""What the benchmarks share: timing in turns, targets, the record, and the page made of it."""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import _measure
import pytest
import torch
from _measure import Row, Spread

ROOT = Path(__file__).parents[1]
CAPTURE = {"capture_output": True, "text": True}


def test_ways_are_timed_in_turns_and_the_first_one_changes():
    calls = []
    ways = {name: lambda name=name: calls.append(name) for name in "abc"}
    seconds = _measure.paired(ways, rounds=3, warm_up=1)
    assert "".join(calls) == "abc" + "abc" + "bca" + "cab"
    assert {name: len(found) for name, found in seconds.items()} == {"a": 3, "b": 3, "c": 3}


def test_several_calls_are_timed_as_one():
    seconds = _measure.paired({"sleep": lambda: time.sleep(0.01)}, rounds=1, warm_up=0, calls=3)
    assert 0.01 <= seconds["sleep"][0] < 0.03


def test_a_ratio_is_taken_round_by_round():
    assert _measure.ratio([2.0, 30.0, 4.0], [1.0, 10.0, 1.0]) == Spread(3.0, 2.5, 3.5)
    assert _measure.quartiles([5.0]) == Spread(5.0, 5.0, 5.0)


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (Row("x", 1.0, "s"), None),
        (Row("x", 1.0, "s", 3.0, target=3.0), True),
        (Row("x", 1.0, "s", Spread(2.0, 1.0, 9.0), target=3.0), False),
        (Row("x", 1.0, "s", target=0.5, at_most=True), False),
        (Row("x", Spread(0.0, 0.0, 9.0), "s", target=0.5, at_most=True), True),
    ],
)
def test_a_target_is_held_against_the_ratio_or_else_the_value(row, met):
    assert row.met is met
    assert ("missed" in _measure.cells(row)[-1]) == (met is False)


def test_quantities_are_short():
    told = [_measure.quantity(*pair) for pair in [(2.5, "s"), (0.0025, "s"), (2.5e-6, "s"), (5e9, "B"), (12345.6, "")]]
    assert told == ["2.5 s", "2.5 ms", "2.5 µs", "5 GB", "12,346"]


def test_rows_survive_the_record(tmp_path):
    rows = [Row("a", 0.0, "s", Spread(2.0, 1.0, 3.0), "peer", 1.5), Row("b", Spread(1.0, 0.5, 2.0), "B", note="n")]
    path = tmp_path / "results.json"
    entry = {"title": "T", "command": "c", "rows": [_measure._plain(row) for row in rows]}
    _measure.record("one", entry, path)
    _measure.record("another", entry, path)
    _measure.record("one", {**entry, "title": "U"}, path)
    kept = json.loads(path.read_text())
    assert list(kept) == ["another", "one"] and kept["one"]["title"] == "U"
    assert [_measure.row_of(row) for row in kept["one"]["rows"]] == rows


def test_publishing_tells_by_its_result_whether_a_target_was_missed(tmp_path, capsys, monkeypatch):
    parser = argparse.ArgumentParser()
    _measure.add_options(parser)
    monkeypatch.setattr(sys, "argv", ["x.py", "--rounds", "3", "--json", "out.json", "--record"])
    options = parser.parse_args(["--json", str(tmp_path / "out.json")])
    good, bad = (Row("a", 1.0, "s", 2.0, target=target) for target in (1.0, 3.0))
    assert _measure.publish("x.py", "T", [good], options) == 0
    assert _measure.publish("x.py", "T", [good, bad], options, notes=["Note."]) == 1
    assert capsys.readouterr().out.endswith("Note.\n")
    entry = json.loads((tmp_path / "out.json").read_text())
    assert entry["command"] == "python benchmarks/x.py --rounds 3" and entry["rows"][1]["met"] is False


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peaks of this process need Linux's /proc")
def test_the_peak_begins_anew():
    before = _measure.reset_peak()
    block = bytearray(64 << 20)
    del block
    assert 60 << 20 <= _measure.peak() - before < 80 << 20
    assert _measure.peak() - _measure.reset_peak() > 32 << 20


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory of other processes needs Linux's /proc")
def test_a_process_is_timed_and_its_memory_looked_at():
    code = "import time; x = bytearray(64 << 20); time.sleep(0.3); print('done')"
    done = _measure.run_process([sys.executable, "-c", code])
    assert done.stdout == "done\n" and done.seconds > 0.3 and done.peak_bytes > 64 << 20
    with pytest.raises(SystemExit, match="no such thing"):
        _measure.run_process([sys.executable, "-c", "raise SystemExit('no such thing')"])


def test_the_limits_of_the_machine_are_plausible():
    assert 1e8 < _measure.matmul_rate(size=64, rounds=2) < 1e15
    assert 1e8 < _measure.read_bandwidth(megabytes=4, rounds=2) < 1e13


def test_every_recorded_benchmark_exists_and_is_told():
    told = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    for name in json.loads(_measure.RESULTS.read_text(encoding="utf-8")):
        script = f"{name.partition('.')[0]}.py"
        assert (ROOT / "benchmarks" / script).exists() and script in told


def run(*words: str) -> dict:
    """What a benchmark writes with ``--json``; that a target is missed is no failure at these sizes."""
    done = subprocess.run([sys.executable, str(ROOT / "benchmarks" / words[0]), *words[1:], "--json"], **CAPTURE)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def test_the_gpu_benchmark_runs_every_line_on_a_cpu():
    entry = run("gpu.py", "--device", "cpu", "--small", "--rounds", "1")
    assert len(entry["rows"]) == 9 and "not measurements of a GPU" in entry["notes"][-1]
    refused = subprocess.run([sys.executable, "benchmarks/gpu.py", "--device", "cpu", "--record"], cwd=ROOT, **CAPTURE)
    assert refused.returncode and "is not recorded" in refused.stderr


def test_decoding_over_a_cache_of_fixed_size_samples_the_same():
    import gpu
    from static_decode import StaticDecoding

    from guerdon.rollouts.sampler import LocalSampler, Sampling

    policy = gpu.make_policy(True, "cpu", torch.float32)
    policy.tokenizer.eos_id = 5
    with torch.no_grad():
        policy.head()[0][5] *= 40  # a likely end, so that rows leave at different times
    prompts = [torch.arange(2, 2 + length) for length in (3, 7, 5)]
    seeds, how = torch.arange(12), Sampling(max_tokens=20)
    grown = LocalSampler(policy).generate(prompts, 4, seeds, how)
    fixed = LocalSampler(StaticDecoding(policy, 20)).generate(prompts, 4, seeds, how)
    assert len({len(each.ids) for each in grown}) > 5
    for one, other in zip(grown, fixed, strict=True):
        assert one.ids.tolist() == other.ids.tolist()
        torch.testing.assert_close(one.logprobs, other.logprobs, atol=1e-5, rtol=0)


def test_chunked_and_full_logits_agree_in_the_benchmark_of_their_memory():
    entry = run("logprob_memory.py", "--vocab", "2000", "--tokens", "2048", "--rounds", "1")
    assert all(row["met"] for row in entry["rows"] if row["what"].startswith("largest relative error"))


def test_guerdon_and_verl_agree_in_the_benchmark_of_their_advantages_and_losses():
    pytest.importorskip("verl")
    entry = run("core_algos.py", "--responses", "64", "--tokens", "48", "--rounds", "1")
    assert entry["rows"][-1]["met"] and len(entry["rows"]) == 23
