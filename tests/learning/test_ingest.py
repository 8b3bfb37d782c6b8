"""The ingest of PyTorch against that of NumPy in float64, and as a module."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.codes import refused
from support.coefficient_files import SAMPLINGS, random_file
from support.data_sets import NUMBERS, contents
from support.images import make_jpeg
from support.preprocessing import tolerance
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile import ImageDataset
from jpegcompile.dct.ingest import ingest
from jpegcompile.errors import UsageError
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.learning.ingest import JpegIngest
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.reading import preprocess_of

AUGMENT = "flip,crop=3,cutout=5,contrast=0.4,saturation=0.3"


def batch_of(folder: Path, **given: Any) -> dict[str, torch.Tensor]:
    """Four files of a size of 16 x 16, which have few numbers."""
    kinds = ("4:2:0", "gray", "4:4:4", "4:2:0")
    for index, kind in enumerate(kinds):
        (folder / f"{index}.jpg").write_bytes(random_file(SAMPLINGS[kind], 16, 16))
    options = {"preprocess": NUMBERS, "size": (16, 16), "form": "coefficients", **given}
    (batch,) = ImageDataset(folder, 4, **options)
    inputs: Any = batch.inputs
    return dict(inputs)


def doubled(inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Every matrix in float64."""
    return {n: v.double() if v.dtype == torch.float32 else v for n, v in inputs.items()}


@pytest.mark.parametrize("kind", ["fixed", "gray", "any size", "filled"])
def test_ingest_of_a_compiled_model(kind: str, tmp_path: Path) -> None:
    resize: dict[str, Any] = {"any size": {"resize": 36, "crop": "center"}}
    resize["filled"] = {"resize": {"fit": "pad"}, "fill": 96}
    given: Any = {"preprocess": {**NUMBERS, **resize.get(kind, {})}}
    network: dict[str, Any] = {}
    if kind == "gray":
        given = {"preprocess": {"mean": 0.4, "std": 0.2, "color": "L"}, "subsampling": "gray"}
        network = {"channels": 1}
    jpegcompile.compile(tiny_residual(**network), **given).save(tmp_path / "m.onnx")
    data = [random_file(SAMPLINGS["gray" if network else "4:2:0"], 32, 32)] * 3
    if kind in resize:
        data = [*contents(4), make_jpeg(60, 48, "L")]
    files = [tmp_path / f"{index}.jpg" for index in range(len(data))]
    for file, content in zip(files, data, strict=True):
        file.write_bytes(content)
    session = jpegcompile.load(tmp_path / "m.onnx")
    (batch,) = ImageDataset(files, 8, model=session, form="coefficients")
    inputs: Any = batch.inputs
    made = JpegIngest.for_model(tmp_path / "m.onnx")(inputs).numpy()
    assert made.dtype == np.float32
    for actual, file in zip(made, files, strict=True):
        expected = ingest(read_coefficients(file), session.info.input, 8)
        np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance(expected))
        assert np.abs(actual - expected[:, ::-1]).max() > 100 * tolerance(expected)


def test_files_that_are_turned_have_no_matrices() -> None:
    taken = NetworkInput("image", 3, 16, 16, "NCHW").normalized(
        preprocess_of({**NUMBERS, "orientation": True})
    )
    frame = Frame(16, 16, ((1, 1),) * 3, "ycbcr", orientation=6)
    with refused("learning-frame-turned", UsageError):
        JpegIngest.for_frame(frame, taken)
    assert JpegIngest.for_frame(replace(frame, orientation=3), taken).block == 8


def test_images_that_share_matrices_are_one_product(tmp_path: Path) -> None:
    """A table of one matrix gives what tables of equal matrices give."""
    inputs = batch_of(tmp_path)
    assert len(inputs["luma_rows"]) == 1
    assert len(inputs["chroma_rows"]) == 3
    several = dict(inputs)
    for name in ("luma_rows", "luma_columns"):
        several[name] = inputs[name].repeat(4, 1, 1)
        several[f"{name}_index"] = torch.arange(4)
    # Products of other shapes add up in another order.
    made = JpegIngest()(inputs)
    torch.testing.assert_close(JpegIngest()(several), made, rtol=0, atol=1e-5)
    assert (made - made.roll(1, 0)).abs().max() > 0.1


@pytest.mark.parametrize("block", [8, 1])
def test_gradients(block: int, tmp_path: Path) -> None:
    """Of coefficients, mixing and offset, by differences in float64."""
    inputs = doubled(batch_of(tmp_path, augment=AUGMENT, block=block))
    module = JpegIngest(block)
    names = ("luma", "chroma", "mixing", "offset")
    leaves = [inputs[name].double().requires_grad_() for name in names]

    def made(*values: torch.Tensor) -> torch.Tensor:
        return module({**inputs, **dict(zip(names, values, strict=True))})

    assert torch.autograd.gradcheck(made, leaves, fast_mode=True)
    gradients = torch.autograd.grad(made(*leaves).square().sum(), leaves)
    assert all(gradient.abs().max() > 0 for gradient in gradients)


def test_arithmetic_stays_float32_under_autocast(tmp_path: Path) -> None:
    inputs = batch_of(tmp_path, augment=AUGMENT)
    module = JpegIngest()
    expected = module(inputs)
    with torch.autocast("cpu", torch.bfloat16):
        made = module(inputs)
        assert (inputs["luma_rows"][:1] @ inputs["luma_columns"][:1]).dtype == torch.bfloat16
    assert made.dtype == torch.float32
    assert torch.equal(made, expected)
    assert module(doubled(inputs)).dtype == torch.float64
    assert torch.equal(torch.nn.Sequential(module).bfloat16()(inputs), expected)


@pytest.mark.thorough
def test_no_graph_breaks(tmp_path: Path) -> None:
    inputs = batch_of(tmp_path, augment=AUGMENT)
    traced = torch.compile(JpegIngest(), backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(traced(inputs), JpegIngest()(inputs), rtol=0, atol=1e-5)


# Inductor itself uses what PyTorch deprecates.
@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_inductor(tmp_path: Path) -> None:
    inputs = batch_of(tmp_path, augment=AUGMENT)
    traced = torch.compile(JpegIngest(), fullgraph=True)
    torch.testing.assert_close(traced(inputs), JpegIngest()(inputs), rtol=0, atol=1e-5)


def test_torch_func_differentiates(tmp_path: Path) -> None:
    inputs = batch_of(tmp_path, augment=AUGMENT)
    module = JpegIngest()

    def energy(offset: torch.Tensor) -> torch.Tensor:
        return module({**inputs, "offset": offset}).square().sum()

    gradient = torch.func.grad(energy)(inputs["offset"])
    leaf = inputs["offset"].clone().requires_grad_()
    (expected,) = torch.autograd.grad(energy(leaf), leaf)
    assert torch.equal(gradient, expected)
