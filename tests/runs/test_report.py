import json
import math
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from run_toys import toy_recipe
from test_tables import ragged_batch

from guerdon import train
from guerdon.errors import GuerdonError, RunStopped
from guerdon.runs import RunFolder, read_run, write_report
from guerdon.runs.checkpoint import step_name
from guerdon.runs.markup import element, escape
from guerdon.runs.samples import response, telling_groups
from guerdon.runs.tables import write_batch
from guerdon.update import Update

ATTACKS = [
    "<script>document.title='owned'</script>",
    "</span></div><img src=x onerror=\"document.title='owned'\">",
    '" onmouseover="document.title=\'owned\'" x="',
    "' onfocus='document.title=1' autofocus '",
    "<svg onload=document.title='owned'>",
    "<style>body{display:none}</style><meta http-equiv=refresh content='0;url=javascript:1'>",
    "$title ${content} {{7*7}} &lt;script&gt;",
    "\u202eevil\u202c \x00\x1b[2J \ud800",
]


class Page(HTMLParser):
    """Tags, attributes and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)


def assert_inert(text: str) -> Page:
    """Nothing in the page runs, loads or restyles it."""
    page = Page(text)
    names = [tag for tag, _ in page.tags]
    assert not {"script", "iframe", "object", "embed", "link", "base", "form", "img", "a"} & set(names)
    assert names.count("style") == 1 and names.count("meta") == 4
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "href", "srcdoc")], tag
    assert "default-src 'none'" in text and "script-src" not in text
    return page


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("report") / "grpo"
    train(toy_recipe(), steps=40, out=RunFolder(out, rollouts_every=10))
    return out


def attacked(run: Path, tmp_path: Path) -> Path:
    """A run whose every text is an attack."""
    out = tmp_path / "<img src=x onerror=alert(1)>"
    shutil.copytree(run, out)
    batch = ragged_batch()
    problems = batch["group.problem"]
    texts = (ATTACKS * 3)[: batch.size("token")]
    for attack in range(len(ATTACKS)):
        rotated = (ATTACKS[attack:] + ATTACKS)[:4]
        columns = {
            "token.text": rotated,
            "traj.response": texts[:3],
            "traj.reward_error": rotated[:3],
            f"traj.reward/{ATTACKS[1]}": torch.zeros(3),
            "traj.reward": torch.tensor([1.0, math.nan, 0.0]),
            "group.prompt": rotated[:3],
            "group.problem": [type(p)(p.id, p.prompt, a, p.meta) for p, a in zip(problems, rotated[1:], strict=True)],
        }
        folder = out / "rollouts" / step_name(100 + attack)
        folder.mkdir()
        write_batch(batch.with_columns(columns), folder, 100 + attack)
    facts = json.loads((out / "run.json").read_text())
    facts |= {"reason": ATTACKS[0], "warnings": ATTACKS, "status": ATTACKS[2], "started": ATTACKS[0]}
    facts["recipe"]["task"] = {"piece": ATTACKS[0], "name": ATTACKS[1]}
    (out / "run.json").write_text(json.dumps(facts))
    (out / "metrics.jsonl").write_text(
        json.dumps({"step": 1, "reward": 0.5, ATTACKS[0]: 1.0, f"reward/{ATTACKS[4]}": 1})
    )
    (out / "eval.json").write_text(
        json.dumps(
            {
                ATTACKS[0]: {
                    "pass_at": {"1": {"value": 0.5, "low": 0.4, "high": 0.6}},
                    "problems": 1,
                    "samples": 1,
                    "unscored": ATTACKS[0],
                }
            }
        )
    )
    return out


def test_the_report_is_one_file_that_needs_nothing_else(run):
    path = write_report(run)
    assert path == run / "report.html"
    page = assert_inert(path.read_text(encoding="utf-8"))
    assert {"Reward", "Entropy", "KL to the reference", "Length", "Speed"} <= set(page.texts)
    assert "http" not in path.read_text().replace('http-equiv="Content', "")
    svgs = [attributes["aria-label"] for tag, attributes in page.tags if tag == "svg"]
    assert "Reward over steps" in svgs
    assert sum(attributes.get("class", "").startswith("t ") for tag, attributes in page.tags if tag == "span") > 50
    tips = [attributes["title"] for tag, attributes in page.tags if tag == "span" and "title" in attributes]
    assert any("advantage: " in tip and "behavior logprob: -" in tip for tip in tips)


def test_every_text_of_a_run_is_shown_and_none_runs(run, tmp_path):
    out = attacked(run, tmp_path)
    text = write_report(out, tmp_path / "report.html").read_text(encoding="utf-8")
    page = assert_inert(text)
    shown = "".join(page.texts)
    assert ATTACKS[0] in shown and ATTACKS[6] in shown
    assert "\u202e" not in text and "\x00" not in text and "[U+202E]" in shown and "\u2400" in shown


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
def test_a_browser_runs_nothing_of_it(run, tmp_path):
    page = write_report(attacked(run, tmp_path), tmp_path / "report.html")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    done = subprocess.run(["chromium", *flags, page.as_uri()], capture_output=True, text=True, timeout=120, check=False)
    title = done.stdout.partition("<title>")[2].partition("</title>")[0]
    assert title == "&lt;img src=x onerror=alert(1)&gt;" and "owned" not in title
    assert "<h2>Rollouts</h2>" in done.stdout and "<script" not in done.stdout


def test_evaluations_are_a_table_with_intervals(run, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(run, out)
    entry = {"value": 0.413, "low": 0.382, "high": 0.445}
    found = {"pass_at": {"1": entry, "8": entry}, "problems": 300, "samples": 8, "unscored": 2}
    (out / "eval.json").write_text(json.dumps({"before": found, "after": found, "seed": 0}))
    text = write_report(out).read_text()
    assert "<b>41.3%</b> <small>[38.2, 44.5]</small>" in text and text.count("pass@8") == 5 and "300 x 8" in text
    (out / "eval.json").write_text("[1]")
    with pytest.raises(GuerdonError, match="must be a JSON object, got list"):
        write_report(out)


def test_several_runs_share_their_charts(run, tmp_path):
    train(toy_recipe(), steps=3, seed=1, out=tmp_path / "short")
    one, two = Page(write_report(run).read_text()), Page(write_report([run, tmp_path / "short"]).read_text())
    assert [tag for tag, _ in one.tags].count("svg") == [tag for tag, _ in two.tags].count("svg")
    assert two.texts.count("grpo") > 5 and two.texts.count("short") > 5
    assert len([1 for tag, a in two.tags if tag == "path" and a.get("class") == "line s1"]) > 5
    with pytest.raises(GuerdonError, match="at least one run folder"):
        write_report([])


def test_runs_of_one_name_are_told_apart(tmp_path):
    for parent in ("a", "b"):
        train(toy_recipe(), steps=1, out=tmp_path / parent / "run")
    text = write_report([tmp_path / "a" / "run", tmp_path / "b" / "run"]).read_text()
    assert "<title>a/run / b/run</title>" in text


def test_a_stopped_run_says_why(tmp_path):
    with pytest.raises(RunStopped) as stopped:
        train(toy_recipe(update=Update(lr=1e30, max_grad_norm=None)), steps=50, out=tmp_path / "run")
    text = write_report(tmp_path / "run").read_text()
    assert escape(stopped.value) in text and 'class="status stopped"' in text


def test_a_run_without_steps_or_rollouts_still_has_a_report(tmp_path):
    train(toy_recipe(), steps=0, out=tmp_path / "run")
    text = write_report(tmp_path / "run").read_text()
    assert "<h2>Curves" not in text and "<h2>Rollouts" not in text and "0 of 0" in text
    assert read_run(tmp_path / "run").checkpoint_steps == []


def test_unscored_and_control_rollouts_are_shown():
    batch = ragged_batch().with_columns({"traj.reward": torch.tensor([1.0, math.nan, 0.0])})
    assert "reward <b>unscored</b>" in response(batch, 1) and "<i>empty</i>" in response(batch, 1)
    assert telling_groups(batch) == [0, 1]
    steps = batch.select("traj", torch.tensor([True, False, False]))
    steps = type(batch)(
        {name: column for name, column in steps.columns.items() if not name.startswith("token.")},
        {level: index for level, index in steps.parent.items() if level != "token"},
        {level: size for level, size in steps.sizes.items() if level != "token"},
    )
    controlled = steps.with_columns({"step.action": torch.tensor([1, 0]), "step.reward": torch.tensor([0.5, -1.0])})
    shown = response(controlled, 0)
    assert 'class="tokens steps"' in shown and ">1</span>" in shown and "reward: -1" in shown


def test_escaping():
    assert escape("a<b>&\"'") == "a&lt;b&gt;&amp;&quot;&#x27;"
    assert escape("\x07\u2066\ufeff\n\t") == "\u2407[U+2066][U+FEFF]\n\t"
    assert element("p", "<b>", title='"', class_="x", lang=None) == '<p title="&quot;" class="x"><b></p>'
