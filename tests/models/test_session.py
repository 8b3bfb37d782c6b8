"""Session.run on files of every sampling equals the original model on their float decode."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from support.coefficient_files import SAMPLINGS, random_file
from support.images import make_jpeg
from support.operators import set_body
from support.tiny_residual import OUTPUTS, Array, spatial_outputs, tiny_residual

import jpegcompile
from jpegcompile.jpeg.subsampling import SUBSAMPLINGS
from jpegcompile.operators.registry import OPERATORS
from jpegcompile.preprocessing.presets import PRESETS
from jpegcompile.preprocessing.reading import preprocess_of

CIFAR = PRESETS["cifar10"]
RGB_IDS = tuple(map(ord, "RGB"))


def session_of(model: onnx.ModelProto, folder: Path, **options: Any) -> jpegcompile.Session:
    path = folder / "compiled.onnx"
    jpegcompile.compile(model, **options).save(path)
    return jpegcompile.load(path)


def mixed_files(width: int, height: int) -> list[bytes]:
    """Ordinary and unusual samplings in turn, so that neighbors are computed differently."""
    return [
        make_jpeg(width, height, subsampling="4:2:0"),
        make_jpeg(width, height, subsampling="4:4:4", quality=95),
        make_jpeg(width, height, "L"),
        make_jpeg(width, height, subsampling="4:2:0", progressive=True, quality=40),
        make_jpeg(width, height, keep_rgb=True),
        make_jpeg(width, height, subsampling="4:2:2"),
        random_file(SAMPLINGS["4:2:0"], width, height, component_ids=RGB_IDS),
        *(random_file(sampling, width, height) for sampling in SAMPLINGS.values()),
    ]


def assert_same_outputs(actual: Sequence[Array], expected: Sequence[Array]) -> None:
    """Within float32 rounding: 4.4e-7 of the largest value was measured, seven roundings."""
    assert len(actual) == len(expected)
    for values, wanted in zip(actual, expected, strict=True):
        assert values.dtype == wanted.dtype
        limit = 2e-6 * float(np.abs(wanted).max())
        np.testing.assert_allclose(values, wanted, rtol=0, atol=limit)


def expected_outputs(
    model: onnx.ModelProto, files: Sequence[bytes], preprocess: Any = CIFAR
) -> list[Array]:
    how = preprocess_of(preprocess)
    color = how.color or "RGB"
    return spatial_outputs(model, files, how.scale, how.mean, how.std, color)


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize(("width", "height"), [(32, 32), (40, 24)])
def test_every_sampling_in_one_call(
    subsampling: str, width: int, height: int, tmp_path: Path
) -> None:
    model, files = tiny_residual(height=height, width=width), mixed_files(width, height)
    session = session_of(model, tmp_path, preprocess=CIFAR, subsampling=subsampling)
    assert_same_outputs(session.run(files), expected_outputs(model, files))


@pytest.mark.parametrize(("width", "height"), [(20, 28), (18, 10), (9, 7)])
@pytest.mark.parametrize("target", ["ort", "onnx"])
def test_smaller_blocks(target: Any, width: int, height: int, tmp_path: Path) -> None:
    model, files = tiny_residual(height=height, width=width), mixed_files(width, height)
    session = session_of(model, tmp_path, preprocess=CIFAR, target=target)
    assert_same_outputs(session.run(files), expected_outputs(model, files))


def test_paths_and_bytes_beyond_one_batch(tmp_path: Path) -> None:
    model, files = tiny_residual(), mixed_files(32, 32) * 2
    session = session_of(model, tmp_path, preprocess=CIFAR)
    assert len(files) > session.batch_size
    images: list[Any] = list(files)
    for index in range(0, len(files), 3):
        path = tmp_path / f"{index}.jpg"
        path.write_bytes(files[index])
        images[index] = path if index % 2 else str(path)
    assert_same_outputs(session.run(images), expected_outputs(model, files))


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_order_of_images_is_kept(order: slice, tmp_path: Path) -> None:
    files = mixed_files(32, 32)[order]
    session = session_of(tiny_residual(), tmp_path, preprocess=CIFAR)
    together = session.run(files)
    for index, file in enumerate(files):
        assert_same_outputs([values[index : index + 1] for values in together], session.run([file]))


@pytest.mark.parametrize("subsampling", [None, "gray"])
def test_one_channel_takes_the_luma_of_color_files(subsampling: str | None, tmp_path: Path) -> None:
    model, files = tiny_residual(1, 24, 40), mixed_files(40, 24)
    how = {"scale": 1 / 255, "mean": 0.45, "std": 0.25}
    session = session_of(model, tmp_path, preprocess=how, subsampling=subsampling)
    assert session.info.subsampling == "gray"
    names = [value.name for value in session.inference_session.get_inputs()]
    assert names == ["luma", "quantization"]
    expected = expected_outputs(model, files, {**how, "color": "L"})
    assert_same_outputs(session.run(files), expected)
    # A color file is fed as it is where its luma is sampled in full.
    fed = session.inference_session.run(None, session.feeds(files[:2]))
    assert_same_outputs(fed, [values[:2] for values in expected])


def test_bgr(tmp_path: Path) -> None:
    how = {"mean": [103.9, 116.8, 123.7], "std": 60.0, "color": "BGR"}
    model, files = tiny_residual(), mixed_files(32, 32)
    session = session_of(model, tmp_path, preprocess=how)
    expected = expected_outputs(model, files, how)
    assert_same_outputs(session.run(files), expected)
    rgb = expected_outputs(model, files, {**how, "color": "RGB"})
    with pytest.raises(AssertionError, match="Mismatched elements"):
        assert_same_outputs(session.run(files), rgb)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("mode", ["coefficients", "tensor"])
def test_layouts_and_normalization_inside_the_graph(
    layout: str, normalize: bool, mode: Any, tmp_path: Path
) -> None:
    model = tiny_residual(height=24, width=40, layout=layout, normalize=normalize)
    how = "none" if normalize else "imagenet"
    session = session_of(model, tmp_path, preprocess=how, input=mode)
    files = mixed_files(40, 24)
    assert_same_outputs(session.run(files), expected_outputs(model, files, how))


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("count", [1, 3, 4, 9])
def test_a_model_of_fixed_batch_takes_any_number(batch: int, count: int, tmp_path: Path) -> None:
    files = mixed_files(32, 32)[:count]
    session = session_of(tiny_residual(batch=batch), tmp_path, preprocess=CIFAR)
    assert session.batch_size == (32 if batch == 1 else 4)
    expected = expected_outputs(tiny_residual(), files)
    assert_same_outputs(session.run(files), expected)


def test_names_and_order_of_outputs_are_kept(tmp_path: Path) -> None:
    session = session_of(tiny_residual(), tmp_path, preprocess=CIFAR)
    assert session.output_names == OUTPUTS
    probabilities, logits = session.run(mixed_files(32, 32)[:2])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=0, atol=1e-6)
    assert logits.max() > 1.0
    saved = [output.name for output in session.model.graph.output]
    assert saved == OUTPUTS


def test_planted_faults_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A weight that is off by a thousandth, and a body that is wrong."""
    model, files = tiny_residual(), mixed_files(32, 32)
    expected = expected_outputs(model, files)
    faulty = tiny_residual()
    weight = next(tensor for tensor in faulty.graph.initializer if tensor.name == "w2")
    values = onnx.numpy_helper.to_array(weight).copy()
    values.flat[np.abs(values).argmax()] *= 1.001
    weight.CopyFrom(onnx.numpy_helper.from_array(values, "w2"))
    session = session_of(faulty, tmp_path, preprocess=CIFAR)
    with pytest.raises(AssertionError, match="Mismatched elements"):
        assert_same_outputs(session.run(files), expected)
    body = OPERATORS["JpegConvRelu"].body(13).statements
    with monkeypatch.context() as patch:
        set_body(patch, "JpegConvRelu", 13, body.replace("Relu(", "Abs("))
        path = session_of(model, tmp_path, preprocess=CIFAR).path
    session = jpegcompile.load(path, native=False)
    with pytest.raises(AssertionError, match="Mismatched elements"):
        assert_same_outputs(session.run(files), expected)
