"""Which recipe a text means, and which components verl's score is; needs no verl."""

import pytest

from guerdon import GuerdonError, Objective, Recipe, pieces
from guerdon.catalogue import load_paper
from guerdon.plugins.verl_recipe import Advantages, components, recipe_of


def test_a_text_is_a_paper_a_composition_or_a_file(tmp_path):
    grpo = load_paper("grpo")
    assert recipe_of("grpo") == grpo.compositions["verl"] and recipe_of("grpo:trl") == grpo.compositions["trl"]
    assert recipe_of("dapo") == load_paper("dapo").compositions["verl"]
    assert recipe_of("dler") == load_paper("dler").recipe
    grpo.recipe.save(tmp_path / "mine.json")
    assert recipe_of(str(tmp_path / "mine.json")) == grpo.recipe
    with pytest.raises(GuerdonError, match="got 'grppo'"):
        recipe_of("grppo")
    with pytest.raises(GuerdonError, match="no composition 'verlx'"):
        recipe_of("grpo:verlx")


def test_the_score_is_the_only_component_of_the_recipe():
    objective = Objective(pieces.Reinforce())
    assert Advantages(recipe_of("grpo")).single == "correct"
    assert Advantages(Recipe(objective)).single == "correct"
    assert Advantages(recipe_of("dapo")).single == "correct"  # the other component is made of lengths
    two = Recipe(objective, rewards=(pieces.Function("a:b", components=("f", "g")),))
    assert Advantages(two).single is None and components(two) == ["f", "g"]
