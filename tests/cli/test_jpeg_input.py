"""All verbs with a model for the bytes of files (--input jpeg)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from support.codes import code_in
from support.commands import fails, few_images, refuses, run_json, run_text
from support.tiers import thorough

import jpegcompile
from jpegcompile.digits import images_path, model_path, preprocess_path
from jpegcompile.runtime import native
from jpegcompile.target.base import CPU_PROVIDERS

IMAGE = images_path() / "0" / "00.jpg"


@pytest.fixture
def compiled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = tmp_path / "digits.jpeg.onnx"
    options = ("--input", "jpeg", "--preprocess", preprocess_path())
    run_text(capsys, "compile", model_path(), "-o", path, *options)
    return path


def test_every_verb(compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = run_json(capsys, "inspect", compiled)
    assert record["compiled"]["input_mode"] == "jpeg"
    assert record["execution"]["native"]["JpegDecode"] == 1
    assert "input jpeg for 'image' 3x32x32" in run_text(capsys, "inspect", compiled)
    images = tmp_path / "few"
    images.mkdir()
    few_images(images)
    for portable in ((), ("--no-native",)):
        verified = run_json(capsys, "verify", model_path(), compiled, "--images", images, *portable)
        assert (verified["inputs"], verified["inputs_for_nodes"]) == (40, 16)
        compared = run_json(
            capsys, "compare", model_path(), compiled, "--images", images, *portable
        )
        assert compared["images"] == 40
    given = run_json(capsys, "run", compiled, IMAGE)
    assert given["execution"]["replaced"] == {"JpegDecode": 1}
    assert given["execution"]["native_nodes"] == record["execution"]["native_nodes"] - 1
    first = given["predictions"]
    assert run_json(capsys, "run", compiled, IMAGE, "--no-native")["predictions"] != []
    assert first[0]["classes"][0] == 0


def test_its_scores_are_those_of_plain_onnx_runtime(
    compiled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ort.SessionOptions()
    options.register_custom_ops_library(str(jpegcompile.custom_ops_library()))
    session = ort.InferenceSession(str(compiled), options, providers=list(CPU_PROVIDERS))
    (scores,) = session.run(None, {"jpeg": np.frombuffer(IMAGE.read_bytes(), np.uint8)})
    (prediction,) = run_json(capsys, "run", compiled, IMAGE)["predictions"]
    assert prediction["classes"] == list(np.argsort(-scores[0])[:5])
    np.testing.assert_array_equal(prediction["scores"], np.sort(scores[0])[:-6:-1])


@thorough
@pytest.mark.parametrize("portable", [(), ("--portable",)])
def test_bench(
    compiled: Path, portable: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    quick = ("--rounds", "1", "--seconds", "0", "--threads", "1", "--batches", "1,3", "--per-op")
    data = run_json(capsys, "bench", model_path(), compiled, *quick, *portable)
    assert data["mode"] == "jpeg"
    # The complete file is timed, as any program would run it.
    assert data["execution"]["native"]["JpegDecode"] == 1
    for cell in data["cells"]:
        stages = {timing["stage"] for timing in cell["timings"]}
        assert stages == {"decode", "ingest", "network", "end to end"}
        nodes = {side: {n["op"] for n in s["nodes"]} for side, s in cell["sides"].items()}
        assert "JpegDecode" in nodes["compiled"]
        assert "JpegDecode" not in nodes.get("portable", set())


def test_without_the_library(
    compiled: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(native, "custom_ops_library", lambda: None)
    text = " ".join(run_text(capsys, "inspect", compiled).split())
    assert "JpegDecode has no function body" in text
    assert "only jpegcompile.load can run this model" in text
    (prediction,) = run_json(capsys, "run", compiled, IMAGE)["predictions"]
    assert prediction["classes"][0] == 0
    quick = ("--rounds", "1", "--seconds", "0", "--threads", "1", "--batches", "1")
    assert run_json(capsys, "bench", model_path(), compiled, *quick)["mode"] == "jpeg"


def test_refusals(tmp_path: Path, compiled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out.onnx"
    given = ("compile", model_path(), "-o", output, "--input", "jpeg", "--preprocess", "unit")
    message = refuses(capsys, 2, "jpeg-input-needs-kernels", *given, "--target", "onnx")
    assert "--target onnx" in message
    assert not output.exists()
    image = tmp_path / "cut.jpg"
    image.write_bytes(IMAGE.read_bytes()[:-100])
    assert fails(capsys, 4, "run", compiled, image).startswith(f"{image}: damaged: ")
    message = fails(capsys, 2, "verify", model_path(), compiled)
    assert message.startswith(f"{compiled}: ")
    assert code_in(message) == "verify-without-images"
