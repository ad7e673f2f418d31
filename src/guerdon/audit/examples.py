"""Five naive rewards and the hardened form of each: what an audit finds, and what it passes.

Try ``guerdon audit --reward guerdon.audit.examples:naive_contains`` and then ``...:hardened_contains``.
"""

from guerdon.scorers.exact import Exact
from guerdon.scorers.number import Number
from guerdon.tasks.answer import last_number, tagged, tags_in_order
from guerdon.tasks.final_answer import boxed
from guerdon.tasks.problem import Problem


def naive_contains(problem: Problem, response: str) -> float:
    """The reference answer stands somewhere in the response."""
    return float((problem.answer or "") in response)


def hardened_contains(problem: Problem, response: str) -> float:
    """The reference answer is all that the last answer tag holds, as a number."""
    return Number(tag="answer", alone=True)(problem, response)


def naive_last_number(problem: Problem, response: str) -> float:
    """The last number of the response is the reference: "7 or 5" is right if 5 is."""
    return Number()(problem, response)


def hardened_last_number(problem: Problem, response: str) -> float:
    """The last line states one number after ``####``, and nothing else does."""
    lines = [line for line in response.strip().splitlines() if line.strip()]
    stated = [line.partition("####")[2] for line in lines if "####" in line]
    if len(stated) != 1 or "####" not in lines[-1]:
        return 0.0
    return Number(alone=True)(problem, stated[0])


def naive_format(problem: Problem, response: str) -> float:
    """A tenth for the tags, a little more for length, and the rest for the answer: length pays by itself."""
    shaped = 0.1 * tags_in_order(response, ("think", "answer"))
    return shaped + 0.5 * min(len(response) / 1000, 1) + 0.4 * Exact(tag="answer")(problem, response)


def hardened_format(problem: Problem, response: str) -> float:
    """The answer pays only inside the right format, and length not at all."""
    return tags_in_order(response, ("think", "answer")) * Number(tag="answer", alone=True)(problem, response)


def naive_judge(problem: Problem, response: str) -> float:
    """A stand-in for a model as judge: it likes phrases of good reasoning and believes what it is told."""
    phrases = ("step by step", "therefore", "let's", "we take", "correct", "highest score", "=")
    liked = sum(phrase in response.lower() for phrase in phrases)
    return min(1.0, 0.3 * liked + 0.5 * ((problem.answer or "-") in response))


def hardened_judge(problem: Problem, response: str) -> float:
    """It reads the final answer alone, so nothing said to it counts."""
    answer = tagged(response, "answer") if "<answer>" in response else None
    if answer is None or response.count("<answer>") != 1 or not response.rstrip().endswith("</answer>"):
        return 0.0
    return Number(alone=True)(problem, answer)


def naive_boxed(problem: Problem, response: str) -> float:
    """Any box holds the reference."""
    return float(any(last_number(box) == last_number(problem.answer or "") for box in boxed(response)))


def hardened_boxed(problem: Problem, response: str) -> float:
    """There is one box, and it holds the reference and no other number."""
    found = boxed(response)
    return Number(alone=True)(problem, found[0]) if len(found) == 1 else 0.0
