"""Resize and Upsample of the plane in all opsets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.graphs import (
    Graph,
    Weights,
    apply,
    assert_differs,
    assert_same,
    check_compiled,
    check_fault,
    check_pass,
    check_untouched,
    declines,
    evaluate,
    feeds_of,
    lowered,
    module_before,
    outline_of,
    run_float32,
)
from support.resized_graphs import OUTLINE, check_at_run_time, interpolated, scaled, sized
from torch.nn import functional

from jpegcompile.backends.emit import emit

NAME = "lower-resize"


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("opset", [7, 8, 9, 10])
def test_before_modes_were_attributes(opset: int, mode: str) -> None:
    graph = scaled(f'mode = "{mode}"', opset=opset)
    assert outline_of(lowered(graph)) == OUTLINE
    check_at_run_time(graph)
    if opset == 10:
        check_at_run_time(scaled(f'mode = "{mode}"', (0.5, 0.7), 10))


@pytest.mark.parametrize("opset", [11, 12, 13, 17, 18, 19, 22])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_opsets(mode: str, opset: int) -> None:
    graph = scaled(f'mode = "{mode}"', opset=opset)
    if mode == "linear":
        check_compiled(graph, OUTLINE, interpolated(graph, scale_factor=2, mode="bilinear"))
    else:
        check_compiled(graph, OUTLINE, interpolated(graph, scale_factor=2, mode="nearest"))


@pytest.mark.parametrize("size", ["16,24", "14,6", "7,9"])
@pytest.mark.parametrize("factors", [(2.0, 2.0), (0.5, 1.0), (1.5, 2.5)])
@pytest.mark.parametrize("mode", ["linear", "cubic", "nearest"])
@pytest.mark.parametrize(
    "coordinates",
    ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"],
)
def test_coordinates(coordinates: str, mode: str, factors: tuple[float, float], size: str) -> None:
    attributes = f'mode = "{mode}", coordinate_transformation_mode = "{coordinates}"'
    check_at_run_time(scaled(attributes, factors, 19, size))


@pytest.mark.parametrize("nearest", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
@pytest.mark.parametrize("coordinates", ["half_pixel", "asymmetric"])
def test_nearest_modes(coordinates: str, nearest: str) -> None:
    """The reference evaluator agrees with ONNX Runtime except halfway between pixels."""
    attributes = (
        f'mode = "nearest", coordinate_transformation_mode = "{coordinates}",'
        f' nearest_mode = "{nearest}"'
    )
    check_compiled(scaled(attributes, (1.5, 2.5)), OUTLINE)


@pytest.mark.parametrize("exclude", [0, 1])
def test_cubic_attributes(exclude: int) -> None:
    attributes = f'mode = "cubic", cubic_coeff_a = -0.5, exclude_outside = {exclude}'
    check_at_run_time(scaled(attributes, (1.7, 0.6)))


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_against_pytorch_in_float64(mode: str, aligned: bool) -> None:
    """The reference evaluator rounds cubic weights to float32, and misplaces aligned corners."""
    coordinates = "align_corners" if aligned else "pytorch_half_pixel"
    name = "linear" if mode == "bilinear" else "cubic"
    graph = sized(
        f'mode = "{name}", coordinate_transformation_mode = "{coordinates}"', (2, 3, 10, 32), 18
    ).with_text("T[N,", "T[2,")
    check_compiled(
        graph, OUTLINE, interpolated(graph, size=(10, 32), mode=mode, align_corners=aligned)
    )


def test_the_oldest_coordinates() -> None:
    """Deprecated since opset 13; the reference evaluator does not support this mode."""
    attributes = 'mode = "nearest", coordinate_transformation_mode = "tf_half_pixel_for_nn"'
    check_at_run_time(scaled(attributes, (2.0, 0.5), 11))


def test_structure() -> None:
    graph = scaled('mode = "linear"', (0.5, 2.0), size="16,8")
    module = check_pass(graph, NAME, OUTLINE)
    node = module.graph.nodes[1]
    assert node.attrs == {"input_block": 8, "output_block": 8}
    assert [t.shape for t in node.inputs[1:]] == [(8, 16), (8, 16)]


def test_block_size_1_stays() -> None:
    graph = scaled('mode = "linear"', (3.0, 3.0), size="7,9")
    module = module_before(graph, NAME)
    assert check_untouched(module, NAME) == {}
    assert [node.name for node in module.report.lowered] == ["y"]
    check_compiled(graph, "Resize")


def test_faults_are_seen() -> None:
    linear = scaled('mode = "linear"')
    asymmetric = scaled('mode = "linear", coordinate_transformation_mode = "asymmetric"')
    check_fault(linear, asymmetric, scaled('mode = "nearest"'))
    check_fault(asymmetric, linear)


def test_size_1_along_an_axis() -> None:
    """Coordinates are divided by the new size minus one, which is zero here."""
    for coordinates in ("align_corners", "pytorch_half_pixel", "half_pixel"):
        attributes = f'mode = "linear", coordinate_transformation_mode = "{coordinates}"'
        check_at_run_time(sized(attributes, (2, 3, 1, 24)).with_text("T[N,", "T[2,"))
        check_at_run_time(scaled(attributes, (2.0, 2.0), size="1,16"))


@pytest.mark.parametrize("opset", [13, 17, 18, 19])
@pytest.mark.parametrize("batch", ["1", "2"])
def test_sizes(opset: int, batch: str) -> None:
    graph = sized('mode = "linear"', (int(batch), 3, 32, 12), opset, batch)
    expected = interpolated(graph, size=(32, 12), mode="bilinear")
    check_compiled(graph, OUTLINE, expected)


@pytest.mark.parametrize("opset", [11, 17, 18])
def test_a_batch_of_1_in_the_sizes_becomes_any(opset: int) -> None:
    roi: Weights = {"roi": np.zeros(0), "none": np.zeros(0, np.float32)} if opset < 13 else {}
    operands = "x, roi, none, z" if roi else "x, , , z"
    text = f'(T[1,3,16,24] x) => (T[] y) {{ y = Resize<mode = "linear">({operands}) }}'
    graph = Graph(text, {"z": np.asarray([1, 3, 32, 48]), **roi}, opset)
    module = module_before(graph, "canonical-resize")
    assert apply(module, "canonical-resize")
    compiled = emit(lowered(graph))
    many = feeds_of(graph.with_text("T[1,", "T[3,").model())
    image = torch.from_numpy(many["x"])
    wanted = functional.interpolate(image, (32, 48), mode="bilinear").numpy()
    assert_same(evaluate(compiled, many), [wanted])


@pytest.mark.parametrize("opset", [17, 18])
def test_sizes_that_no_scale_gives(opset: int) -> None:
    """10/3 times 3 is 9.9999998 or 10, so below opset 18 the sizes stay, including the batch."""
    graph = sized('mode = "linear"', (1, 3, 10, 16), opset, "1", "3,8")
    outline = "JpegResize ToSpatial"
    module = lowered(graph)
    assert module.dynamic_batch == (opset == 18)
    assert outline_of(module) == outline
    check_compiled(graph, outline, interpolated(graph, size=(10, 16), mode="bilinear"))


@pytest.mark.parametrize(
    "graph",
    [
        scaled('mode = "linear"'),
        scaled('mode = "linear"', opset=7),
        sized('mode = "linear", axes = [2, 3]', (32, 48), 18),
        sized('mode = "linear", keep_aspect_ratio_policy = "not_larger"', (2, 3, 32, 48), 18, "2"),
        sized('mode = "nearest"', (2, 6, 16, 24), batch="2"),
    ],
    ids=["scales", "attribute", "axes", "policy", "channels"],
)
def test_forms_that_stay(graph: Graph) -> None:
    module = module_before(graph, "canonical-resize")
    assert check_untouched(module, "canonical-resize") == {}


def test_axes() -> None:
    text = (
        '(T[N,3,16,24] x) => (T[] y) { y = Resize<mode = "linear", axes = [3, -2]>(x, , OPERAND) }'
    )
    scales = Graph(text.replace("OPERAND", "s"), {"s": np.asarray([0.5, 2.0], np.float32)}, 18)
    check_compiled(scales, OUTLINE, interpolated(scales, scale_factor=(2, 0.5), mode="bilinear"))
    sizes = Graph(text.replace("OPERAND", ", z"), {"z": np.asarray([20, 40])}, 19)
    check_compiled(sizes, OUTLINE, interpolated(sizes, size=(40, 20), mode="bilinear"))


def test_one_axis() -> None:
    text = '(T[N,3,16,24] x) => (T[] y) { y = Resize<mode = "linear", axes = [2]>(x, , s) }'
    graph = Graph(text, {"s": np.asarray([2.0], np.float32)}, 18)
    check_compiled(graph, OUTLINE, interpolated(graph, scale_factor=(2, 1), mode="bilinear"))


def test_a_planted_fault_in_the_matrices_is_seen() -> None:
    graph = scaled('mode = "linear"')
    compiled = lowered(graph)
    rows = compiled.graph.nodes[1].inputs[1]
    wanted = evaluate(emit(compiled), feeds_of(graph.model()))
    rows.values = rows.values + 1e-6
    assert_differs(evaluate(emit(compiled), feeds_of(graph.model())), wanted)


def reason_of(graph: Graph) -> str:
    return declines(graph, NAME)["y"]


def test_declines_by_attribute() -> None:
    plane = (2.0, 2.0)
    assert reason_of(scaled('mode = "linear", antialias = 1', plane, 18)) == ("resize-antialias")
    assert reason_of(scaled('mode = "nearest", nearest_mode = "up"', plane, 13)) == (
        "resize-nearest-mode"
    )
    kept = 'mode = "linear", keep_aspect_ratio_policy = "not_larger"'
    assert reason_of(sized(kept, (2, 3, 32, 48), 18, "2")) == ("resize-aspect-ratio")
    # The policy changes the size to 24x36 instead of 24x40.
    skewed = sized(kept, (2, 3, 24, 40), 18, "2")
    assert reason_of(skewed) == "resize-aspect-ratio"
    text = """(T[2,3,16,24] x) => (T[] y) {
        y = Resize<mode = "linear", coordinate_transformation_mode = "tf_crop_and_resize",
        extrapolation_value = 1.0>(x, roi, s) }"""
    weights = {
        "roi": np.asarray([0, 0, 0, 0, 1, 1, 0.5, 0.5], np.float32),
        "s": np.asarray([1, 1, 2, 2], np.float32),
    }
    cropped = Graph(text, weights)
    assert reason_of(cropped) == "resize-coordinates"
    narrow = feeds_of(cropped.model("float"))
    assert_same(
        run_float32(emit(lowered(cropped, "float")), narrow),
        run_float32(cropped.model("float"), narrow),
    )


def test_declines_batch_and_channels() -> None:
    reason = "resize-other-axes"
    channels = scaled('mode = "nearest"')
    channels = replace(channels, weights={"s": np.asarray([1, 2, 2, 2], np.float32)})
    assert reason_of(channels) == reason
    check_compiled(channels, "Resize")
    batch = replace(channels, weights={"s": np.asarray([2, 1, 1, 1], np.float32)})
    assert reason_of(batch) == reason
    assert reason_of(sized('mode = "nearest"', (2, 6, 16, 24), batch="2")) == reason


def test_declines_computed_operands() -> None:
    reason = "resize-size-unknown"
    text = '(T[N,3,16,24] x, float[4] s) => (T[A,B,C,D] y) { y = Resize<mode = "linear">(x, , s) }'
    assert reason_of(Graph(text)) == reason
    text = '(T[N,3,16,24] x, int64[4] z) => (T[A,B,C,D] y) { y = Resize<mode = "linear">(x,,,z) }'
    assert reason_of(Graph(text)) == reason


def test_declines_unknown_maps_and_other_ranks() -> None:
    text = """(T[N,3,16,24] x, int64[4] shape) => (T[A,B,C,D] y) {
        map = Reshape(x, shape)  y = Resize<mode = "linear">(map, , s) }"""
    graph = Graph(text, {"s": np.asarray([1, 1, 2, 2], np.float32)})
    assert declines(graph, NAME) == {"y": "map-shape-unknown"}
    text = """(T[N,3,16,24] x) => (T[] y) {
        r = Reshape(x, shape)  y = Resize<mode = "nearest">(r, , s) }"""
    for shape, reasons in (
        ([0, 3, 384], {}),
        ([0, 3, 4, 4, 24], {"y": "not-a-map"}),
    ):
        factors = np.ones(len(shape), np.float32)
        graph = Graph(text, {"shape": np.asarray(shape), "s": factors})
        assert declines(graph, NAME) == reasons
