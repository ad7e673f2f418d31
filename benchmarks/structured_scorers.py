"""Scorers of structured responses on released data: golds must score the most, perturbed golds less.

SQL (GeoQuery, Restaurants, Spider), tool calls (BFCL, ToolRL, API-Bank), checkable instructions (IFEval).

    python benchmarks/structured_scorers.py [--data ../shared/data] [--only sql spider bfcl toolrl ifeval] [--examples 3]
"""

import argparse
import gzip
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp

from guerdon.errors import GuerdonError
from guerdon.scorers._calls import python_calls
from guerdon.scorers._sqlite import columns, database, run
from guerdon.scorers.instructions import Instructions
from guerdon.scorers.sql import SqlExecution
from guerdon.scorers.sql_parts import SqlParts
from guerdon.scorers.tool_calls import ToolCalls
from guerdon.scorers.tool_score import ToolScore
from guerdon.tasks.problem import Problem


def rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def table(title: str, counts: dict[str, Counter]) -> None:
    print(f"\n{title}")
    names = list(dict.fromkeys(name for row in counts.values() for name in row))
    width = max(map(len, counts)) + 2
    print(" " * width + "".join(f"{name:>{len(name) + 2}}" for name in names))
    for kind, row in counts.items():
        print(f"{kind:<{width}}" + "".join(f"{row[name]:>{len(name) + 2}}" for name in names))


# ---------------------------------------------------------------------------------------------------------------- SQL


def dropped_condition(tree: exp.Expression, known: dict[str, set[str]]) -> Iterator[exp.Expression]:
    for number, where in enumerate(tree.find_all(exp.Where)):
        for part in range(len(list(where.this.flatten())) if isinstance(where.this, exp.And) else 1):
            copy = tree.copy()
            place = list(copy.find_all(exp.Where))[number]
            parts = list(place.this.flatten()) if isinstance(place.this, exp.And) else [place.this]
            rest = [condition for at, condition in enumerate(parts) if at != part]
            place.replace(exp.Where(this=exp.and_(*rest))) if rest else place.pop()
            yield copy


def changed_constant(tree: exp.Expression, known: dict[str, set[str]]) -> Iterator[exp.Expression]:
    names = set().union(*known.values())
    for number, node in enumerate(tree.walk()):
        text = isinstance(node, exp.Column) and not node.table and node.this.quoted and node.name.lower() not in names
        if text or isinstance(node, exp.Literal):
            copy = tree.copy()
            place = list(copy.walk())[number]
            numeric = isinstance(place, exp.Literal) and not place.is_string
            value = exp.Literal.number(2 * float(place.name) + 1) if numeric else exp.Literal.string(f"{place.name} x")
            place.replace(value)
            yield copy


def other_aggregate(tree: exp.Expression, known: dict[str, set[str]]) -> Iterator[exp.Expression]:
    other = {exp.Max: exp.Min, exp.Min: exp.Max, exp.Count: exp.Max, exp.Sum: exp.Count, exp.Avg: exp.Sum}
    for number, node in enumerate(tree.walk()):
        if type(node) in other and not isinstance(node.this, (exp.Star, exp.Distinct)):
            copy = tree.copy()
            place = list(copy.walk())[number]
            place.replace(other[type(place)](this=place.this.copy()))
            yield copy


def swapped_table(tree: exp.Expression, known: dict[str, set[str]]) -> Iterator[exp.Expression]:
    for number, node in enumerate(tree.walk()):
        if isinstance(node, exp.Table) and node.name.lower() in known:
            names = sorted(known)
            copy = tree.copy()
            place = list(copy.walk())[number]
            other = names[(names.index(place.name.lower()) + 1) % len(names)]
            place.set("this", exp.to_identifier(other))
            yield copy


PERTURBED = (dropped_condition, changed_constant, other_aggregate, swapped_table)


