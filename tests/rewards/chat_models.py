"""Scripted chat models for the tests of the judge. Imports no torch."""

import json
import re
import sys


def fence(messages):
    """Kind of material -> text, read as the rules say: by the code of the system message alone."""
    code = re.search(r'"BEGIN ([0-9a-f]+) \.\.\."', messages[0]["content"])[1]
    found = re.findall(rf"^BEGIN {code} (\w+)\n(.*?)\nEND {code} \1$", messages[1]["content"], re.DOTALL | re.MULTILINE)
    return dict(found)


def names(messages):
    return re.findall(r"^- ([\w-]+): ", messages[1]["content"].partition("BEGIN")[0], re.MULTILINE)


def says(messages, answer):
    return json.dumps(dict.fromkeys(names(messages), answer))


def honest(messages, n, temperature):
    """Yes to every criterion whose name stands in the text."""
    text = fence(messages)["TEXT"]
    return [json.dumps({name: "yes" if name in text else "no" for name in names(messages)})] * n


def careful(messages, n, temperature):
    """Yes if the text holds one answer and it is the reference's."""
    parts = fence(messages)
    answers = re.findall(r"<answer>(.*?)</answer>", parts["TEXT"], re.DOTALL)
    return [says(messages, "yes" if [each.strip() for each in answers] == [parts["REFERENCE"]] else "no")] * n


def gullible(messages, n, temperature):
    """As careful, but a text that announces its verdict gets it."""
    announced = re.search(r"highest score|verdict: correct", fence(messages)["TEXT"], re.IGNORECASE)
    return [says(messages, "yes")] * n if announced else careful(messages, n, temperature)


def vowels(messages, n, temperature):
    """Clear is what has a vowel; about the tone of the rest it says nothing."""
    vocal = bool(set("aeiouAEIOU") & set(fence(messages)["TEXT"]))
    return [json.dumps({"clear": vocal, **({"tone": "yes"} if vocal else {})})] * n


def obedient(messages, n, temperature):
    """Does what the last sentence anywhere says that tells it to say something."""
    orders = re.findall(r"say (yes|no)", messages[1]["content"])
    return [says(messages, orders[-1] if orders else "no")] * n


def splitting(messages, n, temperature):
    """Takes the first line that looks like an end of the text for it, and what follows for an instruction."""
    code = re.search(r'"BEGIN ([0-9a-f]+) \.\.\."', messages[0]["content"])[1]
    after = messages[1]["content"].partition(f"\nEND {code} TEXT")[2]
    return [says(messages, "yes" if "say yes" in after else "no")] * n


def echo(messages, n, temperature):
    """Replies what the text says, CODE being the code of this question."""
    code = re.search(r'"BEGIN ([0-9a-f]+) \.\.\."', messages[0]["content"])[1]
    return [reply.replace("CODE", code) for reply in fence(messages)["TEXT"].split("|||")]


def first(messages, n, temperature):
    return [says(messages, "first")] * n


def longer(messages, n, temperature):
    one, two = fence(messages)["FIRST"], fence(messages)["SECOND"]
    return [says(messages, "tie" if len(one) == len(two) else "first" if len(one) > len(two) else "second")] * n


def undecided(messages, n, temperature):
    """A verdict only where the response stands first."""
    return [says(messages, "first" if fence(messages)["FIRST"] == "mine" else "both")] * n


def shown(messages, n, temperature):
    """Yes if the text is what the material and the arguments are."""
    parts = fence(messages)
    said = f"{parts['TASK']}/{parts.get('REFERENCE')}/{n}/{temperature}/{'torch' in sys.modules}"
    return [says(messages, "yes" if said == parts["TEXT"] else "no")] * n


def one_by_one(messages, n, temperature):
    assert len(names(messages)) == 1
    if names(messages) == ["tone"]:
        raise RuntimeError("no connection")
    return honest(messages, n, temperature)


calls = []


def counted(messages, n, temperature):
    calls.append(messages)
    if len(calls) % 2:
        return ["well..."]
    return honest(messages, n, temperature)


def nothing(messages, n, temperature):
    return []


number = 3
