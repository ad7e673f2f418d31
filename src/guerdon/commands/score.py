"""Score a file of responses: one JSON object per line with `response`, and `prompt`, `answer`, `meta` if there are.

Examples:
  guerdon score answers.jsonl --reward tags                              a piece of rewards/, here the format reward
  guerdon score answers.jsonl.gz --reward mine:score --out scores.jsonl  a function of yours, module:name
  guerdon score answers.jsonl --reward verifier --task chain_sum         the task's own scorer; lines with `problem`,
                                                                         a number of the `split` (default: test)
  guerdon score answers.jsonl --reward mine:judge --workers 8 --timeout 30 --cache judged.sqlite

Prints one JSON object per line of the file, in its order, as it goes: {"line": 1, "reward": {"correct": 1.0}}. Where a
response could not be scored its reward is null, which is not zero, and "error" says why. The summary goes to stderr.
With --out the file appears when it is complete; the same command goes on where one that was killed had stopped.
"""

import argparse
import gzip
import json
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import IO, Any, NamedTuple

from guerdon.commands._arguments import positive
from guerdon.commands._partial import Partial
from guerdon.errors import GuerdonError

CHUNK = 256
"""Lines scored at a time, at first and at least a ``workers``-th of it; slow rewards get fewer, so that a kill costs
seconds."""
DECODER, ENCODER = json.JSONDecoder(), json.JSONEncoder(ensure_ascii=False)
LONGEST = 64 << 20
"""Bytes that a line may have."""
TURN = 1.0
"""Seconds that scoring a chunk should take at most."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("file", metavar="FILE.jsonl", help="the responses, may end with .gz; - reads them from stdin")
    parser.add_argument("--reward", metavar="SPEC", required=True, help="a reward piece, a scorer or module:function")
    parser.add_argument(
        "--task", metavar="SPEC", help="whose scorer and problems to use, where the reward asks for them"
    )
    parser.add_argument("--out", metavar="FILE", help="write here instead, whole or not at all; goes on after a kill")
    parser.add_argument("--workers", type=int, metavar="N", help="calls of the reward at the same time")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="time limit of one call")
    parser.add_argument("--cache", metavar="FILE", help="keep scores in this file, by content")


def run(arguments: argparse.Namespace) -> int:
    """Score every line."""
    from guerdon.piece import TaskSpec
    from guerdon.rewards.samples import SampleJudge, with_options
    from guerdon.serial import to_json
    from guerdon.specs import resolve, reward

    sys.path.insert(0, os.getcwd())
    piece = reward(arguments.reward)
    options = {"workers": positive("--workers", arguments.workers), "timeout": arguments.timeout}
    task = resolve(arguments.task, TaskSpec, "--task") if arguments.task else None
    judge = SampleJudge(with_options(piece, **options, cache=arguments.cache), task)
    with source_of(arguments.file) as source:
        same = {"file": source.same, "reward": to_json(piece), "task": task and to_json(task)}
        with target_of(arguments.out, same if source.same else None) as (write, earlier):
            tally = Tally(earlier.rows, earlier.sums)
            lines = read_lines(source.lines, arguments.file, earlier.line)
            with Meter(tally, source.share) as meter:
                for rows in chunks(judge, lines, options["workers"] or 1):
                    write("".join(f"{ENCODER.encode(row)}\n" for row in rows))
                    tally.add(rows)
                    meter.show()
    tally.tell(meter)
    return 0


def chunks(judge: Any, lines: Iterator[tuple[int, dict[str, Any]]], workers: int) -> Iterator[list[dict[str, Any]]]:
    """Results, some lines at a time: as many as take about ``TURN`` seconds, from ``workers`` to ``CHUNK`` each."""
    size = most = max(CHUNK, 16 * workers)
    if not getattr(getattr(judge.piece, "scorer", None), "trusted", False):
        size = max(8, 2 * workers)
    while chunk := list(islice(lines, size)):
        began = time.monotonic()
        results = judge(chunk)
        yield [{"line": number, **result} for (number, _), result in zip(chunk, results, strict=True)]
        taken = time.monotonic() - began
        size = min(2 * size, most) if taken < TURN / 2 else max(size // 2, workers) if taken > TURN else size


def read_lines(
    source: Iterable[bytes | str], file: str, after: int = 0, several: bool = False
) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of every line that is not blank, beginning after line ``after``.

    ``several``: a line may have ``responses`` in the place of ``response``; whoever reads them checks them.

    Raises:
        GuerdonError: with the line's number, if it is no object with a text ``response``.
    """
    number = 0
    try:
        for number, line in enumerate(source, 1):
            if number > after and (line := line.strip()):
                yield number, _entry(line, f"{file}, line {number}", several)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise GuerdonError(f"{file} must be a whole gzip file, but after line {number}: {error}") from None


