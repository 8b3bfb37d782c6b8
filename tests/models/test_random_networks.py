"""Random residual networks convert and agree with PyTorch in float64.

`--hypothesis-profile thorough --hypothesis-seed N` draws 2,000 of them.
"""

from __future__ import annotations

import numpy as np
from hypothesis import given, note
from support.graphs import evaluate, lowered_model
from support.random_graph import Network
from support.random_networks import networks

# Of the largest magnitude of an output.
TOLERANCE = 1e-9


@given(networks())
def test_random_networks(network: Network) -> None:
    model = network.model()
    module, compiled = lowered_model(model)
    note(str([node.op_type for node in model.graph.node]))
    kept = {(node.op, node.name): node.reason for node in module.report.kept}
    assert network.has_step or kept == {}
    outputs = evaluate(compiled, {"x": network.image})
    for name, actual in zip(network.outputs, outputs, strict=True):
        expected = network.values[name].numpy()
        assert actual.shape == expected.shape
        scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
        np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE * scale)
