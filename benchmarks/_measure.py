"""What the benchmarks share: paired timing, the machine's limits, peak memory, and the record of results.

A ratio is taken within one round, in which every way runs once, so that whatever else the machine does slows all of
them alike; the median over rounds is reported with its quartiles. Limits (multiplications and bytes per second) are
measured in the process whose work is held against them.

    parser = argparse.ArgumentParser(...)
    add_options(parser)                                     # --json [FILE], --record
    options = parser.parse_args()
    times = paired({"ours": ours, "theirs": theirs}, rounds=9)
    rows = [Row("what", median(times["ours"]), "s", ratio(times["theirs"], times["ours"]), "theirs", target=3)]
    sys.exit(publish(__file__, "Title of the section", rows, options, packages=("trl",)))
"""

import argparse
import datetime
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results.json")


@dataclass(frozen=True)
class Spread:
    """Median over rounds, and the quartiles."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """One measured number, and what it is held against."""

    what: str
    value: Spread | float
    unit: str = ""
    ratio: Spread | float | None = None
    """How many times better than ``against``; for a share of a limit, the share."""
    against: str = ""
    """What the ratio compares with, and its number."""
    target: float | None = None
    """Asked of the ratio, or of the value where there is no ratio; a miss makes the script exit with 1."""
    at_most: bool = False
    """Whether the target is an upper bound."""
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        found = self.value if self.ratio is None else self.ratio
        value = found.value if isinstance(found, Spread) else found
        return value <= self.target if self.at_most else value >= self.target


def paired(
    ways: Mapping[str, Callable[[], Any]],
    rounds: int = 9,
    warm_up: int = 1,
    synchronize: Callable[[], Any] | None = None,
    calls: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of every way in every round. The way that begins changes from round to round; warm-ups are not timed.

    Args:
        ways: name -> what to run.
        rounds: how often each way is timed.
        warm_up: how often each way runs before.
        synchronize: waits for the device (``torch.cuda.synchronize``); called before the clock is read.
        calls: calls per measurement, for ways of microseconds; the time is that of one call.
        clock: ``time.process_time`` for one thread on a machine that others use: waiting for a core does not count.
    """
    names, seconds = list(ways), {name: [] for name in ways}
    for _ in range(warm_up):
        for way in ways.values():
            way()
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            way = ways[name]
            if synchronize:
                synchronize()
            started = clock()
            for _ in range(calls):
                way()
            if synchronize:
                synchronize()
            seconds[name].append((clock() - started) / calls)
    return seconds


median = statistics.median


def quartiles(values: Sequence[float]) -> Spread:
    """Median and quartiles of numbers."""
    if len(values) < 2:
        return Spread(values[0], values[0], values[0])
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(middle, low, high)


def ratio(slow: Sequence[float], fast: Sequence[float]) -> Spread:
    """How many times faster the second is: round by round, then the median and the quartiles."""
    return quartiles([a / b for a, b in zip(slow, fast, strict=True)])


Clock = Callable[[], float]


def matmul_rate(
    device: str = "cpu", dtype: Any = None, size: int | None = None, rounds: int = 7, clock: Clock = time.perf_counter
) -> float:
    """FLOP/s of the product of two square matrices, the best of some rounds."""
    import torch

    size = size or (1024 if device == "cpu" else 8192)
    left, right = (torch.randn(size, size, device=device).to(dtype or torch.float32) for _ in range(2))
    out = torch.empty_like(left)
    seconds = _fastest(lambda: torch.mm(left, right, out=out), device, rounds, clock)
    return 2 * size**3 / seconds


