"""How fast the viewer's page is in a headless Chromium: loading, then each thing a reader does, medians in ms.

    python benchmarks/viewer_page.py http://127.0.0.1:8000/ [--repeats 9]

Every time runs from the input to the frame after the change was drawn, the server's answer included; in brackets the
page's own part of it.
"""

import argparse
import shutil
import statistics
from collections.abc import Callable
from typing import Any

READY = "() => document.documentElement.dataset.ready === 'yes'"
DRAWN = """({act, done}) => new Promise((resolve) => {
  const run = new Function(act), holds = new Function(`return ${done}`);
  const start = performance.now();
  run();
  const end = () => resolve(performance.now() - start);
  const look = () => (holds() ? requestAnimationFrame(() => setTimeout(end)) : setTimeout(look));
  look();
})"""
"""Runs ``act`` and resolves with the milliseconds until ``done`` holds and a frame has been drawn."""


def measure(url: str, repeats: int = 9) -> dict[str, Any]:
    """Name -> milliseconds; empty where there is no playwright or no chromium."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return {}
    chromium = shutil.which("chromium")
    if chromium is None:
        return {}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        loads = [load(browser, url) for _ in range(3)]
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(f"{url}#rollouts")
        page.wait_for_function(READY)
        found = {"page: load to ready": statistics.median(loads), **acts(page, repeats)}
        browser.close()
    return {name: round(value, 1) for name, value in found.items()}


def load(browser: Any, url: str) -> float:
    """Milliseconds from the start of the navigation until the table is there."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(f"{url}#rollouts")
    page.wait_for_function(READY)
    took = page.evaluate("performance.getEntriesByName('ready')[0].startTime")
    page.close()
    return took


def acts(page: Any, repeats: int) -> dict[str, float]:
    """Medians of filter, sort, search, scroll, open and group."""
    own = "performance.getEntriesByName('{}').at(-1).duration"
    parts: dict[str, list[float]] = {}

    def timed(name: str, act: Callable[[int], tuple[str, str]], inside: str = "") -> None:
        for number in range(repeats):
            todo, done = act(number)
            parts.setdefault(f"page: {name}", []).append(page.evaluate(DRAWN, {"act": todo, "done": done}))
            if inside:
                parts.setdefault(f"page: {name} ({inside} alone)", []).append(page.evaluate(own.format(inside)))

    marker = "performance.getEntriesByName('{}').length > {}"

    def counted(entry: str) -> str:
        return marker.format(entry, page.evaluate(f"performance.getEntriesByName('{entry}').length"))

    timed("filter", lambda n: (f"filterBy('step', {10 * n}, null)", counted("filter")), "filter")
    page.evaluate("change({filters: ranges()})")
    columns = ["reward", "length", "advantage", "problem"]
    timed(
        "sort",
        lambda n: (f"change({{sort: [['{columns[n % 4]}', {str(n % 2 == 0).lower()}]]}})", counted("sort")),
        "sort",
    )
    two = "change({{sort: [['reward', {0}], ['length', true]]}})"
    timed("sort by two", lambda n: (two.format(str(n % 2 == 0).lower()), counted("sort")), "sort")
    words = ["seven times", "carry", "because", "holds", "check that", "numbers", "so we", "the end", "is 42"]
    timed("search", lambda n: (f"change({{query: '{words[n % 9]} {n}'.replace(/ \\d+$/, '')}})", counted("filter")))
    page.evaluate("change({query: '', sort: []})")
    page.wait_for_timeout(300)
    far = "document.querySelector('.line-row .text')?.textContent !== '…'"
    timed("scroll far", lambda n: (f"app.table.grid.scrollTop = {(n * 7919) % 90_000 * 30}", far))
    timed(
        "open a rollout", lambda n: (f"change({{row: {(n * 7919) % 90_000}, group: false}})", counted("open")), "open"
    )
    shown = "document.querySelectorAll('#group .card.rollout .t').length > 100"
    for number in range(repeats):
        todo = f"app.groupView.replaceChildren(); change({{row: {(number * 104_729) % 90_000}, group: true}})"
        parts.setdefault("page: open a group", []).append(page.evaluate(DRAWN, {"act": todo, "done": shown}))
        page.evaluate("change({group: false})")
    return {name: statistics.median(values) for name, values in parts.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    for name, value in measure(arguments.url, arguments.repeats).items():
        print(f"{name:34}{value:10.1f} ms")


if __name__ == "__main__":
    main()
