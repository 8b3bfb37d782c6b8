"""Random residual networks convert and agree with PyTorch in float64.

`--hypothesis-profile thorough --hypothesis-seed N` draws 2,000 of them.
"""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

import numpy as np
from hypothesis import HealthCheck, assume, find, given, note, settings
from hypothesis import strategies as st
from onnx import ModelProto
from support import grouping
from support.graphs import TENSOR, evaluate, lowered_model
from support.half_precision import narrowed
from support.random_graph import Network
from support.random_networks import networks, tied_networks
from support.tiers import thorough
from support.ties import differing

from jpegcompile.backends.emit import emit
from jpegcompile.frontend.load import load_source
from jpegcompile.ir.module import DomainChoice
from jpegcompile.lowering import lower
from jpegcompile.passes.lower.keep_exact import KeepExact
from jpegcompile.passes.schedule import group_channels
from jpegcompile.target.ort import ORT

# Of the largest magnitude of an output.
TOLERANCE = 1e-9
# Positions of an output of hundreds that may be within rounding of a step by chance.
BY_CHANCE = 2
# Of the quick tier; the thorough one draws as many others as the profile says.
FEW = settings(max_examples=12)


def assert_agrees(compiled: ModelProto, network: Network) -> None:
    outputs = evaluate(compiled, {"x": network.image})
    for name, actual in zip(network.outputs, outputs, strict=True):
        expected = network.values[name].numpy()
        assert actual.shape == expected.shape
        scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
        np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE * scale)


@given(networks())
@FEW
def test_random_networks(network: Network) -> None:
    check_random_network(network)


@thorough
@given(networks())
def test_more_random_networks(network: Network) -> None:
    check_random_network(network)


def check_random_network(network: Network) -> None:
    model = network.model()
    module, compiled = lowered_model(model)
    note(str([node.op_type for node in model.graph.node]))
    kept = {(node.op, node.name): node.reason for node in module.report.kept}
    assert network.is_discontinuous or kept == {}
    assert_agrees(compiled, network)


@given(networks(), st.sampled_from(["jpeg", "auto"]))
@FEW
def test_random_networks_laid_out_in_groups(network: Network, domain: DomainChoice) -> None:
    check_laid_out_in_groups(network, domain)


@thorough
@given(networks(), st.sampled_from(["jpeg", "auto"]))
def test_more_random_networks_laid_out_in_groups(network: Network, domain: DomainChoice) -> None:
    check_laid_out_in_groups(network, domain)


def check_laid_out_in_groups(network: Network, domain: DomainChoice) -> None:
    """In groups of 2, in float64, as a kernel would find and leave its maps in memory."""
    model = network.model()
    # The reference evaluator has no such operator.
    assume(all(node.op_type != "Upsample" for node in model.graph.node))
    note(str([node.op_type for node in model.graph.node]))
    assert ORT.kernels is not None
    target = replace(ORT, kernels=replace(ORT.kernels, channel_group=2))
    with (
        mock.patch.object(group_channels, "_PRECISION", np.float64),
        mock.patch.object(grouping, "CHANNEL_GROUP", 2),
    ):
        module = lower(load_source(model), replace(TENSOR, target=target, domain=domain))
        grouping.lay_out(module)
    assert_agrees(emit(module), network)


def ties_missed(network: Network) -> int:
    """At how many positions the compiled network differs from its source, both in float32."""
    source = narrowed(network.model())
    _, compiled = lowered_model(source)
    return max(differing(compiled, source, {"x": network.image}))


@thorough
@given(tied_networks())
def test_ties_survive_in_float32(network: Network) -> None:
    """By function bodies and by native kernels."""
    note(str([node.op_type for node in network.model().graph.node]))
    assert ties_missed(network) <= BY_CHANCE


def test_ties_are_missed_without_the_pass() -> None:
    """The networks above have ties that transforms break."""
    with mock.patch.object(KeepExact, "run", return_value=False):
        found = find(
            tied_networks(),
            lambda network: ties_missed(network) > 10 * BY_CHANCE,
            settings=settings(suppress_health_check=list(HealthCheck)),
        )
    assert ties_missed(found) <= BY_CHANCE
