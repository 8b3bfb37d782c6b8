"""What sessions of one model have in common they have once in memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.coefficient_files import SAMPLINGS, random_file
from support.images import make_jpeg
from support.tiers import thorough

import jpegcompile

pytestmark = thorough

SIDE, CHANNELS = 32, 512
OTHER = random_file(SAMPLINGS["4:4:0"], SIDE, SIDE)
WEIGHT_BYTES = 3 * CHANNELS * CHANNELS * 9 * 4


def wide_network(seed: int = 0) -> onnx.ModelProto:
    """Three convolutions whose weights are most of what a session holds."""
    generator = np.random.default_rng(seed)
    inputs = (3, CHANNELS, CHANNELS, CHANNELS)
    weights = {f"w{index}": (CHANNELS, count, 3, 3) for index, count in enumerate(inputs)}
    nodes, x = [], "image"
    for index, name in enumerate(weights):
        stride = 4 if index == 0 else 1
        node = helper.make_node(
            "Conv", [x, name], [f"c{index}"], f"c{index}", strides=[stride] * 2, pads=[1] * 4
        )
        nodes.append(node)
        nodes.append(helper.make_node("Relu", [f"c{index}"], [f"r{index}"], f"r{index}"))
        x = f"r{index}"
    nodes.append(helper.make_node("GlobalAveragePool", [x], ["y"], "y"))
    graph = helper.make_graph(
        nodes,
        "wide",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", CHANNELS, 1, 1])],
        [
            numpy_helper.from_array(
                generator.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape).astype(np.float32), name
            )
            for name, shape in weights.items()
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wide") / "wide.onnx"
    jpegcompile.compile(wide_network(), preprocess="cifar10").save(path)
    return path


# Prints by how many bytes a step adds to the memory of the process, when malloc has given back
# what is free.
GROWTH = """
import ctypes, gc, resource, sys
import jpegcompile
def memory():
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
path, step, is_native = sys.argv[1], sys.argv[2], sys.argv[3] == "native"
own, other = (open(name, "rb").read() for name in sys.argv[4:])
session = jpegcompile.Session(path, threads=1, native=is_native)
session.run([own])
before = memory()
if step == "sampling":
    session.run([other])
else:
    second = jpegcompile.Session(path, threads=1, native=is_native)
    second.run([own])
print(memory() - before)
"""


def growth(path: Path, step: str, kernels: str, folder: Path) -> int:
    own, other = folder / "own.jpg", folder / "other.jpg"
    own.write_bytes(make_jpeg(SIDE, SIDE))
    other.write_bytes(OTHER)
    arguments = [str(argument) for argument in (path, step, kernels, own, other)]
    command = [sys.executable, "-P", "-c", GROWTH, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_file_of_another_sampling_adds_little(path: Path, tmp_path: Path) -> None:
    """Not even the weights once, of which there are copies for the runtime, and packed ones."""
    assert growth(path, "sampling", "native", tmp_path) < WEIGHT_BYTES // 2


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_packed_weights_of_two_sessions_are_the_same(path: Path, tmp_path: Path) -> None:
    """The file, its bytes and values are there twice; packed weights would be as much again."""
    assert growth(path, "session", "native", tmp_path) < 4 * WEIGHT_BYTES


def test_the_runtime_session_keeps_what_it_needs(path: Path) -> None:
    session = jpegcompile.Session(path, threads=1)
    feeds = session.feeds([make_jpeg(SIDE, SIDE)])
    expected = session.run_feeds(feeds)[0]
    alone = session.inference_session
    del session
    ballast = [np.full(CHANNELS * CHANNELS * 9, np.nan, np.float32) for _ in range(8)]
    np.testing.assert_array_equal(alone.run(None, feeds)[0], expected)
    assert len(ballast) == 8


@pytest.mark.parametrize("is_native", [True, False])
def test_both_samplings_give_what_sessions_alone_give(path: Path, is_native: bool) -> None:
    own = make_jpeg(SIDE, SIDE)
    both = jpegcompile.Session(path, threads=1, native=is_native)
    rows = both.run([own, OTHER, own])[0]
    for row, file in zip(rows, (own, OTHER, own), strict=True):
        alone = jpegcompile.Session(path, threads=1, native=is_native)
        np.testing.assert_array_equal(alone.run([file])[0][0], row)


def test_weights_that_differ_are_not_shared(path: Path, tmp_path: Path) -> None:
    """Sessions of networks that differ in one weight, open at once, give what each alone gives."""
    network = wide_network()
    changed = next(t for t in network.graph.initializer if t.name == "w2")
    values = numpy_helper.to_array(changed).copy()
    values[-1, -1, -1, -1] += 0.5
    changed.CopyFrom(numpy_helper.from_array(values, "w2"))
    other = tmp_path / "other.onnx"
    jpegcompile.compile(network, preprocess="cifar10").save(other)
    files = [make_jpeg(SIDE, SIDE)]
    expected = [jpegcompile.Session(one, threads=1).run(files)[0] for one in (path, other)]
    sessions = [jpegcompile.Session(one, threads=1) for one in (path, other)]
    for session, wanted in zip(sessions, expected, strict=True):
        np.testing.assert_array_equal(session.run(files)[0], wanted)
    assert not np.array_equal(expected[0], expected[1])
