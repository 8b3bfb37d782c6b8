"""Packed batches lead to the same tensors and outputs of PyTorch modules, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import ModelProto, numpy_helper, parser
from support.codes import refused
from support.images import make_jpeg
from support.packing import coefficients_like

import jpegcompile
from jpegcompile.errors import UsageError
from jpegcompile.jpeg.packed import PackedBatch, pack
from jpegcompile.runtime.triton import module as modules
from jpegcompile.runtime.triton.module import CompiledModule
from jpegcompile.runtime.triton.packed import copied, unpacked_on

# One convolution only, since the interpreter is slow.
NETWORK = """
<ir_version: 8, opset_import: ["" : 17]>
tiny (float[N, {channels}, 16, 16] x) => (float[N, 4] y) {{
    wide = Conv(x, w)
    positive = Relu(wide)
    pool = GlobalAveragePool(positive)
    y = Flatten(pool)
}}
"""
SIDE = 16
CPU = torch.device("cpu")


def network(channels: int) -> ModelProto:
    model = parser.parse_model(NETWORK.format(channels=channels))
    weight = np.random.default_rng(2).normal(size=(4, channels, 1, 1)).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(weight, "w"))
    return model


def module_of(folder: Path, channels: int = 3, **options: Any) -> CompiledModule:
    options = {"preprocess": "unit", "target": "triton", **options}
    compiled = jpegcompile.compile(network(channels), **options)
    compiled.save(folder / "model")
    return jpegcompile.load_module(folder / "model")


def files(count: int, mode: str = "RGB", subsampling: str = "4:2:0") -> list[bytes]:
    chroma = {"subsampling": subsampling} if mode == "RGB" else {}
    qualities = (40, 75, 95, 100, 60)[:count]
    return [make_jpeg(SIDE, SIDE, mode, quality=quality, **chroma) for quality in qualities]


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> CompiledModule:
    return module_of(tmp_path_factory.mktemp("packed"))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[PackedBatch]:
    """Record the packed batches that a module sends."""
    batches: list[PackedBatch] = []

    def unpacked(batch: PackedBatch, device: torch.device) -> dict[str, torch.Tensor]:
        batches.append(batch)
        return unpacked_on(batch, device)

    monkeypatch.setattr(modules, "unpacked_on", unpacked)
    return batches


def assert_same_feeds(module: CompiledModule, images: list[bytes]) -> dict[str, torch.Tensor]:
    plain, packed = module.feeds(images), module.feeds(images, packed=True)
    assert packed.keys() == plain.keys()
    for name, values in plain.items():
        assert (packed[name].dtype, packed[name].shape) == (values.dtype, values.shape)
        np.testing.assert_array_equal(packed[name].numpy(), values.numpy())
        assert packed[name].data_ptr() % 16 == 0
    return packed


def test_feeds_and_outputs_are_the_same(module: CompiledModule, sent: list[PackedBatch]) -> None:
    images = files(3)
    packed = assert_same_feeds(module, images)
    assert len(sent) == 1
    with torch.inference_mode():
        made, expected = module(**packed), module(**module.feeds(images))
    assert made.std() > 0
    np.testing.assert_array_equal(made.numpy(), expected.numpy())


def test_grey_files(tmp_path: Path) -> None:
    module = module_of(tmp_path, channels=1, subsampling="gray")
    assert assert_same_feeds(module, files(2, "L")).keys() == {"luma", "quantization"}


def test_run_sends_packed_batches_of_every_sampling(
    module: CompiledModule, sent: list[PackedBatch], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [*files(2), *files(1, subsampling="4:4:4"), *files(1, "L")]
    expected = module.run(images)
    # The interpreter has no GPU.
    assert not sent
    monkeypatch.setattr(module, "packed", True)
    made = module.run(images)
    assert [len(batch.quantization) for batch in sent] == [2, 1, 1]
    for one, other in zip(made, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_wrong_value_changes_the_outputs(
    module: CompiledModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = files(1)
    expected = module.run(images)

    def wrong(batch: PackedBatch, device: torch.device) -> dict[str, torch.Tensor]:
        batch.planes["luma"].stream[0] ^= 64
        return unpacked_on(batch, device)

    monkeypatch.setattr(modules, "unpacked_on", wrong)
    monkeypatch.setattr(module, "packed", True)
    assert not np.array_equal(module.run(images)[0], expected[0])


def test_tensors_are_not_packed(tmp_path: Path) -> None:
    module = module_of(tmp_path, input="tensor")
    with refused("module-packed-tensors", UsageError):
        module.feeds(files(1), packed=True)
    with refused("module-shared-inputs", UsageError):
        module.run(files(1), {"mask": np.ones(1, np.float32)})
    module._process += 1
    with refused("module-opened-before-fork", UsageError):
        module.run(files(1))


def test_planes_of_any_values_by_one_copy() -> None:
    generator = np.random.default_rng(4)
    planes = {
        "luma": pack(coefficients_like("edges", (2, 1, 3, 3), generator)),
        "chroma": pack(coefficients_like("mixed", (2, 2, 2, 1), generator)),
    }
    batch = PackedBatch(planes, generator.integers(1, 65536, (2, 3, 8, 8)).astype(np.uint16))
    made = unpacked_on(batch, CPU)
    for name, values in batch.unpack().items():
        np.testing.assert_array_equal(made[name].numpy(), values)


def test_copied_arrays_begin_at_multiples_of_16_bytes() -> None:
    arrays = [np.arange(n, dtype=kind) for n, kind in ((3, "i4"), (17, "u1"), (1, "u2"), (0, "i4"))]
    made = copied(arrays, CPU)
    for tensor, array in zip(made, arrays, strict=True):
        np.testing.assert_array_equal(tensor.numpy(), array)
        assert tensor.storage_offset() * tensor.itemsize % 16 == 0
    assert len({tensor.untyped_storage().data_ptr() for tensor in made}) == 1
