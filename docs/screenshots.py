"""The pictures of docs/viewer.md: trains three small runs (two minutes), opens them in a headless Chromium.

    python docs/screenshots.py [--folder DIR]

With ``--folder`` the runs are kept, and taken again if they are there. Needs playwright and chromium.
"""

import argparse
import dataclasses
import json
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from guerdon import Objective, Recipe, Update, train
from guerdon.advantages.standardize import Standardize
from guerdon.evaluate import evaluate
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.nll import NLL
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.papers.carl import paper as carl
from guerdon.policies.tiny_lm import TinyLM
from guerdon.rewards.guard import Guard
from guerdon.rewards.scored import Scored
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.demonstrations import Demonstrations
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.sampler import Sampling
from guerdon.runs import RunFolder
from guerdon.scorers.format import Pattern
from guerdon.tasks.reasoning_gym import ReasoningGym
from guerdon.view.server import ViewServer
from guerdon.view.store import Store

IMAGES = Path(__file__).with_name("images")
SIZE = {"width": 1200, "height": 720}
WORDS = ReasoningGym("spell_backward", train_size=5000, test_size=100, options={"min_word_len": 4, "max_word_len": 6})
FEW = dataclasses.replace(WORDS, train_size=48)
"""Few problems, so that the same one is stored at several steps."""
SAMPLING = Sampling(max_tokens=9)
TRUSTED = Guard(isolate=False)


def make_runs(folder: Path) -> None:
    """Two runs that differ in their learning rate, and one of episodes."""
    taught = train(
        Recipe(
            task=WORDS,
            policy=TinyLM(width=64, layers=3, heads=4),
            rollout=Demonstrations(prompts=64),
            shaping=(),
            objective=Objective(NLL()),
            update=Update(lr=4e-3, warmup=50),
        ),
        steps=330,
    )
    for lr in (4e-4, 1.5e-3):
        recipe = Recipe(
            task=FEW,
            policy=TinyLM(width=64, layers=3, heads=4),
            rollout=Sample(prompts=16, samples_per_prompt=8, sampling=SAMPLING),
            rewards=(Verifier(threshold=1.0, guard=TRUSTED), Scored(Pattern("[A-Za-z]{4,6}"), guard=TRUSTED)),
            advantage=(Standardize(),),
            objective=Objective(PPOClip(clip_high=0.28), regularizers=(KLPenalty(0.02),)),
            update=Update(lr=lr, minibatches=2, warmup=10),
        )
        out = folder / f"lr {lr:g}"
        before = evaluate(taught.policy, WORDS, k=(1, 4), problems=100, samples=4, sampling=SAMPLING)
        result = train(recipe, steps=60, policy=taught.policy, out=RunFolder(out, rollouts_every=5, save_every=20))
        after = evaluate(result.policy, WORDS, k=(1, 4), problems=100, samples=4, sampling=SAMPLING)
        (out / "eval.json").write_text(json.dumps({"before": before.to_json(), "after": after.to_json()}))
    assert carl.recipe is not None
    train(carl.recipe, steps=60, out=RunFolder(folder / "carl", rollouts_every=20))


def take(browser: Any, name: str, url: str, ready: str, act: str = "", **options: Any) -> None:
    """One picture, once ``ready`` is there."""
    size = {**SIZE, "height": 820} if name == "rollout" else SIZE
    page = browser.new_page(**{"viewport": size, "color_scheme": "light", **options})
    page.goto(url)
    page.wait_for_selector(ready)
    if act:
        page.click(act)
        page.wait_for_selector("#sampled .t[data-at]")
    page.wait_for_load_state("networkidle")
    if name in ("rollout", "rollouts"):
        page.wait_for_function(
            "() => [...document.querySelectorAll('.cell.text')].every((one) => one.textContent.length > 1)"
        )
    if name == "rollout":
        page.locator("#detail .tokens[role=group] .t").nth(2).hover()
    if name == "curves":
        page.locator("figure svg[role=img]").first.hover(position={"x": 200, "y": 90})
    page.screenshot(path=IMAGES / f"{name}.png")
    page.close()


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as driver:
        folder = arguments.folder or Path(temporary)
        if not (folder / "carl").exists():
            make_runs(folder)
        IMAGES.mkdir(exist_ok=True)
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        texts, episodes = Store(sorted(folder.glob("lr *"))), Store([folder / "carl"])
        for store in (texts, episodes):
            server = ViewServer(store)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = server.url
            if store is episodes:
                take(browser, "episode", f"{url}#rollouts?sort=-length&row=70", "#detail .along svg")
                continue
            row = telling(store)
            color = "color=logprob_ratio"
            take(browser, "overview", f"{url}#overview", "h1")
            take(browser, "curves", f"{url}#curves?smooth=0.8", "figure")
            take(
                browser,
                "rollouts",
                f"{url}#rollouts?sort=-advantage%2C-length&f.run=0..0",
                ".line-row",
                color_scheme="dark",
            )
            take(browser, "rollout", f"{url}#rollouts?row={row}&{color}", "#detail .tokens .t")
            take(browser, "group", f"{url}#rollouts?row={row}&group=1&color=advantage", "#group .card.rollout .t")
            changes = f"{url}#changes?run=0&before=1&after=60"
            take(browser, "changes", changes, "section[aria-label=after] .t", act="#sample-both")
        browser.close()
    for path in sorted(IMAGES.glob("*.png")):
        print(f"{path.name:16}{path.stat().st_size / 1000:6.0f} kB")


def telling(store: Store) -> int:
    """A row of a late group in which some responses are right and some are not."""
    rows = store.now.rows
    step, signal, length = (rows.column(name) for name in ("step", "signal", "length"))
    found = [row for row in range(len(rows)) if step[row] >= 30 and signal[row] == 1 and length[row] >= 6]
    return found[len(found) // 3]


if __name__ == "__main__":
    main()
