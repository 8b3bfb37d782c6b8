"""Models with If nodes as PyTorch modules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from support.images import make_jpeg
from support.triton_modules import AGREEMENT, PREPROCESS, Material, distance

import jpegcompile


def graph_of(name: str, nodes: list[onnx.NodeProto], result: str) -> onnx.GraphProto:
    output = helper.make_tensor_value_info(result, TensorProto.FLOAT, None)
    return helper.make_graph(nodes, name, [], [output])


def choice(
    condition: str, result: str, then: onnx.GraphProto, other: onnx.GraphProto
) -> onnx.NodeProto:
    return helper.make_node(
        "If", [condition], [result], f"choose {result}", then_branch=then, else_branch=other
    )


def choosing(source: Path, cuts: tuple[float, float]) -> onnx.ModelProto:
    """Return a network whose logits are doubled if the first is large, else constant."""
    model = onnx.load(source)
    graph = model.graph
    values = {"zero": np.int64(0), "high": np.float32(cuts[1]), "low": np.float32(cuts[0])}
    graph.initializer.extend(numpy_helper.from_array(np.asarray(v), n) for n, v in values.items())
    made = graph.output[-1].name
    doubled = graph_of("doubled", [helper.make_node("Add", [made, made], ["twice"])], "twice")
    fixed = numpy_helper.from_array(np.full((1, 10), 3, np.float32))
    constant = graph_of(
        "constant", [helper.make_node("Constant", [], ["three"], value=fixed)], "three"
    )
    same = graph_of("same", [helper.make_node("Identity", [made], ["as it is"])], "as it is")
    inner = graph_of("inner", [choice("is_low", "few", constant, same)], "few")
    graph.node.extend(
        [
            helper.make_node("Gather", [made, "zero"], ["first"], "first", axis=1),
            helper.make_node("Greater", ["first", "high"], ["is_high"], "is_high"),
            helper.make_node("Less", ["first", "low"], ["is_low"], "is_low"),
            choice("is_high", "z", doubled, inner),
        ]
    )
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 10]))
    graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    return model


def test_each_branch_is_taken(tiny: Material, tmp_path: Path) -> None:
    files = [make_jpeg(16, 8, quality=quality) for quality in (95, 30, 5)]
    jpegcompile.compile(tiny.model, **PREPROCESS).save(tmp_path / "tiny.onnx")
    logits = jpegcompile.load(tmp_path / "tiny.onnx").run(files)[-1]
    first = logits[:, 0]
    small, middle, large = np.sort(first)
    assert small < middle < large
    cuts = (float(small + middle) / 2, float(middle + large) / 2)
    source = tmp_path / "choosing.onnx"
    onnx.save(choosing(tiny.model, cuts), source)
    jpegcompile.compile(source, target="triton", **PREPROCESS).save(tmp_path / "m")
    text = (tmp_path / "m" / "model.py").read_text()
    assert text.count("if bool(") == text.count("else:") == 2
    made = jpegcompile.load_module(tmp_path / "m").run(files)
    meant = logits.copy()
    meant[first == large] *= 2
    meant[first == small] = 3
    assert distance(made, [meant]) < AGREEMENT
