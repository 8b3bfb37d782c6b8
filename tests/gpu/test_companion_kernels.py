"""The kernels compiled for one model are all kernels that its nodes launch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from support.cuda_launches import Given, Node, run
from support.made_cubins import stored_launch
from support.tiers import thorough

import jpegcompile
from jpegcompile.digits import model_path, preprocess_path
from jpegcompile.gpu.cubin_file import write_cubins
from jpegcompile.gpu.launch import Launch
from jpegcompile.gpu.library.companion import launches_of
from jpegcompile.interface import DOMAIN
from jpegcompile.operators.constants import CUDA_KERNELS
from jpegcompile.operators.ingest import INGEST
from jpegcompile.operators.registry import OPERATORS

BATCH = 2
OPTIONS: list[dict[str, Any]] = [
    {},
    {"domain": "auto"},
    {"truncate": 6},
    {"frequencies": 7},
    {"frequencies": 4, "relu": "apx"},
]
# Its replay takes seconds. The smaller models have the other options.
OF_RESNET50: list[dict[str, Any]] = [{}, {"truncate": 6}, {"frequencies": 7}]
SHARED = [
    ("akamaster_resnet20_option_a", "cifar10"),
    ("onnc_resnet20_bn", "cifar10"),
    ("light_resnet50", "imagenet-unresized"),
]
# Preprocessing of files of any size: the image only, or with filled borders.
ANY_SIZE: list[dict[str, Any]] = [
    {"resize": 36, "crop": "center"},
    {"resize": {"fit": "pad"}, "fill": 96},
]


def shapes_of(model: onnx.ModelProto) -> dict[str, list[int]]:
    """Return the shapes of all tensors for a batch of BATCH."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    values = (*graph.input, *graph.value_info, *graph.output)
    shapes = {v.name: [d.dim_value or BATCH for d in v.type.tensor_type.shape.dim] for v in values}
    return shapes | {tensor.name: list(tensor.dims) for tensor in graph.initializer}


def at_size(model: onnx.ModelProto, height: int, width: int) -> onnx.ModelProto:
    """Return a model for files of any size, with inputs for 4:2:0 files of one size."""
    blocks = {
        "luma_block_rows": -(-height // 16) * 2,
        "luma_block_columns": -(-width // 16) * 2,
        "chroma_block_rows": -(-height // 16),
        "chroma_block_columns": -(-width // 16),
    }
    sizes = {
        **blocks,
        **{
            f"{plane}_{side}_coefficients": 8 * blocks[f"{plane}_block_{side}s"]
            for plane in ("luma", "chroma")
            for side in ("row", "column")
        },
    }
    made = onnx.ModelProto()
    made.CopyFrom(model)
    named = [
        d for v in made.graph.input for d in v.type.tensor_type.shape.dim if d.dim_param != "N"
    ]
    for dim in named:
        dim.dim_value = dim.dim_value or sizes[dim.dim_param]
    return made


def nodes_on_cuda(model: onnx.ModelProto) -> Iterator[Node]:
    """Return the nodes of a model with CUDA kernels, for the replacement of ONNX Runtime."""
    shapes = shapes_of(model)
    constants = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    for node in model.graph.node:
        if node.domain != DOMAIN or OPERATORS[node.op_type].kernel not in CUDA_KERNELS:
            continue
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        inputs = []
        for operand, name in zip(OPERATORS[node.op_type].inputs, node.input, strict=False):
            kind = np.float32 if operand.type == "float" else np.dtype(operand.type)
            made = constants.get(name, np.ones(shapes.get(name, ()), kind))
            inputs.append(Given(made, is_constant=name in constants))
        yield Node(
            node.op_type, {k: v for k, v in attributes.items() if not isinstance(v, bytes)}, inputs
        )


def refusals(model: onnx.ModelProto, launches: list[Launch], folder: Path) -> list[str]:
    """Return the messages of nodes about missing kernels."""
    write_cubins(folder / "made", [stored_launch(launch, 90) for launch in launches])
    nodes = list(nodes_on_cuda(model))
    assert len(nodes) > 4
    _, runs = run(folder, folder / "made", nodes)
    return [one.refused for one in runs if one.refused]


@thorough
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_nodes_of_the_demo_find_their_kernels(options: dict[str, Any], tmp_path: Path) -> None:
    model = jpegcompile.compile(model_path(), preprocess=preprocess_path(), **options).model
    assert refusals(model, launches_of(model), tmp_path) == []


@thorough
@pytest.mark.parametrize("preprocess", ANY_SIZE, ids=str)
@pytest.mark.parametrize("size", [(41, 70), (700, 500)])
def test_nodes_of_models_for_any_size_find_their_kernels(
    size: tuple[int, int], preprocess: dict[str, Any], tmp_path: Path
) -> None:
    numbers = json.loads(Path(preprocess_path()).read_text(encoding="utf-8"))
    compiled = jpegcompile.compile(model_path(), preprocess={**numbers, **preprocess}).model
    model, launches = at_size(compiled, *size), launches_of(compiled)
    nodes = {node.op for node in nodes_on_cuda(model)}
    assert INGEST in nodes
    assert refusals(model, launches, tmp_path) == []
    others = [launch for launch in launches if not launch.kernel.startswith("ingest.")]
    assert len(others) < len(launches)
    (refused,) = refusals(model, others, tmp_path)
    assert "does not contain ingest.triton:" in refused


@thorough
@pytest.mark.parametrize(
    ("file", "preprocess", "options"),
    [
        (*model, options)
        for model, every in zip(SHARED, (OPTIONS, OPTIONS, OF_RESNET50), strict=True)
        for options in every
    ],
    ids=str,
)
def test_nodes_find_their_kernels(
    file: str, preprocess: str, options: dict[str, Any], shared: Path, tmp_path: Path
) -> None:
    source = shared / "models" / f"{file}.onnx"
    model = jpegcompile.compile(source, preprocess=preprocess, **options).model
    assert refusals(model, launches_of(model), tmp_path) == []


def test_a_kernel_that_is_left_out_is_missed(tmp_path: Path) -> None:
    model = jpegcompile.compile(model_path(), preprocess=preprocess_path()).model
    launches = launches_of(model)
    others = [launch for launch in launches if launch.kernel != "conv.triton:conv_pixels"]
    assert len(others) < len(launches)
    found = refusals(model, others, tmp_path)
    assert found
    assert all("does not contain conv.triton:conv_pixels with " in text for text in found)
