"""Ties and exact cancellations survive, since nodes that matter for them stay on pixels."""

from __future__ import annotations

import numpy as np
import pytest
from support.graphs import (
    TENSOR,
    Graph,
    Weights,
    kept_reasons,
    lowered,
    module_before,
)
from support.tiers import quick_of
from support.ties import behind_conv, compiled, differing, image, without_exact

from jpegcompile.backends.emit import emit
from jpegcompile.frontend.load import load_source
from jpegcompile.ir.module import CompileOptions
from jpegcompile.lowering import lower
from jpegcompile.messages import code_of
from jpegcompile.passes.lower.keep_exact import KeepExact
from jpegcompile.preprocessing.reading import preprocess_of

PEAKS = "m = MaxPool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(c)"
HALVES = "kernel_shape = [2, 2], strides = [2, 2]"
SHIFTED = "  a = Slice({0}, begin, end, plane)  z = Slice({0}, next, far, plane)  d = Sub(a, z)"
BRANCHES = (
    "then_branch = a () => (T[] p) { p = Ceil(r) }, else_branch = e () => (T[] q) { q = Floor(r) }"
)

# Graph bodies, and the nodes that must stay spatial. One of them chooses among equal values, or
# compares for equality. Without the pass, each body has wrong outputs.
BODIES = {
    # Exact cancellation.
    f"{PEAKS}  d = Sub(m, c)  y = Ceil(d)": "c m d y",
    f"{PEAKS}  s = Sub(c, m)  e = Exp(s)  y = Floor(e)": "c m s e y",
    f"{PEAKS}  d = Div(c, m)  y = Floor(d)": "c m d y",
    f"{PEAKS}  k = Equal(m, c)  f = Cast<to=1>(k)  y = Mul(f, c)": "c m k f y",
    f"{PEAKS}  k = Less(c, m)  y = Cast<to=1>(k)": "c m k y",
    f"s = Sigmoid(c)  {PEAKS[:-3]}(s)  k = Equal(m, s)  y = Cast<to=1>(k)": "c s m k y",
    f"s = Mul(c, two)  {PEAKS}  t = Mul(m, two)  d = Sub(t, s)  y = Sign(d)": "c s m t d y",
    "r = Relu(c)  d = Sub(r, c)  y = Sign(d)": "c r d y",
    "a = Abs(c)  d = Add(a, c)  y = Sign(d)": "c a d y",
    "n = Neg(c)  a = Max(c, n)  d = Sub(a, c)  y = Ceil(d)": "c n a d y",
    f'p = MaxPool<{HALVES}>(c)  q = Resize<mode = "nearest", nearest_mode = "floor",'
    ' coordinate_transformation_mode = "asymmetric">(p, , up)  k = Equal(q, c)'
    "  y = Cast<to=1>(k)": "c p q k y",
    'e = Pad<mode = "edge">(c, around)  z = Slice(e, next, far, plane)  d = Sub(z, c)'
    "  y = Sign(d)": "c e z d y",
    f"{SHIFTED.format('c')}  y = Sign(d)": "c a z",
    f"r = Relu(c)  {SHIFTED.format('r')}  y = Sign(d)": "c r a z",
    "a = AveragePool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(c)  d = Sub(c, a)"
    "  y = Sign(d)": "c a d y",
    "m = Conv(c, mean)  l = Conv(m, edge)  y = Sign(l)": "c m l y",
    # Order among equal values.
    "r = Relu(c)  y = ArgMax<axis = 1>(r)": "r y",
    "r = Relu(c)  y = ArgMin<axis = 1>(r)": "r y",
    "r = Relu(c)  y = ArgMax<axis = 3>(r)": "c r y",
    "y = ArgMax<axis = 3>(c)": "c y",
    "r = Relu(c)  y = Hardmax<axis = 1>(r)": "r y",
    "r = Relu(c)  y = NonZero(r)": "r y",
    "r = Relu(c)  y = Unique(r)": "c r y",
    "r = Relu(c)  t, y = TopK<axis = 1>(r, three)": "r t",
    "r = Relu(c)  f = Reshape(r, row)  t, y = TopK<axis = 1, largest = 0>(f, six)": "c r f",
    "r = Relu(c)  t = Transpose<perm = [0, 2, 3, 1]>(r)  y = ArgMax<axis = 3>(t)": "r t y",
    # Zeros of all channels pass another convolution, with equal or different biases.
    "r = Relu(c)  h = Conv(r, u, equal)  y = ArgMax<axis = 1>(h)": "r h y",
    "r = Relu(c)  h = Conv(r, u)  y = ArgMax<axis = 1>(h)": "r h y",
    f"r = Relu(c)  p, i = MaxPool<{HALVES}>(r)  q = Conv<pads = [1, 1, 1, 1]>(p, spread)"
    f"  y = MaxUnpool<{HALVES}>(q, i)": "c r p y",
    f"p, i = MaxPool<{HALVES}>(c)  q = Conv<pads = [1, 1, 1, 1]>(p, spread)"
    f"  y = MaxUnpool<{HALVES}>(q, i)": "c p y",
    # Discontinuities at values that many elements have.
    "k = Clip(c, zero, one)  y = Floor(k)": "k y",
    "h = HardSigmoid(c)  y = Ceil(h)": "h y",
    "r = Relu(c)  d = Add(r, half)  y = Round(d)": "r d y",
    "r = Relu(c)  d = Conv(r, u, whole)  y = Cast<to=6>(d)": "r d y",
    "r = Relu(c)  y = Cast<to=9>(r)": "r y",
    # Tensors that an operator reads in its subgraph.
    f"r = Relu(c)  t = ReduceSum(r)  g = Greater(t, zero)  y = If(g)<{BRANCHES}>": "c r t y",
}


