from guerdon.objectives.nll import NLL
from guerdon.papers._bench import ragged


def test_golden():
    batch = ragged([[0, 0]], columns={"action.logprob": [-1.0, -2.0]})
    assert NLL()(batch).values.tolist() == [1, 2]
    assert NLL(0.5)(batch).values.tolist() == [0.5, 1]
