"""Models compiled for coefficients, compared with the source on float-decoded files."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import checker
from support.graphs import (
    BATCH,
    Array,
    Graph,
    assert_differs,
    assert_same,
    evaluate,
    run_float32,
)

from jpegcompile.backends.emit import emit
from jpegcompile.dct.decode import decode
from jpegcompile.frontend.load import load_source
from jpegcompile.ir.module import Module
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.lowering import lower
from jpegcompile.options.requested import compile_options
from jpegcompile.preprocessing.reading import preprocess_of

NORMALIZE = {"scale": 1 / 255, "mean": [0.5, 0.25, 0.125], "std": [0.5, 0.25, 0.75]}


def compiled(graph: Graph, dtype: str = "double", **options: Any) -> Module:
    given = {"preprocess": NORMALIZE, **options}
    return lower(load_source(graph.model(dtype)), compile_options(input="coefficients", **given))


def images_for(module: Module, count: int = BATCH) -> list[Coefficients]:
    """Random coefficients of the size and sampling that a compiled model takes."""
    frame = module.frame
    assert frame is not None
    generator = np.random.default_rng(7)
    images = []
    for _ in range(count):
        planes = []
        for index in range(len(frame.sampling)):
            size = (*frame.block_counts(index), 8, 8)
            planes.append(generator.integers(-9, 10, size).astype(np.int16))
        tables = generator.integers(1, 20, (len(planes), 8, 8)).astype(np.uint16)
        images.append(Coefficients(tuple(planes), tables, frame, progressive=False))
    return images


def coefficient_inputs(images: list[Coefficients]) -> dict[str, Array]:
    feeds = {
        "luma": np.stack([image.planes[0][None] for image in images]),
        "quantization": np.stack([image.quantization for image in images]),
    }
    if len(images[0].planes) == 3:
        feeds["chroma"] = np.stack([np.stack(image.planes[1:]) for image in images])
    return feeds


def pixels_of(module: Module, images: list[Coefficients], preprocess: Any = NORMALIZE) -> Array:
    """Input of the source: the normalized float decode, in NCHW or NHWC."""
    rules = preprocess_of(preprocess)
    affine = rules.affine(module.image.channels)
    color = rules.color_for(module.image.channels)
    decoded = np.stack([decode(image, color) for image in images])
    result = decoded * affine.scale + affine.shift
    return result if module.image.layout == "NHWC" else np.moveaxis(result, 3, 1)


def check_coefficients(graph: Graph, *faulty: Graph, **options: Any) -> Module:
    """Compile for coefficients; compare with the source on decoded pixels, and plant faults."""
    module = compiled(graph, **options)
    images = images_for(module)
    inputs = {"x": pixels_of(module, images, options.get("preprocess", NORMALIZE))}
    wanted = evaluate(graph.model(), inputs)
    got = evaluate(emit(module), coefficient_inputs(images))
    assert_same(got, wanted)
    for fault in faulty:
        assert_differs(got, evaluate(fault.model(), inputs))
    for target in ("ort", "onnx"):
        narrow: onnx.ModelProto = emit(compiled(graph, "float", target=target, **options))
        checker.check_model(narrow, full_check=True)
        assert_same(run_float32(narrow, coefficient_inputs(images)), wanted)
    return module


def module_options(graph: Graph, **options: Any) -> Any:
    """Options with the defaults that depend on the model filled in."""
    return compiled(graph, **options).options
