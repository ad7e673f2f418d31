"""Running the claims of papers, and the record of their results.

``check`` claims are exact and run on every change. ``proxy`` claims train something small against a baseline; what
they measured is kept in ``papers/_results.json`` with commit, date and seed, and goes stale after 30 days.
"""

import datetime
import fcntl
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guerdon.catalogue import load_paper, paper_ids, papers_folder
from guerdon.errors import GuerdonError

if TYPE_CHECKING:
    from guerdon.paper import Claim, Evidence

STALE_DAYS = 30
"""Age at which a proxy's result no longer counts."""

FAILED = "contradicted"
"""The verdict on a claim whose value lies outside its interval, unless the claim itself gives another."""


@dataclass(frozen=True)
class Outcome:
    """What running one claim gave."""

    paper: str
    claim: str
    """Name of the claim's function."""
    sentence: str
    tier: str
    seed: int
    passed: bool
    """Whether the value lies in its interval, or the claim says that the effect does not show at this scale."""
    verdict: str
    """``confirmed``, ``not seen at this scale``, ``contradicted``, or ``error`` where the claim could not be run."""
    seconds: float
    value: float | None = None
    low: float | None = None
    high: float | None = None
    interval: tuple[float, float] | None = None
    note: str = ""
    """What the number is; the error's text where there was one."""


def select(ids: Sequence[str], tier: str) -> Iterator[tuple[str, "Claim"]]:
    """The claims of a tier, of these papers (all of them if none is named).

    Raises:
        GuerdonError: if an id is no paper's.
    """
    for paper_id in ids or paper_ids():
        paper = load_paper(paper_id)
        name = paper_id.replace("-", "_").removeprefix("baseline_")
        yield from ((name, claim) for claim in paper.claims if claim.tier == tier)


def claim_name(claim: "Claim") -> str:
    """Name of the function that measures."""
    return getattr(claim.measure, "__name__", "claim")


def run_claim(paper_id: str, claim: "Claim", seed: int = 0) -> Outcome:
    """Run one claim. An exception is an outcome (verdict ``error``), so that one paper cannot hide the others."""
    started = time.perf_counter()
    facts: dict[str, Any] = {
        "paper": paper_id,
        "claim": claim_name(claim),
        "sentence": claim.sentence,
        "tier": claim.tier,
    }
    try:
        evidence = claim(seed)
    except Exception as error:
        note = f"{type(error).__name__}: {error}"
        seconds = round(time.perf_counter() - started, 3)
        return Outcome(**facts, seed=seed, passed=False, verdict="error", seconds=seconds, note=note)
    seconds = round(time.perf_counter() - started, 3)
    verdict = verdict_of(evidence)
    measured = {name: getattr(evidence, name) for name in ("value", "low", "high", "interval", "note")}
    passed = evidence.holds if claim.tier == "check" else verdict != FAILED
    return Outcome(**facts, seed=seed, passed=passed, verdict=verdict, seconds=seconds, **measured)


def verdict_of(evidence: "Evidence") -> str:
    """The claim's own verdict if it gives one, else what the interval says."""
    return evidence.verdict or ("confirmed" if evidence.holds else FAILED)


def results_file() -> Path:
    """Where the results of proxies are kept."""
    return papers_folder() / "_results.json"


def read_results(path: Path | None = None) -> dict[str, dict[str, Any]]:
    """Paper -> claim -> record; empty if there is no file.

    Raises:
        GuerdonError: if the file is no JSON object.
    """
    path = path or results_file()
    if not path.exists():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise GuerdonError(f"{path} must be JSON: {error}") from None
    if not isinstance(data, dict):
        raise GuerdonError(f"{path} must hold an object of papers, got a {type(data).__name__}")
    return data


def record(outcome: Outcome, path: Path | None = None) -> None:
    """Add or replace one result. Others may write at the same time: the file is locked, and replaced whole."""
    path = path or results_file()
    entry = {key: value for key, value in asdict(outcome).items() if key not in ("paper", "claim", "tier", "passed")}
    entry = {"date": datetime.date.today().isoformat(), "commit": commit(), **_finite(entry)}
    with _locked(path):
        results = read_results(path)
        results.setdefault(outcome.paper, {})[outcome.claim] = entry
        temporary = path.with_name(path.name + ".partial")
        temporary.write_text(as_text(results), encoding="utf-8")
        os.replace(temporary, path)


def as_text(results: Mapping[str, Mapping[str, Any]]) -> str:
    """JSON with one line per claim, sorted, so that two people's results merge."""
    papers = []
    for paper_id in sorted(results):
        lines = [
            f"    {json.dumps(name)}: {json.dumps(results[paper_id][name], ensure_ascii=False)}"
            for name in sorted(results[paper_id])
        ]
        papers.append(f"  {json.dumps(paper_id)}: {{\n" + ",\n".join(lines) + "\n  }")
    return "{\n" + ",\n".join(papers) + "\n}\n"


def _finite(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry as strict JSON data: the numbers that JSON lacks become text."""
    return json.loads(json.dumps(entry), parse_constant=lambda word: word)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def commit() -> str:
    """Short hash of the source's commit, with ``+`` where files were changed since; the version if there is no git."""
    from guerdon import __version__

    def git(*words: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", ".", ":!papers/_results.json*")
        return git("rev-parse", "--short=10", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return __version__


def state(proxies: Sequence[str], results: Mapping[str, Any], today: datetime.date | None = None) -> str:
    """The state of a paper's proxies by what is recorded of them.

    ``none``: it has no proxy; ``never``: one has no result; ``failed``: one was contradicted or could not be run;
    ``stale``: one is older than 30 days; ``ok``: none of these.
    """
    today = today or datetime.date.today()
    if not proxies:
        return "none"
    entries = [results.get(name) for name in proxies]
    found = [entry for entry in entries if entry is not None]
    if len(found) < len(entries):
        return "never"
    if any(entry["verdict"] in (FAILED, "error") for entry in found):
        return "failed"
    oldest = min(datetime.date.fromisoformat(entry["date"]) for entry in found)
    return "stale" if (today - oldest).days > STALE_DAYS else "ok"
