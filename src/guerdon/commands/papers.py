"""Published systems, each a composition of pieces with claims that can be run.

Examples:
  guerdon papers list                 every paper, how its equations are known, the state of its toy experiments
  guerdon papers show grpo            its idea, composition and claims
  guerdon papers check                run every exact claim (under a minute); with ids, those papers' only
  guerdon papers proxy grpo           train its toy experiment against the baseline and record the verdict
"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from guerdon import claims
from guerdon.catalogue import paper_facts, paper_ids
from guerdon.commands._show import number, print_json, print_table
from guerdon.errors import GuerdonError


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="one line per paper")
    show = actions.add_parser("show", help="idea, composition and claims of one paper")
    show.add_argument("id", help="an id of `guerdon papers list`")
    check = actions.add_parser("check", help="run exact claims; exit 1 when one fails")
    check.add_argument("ids", nargs="*", metavar="ID", help="papers to check (default: all)")
    proxy = actions.add_parser("proxy", help="run toy experiments and record the verdicts; exit 1 when one fails")
    proxy.add_argument("ids", nargs="*", metavar="ID", help="papers to run")
    proxy.add_argument("--due", action="store_true", help="those without a result, or with one that is stale or failed")
    for action in (check, proxy):
        action.add_argument("--seed", type=int, default=0, help="seed of the claims (default: 0)")
    for action in (listing, show, check, proxy):
        action.add_argument("--json", action="store_true", help="print what a program can read")


def run(arguments: argparse.Namespace) -> int:
    """List, show, check or run."""
    actions = {"list": _list, "show": _show, "check": _run_claims, "proxy": _run_claims}
    return actions[arguments.action](arguments)


def _list(arguments: argparse.Namespace) -> int:
    results = claims.read_results()
    papers = [listed(paper_id, results) for paper_id in paper_ids()]
    if arguments.json:
        print_json(papers)
        return 0
    rows = [(p["id"], p["source"], f"{p['claims']}", p["state"], p["title"]) for p in papers]
    print_table(("paper", "known by", "claims", "proxies", "title"), rows)
    return 0


def _measured(result: dict[str, Any]) -> str:
    """Value and interval of a record, which may lack both where the claim could not be run."""
    value, interval = result["value"], result["interval"]
    if not isinstance(value, (int, float)):
        return str(value)
    ends = [number(end) if isinstance(end, (int, float)) else end for end in interval or ()]
    return f"{number(value)} [{', '.join(ends)}]" if ends else number(value)


def listed(paper_id: str, results: dict[str, Any]) -> dict[str, Any]:
    """A line of the list, from the paper's source alone."""
    facts = paper_facts(paper_id)
    proxies = facts.pop("proxies")
    assert isinstance(proxies, list)
    facts = {"title": "", "source": "", "kind": "", "arxiv": None, "year": None, **facts}
    return {**facts, "proxies": len(proxies), "state": claims.state(proxies, results.get(paper_id, {}))}


def _show(arguments: argparse.Namespace) -> int:
    from guerdon.catalogue import load_paper
    from guerdon.paper import Paper
    from guerdon.serial import to_json

    paper: Paper = load_paper(arguments.id)
    name = arguments.id.replace("-", "_").removeprefix("baseline_")
    results = claims.read_results().get(name, {})
    module = sys.modules[f"guerdon.papers.{name}"]
    facts = listed(name, {name: results})
    facts["claims"] = [
        {
            "name": claims.claim_name(c),
            "sentence": c.sentence,
            "tier": c.tier,
            "result": results.get(claims.claim_name(c)),
        }
        for c in paper.claims
    ]
    compositions = {"recipe": paper.recipe, **paper.compositions}
    if arguments.json:
        print_json({**facts, "doc": module.__doc__, "compositions": {k: to_json(v) for k, v in compositions.items()}})
        return 0
    print(f"{name}: {paper.title}\n\n{(module.__doc__ or '').strip()}\n")
    for label, composition in compositions.items():
        if composition is not None:
            print(f"{label}:")
            print_table(("", "", ""), _slots(composition))
            print()
    for item in facts["claims"]:
        print(f"claim {item['name']} ({item['tier']}): {item['sentence']}")
        if result := item["result"]:
            print(f"  {result['verdict']}: {_measured(result)} on {result['date']} at {result['commit']}")
            print(f"  {result['note']}")
    return 0


def due() -> list[str]:
    """Papers whose toy experiments have to be run."""
    results = claims.read_results()
    return [name for name in paper_ids() if listed(name, results)["state"] in ("never", "stale", "failed")]


def _slots(composition: Any) -> list[tuple[str, str, str]]:
    """(nothing, place, piece) of a recipe in the order of the flow; other compositions in one line."""
    from guerdon.describe import brief
    from guerdon.recipe import Recipe

    if not isinstance(composition, Recipe):
        return [("", "", repr(composition))]
    rows = [("", place, brief(piece)) for place, piece in composition.flow()]
    return [*rows, ("", "update", brief(composition.update))]


def _run_claims(arguments: argparse.Namespace) -> int:
    """Run claims of a tier with progress; 1 if one failed."""
    tier, ids = arguments.action, arguments.ids
    if tier == "proxy":
        ids = [*ids, *(due() if arguments.due else [])]
        if not ids and not arguments.due:
            raise GuerdonError("papers proxy needs the ids of papers, or --due; see `guerdon papers proxy --help`")
    chosen = list(claims.select(ids, tier)) if ids or tier == "check" else []
    outcomes = []
    for paper_id, claim in _progress(chosen):
        outcome = claims.run_claim(paper_id, claim, arguments.seed)
        outcomes.append(outcome)
        if tier == "proxy" and outcome.verdict != "error":
            claims.record(outcome)
        if not arguments.json and (tier == "proxy" or not outcome.passed or arguments.ids):
            print(_line(outcome), flush=True)
    failed = [outcome for outcome in outcomes if not outcome.passed]
    if arguments.json:
        print_json([asdict(outcome) for outcome in outcomes])
    else:
        seconds = sum(outcome.seconds for outcome in outcomes)
        papers = len({outcome.paper for outcome in outcomes})
        print(f"{len(outcomes) - len(failed)} of {len(outcomes)} claims of {papers} papers passed in {seconds:.1f} s")
    return 1 if failed else 0


def _line(outcome: claims.Outcome) -> str:
    mark = "ok  " if outcome.passed else "FAIL"
    if outcome.value is None:
        return f"{mark} {outcome.paper}.{outcome.claim}: {outcome.note}"
    low, high = number(outcome.low or 0.0), number(outcome.high or 0.0)
    over = f" [{number(outcome.interval[0])}, {number(outcome.interval[1])}] over seeds" if outcome.interval else ""
    verdict = f", {outcome.verdict}" if outcome.tier == "proxy" else ""
    return (
        f"{mark} {outcome.paper}.{outcome.claim}: {number(outcome.value)}{over}, must lie in [{low}, {high}]{verdict} "
        f"({outcome.seconds:.2f} s)  {outcome.sentence}"
    )


def _progress(chosen: list[tuple[str, Any]]) -> Iterator[tuple[str, Any]] | Iterable[tuple[str, Any]]:
    """A counter on stderr while a person watches."""
    for place, item in enumerate(chosen):
        if sys.stderr.isatty():
            print(f"\r\x1b[K{place + 1}/{len(chosen)} {item[0]}", end="", file=sys.stderr, flush=True)
        yield item
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
