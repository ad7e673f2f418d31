from guerdon.objectives.entropy import EntropyBonus
from guerdon.papers._bench import ragged


def test_golden():
    rows = EntropyBonus(0.5)(ragged([[0, 0]], columns={"action.entropy": [1.0, 2.0], "action.mask": [False, True]}))
    assert rows.values.tolist() == [-0.5, -1]
    assert rows.metrics["entropy"].tolist() == [2]