def _entry(line: bytes | str, where: str, several: bool = False) -> dict[str, Any]:
    if len(line) > LONGEST:
        raise GuerdonError(f"{where} must have at most {LONGEST} bytes")
    try:
        text = line.decode("utf-8-sig") if isinstance(line, bytes) else line
        entry = DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise GuerdonError(f"{where} must be a JSON object: {error}") from None
    if several and isinstance(entry, dict) and "responses" in entry:
        return entry
    if not isinstance(entry, dict) or not isinstance(entry.get("response"), str):
        raise GuerdonError(f"{where} must be an object with a text under `response`")
    return entry


class Source(NamedTuple):
    """Lines to score, none longer than can be refused."""

    lines: Iterator[bytes]
    same: list[Any] | None
    """What tells the file from others; None for stdin."""
    share: Callable[[], float]
    """How much of it is read, 0 to 1; 0 for stdin."""


@contextmanager
def source_of(file: str) -> Iterator[Source]:
    """The lines of a file or of stdin."""
    if file == "-":
        yield Source(_lines(sys.stdin.buffer), None, lambda: 0.0)
        return
    with open(file, "rb") as plain:
        status = os.fstat(plain.fileno())
        share = lambda: plain.tell() / max(status.st_size, 1)  # noqa: E731
        with gzip.GzipFile(fileobj=plain) if file.endswith(".gz") else plain as source:
            yield Source(_lines(source), [os.path.abspath(file), status.st_size, status.st_mtime_ns], share)


def _lines(source: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    return iter(lambda: source.readline(LONGEST + 1), b"")


@contextmanager
def target_of(out: str | None, same: dict[str, Any] | None) -> Iterator[tuple[Any, Any]]:
    """Something to write text with, and what was written before: to stdout, or to a file that appears when complete."""
    if out is not None:
        with Partial.open(out, same) as partial:
            yield partial.write, partial.earlier
        return
    from guerdon.commands._partial import Earlier

    def write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    yield write, Earlier()


class Tally:
    """Counts and means of what was scored."""

    def __init__(self, rows: int, sums: dict[str, tuple[float, int]]) -> None:
        self.rows, self.sums, self.before = rows, dict(sums), rows

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Count results."""
        self.rows += len(rows)
        for row in rows:
            for name, value in row["reward"].items():
                total, scored = self.sums.get(name, (0.0, 0))
                self.sums[name] = (total, scored) if value is None else (total + value, scored + 1)

    def tell(self, meter: "Meter") -> None:
        """The summary, on stderr."""
        for name, (total, scored) in self.sums.items():
            mean = f"mean {total / scored:.4g}" if scored else "no mean"
            print(f"{self.rows} lines: {name} {mean}, {self.rows - scored} unscored", file=sys.stderr)
        earlier = f", {self.before} of them earlier" if self.before else ""
        print(f"{self.rows} lines{earlier}, {meter.rate:.0f} lines/s", file=sys.stderr)


class Meter:
    """Share, lines and lines per second on stderr: a bar on a terminal, else a line about every ten seconds."""

    def __init__(self, tally: Tally, share: Callable[[], float]) -> None:
        self.tally, self.share = tally, share
        self.live = sys.stderr.isatty()
        self.began = self.last = time.monotonic()
        self.start, self.rate = 0.0, 0.0

    def __enter__(self) -> "Meter":
        self.began = self.last = time.monotonic()
        return self

    def __exit__(self, *error: object) -> None:
        self._measure()
        if self.live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def _measure(self) -> float:
        now = time.monotonic()
        self.rate = (self.tally.rows - self.tally.before) / max(now - self.began, 1e-9)
        return now

    def show(self) -> None:
        """Say where it is, if it is time."""
        now, share = self._measure(), self.share()
        self.start = self.start or share  # what an earlier run has scored takes no time now
        if now - self.last < (0.2 if self.live else 10.0):
            return
        self.last = now
        text = f"{self.tally.rows} lines, {self.rate:.0f} lines/s"
        if share > self.start:
            left = (now - self.began) * (1 - share) / (share - self.start)
            text = f"{bar(share)} {share:4.0%} {text}, {left:.0f} s left"
        print(f"\r{text}\x1b[K" if self.live else text, end="" if self.live else "\n", file=sys.stderr, flush=True)


def bar(share: float, width: int = 20) -> str:
    """A bar that is full at 1."""
    full = round(share * width)
    return f"[{'#' * full}{'.' * (width - full)}]"