def sql(data: Path, examples: int) -> None:
    execution, parts = SqlExecution(), SqlParts()
    for name in ("geography", "restaurants"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "filled.sqlite"
            path.write_bytes(gzip.decompress((data / "text2sql" / f"{name}.sqlite.gz").read_bytes()))
            questions = rows(data / "text2sql" / f"{name}.jsonl.gz")
            queries = list(dict.fromkeys(query for question in questions for query in question["sql"]))
            counts: dict[str, Counter] = {"gold": Counter()}
            same: list[tuple[str, str, str]] = []
            for gold in queries:
                problem = Problem(0, "?", gold, {"database": str(path)})
                try:
                    scores = {**execution(problem, gold), **parts(problem, gold)}
                except GuerdonError as error:
                    counts["gold"]["does not run"] += 1
                    print(error)
                    continue
                counts["gold"]["scores 1 on all parts" if set(scores.values()) == {1.0} else "scores less"] += 1
                with database(problem) as connection:
                    known = columns(connection)
                    result = run(connection, gold, execution.steps, execution.rows)
                for perturb in PERTURBED:
                    row = counts.setdefault(perturb.__name__.replace("_", " "), Counter())
                    for changed in perturb(sqlglot.parse_one(gold, read="sqlite"), known):
                        text = changed.sql("sqlite")
                        row["tried"] += 1
                        scores = execution(problem, text)
                        if not scores["sql_exec"]:
                            row["other rows" if scores["sql_runs"] else "does not run"] += 1
                            continue
                        counted = perturb is changed_constant and text.count("COUNT(1)") < gold.count("COUNT( 1 )")
                        void = not result or all(cell in (None, 0) for line in result for cell in line)
                        why = "same: the 1 of COUNT(1)" if counted else "same: no rows" if void else "same: by the data"
                        row[why] += 1
                        if why == "same: by the data":
                            same.append((perturb.__name__, gold, text))
            split = sum(len(question["sql"]) for question in questions)
            table(f"{name}: {len(questions)} questions, {split} golds, {len(queries)} different", counts)
            for kind in {kind for kind, *_ in same} if examples else ():
                for _, gold, text in [found for found in same if found[0] == kind][:examples]:
                    print(f"  same rows after {kind}:\n    {gold}\n    {text}")


def script(schema: dict[str, Any]) -> str:
    """The CREATE statements of an empty database."""
    kinds = {"number": "REAL", "text": "TEXT"}
    tables: list[list[str]] = [[] for _ in schema["table_names_original"]]
    for (owner, column), kind in zip(schema["column_names_original"], schema["column_types"], strict=True):
        if owner >= 0:
            tables[owner].append(f'"{column}" {kinds.get(kind, "")}')
    names = zip(schema["table_names_original"], tables, strict=True)
    return "".join(f'CREATE TABLE "{name}" ({", ".join(inside)});\n' for name, inside in names)


def spider(data: Path, examples: int) -> None:
    scripts = {schema["db_id"]: script(schema) for schema in rows(data / "spider" / "schemas.jsonl.gz")}
    execution, parts, counts = SqlExecution(), SqlParts(), {"gold": Counter(), "prediction": Counter()}
    totals: Counter = Counter()
    failed = []
    for row in rows(data / "spider" / "gold_pred.jsonl.gz"):
        problem = Problem(row["db_id"], "?", row["gold"], {"create": scripts[row["db_id"]]})
        for kind, text in (("gold", row["gold"]), ("prediction", row["pred"])):
            try:
                scores = {**execution(problem, text), **parts(problem, text)}
            except GuerdonError as error:
                counts[kind]["gold does not run"] += 1
                failed.append(str(error))
                continue
            counts[kind]["runs"] += int(scores["sql_runs"])
            for part in parts.components:
                counts[kind][f"{part} is 1"] += int(scores[part] == 1)
                counts[kind][f"{part} is 0"] += int(scores[part] == 0)
                totals[kind, part] += scores[part]
            counts[kind]["all"] += 1
    table("spider: golds and one parser's predictions, on empty databases", counts)
    for (kind, part), total in totals.items():
        print(f"  mean {part} of a {kind}: {total / counts[kind]['all']:.3f}")
    print(*sorted(set(failed)), sep="\n")


# --------------------------------------------------------------------------------------------------------- tool calls

Calls = list[dict[str, Any]]


def wrong(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    return f"{value} zz" if isinstance(value, str) else ["zz"] if isinstance(value, list) else {"zz": 1}


def perturbed(calls: Calls, needed: set[str]) -> Iterator[tuple[str, Calls]]:
    """Kind of change and the calls, the first of them changed; ``needed`` are its arguments that may not be left out."""

    def first(**change: Any) -> Calls:
        return [{**calls[0], **change}, *calls[1:]]

    given = calls[0]["arguments"]
    yield "renamed tool", first(name=calls[0]["name"] + "_x")
    yield "extra argument", first(arguments={**given, "surprise": 1})
    yield "extra call", [*calls, calls[0]]
    yield "missing call", calls[1:]
    for key in given.keys() & needed:
        yield "missing argument", first(arguments={k: v for k, v in given.items() if k != key})
    for key, value in given.items():
        yield "wrong value", first(arguments={**given, key: wrong(value)})
    pairs = [(a, b) for a in given for b in given if a < b and json.dumps(given[a]) != json.dumps(given[b])]
    for a, b in pairs[:1]:
        yield "swapped values", first(arguments={**given, a: given[b], b: given[a]})


def chosen(accepted: list[Any]) -> Any:
    """The first accepted value; an argument that accepts none must be empty."""
    value = next((value for value in accepted if value != ""), [])
    if isinstance(value, dict):
        return {key: chosen(inner) for key, inner in value.items() if "" not in inner}
    return [chosen([item]) if isinstance(item, dict) else item for item in value] if isinstance(value, list) else value


def bfcl(data: Path, examples: int) -> None:
    counts: dict[str, Counter] = {}
    right: list[str] = []
    for kind in ("simple_python", "multiple", "parallel", "parallel_multiple", "live_simple"):
        row = counts.setdefault(kind, Counter())
        for line in rows(data / "bfcl" / f"{kind}.jsonl.gz"):
            problem = Problem(line["id"], "?", meta={"calls": line["ground_truth"], "functions": line["function"]})
            schemas = {tool["name"]: tool["parameters"] for tool in line["function"]}
            golds = [(name, given) for gold in line["ground_truth"] for name, given in gold.items()]
            need = [
                {key for key, values in given.items() if "" not in values or key in schemas[name]["required"]}
                for name, given in golds
            ]
            short = [
                {"name": name, "arguments": {key: chosen(given[key]) for key in given if key in keys}}
                for (name, given), keys in zip(golds, need, strict=True)
            ]
            full = [
                {
                    "name": name,
                    "arguments": {k: chosen(v) for k, v in given.items() if k in keys or any(x != "" for x in v)},
                }
                for (name, given), keys in zip(golds, need, strict=True)
            ]
            row["golds"] += 1
            row["shortest is 1"] += int(ToolCalls()(problem, json.dumps(short)))
            if ToolCalls()(problem, json.dumps(full)):
                row["fullest is 1"] += 1
            else:
                print(f"  {line['id']}: its optional arguments are not all in the schema")
            for change, calls in perturbed(short, need[0]):
                row["perturbed"] += 1
                if ToolCalls()(problem, json.dumps(calls)):
                    row["still 1"] += 1
                    right.append(f"{line['id']}, {change}: {json.dumps(calls)[:200]}")
    row = counts["irrelevance"] = Counter()
    for line in rows(data / "bfcl" / "irrelevance.jsonl.gz"):
        problem = Problem(line["id"], "?", meta={"calls": line["ground_truth"], "functions": line["function"]})
        row["golds"] += 1
        row["shortest is 1"] += int(ToolCalls()(problem, "None of the tools can answer that."))
        row["perturbed"] += 1
        row["still 1"] += int(
            ToolCalls()(problem, json.dumps([{"name": line["function"][0]["name"], "arguments": {}}]))
        )
    row = counts["multi_turn_base, by turn"] = Counter()
    for line in rows(data / "bfcl" / "multi_turn_base.jsonl.gz"):
        for turn in line["ground_truth"]:
            problem = Problem(line["id"], "?", meta={"calls": turn})
            row["golds"] += 1
            row["shortest is 1"] += int(ToolCalls(ordered=True)(problem, f"[{', '.join(turn)}]"))
            gold = [{"name": n, "arguments": a} for text in turn for n, a in python_calls(text) or []]
            for change, calls in perturbed(gold, set(gold[0]["arguments"])) if gold else ():
                row["perturbed"] += 1
                if ToolCalls(ordered=True)(problem, json.dumps(calls)):
                    row["still 1"] += 1
                    right.append(f"{line['id']}, {change}: {json.dumps(calls)[:200]}")
    table("BFCL: golds with all optional arguments left out, and with all given; perturbed", counts)
    print(*right, sep="\n")


def written(calls: Calls) -> str:
    lines = [json.dumps({"name": call["name"], "parameters": call["arguments"]}) for call in calls]
    return "\n".join(["<think>So.</think>", "<tool_call>", *lines, "</tool_call>"])


def toolrl(data: Path, examples: int) -> None:
    counts: dict[str, Counter] = {}
    kinds: dict[str, Counter] = {}
    right = []
    for name in ("rlla_sft", "rlla_rule_test", "apibank_level1", "apibank_level2", "apibank_level3"):
        row = counts.setdefault(name, Counter())
        for line in rows(data / "toolrl" / f"{name}.jsonl.gz"):
            if "answer" in line:
                answers = line["answer"] if isinstance(line["answer"], list) else [line["answer"]]
                gold = written([{"name": call["name"], "arguments": call["parameters"]} for call in answers])
            else:
                gold = line.get("output") or line["ground_truth"]
            problem, scorer = Problem(0, "?", gold), ToolScore()
            scores = scorer(problem, gold)
            row["golds"] += 1
            row["format 1"] += int(scores["tool_format"])
            calls = scorer._gold(problem)
            if calls is None:
                row["without calls (match 0)"] += 1
                continue
            row["match 3"] += int(scores["tool_match"] == 3)
            plain = [{"name": name, "arguments": given} for name, given in calls]
            for change, made in perturbed(plain, set(plain[0]["arguments"])):
                match = scorer(problem, written(made))["tool_match"]
                row["perturbed"] += 1
                kinds.setdefault(change, Counter())["tried"] += 1
                kinds[change]["less than 3"] += int(match < 3)
                if match >= 3:
                    right.append(f"{name}, {change}: {written(made)[-200:]}")
                    row["still 3"] += 1
    table("ToolRL and API-Bank: golds against themselves, perturbed", counts)
    table("by kind of perturbation", kinds)
    print(*right, sep="\n")


# ------------------------------------------------------------------------------------------------------- instructions


def ifeval(data: Path, examples: int) -> None:
    counts: dict[str, Counter] = {}
    prompts = rows(data / "ifeval" / "prompts.jsonl.gz")
    for line in prompts:
        problem = Problem(line["key"], line["prompt"], meta=line)
        Instructions().check(problem)
        for label, response in (
            ("follow: empty", ""),
            ("follow: 'Hello.'", "Hello."),
            ("follow: the prompt", line["prompt"]),
        ):
            for name, followed in Instructions().followed(problem, response).items():
                row = counts.setdefault(name.partition("#")[0], Counter())
                row["given"] += label.endswith("empty")
                row[label] += followed
    table(f"IFEval: {len(prompts)} prompts, {len(counts)} kinds, all constructible", dict(sorted(counts.items())))


def main() -> None:
    parts = {"sql": sql, "spider": spider, "bfcl": bfcl, "toolrl": toolrl, "ifeval": ifeval}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--only", nargs="*", choices=parts, default=list(parts))
    parser.add_argument(
        "--examples", type=int, default=2, help="perturbed queries with the gold's rows to print, by kind"
    )
    arguments = parser.parse_args()
    for name in arguments.only:
        parts[name](arguments.data, arguments.examples)


if __name__ == "__main__":
    main()
