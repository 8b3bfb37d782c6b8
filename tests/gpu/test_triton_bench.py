"""`bench` of PyTorch modules: its table, its JSON and its errors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import load_file, save_file
from support.bench_results import QUICK, STEPS, assert_times, steps_of
from support.codes import code_in
from support.commands import fails, run_json, run_text
from support.images import make_jpeg
from support.mixed_files import mixed_file
from support.tiers import thorough

import jpegcompile
from jpegcompile.evaluation.benchmark.job import COMPILED, InputSet, Job
from jpegcompile.evaluation.benchmark.module import TimedModule
from jpegcompile.gpu.folder import MANIFEST, WEIGHTS
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.pixel_image import PixelImage, ReadImage
from jpegcompile.jpeg.read import read_coefficients

# One tile of a map. Kernels are interpreted, so larger images would take seconds each.
SIDE = 4
# All 16 inputs in one call.
AT_ONCE = ("--batches", 16, *QUICK[2:])
QUALITIES = ("quality 75", "quality 90")


def small_network() -> onnx.ModelProto:
    """A convolution, ReLU, global average pooling and a classifier."""
    generator = np.random.default_rng(3)

    def weight(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array(generator.normal(size=shape).astype(np.float32), name)

    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["image", "w"], ["c"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["c"], ["r"]),
            helper.make_node("GlobalAveragePool", ["r"], ["p"]),
            helper.make_node("Flatten", ["p"], ["f"]),
            helper.make_node("Gemm", ["f", "m"], ["logits"]),
        ],
        "small",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 4])],
        [weight("w", 16, 3, 3, 3), weight("m", 16, 4)],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="test"
    )


@dataclass(frozen=True)
class Models:
    """A network and its compiled modules, for files and for tensors."""

    source: Path
    files: Path
    tensors: Path


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    folder = tmp_path_factory.mktemp("models")
    found = Models(folder / "small.onnx", folder / "files", folder / "tensors")
    onnx.save(small_network(), found.source)
    options: dict[str, Any] = {"target": "triton", "preprocess": "unit"}
    jpegcompile.compile(found.source, subsampling="4:4:4", **options).save(found.files)
    jpegcompile.compile(found.source, input="tensor", **options).save(found.tensors)
    return found


@thorough
def test_json_of_a_module_for_files(models: Models, capsys: pytest.CaptureFixture[str]) -> None:
    data = run_json(capsys, "bench", models.source, models.files, *AT_ONCE)
    assert_times(data, ["spatial", "compiled"])
    assert data["mode"] == "coefficients"
    assert data["execution"] == jpegcompile.load_module(models.files).execution.to_json()
    (cell,) = data["cells"]
    wanted = [(s, None if s == "network" else q) for s in STEPS for q in QUALITIES]
    assert steps_of(cell) == list(dict.fromkeys(wanted))
    check = cell["sides"]["compiled"]["check"]
    assert check["inputs"] == 32
    (output,) = check["outputs"]
    assert 0 < output["conversion"] < output["allowed"] < output["decoder"]


@thorough
def test_text_of_a_module_for_tensors(models: Models, capsys: pytest.CaptureFixture[str]) -> None:
    lines = run_text(capsys, "bench", models.source, models.tensors, *AT_ONCE).splitlines()
    assert lines[0].split() == [
        "batch",
        "threads",
        "step",
        "inputs",
        "spatial",
        "compiled",
        "ratio",
    ]
    assert lines[1].split()[:3] == ["16", "1", "network"]
    assert [line.split()[0] for line in lines[2:5]] == ["peak", "beyond", "session"]
    execution = jpegcompile.load_module(models.tensors).execution
    assert f"compiled: {execution}" in lines
    assert any(line.startswith("the same answers on 16 inputs in every process") for line in lines)


@thorough
def test_files_of_the_user_and_several_cells(
    models: Models, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "fits.jpg").write_bytes(make_jpeg(SIDE, SIDE, subsampling="4:4:4"))
    (tmp_path / "other.jpg").write_bytes(make_jpeg(SIDE, SIDE, subsampling="4:2:0"))
    arguments = ("--batches", "8,16", "--threads", 2, "--rounds", 2, "--seconds", 0)
    data = run_json(capsys, "bench", models.source, models.files, *arguments, "--images", tmp_path)
    assert_times(data, ["spatial", "compiled"])
    assert (data["files"], data["left_out"]) == (1, 1)
    cells = [(cell["batch"], cell["threads"]) for cell in data["cells"]]
    assert cells == [(8, 2), (16, 2)]


@thorough
def test_what_is_allowed_goes_by_the_precision(
    models: Models, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    half = tmp_path / "half"
    jpegcompile.compile(models.source, target="triton", input="tensor", precision="float16").save(
        half
    )
    exact, coarse = (
        run_json(capsys, "bench", models.source, model, *AT_ONCE)["cells"][0]["sides"]["compiled"]
        for model in (models.tensors, half)
    )
    (exact_output,), (coarse_output,) = exact["check"]["outputs"], coarse["check"]["outputs"]
    assert exact_output["allowed"] < coarse_output["conversion"] < coarse_output["allowed"]


@thorough
def test_wrong_answers_of_a_module_are_not_timed(
    models: Models, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    for file in models.tensors.iterdir():
        if file.is_file():
            (wrong / file.name).write_bytes(file.read_bytes())
    tensors = load_file(wrong / WEIGHTS)
    name = max(tensors, key=lambda key: tensors[key].numel())
    save_file({**tensors, name: tensors[name] * 1.01}, wrong / WEIGHTS)
    manifest = json.loads((wrong / MANIFEST).read_text())
    manifest["files"][WEIGHTS] = sha256((wrong / WEIGHTS).read_bytes()).hexdigest()
    (wrong / MANIFEST).write_text(json.dumps(manifest))
    message = fails(capsys, 1, "bench", models.source, wrong, *AT_ONCE)
    assert message.startswith("output 'logits': conversion error ")
    assert "no node was compared" in message
    assert code_in(message) == "conversion-error-above-tolerance"


@pytest.mark.parametrize(
    ("option", "code"),
    [("--portable", "bench-module-not-portable"), ("--per-op", "bench-module-not-profiled")],
)
def test_what_a_module_has_not(
    option: str, code: str, models: Models, capsys: pytest.CaptureFixture[str]
) -> None:
    said = fails(capsys, 2, "bench", models.source, models.tensors, *QUICK, option)
    assert said.startswith(f"{models.tensors}: ")
    assert code_in(said) == code


class Recorded:
    """A module on a GPU that computes nothing and records all calls in `log`."""

    device = torch.device("cuda", 0)
    output_names = ("logits",)

    def __init__(self, log: list[str]) -> None:
        self.log = log

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.log.append(name)


def timed(models: Models, files: tuple[str, ...], log: list[str]) -> TimedModule:
    info = jpegcompile.load_module(models.files).info
    job = Job(
        side=COMPILED,
        model=str(models.files),
        folder=None,
        library=None,
        batch=1,
        threads=1,
        input_mode=info.input_mode,
        image=info.input,
        frame=info.frame,
        preprocess=info.preprocess,
        ingest=None,
        network=None,
        parts_folder=None,
        sets=(InputSet("images", files, ""),),
    )
    module: Any = Recorded(log)
    return TimedModule(job, module)


def test_every_step_on_a_gpu_waits_for_it(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: log.append(f"wait {device}"))
    pipeline: Any = timed(models, ("a.jpg",), log).pipeline(with_parts=True)
    pipeline.ingest([])
    pipeline.network(None)
    pipeline.end_to_end([make_jpeg(SIDE, SIDE)])
    timed(models, (), log).pipeline(with_parts=True).network(np.zeros((1, 3, SIDE, SIDE)))
    asked = ("image_of", "run_image", "run_coefficients", "run_feeds")
    assert log == [entry for name in asked for entry in (name, "wait cuda:0")]


def test_images_of_several_frames_keep_their_order(models: Models) -> None:
    """A fake module returns the widths of its files, which have one frame in each call."""
    asked: list[int] = []

    def image_of(images: Sequence[ReadImage], frame: Frame | None) -> torch.Tensor:
        assert all((frame or image.frame) == image.frame for image in images)
        assert all((frame is None) == isinstance(image, PixelImage) for image in images)
        asked.append(len(images))
        return torch.tensor([image.frame.width for image in images])

    sides = (8, 16, 8, 32, 24, 16, 40)
    files: list[ReadImage] = [read_coefficients(make_jpeg(side, 8)) for side in sides]
    for place in (3, 6):
        frame = Frame(8, sides[place], ((1, 1),), "gray")
        files[place] = PixelImage(np.zeros((8, sides[place], 3), np.uint8), "RGB", frame)
    module: Any = SimpleNamespace(image_of=image_of, output_names=[], device=torch.device("cpu"))
    timed_module = TimedModule(timed(models, ("a.jpg",), [])._job, module)
    assert timed_module.image_of(files).tolist() == list(sides)
    assert asked == [2, 2, 2, 1]


@thorough
def test_a_module_for_images_of_any_size(
    models: Models, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files of three sizes alternate, so swapped outputs would fail the check."""
    path, images = tmp_path / "any", tmp_path / "images"
    preprocess = {"preset": "unit", "resize": {"fit": "exact"}}
    jpegcompile.compile(models.source, target="triton", preprocess=preprocess).save(path)
    images.mkdir()
    for index, (width, height) in enumerate(((9, 7), (6, 11))):
        (images / f"{index}.jpg").write_bytes(make_jpeg(width, height, subsampling="4:4:4"))
    (images / "2.png").write_bytes(mixed_file("png", 8, 10))
    arguments = (
        "--batches",
        16,
        "--threads",
        2,
        *QUICK[4:],
        "--images",
        images,
        "--rivals",
        "pillow",
    )
    data = run_json(capsys, "bench", models.source, path, *arguments, "--fallback", "pixels")
    assert (data["files"], data["pixel_fallbacks"]) == (3, 1)
    (cell,) = data["cells"]
    assert list(cell["sides"]) == ["pillow", "compiled"]
    wanted = [("input", "images"), ("network", None), ("end to end", "images")]
    assert steps_of(cell) == [*wanted, ("pipelined", "images")]
    check = cell["sides"]["compiled"]["check"]
    assert (check["passed"], check["inputs"]) == (True, 16)
    assert cell["sides"]["compiled"]["sharing"] == {"readers": 2, "network": 2}
