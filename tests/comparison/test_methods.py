import pytest

from guerdon.catalogue import load_paper
from guerdon.comparison.methods import read_method, read_methods
from guerdon.errors import GuerdonError


def read(text: str, tasks=("tree",), policy=None, flags=()):
    return read_method(text, tasks, policy, flags)


def test_a_paper_its_variant_and_a_file(tmp_path):
    paper = read("grpo")
    assert paper.name == paper.spec == "grpo" and type(paper.recipes[0].rollout).__name__ == "SampleTree"
    assert any("rollout is SampleTree" in note for note in paper.notes)
    name = next(iter(load_paper("dapo").compositions))
    assert read(f"dapo:{name}").name == f"dapo:{name}"
    paper.recipes[0].save(tmp_path / "mine.json")
    assert read(str(tmp_path / "mine.json")).recipes == paper.recipes
    assert read(str(tmp_path / "mine.json")).name == "mine"


def test_fields_and_a_name():
    changed = read("grpo,update.lr=0.5,rollout.prompts=3")
    assert changed.recipes[0].update.lr == 0.5 and changed.name == "grpo,update.lr=0.5,rollout.prompts=3"
    named = read("a b=grpo,update.lr=0.5")
    assert named.name == "a b" and named.spec == "grpo,update.lr=0.5"
    assert named.recipes[0].update == changed.recipes[0].update
    swapped = read("plain=grpo,advantage.0=Standardize:scale=none,update.lr=0.5")
    assert swapped.recipes[0].advantage[0].scale == "none" and swapped.recipes[0].update.lr == 0.5


def test_flags_are_for_all_and_a_methods_own_field_wins():
    methods = read_methods(["grpo", "x=grpo,update.lr=0.5"], ["tree"], None, [("update.lr", "0.1")])
    assert [method.recipes[0].update.lr for method in methods] == [0.1, 0.5]


def test_one_recipe_per_task():
    method = read("grpo", ("tree", "tree:depth=2"))
    assert [recipe.task.depth for recipe in method.recipes] == [1, 2]
    assert len(set(method.notes)) == len(method.notes)


@pytest.mark.parametrize(
    ("specs", "tasks", "sentence"),
    [
        (["grpo", "grpo"], ["tree"], "must not both be called 'grpo'; give one another name: again=grpo"),
        (["grpo,fast"], ["tree"], "after a method's comma stands FIELD=VALUE, got 'fast'"),
        (["grpo,update.lrr=1"], ["tree"], "grpo,update.lrr=1: the recipe has no flag --update.lrr"),
        (["grpo"], [], "grpo: it leaves its task open; name one with --task"),
        (["nope"], ["tree"], "a paper must be an id of `guerdon papers list`, got 'nope'"),
        (["dapo:nope"], ["tree"], "dapo has no composition 'nope'"),
        (["grpo"], ["tree", "tre"], "grpo on tre: a task must be one that guerdon has"),
    ],
)
def test_what_does_not_exist_is_refused_with_a_sentence(specs, tasks, sentence):
    with pytest.raises(GuerdonError) as refusal:
        read_methods(specs, tasks, None, [])
    assert sentence in str(refusal.value)
