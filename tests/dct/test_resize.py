"""The matrices of resampling against ONNX Runtime in float32, and PyTorch in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from support.graphs import run_float32
from torch.nn import functional

from jpegcompile.dct.resize import COORDINATES, NEAREST, Sampling, resize_matrix

# Size before; scale, or size after.
BY_SCALE = [(n, s) for n in (1, 2, 3, 5, 7, 14) for s in (0.5, 0.7, 0.9, 1.0, 1.5, 2.0, 2.3, 3.0)]
BY_SIZE = [(n, m) for n in (2, 5, 7, 14) for m in (1, 2, 3, 4, 8, 13, 16, 28)]
NEAREST_MODES = [mode for mode in NEAREST if mode != "simple"]


def runtime_matrix(
    size: int, opset: int, op: str, by: dict[str, Any], attributes: dict[str, Any]
) -> NDArray[np.float64]:
    """What ONNX Runtime does to the axis W: the images of all unit vectors, as columns."""
    operands = ["x"]
    constants = []
    if "scale" in by:
        constants.append(helper.make_tensor("by", TensorProto.FLOAT, [4], [1, 1, 1, by["scale"]]))
        operands += ["by"] if opset < 11 else ["roi" if opset < 13 else "", "by"]
    else:
        constants.append(helper.make_tensor("by", TensorProto.INT64, [4], [size, 1, 1, by["size"]]))
        operands += ["roi", "none", "by"] if opset < 13 else ["", "", "by"]
    if 11 <= opset < 13:
        constants += [helper.make_tensor(name, TensorProto.FLOAT, [0], []) for name in operands[1:]]
        constants = list({constant.name: constant for constant in reversed(constants)}.values())
    graph = helper.make_graph(
        [helper.make_node(op, operands, ["y"], **attributes)],
        "resize",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [size, 1, 1, size])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["a", "b", "c", "d"])],
        constants,
    )
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    (result,) = run_float32(model, {"x": np.eye(size, dtype=np.float32)[:, None, None, :]})
    return np.asarray(result[:, 0, 0, :].T, np.float64)


def cases() -> list[tuple[int, dict[str, Any]]]:
    scaled = [(n, {"scale": s}) for n, s in BY_SCALE if int(n * s)]
    return [*scaled, *((n, {"size": m}) for n, m in BY_SIZE)]


def assert_as_in_runtime(
    sampling: Sampling, attributes: dict[str, Any], opset: int = 19, op: str = "Resize"
) -> None:
    for size, by in cases():
        if op == "Upsample" and by.get("scale", 0.0) < 1:
            continue
        if opset < 11 and "size" in by:
            continue
        wanted = runtime_matrix(size, opset, op, by, attributes)
        scale = by.get("scale", by.get("size", 0) / size)
        matrix = resize_matrix(size, len(wanted), scale, sampling)
        np.testing.assert_allclose(matrix, wanted, rtol=0, atol=5e-5, err_msg=f"{size} {by}")


@pytest.mark.parametrize("nearest", NEAREST_MODES)
@pytest.mark.parametrize("coordinates", list(COORDINATES))
def test_nearest(coordinates: str, nearest: str) -> None:
    attributes = {"coordinate_transformation_mode": coordinates, "nearest_mode": nearest}
    assert_as_in_runtime(Sampling("nearest", coordinates, nearest), attributes)


@pytest.mark.parametrize("coordinates", list(COORDINATES))
def test_linear(coordinates: str) -> None:
    attributes = {"mode": "linear", "coordinate_transformation_mode": coordinates}
    assert_as_in_runtime(Sampling("linear", coordinates), attributes)


@pytest.mark.parametrize("exclude", [0, 1])
@pytest.mark.parametrize("coefficient", [-0.75, -0.5])
@pytest.mark.parametrize("coordinates", list(COORDINATES))
def test_cubic(coordinates: str, coefficient: float, exclude: int) -> None:
    attributes = {
        "mode": "cubic",
        "coordinate_transformation_mode": coordinates,
        "cubic_coeff_a": coefficient,
        "exclude_outside": exclude,
    }
    sampling = Sampling("cubic", coordinates, "floor", coefficient, bool(exclude))
    assert_as_in_runtime(sampling, attributes)


@pytest.mark.parametrize(("op", "opset"), [("Resize", 10), ("Upsample", 9)])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_before_modes_were_attributes(op: str, opset: int, mode: str) -> None:
    assert_as_in_runtime(Sampling(mode, "asymmetric", "simple"), {"mode": mode}, opset, op)


@pytest.mark.parametrize("opset", [11, 13, 18])
def test_later_opsets_agree(opset: int) -> None:
    assert_as_in_runtime(Sampling("linear"), {"mode": "linear"}, opset)
    assert_as_in_runtime(Sampling(), {"mode": "nearest"}, opset)


@pytest.mark.parametrize("mode", ["linear", "bicubic"])
@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize(("before", "after"), [(7, 14), (14, 7), (5, 8), (8, 3), (6, 6), (9, 2)])
def test_weights_in_float64(mode: str, aligned: bool, before: int, after: int) -> None:
    name = "bilinear" if mode == "linear" else mode
    units = torch.eye(before, dtype=torch.float64)[:, None, None, :]
    wanted = functional.interpolate(units, (1, after), mode=name, align_corners=aligned)
    coordinates = "align_corners" if aligned else "half_pixel"
    sampling = Sampling("linear" if mode == "linear" else "cubic", coordinates)
    matrix = resize_matrix(before, after, after / before, sampling)
    np.testing.assert_allclose(matrix, wanted[:, 0, 0, :].numpy().T, rtol=0, atol=1e-14)


def test_wrong_samplings_are_seen() -> None:
    attributes = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    for wrong in (
        Sampling("linear", "asymmetric"),
        Sampling("cubic", "half_pixel"),
        Sampling("nearest", "half_pixel"),
    ):
        with pytest.raises(AssertionError, match="Not equal to tolerance"):
            assert_as_in_runtime(wrong, attributes)
    ceiled = {"nearest_mode": "ceil", "coordinate_transformation_mode": "half_pixel"}
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_as_in_runtime(Sampling(nearest="floor"), ceiled)


def test_names_that_no_axis_has_are_refused() -> None:
    with pytest.raises(KeyError, match="tf_crop_and_resize"):
        resize_matrix(4, 8, 2.0, Sampling(coordinates="tf_crop_and_resize"))
