"""The verifier refuses graphs that a pass broke, and names the pass and what is wrong."""

from __future__ import annotations

import onnx_graphsurgeon as gs
import pytest
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
    """The chain in the jpeg domain: ToJpeg JpegConv Mul JpegRelu ToSpatial Sinh."""
    return lowered(CHAIN)


def node_of(module: Module, op: str) -> gs.Node:
    (node,) = [node for node in module.graph.nodes if node.op == op]
    return node


def problem(module: Module) -> str:
    with pytest.raises(InternalError) as caught:
        verify_module(module, "some-pass")
    message = str(caught.value)
    start, end = "pass some-pass broke the graph: ", "; please report it"
    assert message.startswith(start)
    assert message.endswith(end)
    return message.removeprefix(start).removesuffix(end)


class _Breaks(Pass):
    """Turns the graph around, and says whether it did."""

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
    """Also if the pass that broke it says that it changed nothing: then at the last pass."""
    steps = (_Breaks(tells), _Nothing(), _Nothing())
    monkeypatch.setattr("jpegcompile.compiler.pipeline_for", lambda _: steps)
    with pytest.raises(InternalError, match=f"pass {found} broke the graph: Sinh 'y' reads 'r'"):
        lowered(CHAIN)


def test_accepts_what_the_passes_make() -> None:
    verify_module(spatial(), "some-pass")
    verify_module(mixed(), "some-pass")


def test_accepts_an_output_that_is_constant() -> None:
    text = "(T[N,3,16,16] x) => (T[] y, T[] z) { y = Neg(c)  z = Relu(x) }"
    verify_module(lowered(Graph(text, {"c": (4,)})), "some-pass")


def test_order() -> None:
    module = spatial()
    module.graph.nodes.reverse()
    assert problem(module) == "Sinh 'y' reads 'r' before it is made"


def test_a_tensor_that_nothing_makes() -> None:
    module = spatial()
    node_of(module, "Sinh").inputs = [gs.Variable("ghost")]
    assert problem(module) == "Sinh 'y' reads 'ghost' before it is made"


def test_another_tensor_of_the_same_name() -> None:
    """Two objects of one name are two tensors, though a file would make them one."""
    module = spatial()
    node_of(module, "Sinh").inputs = [gs.Variable("r")]
    assert problem(module) == "Sinh 'y' reads 'r' before it is made"


def test_a_tensor_made_twice() -> None:
    module = spatial()
    twin = gs.Node("Abs", "abs", {}, [module.graph.inputs[0]], [gs.Variable("c")])
    module.graph.nodes.append(twin)
    assert problem(module) == "'c' is made twice"


def test_an_input_made_again() -> None:
    module = spatial()
    module.graph.nodes.append(
        gs.Node("Abs", "abs", {}, [module.graph.inputs[0]], [gs.Variable("x")])
    )
    assert problem(module) == "'x' is made twice"


def test_an_output_that_nothing_makes() -> None:
    module = spatial()
    module.graph.outputs.append(gs.Variable("z"))
    assert problem(module) == "output 'z' is not made"


@pytest.mark.parametrize("op", ["ToJpeg", "ToSpatial"])
def test_a_cast_of_another_block_size(op: str) -> None:
    module = mixed()
    node = node_of(module, op)
    node.attrs["block"] = 4
    assert (
        problem(module) == f"{op} '{node.name}' does not join the domains that its tensors are in"
    )


@pytest.mark.parametrize("op", ["ToJpeg", "ToSpatial"])
def test_a_cast_between_equal_domains(op: str) -> None:
    module = mixed()
    node = node_of(module, op)
    spatial_side = node.inputs[0] if op == "ToJpeg" else node.outputs[0]
    module.blocks[spatial_side.name] = 8
    assert (
        problem(module) == f"{op} '{node.name}' does not join the domains that its tensors are in"
    )


def test_an_operator_that_makes_another_block_size() -> None:
    module = mixed()
    node_of(module, "JpegConv").attrs["output_block"] = 4
    assert problem(module) == "JpegConv 'c' makes block size 4, its output has another"


def test_an_operator_that_takes_another_block_size() -> None:
    module = mixed()
    node_of(module, "JpegConv").attrs["input_block"] = 4
    assert problem(module) == "JpegConv 'c' takes block size 4, its input has another"


def test_an_operator_of_one_block_size() -> None:
    module = mixed()
    module.blocks[node_of(module, "JpegRelu").outputs[0].name] = 4
    assert problem(module) == "JpegRelu 'r' makes block size 8, its output has another"


def test_a_standard_operator_that_mixes_domains() -> None:
    module = mixed()
    del module.blocks[node_of(module, "JpegConv").outputs[0].name]
    assert problem(module) == "JpegConv 'c' makes block size 8, its output has another"
    module = mixed()
    module.blocks["y"] = 8
    assert problem(module) == "Sinh 'y' mixes domains"


def test_factors_of_channels_are_in_every_domain() -> None:
    text = "(T[N,3,16,16] x) => (T[] y) { g = GlobalAveragePool(x)  y = Mul(x, g) }"
    verify_module(lowered(Graph(text)), "some-pass")


def test_an_output_in_the_jpeg_domain() -> None:
    module = mixed()
    cast = node_of(module, "ToSpatial")
    module.graph.outputs = [cast.inputs[0]]
    assert problem(module) == "output 'r.jpeg' is in the jpeg domain"
