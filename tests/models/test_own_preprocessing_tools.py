"""Models with preprocessing nodes in bench, searches, other resolutions, commands, exporters."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from support.commands import fails, run_json, run_text
from support.images import make_jpeg
from support.own_preprocessing import by_onnxruntime, channels_last, float_pixels, photographs
from support.tiers import thorough

import jpegcompile
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.search.frequencies import choose_frequencies
from jpegcompile.search.resolution import choose_resolution

SIZES = ((97, 61), (50, 120), (80, 64), (45, 45))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write enough images of each class for a search, each with another size and quality."""
    folder = tmp_path_factory.mktemp("images")
    for index in range(24):
        (folder / f"class{index % 2}").mkdir(exist_ok=True)
        content = make_jpeg(*SIZES[index % 4], quality=50 + 2 * index)
        (folder / f"class{index % 2}" / f"{index}.jpg").write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    onnx.save(channels_last(), path)
    return path


@pytest.mark.thorough
def test_bench_times_both_sides_behind_the_nodes(model: Path, images: Path, tmp_path: Path) -> None:
    path = tmp_path / "compiled.onnx"
    jpegcompile.compile(model, preprocess="none").save(path)
    options: dict[str, Any] = {"batches": [2], "threads": [1], "rounds": 1, "seconds": 0.0}
    result = jpegcompile.bench(model, path, images, rivals=["pillow"], **options)
    (cell,) = result.cells
    check = cell.sides["compiled"].check
    assert check is not None
    assert check.passed
    assert result.rivals == {"pillow": "Pillow's BILINEAR"}


def test_another_resolution(model: Path, images: Path, tmp_path: Path) -> None:
    path = tmp_path / "compiled.onnx"
    compiled = jpegcompile.compile(model, preprocess="none", resolution=(24, 24))
    compiled.save(path)
    info = jpegcompile.load(path).info
    assert (info.trained_size, info.feeds_whole_images) == ((32, 32), False)
    assert info.input.geometry.resize is not None
    assert info.input.geometry.resize.size == (30, 30)
    assert jpegcompile.verify(model, path, images).passed


@thorough
def test_searches_take_the_network_behind_the_nodes(
    model: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Skip the check for guessing: the classes of this network have no meaning."""
    for module in ("frequencies", "resolution"):
        monkeypatch.setattr(f"jpegcompile.search.{module}.require_no_guess", lambda *given: None)
    options: dict[str, Any] = {"max_drop": 60.0, "preprocess": "none", "cache": tmp_path}
    frequencies = choose_frequencies(model, images, **options)
    assert frequencies.verification.images == 12
    resolution = choose_resolution(model, images, **options)
    assert resolution.trained == (32, 32)
    assert resolution.preprocess == preprocess_of("none")
    compiled = jpegcompile.compile(
        model, preprocess=resolution.preprocess, resolution=resolution.plan
    )
    assert compiled.report.own_preprocessing is not None


def test_commands(model: Path, images: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "compiled.onnx"
    nodes = "(Resize 'c', Slice 'd')"
    assert nodes in run_text(capsys, "compile", model, "-o", out, "--preprocess", "none")
    found = run_json(capsys, "inspect", out)["compiled"]["own_preprocessing"]
    assert found == {"nodes": ["shape", "n", "all", "c", "d"], "output": "d"}
    assert nodes in " ".join(run_text(capsys, "inspect", out).split())
    assert run_json(capsys, "verify", model, out, "--images", images)["passed"]
    assert len(run_json(capsys, "run", out, images)["predictions"]) == 24
    said = fails(capsys, 2, "compile", model, "-o", out, "--preprocess", "IMAGENET1K_V1")
    assert said.startswith(f"{model}: the model resizes images itself (Resize 'c', Slice 'd')")


@thorough
@pytest.mark.parametrize("mode", ["coefficients", "jpeg"])
def test_photographs(mode: Any, shared: Path, tmp_path: Path) -> None:
    photos = sorted((shared / "images" / "photos").rglob("*.JPEG"))[::40]
    path = tmp_path / "compiled.onnx"
    for source in (photographs(antialias=1), photographs(mode="cubic", cubic_coeff_a=-0.5)):
        jpegcompile.compile(source, preprocess="none", input=mode).save(path)
        made = jpegcompile.load(path).run(photos)[0]
        pixels = [float_pixels(photo.read_bytes()).transpose(2, 0, 1)[None] for photo in photos]
        expected = np.concatenate([by_onnxruntime(source, image) for image in pixels])
        np.testing.assert_allclose(made, expected, rtol=0, atol=2e-5 * np.abs(expected).max())


def exported(path: Path, *, is_dynamo: bool, is_antialiased: bool, is_last: bool) -> Path:
    """Export a PyTorch module that resizes, crops and normalizes."""
    torch = pytest.importorskip("torch")
    if is_dynamo:
        pytest.importorskip("onnxscript", reason="needs onnxscript")

    class Whole(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first = torch.nn.Conv2d(3, 8, 3, padding=1)
            self.last = torch.nn.Linear(8, 5)

        def forward(self, x: Any) -> Any:
            if is_last:
                x = x.permute(0, 3, 1, 2).float()
            x = torch.nn.functional.interpolate(
                x, size=(40, 40), mode="bilinear", antialias=is_antialiased, align_corners=False
            )
            x = (x[:, :, 4:36, 4:36] / 255 - 0.45) / 0.25
            return self.last(torch.relu(self.first(x)).mean((2, 3)))

    torch.manual_seed(0)
    kind = torch.uint8 if is_last else torch.float32
    shape = (2, 48, 64, 3) if is_last else (2, 3, 48, 64)
    rows = 1 if is_last else 2
    options: dict[str, Any] = {"dynamo": is_dynamo, "input_names": ["image"]}
    if is_dynamo:
        sides = {at: torch.export.Dim(f"side{at}", min=16, max=4096) for at in (rows, rows + 1)}
        options["dynamic_shapes"] = {"x": {0: torch.export.Dim("n"), **sides}}
    else:
        options["dynamic_axes"] = {"image": {0: "n", rows: "h", rows + 1: "w"}}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        torch.onnx.export(Whole().eval(), (torch.zeros(shape, dtype=kind),), path, **options)
    return path


@thorough
@pytest.mark.filterwarnings("ignore:.*")
@pytest.mark.parametrize(
    ("is_dynamo", "is_antialiased", "is_last"),
    [
        (False, False, False),
        (False, False, True),
        (True, False, False),
        (True, True, False),
        (True, True, True),
    ],
)
def test_what_pytorch_exports(
    is_dynamo: bool, is_antialiased: bool, is_last: bool, images: Path, tmp_path: Path
) -> None:
    source = exported(
        tmp_path / "model.onnx",
        is_dynamo=is_dynamo,
        is_antialiased=is_antialiased,
        is_last=is_last,
    )
    path = tmp_path / "compiled.onnx"
    compiled = jpegcompile.compile(source, preprocess="none")
    assert compiled.report.own_preprocessing is not None
    compiled.save(path)
    assert jpegcompile.load(path).info.input.size == (32, 32)
    result = jpegcompile.verify(source, path, images)
    assert result.passed
    assert result.inputs_for_nodes == 16
