"""Randomness that repeats: every random choice is drawn from a stream named by what it is for.

A stream is a path such as ``(seed, "step", 12, "rollout")``. Nothing is carried over from one step to
the next, so a resumed run draws what the uninterrupted one would have drawn.
"""

import contextlib
import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy
import torch


@dataclass(frozen=True)
class Stream:
    """A named source of random numbers; equal paths give equal numbers on every machine."""

    path: tuple[int | str, ...]

    def child(self, *names: int | str) -> "Stream":
        """The stream of something inside this one."""
        return Stream((*self.path, *names))

    def integer(self) -> int:
        """A number in 0..2^63-1 that depends on the path alone."""
        digest = hashlib.blake2b(repr(self.path).encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") >> 1

    def generator(self, device: torch.device | str = "cpu") -> torch.Generator:
        """A torch generator seeded by the path."""
        return torch.Generator(device).manual_seed(self.integer())


@contextlib.contextmanager
def seeded(stream: Stream, device: torch.device) -> Iterator[None]:
    """Seed the global generators (torch, numpy, random) inside the block and put them back as they were after it.

    Dropout and third-party scorers draw from them, so without this a resumed run would not repeat.
    """
    devices = [device] if device.type == "cuda" else []
    python, legacy = random.getstate(), numpy.random.get_state()
    with torch.random.fork_rng(devices):
        # Not torch.manual_seed: without a GPU it notes a stack trace per call, which takes time and is never freed.
        torch.default_generator.manual_seed(stream.integer())
        if devices:
            torch.cuda.manual_seed_all(stream.integer())
        random.seed(stream.integer())
        numpy.random.seed(stream.integer() % 2**32)
        try:
            yield
        finally:
            random.setstate(python)
            numpy.random.set_state(legacy)
