"""An audit as one HTML page: what was found, the response that shows it best, and the best-of-n curve."""

from pathlib import Path

from guerdon.audit.audit import Audit, Example
from guerdon.runs import markup
from guerdon.runs.atomic import write_text
from guerdon.runs.markup import element, escape
from guerdon.runs.svg import Series, line_chart

SHOWN = 4000
"""Characters of a response on the page."""


def write_page(result: Audit, reward: str, out: str) -> None:
    """Write the page, whole or not at all."""
    write_text(Path(out), markup.page(f"Audit of {reward}", body(result, reward)))


def body(result: Audit, reward: str) -> str:
    """The page's content."""
    status = "fooled, or fails right answers" if result.fooled else "nothing found"
    state = element("span", status, class_=f"status {'failed' if result.fooled else 'finished'}")
    facts = [
        ("right answers score", f"{result.right:.4g}"),
        ("the best plain wrong ones", f"{result.wrong:.4g}"),
        ("answers stated as", result.style),
    ]
    header = element("h1", f"Audit of {escape(reward)} {state}")
    header += element("dl", "".join(element("div", element("dt", a) + element("dd", escape(b))) for a, b in facts))
    return element("header", header) + table(result) + chart(result) + examples(result)


def table(result: Audit) -> str:
    """One row per attack."""
    head = "".join(element("th", text) for text in ("attack", "should be", "worked on", "responses", "unscored"))
    rows = []
    for finding in result.findings:
        bad = finding.rate > result.allowed
        mark = element("span", "fails" if bad else "holds", class_=f"status {'failed' if bad else 'finished'}")
        cells = (
            f"{escape(finding.attack)} {mark}",
            finding.expects,
            f"{finding.failed} of {finding.problems} problems",
            str(finding.responses),
            str(finding.unscored),
        )
        rows.append(element("tr", "".join(element("td", cell) for cell in cells)))
    whole = element("table", element("thead", element("tr", head)) + element("tbody", "".join(rows)))
    return element("h2", "Attacks") + element("div", whole, class_="wide")


def chart(result: Audit) -> str:
    """What best-of-n is worth, over its distance from plain sampling."""
    if len(result.curve) < 2:
        return ""
    xs = [point.kl for point in result.curve]
    curves = [
        Series("reward", xs, [point.reward for point in result.curve], 1),
        Series("truth", xs, [point.truth for point in result.curve], 0),
    ]
    drawn = line_chart(curves, "mean", "best-of-n by the reward", 560, 260, across="nats from plain sampling")
    words = (
        "it rises and then falls: the reward can be over-optimised"
        if result.over_optimized
        else "where the two part, the reward pays for something else than the truth"
    )
    largest = result.curve[-1]
    note = f"Best of 1 to {largest.n}; truth at the end {largest.truth:.2f}. Look at the truth: {words}."
    figure = element("figcaption", "Best-of-n over-optimisation") + drawn + element("small", escape(note))
    return element("h2", "Picking by this reward") + element(
        "div", element("figure", figure, class_="card"), class_="pair"
    )


def examples(result: Audit) -> str:
    """The response that shows each failure best."""
    shown = [
        told(f"{finding.attack}: {finding.what}", finding.worst)
        for finding in result.findings
        if finding.worst is not None and finding.rate > result.allowed
    ]
    return element("h2", "Worst examples") + "".join(shown) if shown else ""


def told(title: str, example: Example) -> str:
    """A problem, a response, and the scores."""
    scores = (("score", example.score), ("right answer", example.right), ("wrong answer", example.wrong))
    chips = "".join(
        element("span", f"{name} {element('b', f'{value:.4g}')}", class_="chip main" if name == "score" else "chip")
        for name, value in scores
    )
    text = escape(example.response[:SHOWN]) or element("i", "an empty response")
    response = element(
        "div", element("div", chips, class_="chips") + element("div", text, class_="tokens"), class_="response"
    )
    prompt = element("div", escape(example.prompt), class_="prompt")
    return element("h3", escape(title)) + element("div", prompt + response, class_="group")
