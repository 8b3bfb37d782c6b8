"""The verifier rejects graphs that a pass broke, and names the pass and the problem."""

from __future__ import annotations

import onnx_graphsurgeon as gs
import pytest
from support.broken import assert_broken
from support.codes import refused
from support.graphs import Graph, lowered, module_before

from jpegcompile.errors import InternalError
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass
from jpegcompile.ir.verifier import verify_module

CHAIN = Graph(
    """(T[N,3,16,16] x) => (T[] y) {
        c = Conv<pads = [1, 1, 1, 1]>(x, w)  m = Mul(c, half)  r = Relu(m)  y = Sinh(r) }""",
    {"w": (3, 3, 3, 3), "half": (3, 1, 1)},
)


def spatial() -> Module:
    """The chain before lowering."""
    return module_before(CHAIN, "assign-blocks")


def mixed() -> Module:
    """The chain in the JPEG domain: ToJpeg JpegConv Mul JpegRelu ToSpatial Sinh."""
    return lowered(CHAIN)


def node_of(module: Module, op: str) -> gs.Node:
    (node,) = [node for node in module.graph.nodes if node.op == op]
    return node


class _Breaks(Pass):
    """Reverses the nodes, and may return that nothing changed."""

    name = "breaks"

    def __init__(self, tells: bool) -> None:
        self._tells = tells

    def run(self, module: Module) -> bool:
        module.graph.nodes.reverse()
        return self._tells


class _Nothing(Pass):
    name = "nothing"

    def run(self, module: Module) -> bool:
        return False


@pytest.mark.parametrize(("tells", "found"), [(True, "breaks"), (False, "nothing")])
def test_no_broken_graph_is_emitted(
    monkeypatch: pytest.MonkeyPatch, tells: bool, found: str
) -> None:
    """If the pass returns that nothing changed, the last pass is named."""
    steps = (_Breaks(tells), _Nothing(), _Nothing())
    monkeypatch.setattr("jpegcompile.lowering.pipeline_for", lambda _: steps)
    with refused("verify-read-too-early", InternalError) as caught:
        lowered(CHAIN)
    assert f"pass {found}" in str(caught.value)


def test_accepts_what_the_passes_make() -> None:
    verify_module(spatial(), "some-pass")
    verify_module(mixed(), "some-pass")


def test_accepts_an_output_that_is_constant() -> None:
    text = "(T[N,3,16,16] x) => (T[] y, T[] z) { y = Neg(c)  z = Relu(x) }"
    verify_module(lowered(Graph(text, {"c": (4,)})), "some-pass")


def test_order() -> None:
    module = spatial()
    module.graph.nodes.reverse()
    assert_broken(module, "verify-read-too-early", "Sinh 'y'", "'r'")


def test_a_tensor_that_nothing_makes() -> None:
    module = spatial()
    node_of(module, "Sinh").inputs = [gs.Variable("ghost")]
    assert_broken(module, "verify-read-too-early", "Sinh 'y'", "'ghost'")


def test_another_tensor_of_the_same_name() -> None:
    """Two objects with one name are two tensors, although a file would merge them."""
    module = spatial()
    node_of(module, "Sinh").inputs = [gs.Variable("r")]
    assert_broken(module, "verify-read-too-early", "Sinh 'y'", "'r'")


def test_a_tensor_made_twice() -> None:
    module = spatial()
    twin = gs.Node("Abs", "abs", {}, [module.graph.inputs[0]], [gs.Variable("c")])
    module.graph.nodes.append(twin)
    assert_broken(module, "verify-computed-twice", "'c'")


def test_an_input_made_again() -> None:
    module = spatial()
    module.graph.nodes.append(
        gs.Node("Abs", "abs", {}, [module.graph.inputs[0]], [gs.Variable("x")])
    )
    assert_broken(module, "verify-computed-twice", "'x'")


def test_an_output_that_nothing_makes() -> None:
    module = spatial()
    module.graph.outputs.append(gs.Variable("z"))
    assert_broken(module, "verify-output-not-computed", "'z'")


@pytest.mark.parametrize("op", ["ToJpeg", "ToSpatial"])
def test_a_cast_of_another_block_size(op: str) -> None:
    module = mixed()
    node = node_of(module, op)
    node.attrs["block"] = 4
    assert_broken(module, "verify-cast-blocks", f"{op} '{node.name}'")


@pytest.mark.parametrize("op", ["ToJpeg", "ToSpatial"])
def test_a_cast_between_equal_domains(op: str) -> None:
    module = mixed()
    node = node_of(module, op)
    spatial_side = node.inputs[0] if op == "ToJpeg" else node.outputs[0]
    module.blocks[spatial_side.name] = 8
    assert_broken(module, "verify-cast-blocks", f"{op} '{node.name}'")


def test_an_operator_that_makes_another_block_size() -> None:
    module = mixed()
    node_of(module, "JpegConv").attrs["output_block"] = 4
    assert_broken(module, "verify-block-size", "JpegConv 'c'", "block size 4", "output")


def test_an_operator_that_takes_another_block_size() -> None:
    module = mixed()
    node_of(module, "JpegConv").attrs["input_block"] = 4
    assert_broken(module, "verify-block-size", "JpegConv 'c'", "block size 4", "input")


def test_an_operator_of_one_block_size() -> None:
    module = mixed()
    module.blocks[node_of(module, "JpegRelu").outputs[0].name] = 4
    assert_broken(module, "verify-block-size", "JpegRelu 'r'", "block size 8", "output")


def test_a_standard_operator_that_mixes_domains() -> None:
    module = mixed()
    del module.blocks[node_of(module, "JpegConv").outputs[0].name]
    assert_broken(module, "verify-block-size", "JpegConv 'c'", "block size 8", "output")
    module = mixed()
    module.blocks["y"] = 8
    assert_broken(module, "verify-mixed-blocks", "Sinh 'y'")


def test_factors_of_channels_are_in_every_domain() -> None:
    text = "(T[N,3,16,16] x) => (T[] y) { g = GlobalAveragePool(x)  y = Mul(x, g) }"
    verify_module(lowered(Graph(text)), "some-pass")


def test_an_output_in_the_jpeg_domain() -> None:
    module = mixed()
    cast = node_of(module, "ToSpatial")
    module.graph.outputs = [cast.inputs[0]]
    assert_broken(module, "verify-output-in-jpeg-domain", "'r.jpeg'")
