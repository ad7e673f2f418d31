import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.solvers.state_graph import StateGraph, embedding_loss


def test_nodes_and_edges_by_hand():
    graph = StateGraph(features=1, apart=0.5, most=3)
    graph.walk(torch.tensor([[0.0], [1.0], [1.2], [0.1], [2.0]]))
    assert graph.nodes[:, 0].tolist() == [0.0, 1.0, 2.0]
    assert graph.edges.tolist() == [[0, 2, 1], [2, 0, 0], [1, 0, 0]]


def test_a_full_graph_gives_up_its_least_connected_node():
    graph = StateGraph(features=1, apart=0.5, most=2)
    graph.walk(torch.tensor([[0.0], [1.0], [0.0]]))
    graph.walk(torch.tensor([[5.0]]))
    assert sorted(graph.nodes[:, 0].tolist()) in ([0.0, 5.0], [1.0, 5.0])
    assert float(graph.edges.sum()) == 0.0


def test_the_loss_by_hand():
    edge = torch.tensor([[0.0, 3.0], [3.0, 0.0]])
    assert float(embedding_loss(torch.eye(2), edge)) == 2.0
    assert float(embedding_loss(torch.tensor([[1.0, 0.0], [1.0, 5.0]]), edge)) == 0.0
    assert float(embedding_loss(torch.eye(3), torch.zeros(3, 3))) == 0.0
    assert float(embedding_loss(torch.zeros(0, 2), torch.zeros(0, 0))) == 0.0


def test_bad_settings_are_refused():
    with pytest.raises(GuerdonError, match="StateGraph needs features"):
        StateGraph(1, -0.5, 3)
