"""Models with more weights than protobuf carries."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from google.protobuf.message import EncodeError
from onnx import TensorProto
from support.codes import refused
from support.external_models import external_residual
from support.graphs import Array, Graph
from support.peak_memory import peak_memory
from support.refusals import refused_model

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frontend import load
from jpegcompile.target.base import CPU_PROVIDERS

slow = pytest.mark.slow(reason="needs 8 GB of memory and as much room on disk")

GB = 1 << 30
IN_MEMORY = "model-too-large-in-memory"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("large")
    path = external_residual(folder, channels=1024, hidden=536_000, pooled=1)
    weights = folder / "weights.bin"
    assert weights.stat().st_size > 2 * GB
    yield path
    weights.unlink()


def run(path: Path, images: Array) -> Array:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options, providers=list(CPU_PROVIDERS))
    return np.asarray(session.run(None, {"image": images})[0])


@slow
@pytest.mark.parametrize("target", ["ort", "onnx"])
def test_a_model_above_2_gb(source: Path, tmp_path: Path, target: str) -> None:
    output = tmp_path / "out.onnx"
    command = ["compile", source, "-o", output, "--input", "tensor", "--target", target, "--strict"]
    peak = peak_memory([sys.executable, "-P", "-m", "jpegcompile", *map(str, command)])
    print(f"peak memory of the compiler: {peak / GB:.1f} GB")
    weights = tmp_path / "out.onnx.data"
    assert output.stat().st_size < 1 << 20
    written = onnx.load_model(str(output), load_external_data=False)
    # graphsurgeon would leave it: it cannot serialize what there is to fold.
    assert all(node.op_type != "Transpose" for node in written.graph.node)
    assert weights.stat().st_size > 2 * GB
    # The source's weights, mapped, and those that are transposed; nothing else is that large.
    assert peak < 6 * GB
    images = np.random.default_rng(4).standard_normal((2, 3, 32, 32), np.float32)
    expected = run(source, images)
    error = np.abs(run(output, images) - expected).max() / np.abs(expected).max()
    weights.unlink()
    assert error <= 1e-5


@slow
def test_a_model_above_2_gb_in_memory() -> None:
    model = Graph("(T[N,3,16,16] x) => (T[] y) { y = Relu(x) }").model("float")
    for name in ("first", "second"):
        size = GB + (1 << 20)
        tensor = TensorProto(name=name, data_type=TensorProto.UINT8, dims=[size])
        tensor.raw_data = bytes(size)
        model.graph.initializer.append(tensor)
    refused_model(IN_MEMORY, UnsupportedModelError, model)


def test_what_protobuf_cannot_carry_is_refused() -> None:
    """The error of protobuf, without the 2 GB of memory that it requires."""

    class Large:
        def SerializeToString(self, deterministic: bool) -> bytes:  # noqa: N802
            raise EncodeError("Failed to serialize proto")

    with refused("model-too-large-in-memory", UnsupportedModelError):
        load._serialized(Large())  # type: ignore[arg-type]