def read_bandwidth(
    device: str = "cpu", megabytes: int = 256, rounds: int = 7, clock: Clock = time.perf_counter
) -> float:
    """Bytes per second that a matrix times a vector reads, the best of some rounds: what decoding is bound by."""
    import torch

    columns = 1024
    matrix = torch.ones(megabytes * 2**20 // (4 * columns), columns, device=device)
    vector = torch.ones(columns, device=device)
    seconds = _fastest(lambda: torch.mv(matrix, vector), device, rounds, clock)
    return 4 * matrix.numel() / seconds


def _fastest(work: Callable[[], Any], device: str, rounds: int, clock: Clock) -> float:
    return min(paired({"work": work}, rounds, warm_up=2, synchronize=synchronizer(device), clock=clock)["work"])


def synchronizer(device: str) -> Callable[[], Any] | None:
    """What waits for a device; None on a CPU."""
    if device == "cpu":
        return None
    import torch

    return torch.cuda.synchronize


def reset_peak(device: str = "cpu") -> int:
    """Begin a new peak and return the bytes held now.

    On a CPU that is this process's resident memory (Linux); elsewhere the peak cannot be set back, so measure in a
    fresh process.
    """
    if device != "cpu":
        import torch

        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return peak()
    return _status("VmRSS")


def peak(device: str = "cpu") -> int:
    """Most bytes held since ``reset_peak``."""
    if device != "cpu":
        import torch

        return torch.cuda.max_memory_allocated()
    try:
        return _status("VmHWM")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


@dataclass(frozen=True)
class Finished:
    """A process that ended."""

    seconds: float
    peak_bytes: int
    """Largest resident memory of the process and all it had started, summed."""
    stdout: str


def run_process(
    command: Sequence[str], environment: Mapping[str, str] | None = None, every: float | None = 0.02
) -> Finished:
    """Run a command to its end; ``every`` is how often its memory is looked at, None not at all (Linux: /proc).

    Raises:
        SystemExit: with what it wrote to stderr, if it failed.
    """
    began, most = time.perf_counter(), 0
    full = {**os.environ, **(environment or {})}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=full)
    while True:
        try:
            stdout, stderr = process.communicate(timeout=every)
            break
        except subprocess.TimeoutExpired:
            most = max(most, resident(process.pid))
    seconds = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(stderr)
    return Finished(seconds, most, stdout)


def resident(pid: int) -> int:
    """Bytes of a process and of those it has started."""
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        try:
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except (OSError, IndexError):  # ended meanwhile
            continue
    return total