@pytest.mark.sampled
@pytest.mark.parametrize("body", BODIES)
def test_equal_values(body: str) -> None:
    graph = behind_conv(body)
    assert set(BODIES[body].split()) | {"y"} == set(kept_reasons(lowered(graph, "float"))) | {"y"}
    source, feeds = graph.model("float"), {"x": image()}
    assert differing(compiled(graph), source, feeds) == [0, 0]


@pytest.mark.parametrize("body", list(BODIES)[::4])
def test_kernels_of_the_spatial_domain_leave_ties_alone(body: str) -> None:
    """Rounding of fast convolutions depends on the position of a window, as in transforms."""
    graph = behind_conv(body)
    automatic = compiled(graph, domain="auto")
    assert differing(automatic, graph.model("float"), {"x": image()}) == [0, 0]


@pytest.mark.parametrize("body", quick_of(BODIES, quick=9))
def test_the_images_have_equal_values(body: str) -> None:
    """If operators were considered continuous, outputs would be wrong at many positions."""
    graph = behind_conv(body)
    source, feeds = graph.model("float"), {"x": image()}
    broken = differing(emit(without_exact(graph)), source, feeds)
    assert min(broken) > 5


# A map of gray values, its peaks, and its maxima at their positions.
DETECTORS = {
    "m = MaxPool<kernel_shape = [3, 3], pads = [1, 1, 1, 1], strides = [1, 1]>(c)"
    "  d = Sub(m, c)  k = Ceil(d)  y = Sub(one, k)": 0.1,
    f"r = Relu(c)  p, i = MaxPool<{HALVES}>(r)  q = Conv<pads = [1, 1, 1, 1]>(p, box)"
    f"  y = MaxUnpool<{HALVES}>(q, i)": -0.5,
}


@pytest.mark.parametrize("body", DETECTORS)
def test_detectors_of_grey_values(body: str) -> None:
    weights: Weights = {
        "w": np.asarray([0.3, 0.5, 0.2]).reshape(1, 3, 1, 1),
        "b": np.asarray([DETECTORS[body]]),
    }
    extra: Weights = {"box": np.ones((1, 1, 3, 3)), "one": np.asarray(1.0)}
    weights = {**weights, **{name: v for name, v in extra.items() if name in body}}
    graph = Graph(f"(T[N,3,32,32] x) => (T[] y) {{ c = Conv(x, w, b)  {body} }}", weights)
    source, pixels = graph.model("float"), np.random.default_rng(0).random((2, 3, 32, 32))
    assert differing(compiled(graph), source, {"x": pixels}) == [0, 0]
    assert min(differing(emit(without_exact(graph)), source, {"x": pixels})) > 5


# The same operators without equal values, so all nodes that can be lowered are lowered.
GENERIC = [
    "r = Relu(c)  h = Conv(r, u, b)  y = ArgMax<axis = 1>(h)",
    'r = Relu(c)  h = Conv(r, u, b)  q = Resize<mode = "linear">(h, , up)  y = ArgMax<axis = 1>(q)',
    "p = GlobalAveragePool(c)  f = Flatten(p)  o = Gemm<transB = 1>(f, linear)"
    "  y = ArgMax<axis = 1>(o)",
    "r = Relu(c)  y = Round(r)",
    "k = Clip(c, zero, one)  g = Greater(k, half)  y = Cast<to=1>(g)",
    "s = Sigmoid(c)  y = Round(s)",
    "r = Relu(c)  h = Conv(r, u, b)  y = Sign(h)",
]


