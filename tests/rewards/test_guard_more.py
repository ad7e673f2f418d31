"""The guard's further tries, threads and coroutines, and its cache on the way."""

import asyncio
import math
import time

import pytest
import scoring_functions as functions

from guerdon.errors import GuerdonError
from guerdon.rewards import _pool
from guerdon.rewards.guard import Guard, Outcome
from guerdon.rewards.retry import Retry
from guerdon.serial import from_json, to_json

SOON = Retry(times=3, wait=0.01)


@pytest.fixture(autouse=True, scope="module")
def closed():
    yield
    _pool.close_all()


def values(outcomes):
    return [outcome.value for outcome in outcomes]


def test_a_call_that_raised_and_then_hung_gets_another_try(tmp_path):
    path = str(tmp_path / "tries")
    guard = Guard(timeout=0.5, retry=SOON)
    assert guard(functions.fails_at_first, [(path,)]) == [Outcome(3)]
    again = str(tmp_path / "again")
    once = Guard(isolate=False, retry=Retry(times=0))(functions.fails_at_first, [(again,)])[0]
    assert math.isnan(once.value) and "busy" in once.reason


def test_what_the_function_said_is_not_asked_again():
    calls = []

    def count(kind):
        calls.append(kind)
        return functions.KINDS[kind]()

    outcomes = Guard(isolate=False, retry=SOON)(count, [("nan",), ("none",), ("fine",), ("raise",)])
    assert [str(value) for value in values(outcomes)] == ["nan", "nan", "1.0", "nan"]
    assert calls == ["nan", "none", "fine", "raise"] + ["raise"] * 3


@pytest.mark.parametrize("function", [functions.waits, functions.naps])
def test_slow_calls_run_at_the_same_time_in_this_process(function):
    guard = Guard(isolate=False, workers=20)
    started = time.monotonic()
    seconds = [(0.2 + 0.001 * number,) for number in range(40)]
    assert values(guard(function, seconds)) == [each for (each,) in seconds]
    assert time.monotonic() - started < 3  # 0.4 s; 8.8 s one after the other


@pytest.mark.parametrize("function", [functions.touchy, functions.async_touchy])
def test_a_late_call_in_this_process_is_left_behind(function):
    guard = Guard(isolate=False, workers=2, timeout=0.3)
    kinds = ["fine", "sleep", "raise", "none", "sleep", "fraction", "exit"] + ["fine"] * 20
    expected = {"fine": "1.0", "fraction": "0.5"}
    started = time.monotonic()
    outcomes = guard(function, [(kind,) for kind in kinds])
    assert [str(value) for value in values(outcomes)] == [expected.get(kind, "nan") for kind in kinds]
    assert outcomes[1].reason == outcomes[4].reason == "no score within 0.3 s"
    assert outcomes[2].reason.startswith("ValueError: bad sample")
    assert time.monotonic() - started < 5


def test_coroutines_in_a_worker_in_batches_and_inside_a_running_loop():
    assert values(Guard()(functions.waits, [(0.01,), (0.02,)])) == [0.01, 0.02]
    guard = Guard(isolate=False, batched=True, workers=2)
    assert values(guard(functions.waits_for_all, [(0.01,), (0.02,), (0.03,)])) == [0.01, 0.02, 0.03]

    async def inside():
        return values(Guard(isolate=False, workers=4)(functions.waits, [(0.01,)] * 3))

    assert asyncio.run(inside()) == [0.01] * 3


@pytest.mark.parametrize("workers", [1, 3])
def test_batches_in_threads_are_called_again_sample_by_sample(workers):
    guard = Guard(isolate=False, batched=True, workers=workers, timeout=5)
    outcomes = guard(functions.batch_of_kinds, [("fine",)] * 4 + [("raise",), ("none",), ("fraction",)])
    assert [str(value) for value in values(outcomes)] == ["1.0"] * 4 + ["nan", "nan", "0.5"]


def test_order_is_kept_over_many_threads():
    guard = Guard(isolate=False, workers=8)
    assert values(guard(functions.good, [(float(number),) for number in range(500)])) == list(range(500))


def test_saved():
    guard = Guard(retry=Retry(times=1), cache="a.sqlite", isolate=False, workers=3)
    assert from_json(to_json(guard)) == guard
    with pytest.raises(GuerdonError, match="must lie in a folder that exists"):
        Guard(cache="no/such/folder/a.sqlite", isolate=False)(functions.good, [(1.0,)])


def test_gigabytes_of_output_are_dropped_and_a_number_survives_them(capfd):
    assert Guard(timeout=60)(functions.print_gigabytes, [(2,), (0,)]) == [Outcome(2), Outcome(0)]
    assert capfd.readouterr() == ("", "")


def test_a_reason_of_gigabytes_is_cut():
    outcome = Guard(timeout=60)(functions.raise_much, [(1 << 28,)])[0]
    assert math.isnan(outcome.value) and outcome.reason.startswith("ValueError: xxx") and len(outcome.reason) < 500
