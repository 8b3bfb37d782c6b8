"""The verb `bench` for images of any size: printed output, JSON and errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import numpy_helper
from support.bench_results import QUICK
from support.codes import code_in
from support.commands import fails, run_json, run_text
from support.images import make_jpeg
from support.tiers import quick_of, thorough
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.evaluation.benchmark.any_size import sharings
from jpegcompile.interface import DOMAIN

RIVALS = ("pillow", "pillow-box")
CHOSEN = ("--rivals", ",".join(RIVALS))
PREPROCESS = {"preset": "unit", "resize": {"size": 36}, "crop": "center"}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "source.onnx"
    onnx.save(tiny_residual(), path)
    return path


@pytest.fixture(scope="module")
def compiled(source: Path) -> Path:
    path = source.with_name("compiled.onnx")
    jpegcompile.compile(source, preprocess=PREPROCESS).save(path)
    return path


@pytest.fixture(scope="module")
def images(source: Path) -> Path:
    """Files of several sizes and samplings."""
    folder = source.with_name("images")
    folder.mkdir()
    for index, (size, mode) in enumerate((((60, 50), "RGB"), ((40, 90), "L"), ((36, 36), "RGB"))):
        options = {"subsampling": index} if mode == "RGB" else {}
        (folder / f"{index}.jpg").write_bytes(make_jpeg(*size, mode, **options))
    return folder


@thorough
def test_json(
    source: Path, compiled: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--batches", 2, "--threads", "1,2", "--rounds", 2, "--seconds", 0, *CHOSEN)
    data = run_json(capsys, "bench", source, compiled, "--images", images, *arguments)
    assert (data["files"], data["left_out"], data["inputs"]["images"]["count"]) == (3, 0, 16)
    after_draft = "Pillow's BILINEAR of the crop, after draft"
    assert data["rivals"] == {"pillow": "Pillow's BILINEAR", "pillow-box": after_draft}
    assert data["left_out_rivals"] == {}
    sides = [*RIVALS, "compiled"]
    ways = [vars(way) for way in sharings(2)]
    for cell in data["cells"]:
        assert list(cell["sides"]) == sides
        stages = [(timing["stage"], timing["inputs"]) for timing in cell["timings"]]
        whole = [("end to end", "images"), ("pipelined", "images")][: cell["threads"]]
        assert stages == [("input", "images"), ("network", None), *whole]
        for timing in cell["timings"]:
            assert all(len(timing["rounds"][side]) == 2 for side in sides)
            assert all(timing["seconds"][side] > 0 for side in sides)
            assert timing["ratio"]["compiled"] == timing["ratio_to"]["pillow"]["compiled"]
            assert list(timing["ratio_to"]) == list(RIVALS)
        check = cell["sides"]["compiled"]["check"]
        assert check["passed"]
        assert check["inputs"] == 16
        # Pillow rounds pixels, and the float decode does not.
        pillow, box = (cell["sides"][rival]["differences"] for rival in RIVALS)
        logits = check["outputs"][1]
        # Of the original here, and of the compiled model there.
        apart = logits["conversion"]
        assert pillow[1]["difference"] == pytest.approx(logits["decoder"], abs=apart)
        assert pillow[1]["difference"] > 100 * apart
        assert 100 * apart < box[1]["difference"] < 0.1 * box[1]["largest"]
        for side in cell["sides"].values():
            assert side["sharing"] is None if cell["threads"] == 1 else side["sharing"] in ways


@pytest.mark.thorough
def test_text(
    source: Path, compiled: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--images", images, *QUICK, *CHOSEN, "--portable", "--per-op")
    text = run_text(capsys, "bench", source, compiled, *arguments)
    lines = text.splitlines()
    head = "batch threads step inputs compiled bodies pillow ratio pillow-box ratio"
    assert lines[0].split() == head.split()
    assert lines[1].split()[:4] == ["1", "1", "input", "images"]
    assert "; ratios are compiled to the rival on the left; " in text
    assert "\npillow: resizes with Pillow's BILINEAR; outputs are off by " in text
    assert ", top-1 is the same for 16 of 16 inputs\n" in text
    for side in ("pillow", "compiled", "bodies"):
        assert f"\n{side}, batch 1, 1 thread: " in text
    # A single thread alternates between reading and computing.
    assert "pipelined" not in text


@thorough
def test_photographs_are_made(
    source: Path, compiled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--batches", 2, "--threads", 2, *QUICK[4:], "--rivals", "pillow-box")
    text = run_text(capsys, "bench", source, compiled, *arguments)
    assert "\nquality 75: 16 inputs, " in text
    assert "\nquality 90: 16 inputs, " in text
    assert "\npipelined, batch 2, 2 threads: pillow-box " in text
    assert " reading and " in text


def damaged(compiled: Path, path: Path, what: str) -> Path:
    """The compiled model with other weights, or another crop."""
    model = onnx.load(compiled)
    if what == "weights":
        weight = max(model.graph.initializer, key=lambda t: len(t.dims) == 4 and t.dims[0])
        weight.CopyFrom(numpy_helper.from_array(1.01 * numpy_helper.to_array(weight), weight.name))
    else:
        (entry,) = (entry for entry in model.metadata_props if entry.key == DOMAIN)
        data: Any = json.loads(entry.value)
        # A centered crop of 43x36 begins at (2, 6) or (2, 5).
        data["input"]["geometry"]["crop"] = {"position": [0, 0]}
        entry.value = json.dumps(data)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("what", quick_of(["crop", "weights"]))
def test_wrong_answers_are_not_timed(
    what: str,
    source: Path,
    compiled: Path,
    images: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wrong = damaged(compiled, tmp_path / "wrong.onnx", what)
    arguments = ("--images", images, *QUICK, "--rivals", "pillow")
    message = fails(capsys, 1, "bench", source, wrong, *arguments)
    assert message.startswith("output 'probabilities': conversion error ")


def test_rivals_that_cannot_be(
    source: Path, compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("bench", source, compiled, *QUICK)
    message = fails(capsys, 2, *arguments, "--rivals", "pillow,opencv")
    assert "'opencv'" in message
    assert code_in(message) == "rival-unknown"
    own = tmp_path / "own.onnx"
    jpegcompile.compile(source, preprocess="unit").save(own)
    message = fails(capsys, 2, "bench", source, own, *QUICK, *CHOSEN)
    assert message.startswith(f"{own}: ")
    assert code_in(message) == "bench-rivals-not-applicable"


@thorough
def test_a_model_for_tensors_takes_photographs(
    source: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tensors.onnx"
    jpegcompile.compile(source, preprocess=PREPROCESS, input="tensor").save(path)
    data = run_json(capsys, "bench", source, path, "--images", images, *QUICK)
    assert [timing["stage"] for timing in data["cells"][0]["timings"]] == ["network"]
    assert data["cells"][0]["sides"]["compiled"]["check"]["passed"]