@pytest.mark.parametrize("body", GENERIC)
def test_generic_values(body: str) -> None:
    graph = behind_conv(body)
    module = module_before(graph, KeepExact.name, dtype="float")
    assert not KeepExact().run(module)
    assert module.exact_nodes == {}
    source, feeds = graph.model("float"), {"x": image()}
    assert differing(compiled(graph), source, feeds) == [0, 0]


def wide(channels: int, layers: int, tail: str) -> Graph:
    """Convolutions with many channels and ReLU, and nodes that read the result `h`."""
    weights: Weights = {"v": (2, channels, 1, 1), "a": np.asarray([0.1, -0.2])}
    lines, previous = [], "x"
    for index in range(layers):
        shape = (channels, channels if index else 3, 3, 3)
        bias = np.linspace(-0.2, 0.3, channels)
        weights = {**weights, f"w{index}": shape, f"b{index}": bias}
        lines += [
            f"c{index} = Conv<pads = [1, 1, 1, 1]>({previous}, w{index}, b{index})",
            f"r{index} = Relu(c{index})",
        ]
        previous = f"r{index}"
    lines.append(f"h = Conv({previous}, v, a)")
    return Graph(f"(T[N,3,16,16] x) => (T[] y) {{ {'  '.join(lines)}  {tail} }}", weights)


PEAK_TAIL = "m = MaxPool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(h)  d = Sub(m, h)  y = Sign(d)"


def test_what_sees_the_whole_image_has_no_ties() -> None:
    """Windows of 3, 5, ... pixels; from 16 on, they cover the whole image."""
    shallow = kept_reasons(lowered(wide(20, 2, PEAK_TAIL)))
    assert set(shallow) == {"c0", "r0", "c1", "r1", "h", "m", "d", "y"}
    deep = kept_reasons(lowered(wide(20, 8, PEAK_TAIL)))
    assert set(deep) == {"m", "d", "y"}


def test_few_channels_are_at_rest_together() -> None:
    """Four ReLU channels are zero at once at many pixels; twenty are not."""
    few = kept_reasons(lowered(wide(4, 8, PEAK_TAIL)))
    assert {"r7", "h", "m", "d", "y"} <= set(few)


def test_reasons() -> None:
    order = kept_reasons(lowered(behind_conv("r = Relu(c)  y = ArgMax<axis = 1>(r)"), "float"))
    assert order["r"] == "feeds-choice-among-equals"
    unknown = kept_reasons(lowered(behind_conv("r = Relu(c)  y = Unique(r)"), "float"))
    assert unknown["r"] == "feeds-unknown-operator"
    places = f"p, i = MaxPool<{HALVES}>(c)  y = MaxUnpool<{HALVES}>(p, i)"
    reads = kept_reasons(lowered(behind_conv(places), "float"))
    assert reads["c"] == "feeds-choice-among-equals"
    assert reads["y"] == "reads-mask-or-positions"


def test_an_operator_of_another_operator_set() -> None:
    """The compiler does not know whether it is continuous."""
    module = module_before(behind_conv("r = Relu(c)  n = Neg(r)  y = Neg(n)"), KeepExact.name)
    next(node for node in module.graph.nodes if node.name == "n").domain = "com.example"
    assert KeepExact().run(module)
    reason = "feeds-custom-operator"
    codes = {name: found.code for name, found in module.exact_nodes.items()}
    assert codes == {"r": reason, "c": reason, "n": "no-jpeg-domain-form"}
    assert "Neg 'n' of com.example" in module.exact_nodes["c"]


def test_what_a_discontinuous_operator_keeps_is_marked_in_the_report() -> None:
    module = lowered(behind_conv(f"{PEAKS}  d = Sub(m, c)  y = Ceil(d)"), "float")
    assert {node.name for node in module.report.kept if node.exact} == {"c", "m", "d", "y"}
    plain = lowered(behind_conv("r = Relu(c)  y = Mul(r, c)"), "float")
    assert not any(node.exact for node in plain.report.nodes)


def test_ties_within_decoded_images_are_noted() -> None:
    """Decoding files rounds pixels, so ties within the image itself may not survive."""
    source = load_source(behind_conv(f"{PEAKS}  d = Sub(m, c)  y = Ceil(d)").model("float"))
    note = "image-pixels-compared"
    files = lower(source, CompileOptions(preprocess=preprocess_of("unit"), subsampling="4:4:4"))
    assert note in map(code_of, files.report.notes)
    assert note not in map(code_of, lower(source, TENSOR).report.notes)
