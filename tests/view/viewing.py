"""Run folders to look at, a server for them, and a browser page that fails a test on any error it reports."""

import dataclasses
import json
import math
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from run_toys import language_recipe
from test_tables import ragged_batch

from guerdon import train
from guerdon.papers.carl import paper as carl
from guerdon.runs import RunFolder
from guerdon.runs.checkpoint import step_name
from guerdon.runs.tables import write_batch
from guerdon.view.server import ViewServer
from guerdon.view.store import Store

PWN = "window.pwned=1"
ATTACKS = [
    f"<script>{PWN}</script>",
    f"</script><script>{PWN}</script><!--",
    f'<img src=x onerror="{PWN}">',
    f'" onmouseover="{PWN}" x="',
    f"' onfocus='{PWN}' autofocus '",
    f"<svg onload={PWN}><style>body{{display:none}}</style>",
    f"javascript:{PWN}//{'x' * 3000}",
    "<!--data--><!--scripts--> ${content} {{7*7}} &lt;b&gt; \u2028",
    "\u202eevil\u202c \x00\x1b[2J \ud800 \u200b",
]
"""What a model, a task or the name of a folder may say."""


def make_runs(out: Path) -> dict[str, Path]:
    """Two runs of a language model and one of episodes."""
    recipe = language_recipe()
    wide = dataclasses.replace(recipe, rollout=dataclasses.replace(recipe.rollout, prompts=4, samples_per_prompt=4))
    for seed, name in enumerate(("one", "two")):
        train(wide, steps=8, seed=seed, out=RunFolder(out / name, rollouts_every=4, save_every=4))
    assert carl.recipe is not None
    train(carl.recipe, steps=2, out=RunFolder(out / "control", rollouts_every=1))
    entry = {"value": 0.413, "low": 0.382, "high": 0.445}
    found = {"pass_at": {"1": entry, "8": entry}, "problems": 300, "samples": 8, "unscored": 2}
    (out / "one" / "eval.json").write_text(json.dumps({"before": found, "after": found, "seed": 0}))
    return {name: out / name for name in ("one", "two", "control")}


def attacked(run: Path, parent: Path) -> Path:
    """A run whose every text is an attack."""
    out = parent / "<img src=x onerror=window.pwned=1>"
    shutil.copytree(run, out)
    batch = ragged_batch()
    problems = batch["group.problem"]
    texts = (ATTACKS * 3)[: batch.size("token")]
    for attack in range(len(ATTACKS)):
        turned = (ATTACKS[attack:] + ATTACKS)[:4]
        columns = {
            "token.text": texts[attack:] + texts[:attack],
            "traj.response": turned[:3],
            "traj.reward_error": turned[:3],
            f"traj.reward/{ATTACKS[2]}": torch.tensor([0.5, -0.5, 1.0]),
            f"traj.{ATTACKS[3]}": torch.ones(3),
            f"token.{ATTACKS[0]}": torch.ones(batch.size("token")),
            "traj.reward": torch.tensor([1.0, math.nan, 0.0]),
            "group.prompt": turned[:3],
            "group.problem": [type(p)(p.id, p.prompt, a, p.meta) for p, a in zip(problems, turned[1:], strict=True)],
        }
        folder = out / "rollouts" / step_name(100 + attack)
        folder.mkdir()
        write_batch(batch.with_columns(columns), folder, 100 + attack)
    facts = json.loads((out / "run.json").read_text())
    facts |= {"reason": ATTACKS[0], "warnings": ATTACKS, "status": ATTACKS[3], "started": ATTACKS[1]}
    facts["recipe"]["task"] = {"piece": ATTACKS[1], "name": ATTACKS[2]}
    (out / "run.json").write_text(json.dumps(facts))
    lines = [
        {"step": step, "reward": 0.5, ATTACKS[1]: 1.0, f"reward/{ATTACKS[2]}": 1, "reward/b": 2} for step in (1, 2)
    ]
    (out / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    entry = {
        "pass_at": {"1": {"value": 0.5, "low": 0.4, "high": 0.6}},
        "problems": 1,
        "samples": 1,
        "unscored": ATTACKS[0],
    }
    (out / "eval.json").write_text(json.dumps({ATTACKS[0]: entry}))
    return out


@contextmanager
def serving(folders: Sequence[Path]) -> Iterator[str]:
    """The address of a viewer of these folders."""
    server = ViewServer(Store(folders))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def watched(browser: Any, url: str, **options: Any) -> Iterator[Any]:
    """A page that is ready; afterwards nothing may have gone wrong in it, and nothing asked for from elsewhere."""
    page = browser.new_page(**{"viewport": {"width": 1400, "height": 900}, **options})
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: (wrong.append(f"dialog {dialog.message}"), dialog.dismiss()))
    origin = "/".join(url.split("/")[:3])
    page.on("request", lambda request: None if request.url.startswith(origin) else wrong.append(request.url))
    page.set_default_timeout(15_000)
    try:
        page.goto(url)
        page.wait_for_selector("html[data-ready]")
        yield page
        assert page.evaluate("window.pwned") is None
        assert not wrong, wrong
    finally:
        page.close()
