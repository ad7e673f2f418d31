import math
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import scoring_functions as functions

from guerdon.errors import GuerdonError
from guerdon.rewards import _pool
from guerdon.rewards.guard import Guard, Outcome

HERE = str(Path(__file__).parent)
FAST = Guard(timeout=0.5)


@pytest.fixture(autouse=True, scope="module")
def closed():
    yield
    _pool.close_all()


def values(outcomes):
    return [outcome.value for outcome in outcomes]


def alive(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def wait_for(condition, seconds=10.0):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()


FAILURES = {
    "sleep": r"no score within 0.5 s",
    "spin": r"no score within 0.5 s",
    "spin_in_c": r"no score within 0.5 s",
    "swallow": r"no score within 0.5 s",
    "thread_hang": r"no score within 0.5 s",
    "start_child": r"no score within 0.5 s",
    "leave_child": r"exit code 7",
    "raise": r"^ValueError: bad sample \(scoring_functions.py:\d+\)$",
    "unclear": r"^Unclear \(its message cannot be shown\)",
    "interrupt": r"^KeyboardInterrupt",
    "exit": r"^SystemExit: 3",
    "recursion": r"^RecursionError",
    "nan": r"returned nan",
    "inf": r"returned -inf",
    "none": r"unscored: the function returned None",
    "string": r"must return a number or None, got str",
    "list": r"must return a number or None, got list",
    "huge": r"^OverflowError",
    "odd_keys": r"must name its components by texts, got keys \[1\]",
    "empty": r"must name its components by texts",
    "hard_exit": r"ended its process with exit code 7",
    "segfault": r"died of SIGSEGV",
    "input": r"^EOFError",
    "kill_parent": r"the worker died",
    "close_everything": r"ended its process",
    "garbage": r"wrote into the worker's connection",
}
SURVIVED_IN_PROCESS = [kind for kind in FAILURES if kind in {"raise", "unclear", "exit", "recursion", "nan", "inf"}]
SURVIVED_IN_PROCESS += ["none", "string", "list", "huge", "odd_keys", "empty"]


@pytest.mark.parametrize("kind", FAILURES)
def test_a_failure_costs_one_sample_and_keeps_its_reason(kind):
    FAST(functions.touchy, [("fine",)])
    started = time.monotonic()
    before, failed, after = FAST(functions.touchy, [("fine",), (kind,), ("fine",)])
    assert before == after == Outcome(1.0)
    assert math.isnan(failed.value)
    assert re.search(FAILURES[kind], failed.reason), failed.reason
    assert time.monotonic() - started < 8


@pytest.mark.parametrize("kind", SURVIVED_IN_PROCESS)
def test_in_process_the_same_outcomes(kind):
    inside = Guard(isolate=False)(functions.touchy, [("fine",), (kind,), ("fine",)])
    outside = FAST(functions.touchy, [("fine",), (kind,), ("fine",)])
    assert repr(inside) == repr(outside)
    assert math.isnan(inside[1].value)


def test_an_interrupt_in_process_is_the_users():
    with pytest.raises(KeyboardInterrupt):
        Guard(isolate=False)(functions.touchy, [("interrupt",)])


@pytest.mark.parametrize("isolate", [True, False])
def test_numbers_and_components(isolate):
    guard = Guard(isolate=isolate)
    assert values(guard(functions.touchy, [("fine",), ("bool",), ("fraction",)])) == [1.0, 1.0, 0.5]
    part = guard(functions.touchy, [("part",)])[0]
    assert part.value["a"] == 1.0 and math.isnan(part.value["b"]) and math.isnan(part.value["c"])
    assert part.reason == "b: unscored: the function returned None; c: the function returned nan"
    calls = [{"prompt": "a", "response": "a", "x": 1}, {"prompt": "a", "response": "bc", "x": 2}]
    assert values(guard(functions.named, calls)) == [{"same": 1.0, "length": 1.0}, {"same": 0.0, "length": 2.0}]
    assert guard(functions.good, []) == []


def test_numpy_numbers_count():
    numpy = pytest.importorskip("numpy")
    calls = [(numpy.float32(0.5),), (numpy.int64(2),), (numpy.array(3.0),), (numpy.array([3.0]),)]
    outcomes = Guard(isolate=False)(functions.good, calls)
    assert values(outcomes)[:3] == [0.5, 2.0, 3.0]
    assert "got ndarray" in outcomes[3].reason


def test_a_flood_of_output_is_dropped(capfd):
    assert values(Guard(timeout=20)(functions.touchy, [("flood",)])) == [1.0]
    assert capfd.readouterr() == ("", "")


def test_memory_limit():
    outcome = Guard(memory_mb=1024)(functions.touchy, [("memory",)])[0]
    assert math.isnan(outcome.value) and outcome.reason.startswith("MemoryError")


def sleepers():
    """Processes that a scoring function left behind."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [path] if b"sleep\x00987654" in path.read_bytes() else []
        except OSError:  # ended meanwhile
            continue
    return found


@pytest.mark.parametrize("kind", ["start_child", "leave_child"])
def test_what_a_hung_or_crashed_call_started_dies_with_it(kind):
    assert math.isnan(FAST(functions.touchy, [(kind,)])[0].value)
    assert wait_for(lambda: not sleepers())


def test_a_server_that_is_killed_takes_its_workers_along_and_is_replaced():
    guard = Guard(timeout=60)
    guard(functions.touchy, [("fine",)])
    server = next(reversed(_pool._pools.values())).server
    threading.Timer(0.3, server.kill).start()
    outcomes = guard(functions.touchy, [("spin",), ("fine",)])
    assert outcomes[0].reason == "the worker died" and outcomes[1] == Outcome(1.0)


def test_order_is_kept_over_many_workers_and_failures():
    guard = Guard(timeout=0.3, workers=3)
    kinds = ["fine", "raise", "hard_exit", "fraction", "none"] * 20 + ["spin"] + ["fine"] * 100
    expected = {"fine": "1.0", "fraction": "0.5"}
    outcomes = guard(functions.touchy, [(kind,) for kind in kinds])
    assert [str(value) for value in values(outcomes)] == [expected.get(kind, "nan") for kind in kinds]


def test_workers_work_at_the_same_time():
    guard = Guard(timeout=0.5, workers=4)
    guard(functions.touchy, [("fine",)])
    started = time.monotonic()
    outcomes = guard(functions.touchy, [("sleep",)] * 4)
    assert all("no score" in outcome.reason for outcome in outcomes)
    assert time.monotonic() - started < 1.5


def test_a_worker_persists_and_is_replaced_after_a_crash():
    first = values(FAST(functions.process, [(None,)] * 3))
    assert len({*first, *values(FAST(functions.process, [(None,)]))}) == 1
    os.kill(int(first[0]), signal.SIGKILL)
    assert wait_for(lambda: not alive(int(first[0])))
    # It died while it had nothing to do, so no sample is to blame.
    second = FAST(functions.process, [(None,)])[0]
    assert second.reason == "" and second.value != first[0]


def test_time_spent_on_another_worker_is_no_delay_of_this_one(monkeypatch):
    real = _pool.Pool.how_it_ended

    def slow(self, worker):
        time.sleep(1.0)
        return real(self, worker)

    monkeypatch.setattr(_pool.Pool, "how_it_ended", slow)
    guard = Guard(timeout=0.5, workers=2)
    outcomes = guard(functions.touchy, [("hard_exit",), ("brief",), ("brief",), ("hard_exit",)])
    assert [str(value) for value in values(outcomes)] == ["nan", "1.0", "1.0", "nan"]


def test_workers_hold_no_torch_unless_the_function_imports_it():
    assert values(Guard()(functions.holds_torch, [(0,)])) == [0.0]


def test_imports_inside_a_call_do_not_count_as_a_hang_and_are_not_repeated():
    # Two modules that take 0.6 s each, under a limit of 0.9 s; then a crash, and a worker that has them already.
    guard = Guard(timeout=0.9)
    assert guard(functions.slow_import, [(0,)]) == [Outcome(5.0)]
    pool = next(reversed(_pool._pools.values()))
    pool.close()
    started = time.monotonic()
    assert guard(functions.slow_import, [(0,)]) == [Outcome(5.0)]
    pool.end(pool.idle.pop())
    assert guard(functions.slow_import, [(0,)]) == [Outcome(5.0)]
    assert time.monotonic() - started < 2.2  # 1.2 s of imports once, not twice


@pytest.mark.parametrize("isolate", [True, False])
def test_batched_functions(isolate):
    guard = Guard(isolate=isolate, batched=True, timeout=0.5)
    assert values(guard(functions.batch_of_kinds, [("fine",), ("fraction",)])) == [1.0, 0.5]
    outcomes = guard(functions.batch_of_kinds, [("fine",), ("raise",), ("none",), ("fine",)])
    assert [str(value) for value in values(outcomes)] == ["1.0", "nan", "nan", "1.0"]
    assert "bad sample" in outcomes[1].reason
    wrong = guard(functions.too_few, [(1.0,), (2.0,), (3.0,)])
    assert all(math.isnan(value) for value in values(wrong))
    assert {outcome.reason for outcome in wrong} == {"the function returned 2 scores for 3 samples"}


def test_a_hang_in_a_batch_costs_one_sample():
    guard = Guard(batched=True, timeout=0.3, workers=2)
    outcomes = guard(functions.batch_of_kinds, [("fine",)] * 5 + [("spin",), ("hard_exit",)])
    assert [str(value) for value in values(outcomes)] == ["1.0"] * 5 + ["nan"] * 2


def test_arguments_that_cannot_travel_cost_one_sample():
    outcomes = FAST(functions.good, [(1.0,), (functions.Unpicklable(),), (functions.Hostile(),), (2.0,)])
    assert [str(value) for value in values(outcomes)] == ["1.0", "nan", "nan", "2.0"]
    assert "cannot be sent to a worker: TypeError: stays here" in outcomes[1].reason
    assert "exit code 9" in outcomes[2].reason


def test_from_a_thread():
    found = []
    thread = threading.Thread(target=lambda: found.extend(FAST(functions.touchy, [("spin",), ("fine",)])))
    thread.start()
    thread.join(10)
    assert [str(value) for value in values(found)] == ["nan", "1.0"]


def test_an_interrupt_of_the_caller_ends_the_workers(monkeypatch):
    guard = Guard(timeout=60)
    pid = int(guard(functions.process, [(None,)])[0].value)

    def interrupted(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("guerdon.rewards.guard._Round._readable", interrupted)
        with pytest.raises(KeyboardInterrupt):
            guard(functions.process, [(None,)])
    assert wait_for(lambda: not alive(pid))
    assert guard(functions.process, [(None,)])[0].reason == ""


def test_functions_that_cannot_load():
    for function, says in [
        ("no_such_module:f", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("scoring_functions:f", "module 'scoring_functions' has no 'f'"),
        ("scoring_functions:HERE", "has no 'HERE'"),
        ("scoring_functions:KINDS", "is no function but dict"),
        ("scoring_functions:named", "it needs prompt, response, but is given x"),
    ]:
        for isolate in (True, False):
            with pytest.raises(GuerdonError, match=says):
                Guard(isolate=isolate)(function, [{"x": 1}])
    with pytest.raises(GuerdonError, match="must be picklable"):
        FAST(lambda x: x, [(1,)])
    assert values(FAST("scoring_functions:good", [(1,)])) == [1.0]


def test_a_module_that_ends_or_hangs_its_process_at_import(tmp_path, monkeypatch):
    (tmp_path / "ends_at_import.py").write_text("import os; os._exit(1)")
    (tmp_path / "hangs_at_import.py").write_text("while True: pass")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(GuerdonError, match="loading it ended its process"):
        FAST("ends_at_import:f", [(1,)])
    started = time.monotonic()
    with pytest.raises(GuerdonError, match=r"took more than start_timeout=0\.5 s"):
        Guard(start_timeout=0.5)("hangs_at_import:f", [(1,)])
    assert time.monotonic() - started < 8


def test_a_function_of_the_main_script_is_refused_with_the_way_out():
    code = "from guerdon.rewards.guard import Guard\ndef f(x): return x\nGuard()(f, [(1,)])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "move it from the main script to a module" in done.stderr


@pytest.mark.parametrize("how", ["exit", "spin", "start_child"])
def test_no_process_outlives_the_run(how):
    """Workers end when the main process exits, and when it is killed without notice while they run something."""
    code = (
        "import os, sys, threading\nimport scoring_functions as f\nfrom guerdon.rewards.guard import Guard\n"
        "guard = Guard(timeout=600)\nprint(int(guard(f.touchy, [('fine',)])[0].value), flush=True)\n"
        "print(int(guard('scoring_functions:process', [(0,)])[0].value), flush=True)\n"
        "from guerdon.rewards import _pool\n"
        "print(*(pool.server.pid for pool in _pool._pools.values()), *(w.pid for pool in _pool._pools.values() "
        "for w in pool.idle), flush=True)\n" + ("" if how == "exit" else f"guard(f.touchy, [('{how}',)])")
    )
    path = os.pathsep.join([HERE, *filter(None, sys.path)])
    run = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    with run:
        assert run.stdout is not None
        assert run.stdout.readline().strip() == "1"
        run.stdout.readline()
        pids = [int(pid) for pid in run.stdout.readline().split()]
        assert len(pids) == 4
        if how != "exit":
            time.sleep(0.3)
            run.kill()
        assert run.wait(30) == (0 if how == "exit" else -9)
    assert wait_for(lambda: not any(map(alive, pids)) and not sleepers()), pids


def test_bad_settings():
    with pytest.raises(GuerdonError, match="time limits must be positive, got 0 and"):
        Guard(timeout=0)
    with pytest.raises(GuerdonError, match="at least 1 worker, got 0"):
        Guard(workers=0)


def test_pools_are_shared_and_bounded(monkeypatch):
    monkeypatch.setattr(_pool, "MAX_POOLS", 2)
    _pool.close_all()
    pids = [FAST("scoring_functions:process", [(0,)])[0].value for _ in range(2)]
    assert pids[0] == pids[1]
    for name in ("good", "length", "holds_torch"):
        FAST(f"scoring_functions:{name}", [("x",)])
    assert len(_pool._pools) == 2
    assert wait_for(lambda: not alive(int(pids[0])))


def test_overhead_is_small_when_batched():
    guard = Guard()
    calls = [(float(number),) for number in range(2000)]
    guard(functions.good, calls)
    started = time.monotonic()
    assert values(guard(functions.good, calls)) == [float(number) for number in range(2000)]
    # About 30 microseconds on an idle machine; the bound allows for a busy one.
    assert (time.monotonic() - started) / 2000 < 1e-3


def test_outcomes_travel():
    outcome = Outcome({"a": 1.0}, "b: none")
    assert pickle.loads(pickle.dumps(outcome)) == outcome
