"""The docs say what the code does: README's example is run, links lead somewhere, the house is described as it is."""

import contextlib
import dataclasses
import io
import re
import sys
import types
from pathlib import Path

import pytest

from guerdon.recipe import Recipe

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_the_readme_example_prints_what_the_readme_says():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code, printed = re.search(r"```python\n(.*?)```.*?```text\n(.*?)```", text, re.DOTALL).groups()
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(code, "README.md", "exec"), {})
    assert said.getvalue() == printed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{page.name}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, f"{page.name}: {target}"


def test_the_data_flow_line_names_the_slots_in_the_order_of_the_recipe():
    line = re.search(r"^task -> .*$", ARCHITECTURE, re.MULTILINE).group()
    drawn = line.split(" -> ")
    fields = [field.name for field in dataclasses.fields(Recipe)]
    flow = list(dict.fromkeys(place.partition(".")[0] for place in _full_flow()))
    assert [slot for slot in flow if slot in drawn] == [slot for slot in drawn if slot != "update"]
    assert drawn[-1] == "update"
    undrawn = set(fields) - set(drawn) - {"max_refills"}
    assert undrawn == {"policy", "curriculum", "metrics"}, "a slot of Recipe is missing from the data-flow line"


def test_the_architecture_names_every_slot_folder_and_file():
    table = re.findall(r"^\| `(\w+)` \| .*\|$", ARCHITECTURE.partition("## What travels")[0], re.MULTILINE)
    assert sorted(table) == sorted(field.name for field in dataclasses.fields(Recipe))
    source = ROOT / "src" / "guerdon"
    for folder in (path.parent for path in source.rglob("__init__.py")):
        if folder != source:
            assert f"{folder.relative_to(source)}/" in ARCHITECTURE, "run `make docs`"


def _full_flow() -> list[str]:
    """The places of a recipe with something in every slot."""

    @dataclasses.dataclass(frozen=True)
    class Anything:
        surrogate: object = None
        aggregation: object = None
        weights: tuple[object, ...] = ()
        regularizers: tuple[object, ...] = ()

    piece = Anything()
    singles = {"task", "policy", "curriculum", "rollout", "objective", "update"}
    fields = [field.name for field in dataclasses.fields(Recipe) if field.name != "max_refills"]
    full = types.SimpleNamespace(**{name: piece if name in singles else (piece,) for name in fields})
    return [place for place, _ in Recipe.flow(full)]


def test_the_steps_of_the_loop_are_told_in_their_order():
    told = [
        ARCHITECTURE.index(word) for word in ("1. **Collect.**", "2. **Credit, then advantage.**", "3. **Update.**")
    ]
    assert told == sorted(told)
    loop = (ROOT / "src" / "guerdon" / "loop.py").read_text(encoding="utf-8")
    step = loop.partition("def train_step")[2].partition("\n    def ")[0]
    done = [
        step.index(call) for call in ("self._collect(", '("credit", "advantage")', "self._update(", "self.health.look(")
    ]
    assert done == sorted(done)
    collect = loop.partition("def _collect")[2].partition("\n    def ")[0]
    done = [
        collect.index(call)
        for call in (
            "(recipe.rollout, ",
            '("rewards", "shaping")',
            "curriculum.observe(",
            "in enumerate(recipe.filters)",
        )
    ]
    assert done == sorted(done)


def test_every_conventional_column_is_one_that_pieces_declare():
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import generate
    finally:
        sys.path.pop(0)
    told = ARCHITECTURE.partition("### Conventional columns")[2].partition("###")[0]
    names = re.findall(
        r"`((?:token|step|traj|group|action)\.[\w/*]+)`", "\n".join(re.findall(r"^\| (.*?) \|", told, re.MULTILINE))
    )
    assert len(names) > 10
    declared = set(re.findall(r"^\| `([^`]+)` \|", generate.columns(), re.MULTILINE)) | {"action.mask"}
    assert set(names) <= declared
