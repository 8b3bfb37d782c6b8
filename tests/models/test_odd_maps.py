"""Maps with block size 1 are reported, with an input size that avoids them if there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from support.commands import run_json, run_text
from support.graphs import Graph, lowered
from support.open_size import opened

import jpegcompile
from jpegcompile.errors import InternalError, UsageError
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass
from jpegcompile.messages import code_of
from jpegcompile.odd_maps import candidates

POOLED = "g = GlobalAveragePool({0})  f = Flatten(g)  y = Gemm(f, v)"


def halving(
    times: int, shape: str, head: str = POOLED, v: tuple[int, ...] = (3, 5), **weights: Any
) -> Graph:
    """Convolutions r1, r2, ... of stride 2 that halve a map, rounding up, and a head."""
    body, last = "", "x"
    for number in range(1, times + 1):
        conv = f"r{number} = Conv<pads = [1, 1, 1, 1], strides = [2, 2]>({last}, w)"
        last = f"r{number}"
        body += f"{conv}  "
    text = f"(T[{shape}] x) => (T[] y) {{ {body}{head.format(last)} }}"
    return Graph(text, {"w": (3, 3, 3, 3), "v": v, **weights})


def notes(graph: Graph, **options: Any) -> list[str]:
    return jpegcompile.compile(graph.model("float"), input="tensor", **options).report.notes


def assert_avoidable(found: list[str], odd: str, better: str) -> None:
    """The only note names these maps first, and this input size as the remedy."""
    (note,) = found
    assert code_of(note) == "odd-maps-avoidable"
    assert note.startswith(odd)
    assert f"input of {better} " in note


@pytest.mark.parametrize(
    ("times", "size", "odd", "first", "nodes", "better"),
    [
        (5, "224,224", "7x7", "r5", "1 node", "256x256"),
        (2, "28,28", "7x7", "r2", "1 node", "32x32"),
        (3, "28,28", "7x7", "r2", "1 node", "32x32"),
        (3, "24,40", "3x5", "r3", "1 node", "32x48"),
        (3, "224,40", "28x5", "r3", "1 node", "224x48"),
        (3, "50,50", "25x25, 13x13 and 7x7", "r1", "3 nodes", "64x64"),
        (2, "46,46", "23x23", "r1", "1 node", "48x48"),
        (4, "97,97", "49x49, 25x25, 13x13 and 1 more size", "r1", "4 nodes", "128x128"),
        (5, "193,193", "97x97, 49x49, 25x25 and 2 more sizes", "r1", "5 nodes", "256x256"),
    ],
)
def test_an_input_that_avoids_them(
    times: int, size: str, odd: str, first: str, nodes: str, better: str
) -> None:
    maps = f"maps of {odd}, starting at Conv '{first}' ({nodes}), "
    assert_avoidable(notes(halving(times, f"N,3,{size}")), maps, better)
    assert notes(halving(times, f"N,3,{better.replace('x', ',')}")) == []


def test_a_smaller_input() -> None:
    """Windows without padding leave a row: 35, 17, 8."""
    text = """(T[N,3,35,35] x) => (T[] y) {
        a = Conv<strides = [2, 2]>(x, w)  r = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(a)
        f = Flatten(r)  y = Gemm(f, v) }"""
    graph = Graph(text, {"w": (3, 3, 2, 2), "v": (3 * 8 * 8, 5)})
    assert_avoidable(notes(graph), "maps of 17x17, starting at Conv 'a' (1 node), ", "32x32")


HEADS = {
    "f = Flatten({0})  y = Gemm(f, v)": 147,
    "f = Flatten({0})  y = MatMul(f, v)": 147,
    "f = Reshape({0}, long)  y = Gemm(f, v)": 147,
    "g = AveragePool<kernel_shape = [7, 7]>({0})  f = Reshape(g, each)  y = Gemm(f, v)": 3,
}
HEAD_OF_ONE_IMAGE = (
    "g = AveragePool<kernel_shape = [7, 7]>({0})  f = Reshape(g, one)  y = Gemm(f, v)"
)


@pytest.mark.parametrize(
    ("batch", "head", "values"),
    [*((batch, *head) for batch in "N1" for head in HEADS.items()), ("1", HEAD_OF_ONE_IMAGE, 3)],
)
def test_a_classifier_of_one_size(batch: str, head: str, values: int) -> None:
    """Also if a larger map could be reshaped to several images."""
    shapes = {"long": [-1, 147], "each": [-1, 3], "one": [1, 3]}
    weights = {name: np.asarray(shape) for name, shape in shapes.items() if name in head}
    found = notes(halving(2, f"{batch},3,28,28", head, (values, 5), **weights))
    (note,) = (note for note in found if code_of(note) == "odd-maps-size-fixed")
    assert note.startswith("maps of 7x7, starting at Conv 'r2' (1 node), ")
    assert note.endswith(" 28x28")


def test_an_input_that_avoids_them_with_views() -> None:
    """The graph averages views of images, and renames its batch."""
    graph = halving(5, "N,3,224,224").model("float")
    preprocess = {"preset": "imagenet", "views": "ten"}
    result = jpegcompile.compile(graph, input="jpeg", preprocess=preprocess)
    assert_avoidable(
        result.report.notes, "maps of 7x7, starting at Conv 'r5' (1 node), ", "256x256"
    )


def test_no_input_near_avoids_them() -> None:
    text = "(T[N,3,16,16] x) => (T[] y) { r = Conv(x, w)  y = Relu(r) }"
    (note,) = notes(Graph(text, {"w": (3, 3, 2, 2)}))
    assert code_of(note) == "odd-maps-unavoidable"
    assert note.startswith("maps of 15x15, starting at Conv 'r' (2 nodes), ")
    assert "16x16" in note


def test_a_size_below_a_window_does_not_fix_the_input() -> None:
    """Smaller sizes fail here, larger ones do not."""
    text = "(T[N,3,16,16] x) => (T[] y) { r = Conv(x, w)  y = Conv(r, v) }"
    (note,) = notes(Graph(text, {"w": (3, 3, 2, 2), "v": (3, 3, 10, 10)}))
    assert code_of(note) == "odd-maps-unavoidable"


def test_an_odd_image() -> None:
    """Its maps are even, so the note describes the image only."""
    text = "(T[N,3,33,17] x) => (T[] y) { y = Conv(x, w) }"
    found = "the image of 33x17 "
    (note,) = notes(Graph(text, {"w": (3, 3, 2, 2)}))
    assert code_of(note) == "odd-maps-unavoidable"
    assert note.startswith(found)
    strided = text.replace("Conv", "Conv<strides = [2, 2]>")
    maps = "maps of 17x8, starting at Conv 'y' (1 node), "
    assert_avoidable(notes(Graph(strided, {"w": (3, 3, 1, 2)})), maps, "40x24")
    assert_avoidable(notes(Graph(strided, {"w": (3, 3, 2, 2)})), found, "40x24")


def test_single_pixels_are_not_maps() -> None:
    text = """(T[N,3,16,16] x) => (T[] y) {
        g = GlobalAveragePool(x)  a = Conv(g, w)  s = Sigmoid(a)  y = Mul(x, s) }"""
    assert notes(Graph(text, {"w": (3, 3, 1, 1)})) == []


def test_sizes_of_poolings_that_round_up() -> None:
    """Shape inference alone would be wrong below opset 22."""
    text = """(T[N,3,26,26] x) => (T[] y) {
        y = MaxPool<kernel_shape = [1, 1], strides = [2, 2], ceil_mode = 1>(x) }"""
    maps = "maps of 13x13, starting at MaxPool 'y' (1 node), "
    assert_avoidable(notes(Graph(text, opset=13)), maps, "32x32")


def test_a_channels_last_model_and_one_whose_size_is_given() -> None:
    last = """(T[N,28,28,3] x) => (T[] y) {
        t = Transpose<perm = [0, 3, 1, 2]>(x)
        r = Conv<strides = [4, 4], kernel_shape = [4, 4]>(t, w)  y = Relu(r) }"""
    graph = Graph(last, {"w": (3, 3, 4, 4)})
    maps = "maps of 7x7, starting at Conv 'r' (2 nodes), "
    found = notes(graph)
    assert_avoidable([note for note in found if note.startswith("maps")], maps, "32x32")
    model = opened(graph.model("float"), 1, 2)
    found = jpegcompile.compile(model, input="tensor", input_size="28x28").report.notes
    assert_avoidable([note for note in found if note.startswith("maps")], maps, "32x32")


def test_the_graph_itself_stays() -> None:
    """Trying other sizes must not change the module that is emitted."""
    graph = halving(2, "N,3,28,28")
    module = lowered(graph, "float")
    assert module.graph.tensors()["r2"].shape == ("N", 3, 7, 7)
    assert module.report.node("r2").output_shape == ("N", 3, 7, 7)


def test_inspect_and_compile_show_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = halving(2, "N,3,28,28")
    (note,) = notes(graph)
    source, output = tmp_path / "model.onnx", tmp_path / "compiled.onnx"
    onnx.save(graph.model("float"), source)
    assert run_json(capsys, "inspect", source)["report"]["notes"] == [note]
    arguments = ("compile", source, "-o", output, "--preprocess", "unit")
    assert f"note: {note}\n" in run_text(capsys, *arguments)
    assert run_json(capsys, *arguments)["report"]["notes"] == [note]
    assert run_json(capsys, "inspect", output)["report"]["notes"] == [note]
    for shown in (run_text(capsys, "inspect", file) for file in (source, output)):
        assert note in " ".join(shown.split())


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((28, 28), [(32, 32), (64, 64), (24, 24), (16, 16)]),
        ((224, 224), [(232, 232), (240, 240), (256, 256), (216, 216), (208, 208), (192, 192)]),
        ((28, 200), [(32, 200), (32, 208), (32, 224), (24, 200)]),
        ((7, 7), [(8, 8), (16, 16)]),
        ((1, 1), []),
    ],
)
def test_candidates(size: tuple[int, int], expected: list[tuple[int, int]]) -> None:
    assert candidates(size) == expected


@pytest.mark.parametrize(
    ("error", "code", "end"),
    [
        (UsageError("not that size"), "odd-maps-size-fixed", " 28x28"),
        (ValueError("a pass\nfails"), "odd-maps-not-tried", "(ValueError: a pass fails)"),
        (
            InternalError("broken " * 100),
            "odd-maps-not-tried",
            "(InternalError: " + ("broken " * 100)[: 160 - len("InternalError: ")] + ")",
        ),
    ],
)
def test_a_failing_trial_does_not_stop_compilation(
    error: Exception, code: str, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise error

    model = halving(2, "N,3,28,28").model("float")
    monkeypatch.setattr("jpegcompile.lowering.FIND_MAPS", (_Failing(fail),))
    (note,) = jpegcompile.compile(model, input="tensor").report.notes
    assert code_of(note) == code
    assert note.startswith("maps of 7x7, starting at Conv 'r2' (1 node), ")
    assert note.endswith(end)


class _Failing(Pass):
    """A pass that fails at other sizes in a way that real passes do not."""

    name = "failing"

    def __init__(self, run: Any) -> None:
        self._run = run

    def run(self, module: Module) -> bool:
        self._run()
        return False
