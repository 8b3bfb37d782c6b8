"""Models whose preprocessing asks for scaled decoding: every way into them means the same by it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from support.codes import refused
from support.coefficient_files import SAMPLINGS, random_file
from support.images import make_jpeg
from support.tiny_residual import OUTPUTS, Array, tiny_residual

import jpegcompile
from jpegcompile.commands.inspect_page import show_inspection
from jpegcompile.errors import CheckFailedError, UsageError
from jpegcompile.evaluation.verify import require_passed
from jpegcompile.interface import DOMAIN
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.preprocessing.steps import SCALED_DECODING
from jpegcompile.runtime.input_tensors import original_input
from jpegcompile.runtime.session import Session
from jpegcompile.target.base import CPU_PROVIDERS

SIZE = (24, 40)
RESIZE: dict[str, Any] = {"filter": "bicubic", "scaled_decoding": True}
SCALED: dict[str, Any] = {"preset": "unit", "resize": RESIZE, "crop": "center"}
WHOLE: dict[str, Any] = {**SCALED, "resize": {"filter": "bicubic"}}
# Shrinking by 2, 8 and 20; random coefficients have more of the high frequencies than photographs.
FILES = [
    make_jpeg(97, 61),
    random_file(SAMPLINGS["4:2:0"], 330, 195),
    random_file(SAMPLINGS["4:4:4"], 800, 480),
]


def compiled(folder: Path, **options: Any) -> Path:
    path = folder / "scaled.onnx"
    source = tiny_residual(height=SIZE[0], width=SIZE[1])
    jpegcompile.compile(source, **{"preprocess": SCALED, **options}).save(path)
    return path


def meant(session: Session, description: dict[str, Any] | None = None) -> list[Array]:
    """The answers of the original for the pixels that a description means."""
    preprocess, taken = session.preprocess, session.info.input
    if description is not None:
        preprocess = preprocess_of(description)
    images = [original_input(read_coefficients(file), preprocess, taken) for file in FILES]
    model = tiny_residual(height=SIZE[0], width=SIZE[1])
    original = ort.InferenceSession(model.SerializeToString(), providers=list(CPU_PROVIDERS))
    outputs: list[Array] = original.run(list(OUTPUTS), {taken.name: np.stack(images)})
    return outputs


def assert_close(actual: list[Array], expected: list[Array]) -> None:
    for values, wanted in zip(actual, expected, strict=True):
        np.testing.assert_allclose(values, wanted, rtol=0, atol=5e-6 * np.abs(wanted).max())


@pytest.mark.parametrize("mode", ["coefficients", "jpeg"])
def test_every_way_gives_the_originals_answers(tmp_path: Path, mode: str) -> None:
    session = jpegcompile.load(compiled(tmp_path, input=mode))
    expected = meant(session)
    assert_close(list(session.run(FILES)), expected)
    rows = [session.inference_session.run(list(OUTPUTS), session.feeds([f])) for f in FILES]
    assert_close([np.concatenate(parts) for parts in zip(*rows, strict=True)], expected)
    portable = jpegcompile.load(tmp_path / "scaled.onnx", native=False)
    assert_close(list(portable.run(FILES)), expected)
    # The planted fault: all frequencies. It is seen where frequencies are dropped.
    whole = meant(session, WHOLE)
    for values, other in zip(expected, whole, strict=True):
        moved = np.abs(values - other).reshape(len(FILES), -1).max(axis=1) / np.abs(other).max()
        assert moved[0] <= 1e-6
        assert moved[1:].min() > 1e-5


def test_reports_state_the_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tiny_residual(height=SIZE[0], width=SIZE[1])
    assert SCALED_DECODING.code == "scaled-decoding"
    assert SCALED_DECODING in jpegcompile.compile(source, preprocess=SCALED).report.notes
    assert SCALED_DECODING not in jpegcompile.compile(source, preprocess=WHOLE).report.notes
    inspection = jpegcompile.inspect(compiled(tmp_path))
    assert inspection.compiled is not None
    assert inspection.compiled.input.geometry.is_scaled
    assert inspection.compiled.preprocess is not None
    assert inspection.compiled.preprocess["resize"]["scaled_decoding"] is True
    show_inspection(inspection)
    shown = " ".join(capsys.readouterr().out.split())
    assert f"note: {SCALED_DECODING}" in shown
    assert '"scaled_decoding": true' in shown


def test_verify_compares_with_the_same_decode(tmp_path: Path) -> None:
    for index, file in enumerate(FILES):
        (tmp_path / f"{index}.jpg").write_bytes(file)
    source = tmp_path / "source.onnx"
    onnx.save(tiny_residual(height=SIZE[0], width=SIZE[1]), source)
    path = tmp_path / "scaled.onnx"
    jpegcompile.compile(source, preprocess=SCALED, input="jpeg").save(path)
    require_passed(jpegcompile.verify(source, path, tmp_path))
    # A planted fault: the original is shown all frequencies.
    model = onnx.load(path)
    entry = next(p for p in model.metadata_props if p.key == DOMAIN)
    record = json.loads(entry.value)
    del record["preprocess"]["resize"]["scaled_decoding"]
    entry.value = json.dumps(record)
    onnx.save(model, path)
    with pytest.raises(CheckFailedError):
        require_passed(jpegcompile.verify(source, path, tmp_path))


def test_integers_have_all_frequencies() -> None:
    with refused("integer-decode-scaled-decoding", UsageError):
        jpegcompile.compile(
            tiny_residual(height=SIZE[0], width=SIZE[1]),
            preprocess={**SCALED, "decoder": "libjpeg-turbo"},
        )


def test_a_model_at_another_resolution_keeps_it(tmp_path: Path) -> None:
    source = tiny_residual(height=48, width=80)
    path = tmp_path / "small.onnx"
    jpegcompile.compile(source, preprocess=SCALED, resolution="24x40").save(path)
    assert jpegcompile.load(path).info.input.geometry.is_scaled
