"""Networks as tf2onnx writes Keras models: nothing stays spatial, whatever the opset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from support.coefficient_models import check_coefficients
from support.graphs import Graph, check_compiled, check_fault, kept_reasons, random_weight
from support.nhwc_networks import resnet_v1, resnet_v2, squeezed_head
from support.tiers import quick_of, thorough

from jpegcompile.messages import code_of

OPSETS = [9, 11, 13, 18]
NETWORKS = [resnet_v1, resnet_v2, squeezed_head]

forms = pytest.mark.parametrize("optimized", [False, True], ids=["unoptimized", "optimized"])
networks = pytest.mark.parametrize("network", NETWORKS)


@networks
@forms
@pytest.mark.parametrize("opset", OPSETS)
def test_of_tensors(network: Callable[[int, bool], Graph], opset: int, optimized: bool) -> None:
    module = check_compiled(network(opset, optimized))
    assert kept_reasons(module) == {}
    assert module.report.casts == 1
    assert [n.op for n in module.graph.nodes if n.op == "Transpose"] == ["Transpose"]


@networks
@forms
@pytest.mark.parametrize("opset", quick_of(OPSETS, quick=2))
def test_of_coefficients(
    network: Callable[[int, bool], Graph], opset: int, optimized: bool
) -> None:
    module = check_coefficients(network(opset, optimized), preprocess="none")
    assert kept_reasons(module) == {}
    assert module.report.casts == 0
    assert "Transpose" not in {node.op for node in module.graph.nodes}
    assert "normalization-absorbed" in map(code_of, module.report.notes)


def _shuffled(graph: Graph, name: str) -> Graph:
    """The same with one weight in another order, as a wrong layout would have it."""
    shape = graph.weights[name]
    assert isinstance(shape, tuple)
    values = random_weight(name, shape).reshape(-1)[::-1].reshape(shape)
    return replace(graph, weights={**graph.weights, name: values})


@networks
@forms
def test_faults_are_seen(network: Callable[[int, bool], Graph], optimized: bool) -> None:
    graph = network(13, optimized)
    learned = [name for name, weight in graph.weights.items() if isinstance(weight, tuple)]
    check_fault(graph, *(_shuffled(graph, name) for name in learned))


@thorough
def test_gates_by_convolution_as_well() -> None:
    module = check_compiled(resnet_v2(13, optimized=False, dense_gate=False))
    assert kept_reasons(module) == {}