def available_memory() -> int:
    """Bytes that a process may still take (Linux), else a very large number."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return sys.maxsize
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))


def add_options(parser: argparse.ArgumentParser) -> None:
    """``--json`` and ``--record``."""
    text = "write JSON to FILE, or to stdout in place of the table"
    parser.add_argument("--json", nargs="?", const="-", metavar="FILE", help=text)
    parser.add_argument("--record", action="store_true", help="put the numbers into benchmarks/results.json")


def add_clock(parser: argparse.ArgumentParser) -> None:
    """``--threads`` and ``--processor``, which ``clock_of`` reads."""
    parser.add_argument("--threads", type=int, default=2)
    text = "one thread by its processor time: on a machine that others use, waiting for a core does not count"
    parser.add_argument("--processor", action="store_true", help=text)


def clock_of(options: argparse.Namespace) -> Callable[[], float]:
    """The clock that was asked for; with ``--processor`` there is one thread."""
    options.threads = 1 if options.processor else options.threads
    return time.process_time if options.processor else time.perf_counter


def publish(
    script: str,
    title: str,
    rows: Sequence[Row],
    options: argparse.Namespace,
    *,
    part: str = "",
    packages: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> int:
    """Print the table; write and record what was asked for. Returns 1 if a target was missed.

    Args:
        script: the ``__file__`` of the benchmark.
        title: what is measured, as a heading.
        rows: the numbers.
        options: what ``add_options`` parsed.
        part: a name for one of several records of a script.
        packages: further packages whose versions matter.
        notes: sentences that belong to the numbers.
    """
    entry = {"title": title, **circumstances(script, packages), "notes": list(notes), "rows": [_plain(r) for r in rows]}
    if options.json == "-":
        print(json.dumps(entry))
    else:
        print_table(title, rows, notes)
    if options.json not in (None, "-"):
        Path(options.json).write_text(json.dumps(entry, indent=1) + "\n", encoding="utf-8")
    if options.record:
        record(f"{Path(script).stem}{f'.{part}' if part else ''}", entry)
    return int(any(row.met is False for row in rows))


def _plain(row: Row) -> dict[str, Any]:
    """The row as JSON data, without what is empty."""
    found = {key: value for key, value in asdict(row).items() if value is not None and value != ""}
    if row.met is None:
        return {key: value for key, value in found.items() if key != "at_most"}
    return {**found, "met": row.met}


def row_of(entry: Mapping[str, Any]) -> Row:
    """The row that ``_plain`` made an entry of."""
    facts = {key: value for key, value in entry.items() if key != "met"}
    for name in ("value", "ratio"):
        if isinstance(found := facts.get(name), dict):
            facts[name] = Spread(**found)
    return Row(**{"unit": "", **facts})


def circumstances(script: str, packages: Sequence[str] = ()) -> dict[str, Any]:
    """When, by which command, of which commit, and where something was measured."""
    words = []
    for before, word in zip(sys.argv, sys.argv[1:], strict=False):
        # Where the numbers are written to is not part of what is measured.
        if word not in ("--record", "--json") and (before != "--json" or word.startswith("--")):
            words.append(word)
    return {
        "command": " ".join(["python", f"benchmarks/{Path(script).name}", *words]),
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
        "machine": machine(),
        "versions": versions(("torch", *packages)),
    }


def commit() -> str:
    """Short hash, with ``+`` where the source or a benchmark was changed since."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(RESULTS.parent), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", ":/src", ":/benchmarks", f":!{RESULTS.name}")
        return git("rev-parse", "--short=10", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def machine() -> str:
    """Processor, cores this process may use, memory, and the GPU if there is one."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    text = f"{model}, {cores} cores"
    if hasattr(os, "sysconf"):
        text += f", {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        text += f", {torch.cuda.get_device_name()}"
    return text


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Python's version and those of the packages that are installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def print_table(title: str, rows: Sequence[Row], notes: Sequence[str] = ()) -> None:
    """The numbers for a person."""
    lines = [HEADER, *map(cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    print(title)
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    for note in notes:
        print(note)


HEADER = ("what", "measured", "ratio", "against", "target")


def cells(row: Row) -> tuple[str, ...]:
    """The row as texts, one for each word of ``HEADER``."""
    ratio_of = "" if row.ratio is None else _number(row.ratio, lambda value: f"{value:.3g}")
    target = ""
    if row.target is not None:
        asked = f"{row.target:.3g}" if row.ratio is not None else quantity(row.target, row.unit)
        target = f"{'<=' if row.at_most else '>='} {asked}{' missed' if row.met is False else ''}"
    what = f"{row.what} ({row.note})" if row.note else row.what
    return what, _number(row.value, lambda value: quantity(value, row.unit)), ratio_of, row.against, target


def _number(value: Spread | float, text: Callable[[float], str]) -> str:
    if isinstance(value, Spread):
        return f"{text(value.value)} [{text(value.low)}, {text(value.high)}]"
    return text(value)


def quantity(value: float, unit: str) -> str:
    """A number with its unit: times as ms or µs where small, bytes and rates with a prefix."""
    if unit == "s":
        size = abs(value)
        return f"{value:.3g} s" if size >= 1 else f"{value * 1e3:.3g} ms" if size >= 1e-3 else f"{value * 1e6:.3g} µs"
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if unit in ("B", "B/s", "FLOP/s") and abs(value) >= size:
            return f"{value / size:.3g} {prefix}{unit}"
    return f"{value:,.0f} {unit}".strip() if abs(value) >= 1000 else f"{value:.3g} {unit}".strip()


def record(name: str, entry: Mapping[str, Any], path: Path = RESULTS) -> None:
    """Add or replace one entry of the results; the file is replaced whole, with one line per number."""
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    results[name] = entry
    parts = []
    for key in sorted(results):
        rows = ",\n   ".join(json.dumps(row, ensure_ascii=False) for row in results[key]["rows"])
        head = ",\n  ".join(
            f"{json.dumps(word)}: {json.dumps(value, ensure_ascii=False)}"
            for word, value in results[key].items()
            if word != "rows"
        )
        parts.append(f' {json.dumps(key)}: {{\n  {head},\n  "rows": [\n   {rows}\n  ]\n }}')
    temporary = path.with_name(path.name + ".partial")
    temporary.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")
    os.replace(temporary, path)
