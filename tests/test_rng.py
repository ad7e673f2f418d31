"""Streams: equal paths give equal numbers, other paths others, and nothing leaks out."""

import random
import subprocess
import sys

import numpy
import pytest
import torch

from guerdon.rng import Stream, seeded


def draw(stream: Stream) -> list[float]:
    return torch.rand(4, generator=stream.generator()).tolist()


def test_a_path_names_its_numbers() -> None:
    assert draw(Stream((1, "a"))) == draw(Stream((1,)).child("a")) == draw(Stream(()).child(1, "a"))
    assert Stream((7, "step", 12, "rollout")).integer() == 450739891920141073, "the same on every machine"


def test_other_paths_give_other_numbers() -> None:
    paths = [(), (1,), ("1",), (1, 1), (11,), (1, "a"), ("1a",), ("a", 1), (-1,), ("1, 1",), (0, 0), (0,)]
    assert len({Stream(path).integer() for path in paths}) == len(paths)
    assert len({Stream((0, "step", number)).integer() for number in range(10_000)}) == 10_000
    assert all(0 <= Stream((number,)).integer() < 2**63 for number in range(100))


def test_streams_repeat_in_another_process() -> None:
    code = "from guerdon.rng import Stream; print(Stream((3, 'x')).integer())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == Stream((3, "x")).integer()


def globally() -> list[float]:
    return [float(torch.rand(())), random.random(), float(numpy.random.random())]


def test_global_generators_follow_the_stream_inside_and_go_on_outside() -> None:
    cpu = torch.device("cpu")
    torch.manual_seed(0)
    random.seed(0)
    numpy.random.seed(0)
    globally()
    wanted = globally()
    torch.manual_seed(0)
    random.seed(0)
    numpy.random.seed(0)
    globally()
    with seeded(Stream((1,)), cpu):
        inside = globally()
    with pytest.raises(RuntimeError, match="inside"), seeded(Stream((1,)), cpu):
        assert globally() == inside
        raise RuntimeError("inside")
    assert globally() == wanted
    with seeded(Stream((2,)), cpu):
        assert globally() != inside


def test_seeding_keeps_nothing() -> None:
    """Without a GPU, ``torch.manual_seed`` queues a call with a stack trace for each device that may appear later."""
    queued = torch.cuda._queued_calls
    before = len(queued)
    for number in range(5):
        with seeded(Stream((number,)), torch.device("cpu")):
            pass
    assert len(queued) == before
