"""Weights that ONNX Runtime accepts: sparse tensors and repeated initializers."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from support.refusals import refused_model
from support.sources import NETWORK, check_as_runtime
from support.surgery import sparse_tensor

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frontend.load import load_source


def test_sparse_weights_by_coordinates_and_in_constants() -> None:
    model = NETWORK.model("float")
    weights = {t.name: numpy_helper.to_array(t).copy() for t in model.graph.initializer}
    for name in ("u", "w"):
        weights[name][np.abs(weights[name]) < 0.2] = 0
    kept = [t for t in model.graph.initializer if t.name not in ("u", "w")]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    u = sparse_tensor("u", weights["u"], coordinates=True)
    model.graph.sparse_initializer.append(u)
    w = sparse_tensor("w", weights["w"])
    model.graph.node.insert(0, helper.make_node("Constant", [], ["w"], sparse_value=w))
    check_as_runtime(model)
    tensors = {t.name: t for t in load_source(model).model.graph.initializer}
    np.testing.assert_array_equal(numpy_helper.to_array(tensors["u"]), weights["u"])


def test_sparse_weights_that_do_not_fit() -> None:
    model = NETWORK.model("float")
    sparse = sparse_tensor("u", np.eye(5, 8, dtype=np.float32))
    sparse.indices.CopyFrom(numpy_helper.from_array(np.asarray([1, 2, 3, 4, 99]), ""))
    model.graph.initializer.remove(next(t for t in model.graph.initializer if t.name == "u"))
    model.graph.sparse_initializer.append(sparse)
    message = refused_model("sparse-tensor-damaged", UnsupportedModelError, model)
    assert "sparse tensor 'u'" in message
    assert "[5, 8]" in message
    sparse.values.data_location = TensorProto.EXTERNAL
    sparse.values.external_data.add(key="location", value="w.bin")
    model.graph.sparse_initializer[0].CopyFrom(sparse)
    message = refused_model("sparse-values-external", UnsupportedModelError, model)
    assert "sparse tensor 'u'" in message


def test_damaged_sparse_weights() -> None:
    def cut(sparse: onnx.SparseTensorProto) -> None:
        sparse.indices.raw_data = sparse.indices.raw_data[:-3]

    def miscount(sparse: onnx.SparseTensorProto) -> None:
        sparse.values.dims[0] += 3

    def turn(sparse: onnx.SparseTensorProto) -> None:
        sparse.dims[0] = -5

    def inflate(sparse: onnx.SparseTensorProto) -> None:
        sparse.dims[:] = [1 << 20, 1 << 40]

    def mistype(sparse: onnx.SparseTensorProto) -> None:
        sparse.values.data_type = 99

    for damage in (cut, miscount, turn, inflate, mistype):
        model = NETWORK.model("float")
        sparse = sparse_tensor("u", np.eye(5, 8, dtype=np.float32))
        damage(sparse)
        model.graph.initializer.remove(next(t for t in model.graph.initializer if t.name == "u"))
        model.graph.sparse_initializer.append(sparse)
        message = refused_model("sparse-tensor-damaged", UnsupportedModelError, model)
        assert "sparse tensor 'u'" in message


def test_initializers_with_two_fields_of_values() -> None:
    model = NETWORK.model("float")
    bias = next(t for t in model.graph.initializer if t.name == "b")
    bias.float_data.extend([7.0] * 8)
    check_as_runtime(model)


def test_two_initializers_that_differ() -> None:
    """ONNX Runtime uses the last `b`, but the first `w`, which is larger."""
    for name in "bw":
        model = NETWORK.model("float")
        weight = next(t for t in model.graph.initializer if t.name == name)
        other = np.zeros_like(numpy_helper.to_array(weight))
        model.graph.initializer.append(numpy_helper.from_array(other, name))
        message = refused_model("initializers-differ", UnsupportedModelError, model)
        assert f"'{name}'" in message
