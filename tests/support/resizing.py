"""What resizes planes of float32 in other libraries: the oracles of preprocessing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from jpegcompile.preprocessing.steps import INTERPOLATIONS, Filter, Library, Size
from jpegcompile.target.base import CPU_PROVIDERS

Plane = NDArray[np.float32]


def by_pillow(plane: Plane, size: Size, filter: Filter) -> Plane:
    chosen = Image.Resampling[filter.name.upper()]
    return np.asarray(Image.fromarray(plane).resize(size[::-1], chosen))


def by_opencv(plane: Plane, size: Size, filter: Filter) -> Plane:
    cv2 = pytest.importorskip("cv2", reason="needs opencv-python-headless")
    flags = {
        "nearest": cv2.INTER_NEAREST,
        "bilinear": cv2.INTER_LINEAR,
        "bicubic": cv2.INTER_CUBIC,
        "lanczos": cv2.INTER_LANCZOS4,
        "area": cv2.INTER_AREA,
    }
    made = cv2.resize(plane, size[::-1], interpolation=flags[filter.name])
    return np.asarray(made, np.float32).reshape(size)


def by_torch(plane: Plane, size: Size, filter: Filter) -> Plane:
    torch = pytest.importorskip("torch")
    options = {}
    if filter.name in ("bilinear", "bicubic"):
        options = {"align_corners": False, "antialias": filter.antialias}
    planes = torch.from_numpy(plane)[None, None]
    resize = torch.nn.functional.interpolate
    return np.asarray(resize(planes, size=size, mode=filter.name, **options)[0, 0])


def by_onnxruntime(plane: Plane, size: Size, filter: Filter) -> Plane:
    attributes: dict[str, Any] = {
        "mode": "linear" if filter.name.startswith("bilinear") else "cubic",
        "cubic_coeff_a": -0.5 if filter.name.startswith("catmull-rom") else -0.75,
        "exclude_outside": int(filter.name.endswith("-inside")),
        "antialias": int(filter.antialias),
    }
    resize = helper.make_node("Resize", ["x", "", "", "sizes"], ["y"], **attributes)
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, *shape])
        for name, shape in (("x", plane.shape), ("y", size))
    ]
    sizes = numpy_helper.from_array(np.array([1, 1, *size]), "sizes")
    graph = helper.make_graph([resize], "resize", values[:1], values[1:], [sizes])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    session = ort.InferenceSession(model.SerializeToString(), providers=list(CPU_PROVIDERS))
    return np.asarray(session.run(None, {"x": plane[None, None]})[0][0, 0])


def by_tensorflow(plane: Plane, size: Size, filter: Filter) -> Plane:
    """TensorFlow's own loops, an output at a time; `tf.image.resize` gives the same within 1e-7."""
    rows = np.stack(
        [tensorflow_weights(plane.shape[0], size[0], o, filter) for o in range(size[0])]
    )
    columns = np.stack(
        [tensorflow_weights(plane.shape[1], size[1], o, filter) for o in range(size[1])]
    )
    return (rows @ plane @ columns.T).astype(np.float32)


def tensorflow_weights(
    source: int, target: int, output: int, filter: Filter
) -> NDArray[np.float64]:
    """[source], of one output."""
    single = np.float32
    weights = np.zeros(source)
    scale = single(source) / single(target)
    middle = (single(output) + single(0.5)) * scale
    position = middle - single(0.5)
    below = int(np.floor(position))
    if filter.name == "nearest":
        weights[min(int(middle), source - 1)] = 1.0
    elif filter.name == "bilinear":
        part = float(position - np.floor(position))
        weights[max(below, 0)] += 1.0 - part
        weights[min(int(np.ceil(position)), source - 1)] += part
    elif filter.name == "bicubic":
        distance = round(float(position - np.floor(position)) * 1024) / 1024
        for tap in range(-1, 3):
            x = abs(tap - distance)
            near = 1.5 * x**3 - 2.5 * x**2 + 1.0
            far = -0.5 * x**3 + 2.5 * x**2 - 4.0 * x + 2.0
            if 0 <= below + tap < source:
                weights[below + tap] = near if x < 1 else far
        weights /= weights.sum()
    else:
        begin, end = single(output) * scale, single(output + 1) * scale
        for pixel in range(int(np.floor(begin)), int(np.ceil(end))):
            is_last = pixel + 1 > end
            if pixel < begin:
                covered = scale if is_last else pixel + 1 - begin
            else:
                covered = end - pixel if is_last else single(1.0)
            weights[min(pixel, source - 1)] += covered / scale
    return weights


ORACLES: dict[Library, Callable[[Plane, Size, Filter], Plane]] = {
    "pillow": by_pillow,
    "opencv": by_opencv,
    "tensorflow": by_tensorflow,
    "torchvision": by_torch,
    "onnxruntime": by_onnxruntime,
}


def every_filter() -> list[Filter]:
    filters = [
        Filter("bilinear", "torchvision", antialias=False),
        Filter("bicubic", "torchvision", antialias=False),
        # Where nothing is antialiased, "bilinear-inside" would be the same.
        *(
            Filter(name, "onnxruntime", antialias=False)
            for name in INTERPOLATIONS["onnxruntime"]
            if name != "bilinear-inside"
        ),
    ]
    for library, names in INTERPOLATIONS.items():
        # Our own makes whole eighths only, see tests/dct/test_low_frequencies.py.
        if library != "jpegcompile":
            filters += [Filter(name, library) for name in names]
    return filters


def named(filter: Filter) -> str:
    """Of a case."""
    return f"{filter.library} {filter.name}{'' if filter.antialias else ' not antialiased'}"


def tolerance(filter: Filter, before: Size, after: Size) -> float:
    """How far an oracle may be off, on the unit scale, where neighbors differ by 1 at most.

    The libraries sum in float32, up to 4000 products. OpenCV's wheels round positions to float32
    where a side has less than 6 pixels. The weights of TensorFlow's areas miss 1 by the rounding of
    their ends, in two directions; 5 is for what divides by a standard deviation. OpenCV's miss 1 by
    slivers on either side, which there are none of in less than 1000 outputs.
    """
    allowed = 5e-6
    if filter.library == "opencv" and min(before + after) < 6:
        allowed += 4.0 * max(before) * 2.0**-24
    if (filter.library, filter.name) == ("tensorflow", "area"):
        allowed += 5 * 2 * max(after) * 2.0**-23
    if (filter.library, filter.name) == ("opencv", "area") and max(after) > 1000:
        allowed += 2 * 2e-3
    return allowed


def resized(plane: Plane, size: Size, filter: Filter) -> Plane:
    """A plane by the library that the filter names.

    torch 2.13 antialiases columns wrongly where the result is one pixel wide; it gets a second.
    """
    if filter.library == "torchvision" and filter.antialias and size[1] == 1 < plane.shape[0]:
        turned = ORACLES["torchvision"](np.ascontiguousarray(plane.T), size[::-1], filter)
        return np.ascontiguousarray(turned.T)
    return plane if plane.shape == size else ORACLES[filter.library](plane, size, filter)
