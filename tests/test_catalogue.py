"""What there is, found by folder."""

import pytest

from guerdon import catalogue
from guerdon.advantages.standardize import Standardize
from guerdon.catalogue import load_paper, paper_facts, paper_ids, pieces, slot_of, written_by
from guerdon.errors import GuerdonError
from guerdon.objectives.aggregation import SumOverLength
from guerdon.shaping.weighted_sum import WeightedSum

SOURCE = '''"""A method."""
from guerdon.paper import Evidence, Paper, claim

@claim("exact")
def exact(seed: int) -> Evidence: ...

@claim("trains", tier="proxy")
def trains(seed: int) -> Evidence: ...

@claim("trains too", "proxy")
def trains_too(seed: int) -> Evidence: ...

paper = Paper(
    title="A" " method", arxiv=None, kind="method", source="code", year=2024, claims=(exact, trains, trains_too))
'''


def test_pieces_are_found_by_folder_under_their_class_names():
    assert pieces()["Standardize"] is Standardize and slot_of(Standardize) == "advantages"
    assert {"Objective", "Update", "Recipe"} <= set(pieces())
    assert "Transform" not in pieces() and "RowLoss" not in pieces()


def test_two_pieces_of_one_name_are_refused(monkeypatch):
    twin = type("Standardize", (WeightedSum,), {"__module__": "guerdon.shaping.weighted_sum"})
    monkeypatch.setattr("guerdon.shaping.weighted_sum.Standardize", twin, raising=False)
    with pytest.raises(RuntimeError, match="two pieces are called Standardize: guerdon"):
        pieces.__wrapped__()


def test_what_a_class_writes_is_what_its_defaults_write():
    assert written_by(WeightedSum) == ("traj.reward",)
    assert written_by(Standardize) == ("traj.advantage",)
    assert written_by(SumOverLength) == ()


def test_facts_are_read_without_importing(tmp_path, monkeypatch):
    (tmp_path / "method.py").write_text(SOURCE)
    (tmp_path / "_bench.py").write_text("")
    monkeypatch.setattr(catalogue, "papers_folder", lambda: tmp_path)
    assert paper_ids() == ["method"]
    assert paper_facts("method") == {
        "id": "method",
        "title": "A method",
        "arxiv": None,
        "kind": "method",
        "source": "code",
        "year": 2024,
        "claims": 3,
        "proxies": ["trains", "trains_too"],
    }


def test_a_paper_by_its_id_or_its_entry_in_the_literature():
    assert load_paper("dr-grpo") is load_paper("dr_grpo") is load_paper("baseline-dr_grpo")
    with pytest.raises(
        GuerdonError, match=r"a paper must be an id of `guerdon papers list`, got 'dr_grp'; did you mean dr_grpo\?"
    ):
        load_paper("dr_grp")
