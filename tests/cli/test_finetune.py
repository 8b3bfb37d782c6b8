"""`jpegcompile finetune` on the demo's network: files, results, refusals."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from support.codes import code_in, refused
from support.commands import few_images, refuses, run_json, run_text
from support.tiers import thorough
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.cli import run_command
from jpegcompile.digits import model_path, preprocess_path
from jpegcompile.errors import UsageError
from jpegcompile.learning.training.distributed import Group
from jpegcompile.learning.training.run import Run
from jpegcompile.options.learning_verbs import FINETUNE
from jpegcompile.results.finetuning import Finetuning

MODEL = model_path()


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 digits, 6 of which are held out."""
    return few_images(tmp_path_factory.mktemp("images"))


@pytest.fixture
def arguments(images: Path, tmp_path: Path) -> tuple[Any, ...]:
    given = ("--images", images, "--preprocess", preprocess_path(), "-o", tmp_path / "out.onnx")
    return ("finetune", MODEL, *given, "--batch", 8, "--epochs", 1, "--device", "cpu")


def weights(path: Path) -> dict[str, Any]:
    model = onnx.load(path)
    return {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}


def test_a_learned_model_and_its_compiled_form(
    arguments: tuple[Any, ...],
    images: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, compiled = tmp_path / "out.onnx", tmp_path / "out.jpeg.onnx"
    metrics, checkpoint = tmp_path / "m.csv", tmp_path / "c.pt"
    more = ("--compiled", compiled, "--metrics", metrics, "--checkpoint", checkpoint)
    data = run_json(capsys, *arguments, *more, "--distill", "--evaluate-original")
    result = Finetuning.from_json(data)
    assert result.teacher == str(MODEL)
    assert result.training_images + result.validation_images == 40
    before, after = weights(MODEL), weights(out)
    assert list(before) == list(after)
    assert any(not np.array_equal(before[name], after[name]) for name in before)
    assert onnx.load(out).graph.node == onnx.load(MODEL).graph.node
    compared = jpegcompile.compare(out, compiled, images)
    assert compared.agreement_exact == 1.0
    [row] = csv.DictReader(metrics.read_text().splitlines())
    assert float(row["loss"]) == result.epochs[0].loss
    assert result.after is not None
    assert float(row["top1"]) == result.after.top1
    again = run_text(capsys, *arguments, *more, "--distill", "--resume", "--evaluate-original")
    assert "continued from a checkpoint after" in again
    assert "original, as it is" in again
    assert weights(out).keys() == after.keys()
    assert all(np.array_equal(weights(out)[name], after[name]) for name in after)
    code = "checkpoint-exists"
    refuses(capsys, 2, code, *arguments, "--checkpoint", checkpoint)
    other = (*arguments, "--checkpoint", checkpoint, "--resume")
    assert "with teacher" in refuses(capsys, 2, "checkpoint-of-another-run", *other)


def test_files_that_must_not_be_overwritten(
    arguments: tuple[Any, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refuses(capsys, 2, "output-is-input", *arguments, "--compiled", tmp_path / "out.onnx")
    refuses(capsys, 2, "output-is-input", *arguments, "-o", MODEL)
    assert not (tmp_path / "out.onnx").exists()


def test_a_source_model_does_not_say_its_preprocessing(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("finetune", MODEL, "--images", images, "-o", tmp_path / "out.onnx")
    refuses(capsys, 2, "finetune-preprocess-missing", *given)


@thorough
def test_a_compiled_model_brings_its_preprocessing_and_frequencies(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out, compiled = (tmp_path / f"{name}.onnx" for name in ("source", "out", "compiled"))
    made = jpegcompile.compile(MODEL, preprocess=preprocess_path(), truncate=6, frequencies=8)
    made.save(source)
    given = ("finetune", source, "--images", images, "-o", out, "--batch", 8, "--device", "cpu")
    more = ("--validation", images, "--compiled", compiled, "--distill")
    result = Finetuning.from_json(run_json(capsys, *given, *more))
    assert result.settings.frequencies["frequencies"] == 8
    assert result.settings.frequencies["truncate"] == 6
    # The teacher has all frequencies.
    assert result.before is not None
    assert result.before.agreement is not None
    assert result.before.agreement < 1
    for path in (out, compiled):
        info = jpegcompile.load(path).info
        assert info.frequencies == result.settings.frequencies
        assert info.preprocess == jpegcompile.load(source).info.preprocess
    compared = jpegcompile.compare(out, compiled, images).after
    assert result.after is not None
    assert compared is not None
    assert result.after.top1 == compared.top1
    exact = Finetuning.from_json(run_json(capsys, *given, "--frequencies", 15))
    assert exact.settings.frequencies["frequencies"] == 15


def test_few_images_cannot_be_split(
    arguments: tuple[Any, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    refuses(capsys, 2, "validation-empty", *arguments, "--validation", 0.001)


def test_a_teacher_with_other_classes(
    arguments: tuple[Any, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tiny_residual()
    for tensor in model.graph.initializer:
        if tensor.name in ("head", "shift"):
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor)[:7], tensor.name))
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[1].dim_value = 7
    onnx.save(model, tmp_path / "teacher.onnx")
    given = (*arguments, "--distill", tmp_path / "teacher.onnx")
    refuses(capsys, 2, "teacher-classes-differ", *given)


@thorough
def test_a_teacher_has_its_own_input(images: Path, tmp_path: Path) -> None:
    import torch

    described = json.loads(Path(preprocess_path()).read_text())
    compiled, open_size = tmp_path / "compiled.onnx", tmp_path / "open.onnx"
    resized = {**described, "resize": {"size": [32, 32]}}
    jpegcompile.compile(MODEL, preprocess=resized, resolution=(64, 64)).save(compiled)
    # An input of another name, for any size.
    model = onnx.load(MODEL)
    for node in model.graph.node:
        node.input[:] = ["pixels" if name == "image" else name for name in node.input]
    [value] = model.graph.input
    value.name = "pixels"
    for side in (2, 3):
        value.type.tensor_type.shape.dim[side].dim_param = f"side{side}"
    onnx.save(model, open_size)
    given = {option.name: option.default for option in FINETUNE.options}
    given |= {"model": MODEL, "images": images, "preprocess": preprocess_path()}
    given |= {"output": tmp_path / "out.onnx", "image_input": "image"}
    group = Group(0, 1, torch.device("cpu"))
    for path, size in ((compiled, (64, 64)), (open_size, (32, 32))):
        teacher = Run({**given, "distill": path}, group).teacher
        assert teacher is not None
        assert teacher.image.size == size
        assert teacher.preprocess.geometry.takes_any_size == (path == compiled)


def test_a_batch_is_divided_among_processes(images: Path, tmp_path: Path) -> None:
    import torch

    given = {option.name: option.default for option in FINETUNE.options}
    given |= {"model": MODEL, "output": tmp_path / "out.onnx", "batch": 7}
    with refused("batch-not-divisible", UsageError):
        Run(given, Group(0, 2, torch.device("cpu")))


def test_help_needs_no_torch_and_learning_does() -> None:
    code = (
        "import sys\nsys.modules['torch'] = None\nfrom jpegcompile.cli import run_command\n"
        "print(run_command(['finetune', '--help']))\n"
        "print(run_command(['finetune', 'm.onnx', '--images', '.', '--preprocess', 'unit',"
        " '-o', 'o.onnx']))\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert lines[-1] == "5", done.stderr
    assert "0" in lines
    assert done.stderr.count("\n") == 1
    assert code_in(done.stderr) == "learning-needs-torch"


@thorough
def test_unusable_files_are_reported_after_everything_is_written(
    arguments: tuple[Any, ...], images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(images, copied)
    (copied / "3" / "broken.jpg").write_bytes(b"no image")
    given = [str(one) for one in (*arguments, "--images", copied, "--on-error", "report", "--json")]
    assert run_command(given) == 4
    captured = capsys.readouterr()
    assert [one["file"] for one in json.loads(captured.out)["skipped"]] == [
        str(copied / "3" / "broken.jpg")
    ]
    assert (tmp_path / "out.onnx").exists()
    (tmp_path / "out.onnx").unlink()
    assert run_command(given[:-3]) == 4
    assert not (tmp_path / "out.onnx").exists()


@thorough
@pytest.mark.parametrize(
    "more",
    [
        ("--truncate", 8, "--domain", "jpeg"),
        ("--frequencies", 8),
        ("--frequencies", 6, "--relu", "apx"),
        ("--resolution", "24x24", "--distill", "--augment", "flip,crop=4"),
        ("--optimizer", "adamw", "--learning-rate", 0.001, "--warmup", 0.5, "--amp", "bfloat16"),
        ("--workers", 2, "--augment", "cifar,brightness=0.2"),
        ("--validation", 0, "--keep", "last", "--schedule", "step", "--clip", 1),
        ("--fallback", "pixels", "--augment", "none"),
        ("--cache", "digits.jpegcache", "--augment", "cifar"),
    ],
    ids=lambda more: str(more[0]) + str(more[1]),
)
def test_combinations(
    arguments: tuple[Any, ...],
    more: tuple[Any, ...],
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    compiled = tmp_path / "c.onnx"
    monkeypatch.chdir(tmp_path)
    result = run_json(capsys, *arguments, *more, "--compiled", compiled)
    assert np.isfinite(result["epochs"][0]["loss"])
    assert len(jpegcompile.load(compiled).run(sorted(images.rglob("*.jpg")))[0]) == 40


@thorough
def test_a_cache_changes_nothing_but_the_reading(
    arguments: tuple[Any, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, cache = tmp_path / "out.onnx", tmp_path / "digits.jpegcache"
    more = ("--augment", "cifar,brightness=0.2")
    run_json(capsys, *arguments, *more)
    expected = weights(out)
    for _ in range(2):
        run_json(capsys, *arguments, *more, "--cache", cache)
        assert all(np.array_equal(expected[name], one) for name, one in weights(out).items())
