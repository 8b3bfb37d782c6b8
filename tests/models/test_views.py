"""Five and ten views of an image: every way into a model averages the original's outputs over them.

The pass is `average-views`. The views are computed by torchvision's rule in `support/views.py`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper
from support.codes import refused
from support.coefficient_files import SAMPLINGS, random_file
from support.half_precision import halved
from support.images import make_jpeg
from support.mixed_files import mixed_file
from support.tiers import thorough
from support.tiny_residual import OUTPUTS, Array, tiny_residual
from support.views import COUNTS, CROPS, resized_by_pillow

import jpegcompile
from jpegcompile.dct.decode import decode
from jpegcompile.dct.resampled import resampled
from jpegcompile.errors import CheckFailedError, ImageError
from jpegcompile.evaluation.stability import measure_stability
from jpegcompile.evaluation.verify import require_passed
from jpegcompile.frequency_plan import FrequencyPlan
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.steps import Resize
from jpegcompile.runtime.input_tensors import original_input
from jpegcompile.runtime.session import Session
from jpegcompile.search.probe import Probe
from jpegcompile.target.base import CPU_PROVIDERS

HEIGHT, WIDTH, SHORT = 24, 40, 45
SIZE = HEIGHT, WIDTH
FILES = [
    make_jpeg(97, 61, subsampling="4:2:0"),
    make_jpeg(61, 130, subsampling="4:4:4"),
    random_file(SAMPLINGS["4:2:2"], 100, 75),
]


def described(views: str = "ten", **fields: Any) -> dict[str, Any]:
    return {"preset": "unit", "resize": SHORT, "crop": "center", "views": views, **fields}


def compiled(folder: Path, model: onnx.ModelProto, **options: Any) -> Path:
    path = folder / "views.onnx"
    jpegcompile.compile(model, **{"preprocess": described(), **options}).save(path)
    return path


def in_reals(file: bytes) -> Array:
    """Pixels [H, W, 3] of the decode in reals, resized to a short side."""
    image = read_coefficients(file)
    width, height = image.frame.width, image.frame.height
    size = (
        (int(SHORT * height / width), SHORT)
        if width <= height
        else (SHORT, int(SHORT * width / height))
    )
    whole = Geometry(Resize("exact", size)).place(Frame(height, width, ((1, 1),), "gray"), size)
    return resampled(decode(image, "RGB"), whole, (0.0,))


def averages(model: onnx.ModelProto, images: list[list[Array]]) -> list[Array]:
    """The means of the original's outputs over the views [H, W, 3] of each image, in float64."""
    session = ort.InferenceSession(model.SerializeToString(), providers=list(CPU_PROVIDERS))
    rows = []
    for views in images:
        tensors = (np.stack(views) / 255).transpose(0, 3, 1, 2).astype(np.float32)
        given = {"image": tensors}
        rows.append([out.astype(np.float64).mean(0) for out in session.run(list(OUTPUTS), given)])
    return [np.stack(parts) for parts in zip(*rows, strict=True)]


def assert_close(actual: Any, expected: list[Array]) -> None:
    """Within float32 rounding of the ingest and of the network, as in `test_any_size.py`."""
    for values, wanted in zip(actual, expected, strict=True):
        assert values.shape == wanted.shape
        np.testing.assert_allclose(values, wanted, rtol=0, atol=5e-6 * np.abs(wanted).max())


def fed(session: Session, files: list[bytes], views: int) -> list[Array]:
    """Each file by itself through the graph that ONNX Runtime has, averaged as the file needs."""
    whole, rows = session.inference_session, []
    for file in files:
        if session.info.averages_views:
            rows.append(whole.run(list(OUTPUTS), session.feeds([file])))
            continue
        runs = [whole.run(list(OUTPUTS), session.feeds([file], view)) for view in range(views)]
        rows.append([np.mean(parts, axis=0) for parts in zip(*runs, strict=True)])
    return [np.concatenate(parts) for parts in zip(*rows, strict=True)]


@pytest.mark.parametrize("mode", ["coefficients", "jpeg", "tensor"])
@pytest.mark.parametrize("decoder", ["float", "libjpeg-turbo"])
@pytest.mark.parametrize("views", COUNTS)
def test_every_way_averages(tmp_path: Path, views: str, decoder: str, mode: str) -> None:
    model = tiny_residual(height=HEIGHT, width=WIDTH)
    preprocess = described(views, decoder=decoder)
    session = jpegcompile.load(compiled(tmp_path, model, input=mode, preprocess=preprocess))
    pixels = in_reals if decoder == "float" else lambda file: resized_by_pillow(file, SHORT)
    resized = [pixels(file) for file in FILES]
    expected = averages(model, [CROPS[views](image, SIZE) for image in resized])
    assert session.info.views == COUNTS[views]
    assert_close(session.run(FILES), expected)
    read = [read_coefficients(file) for file in FILES]
    assert_close(session.run_coefficients(read), expected)
    image = session.image_of(read)
    assert image.shape == (len(FILES), COUNTS[views], 3, *SIZE)
    assert_close(session.run_image(image), expected)
    if mode != "tensor":
        tensor = session.preprocessor().read(FILES).tensor
        assert tensor.shape == image.shape
        assert_close(session.run_image(tensor), expected)
    assert_close(fed(session, FILES, COUNTS[views]), expected)
    # Planted faults: other views, and the middle alone.
    other = "five" if views == "ten" else "ten"
    for wrong in ([CROPS[other](i, SIZE) for i in resized], [[v[4]] for v in map(crops, resized)]):
        with pytest.raises(AssertionError):
            assert_close(session.run(FILES), averages(model, wrong))


def crops(image: Array) -> list[Array]:
    return CROPS["five"](image, SIZE)


@pytest.mark.parametrize("options", [{"target": "onnx"}, {"domain": "auto"}, {"input": "jpeg"}])
def test_without_native_kernels(tmp_path: Path, options: dict[str, Any]) -> None:
    model = tiny_residual(height=HEIGHT, width=WIDTH)
    session = jpegcompile.load(compiled(tmp_path, model, **options), native=False)
    expected = averages(model, [CROPS["ten"](in_reals(file), SIZE) for file in FILES])
    assert_close(session.run(FILES), expected)


@pytest.mark.parametrize("batch", [4, 5])
@pytest.mark.parametrize("mode", ["coefficients", "tensor"])
def test_bound_batches_are_filled_with_views(tmp_path: Path, mode: str, batch: int) -> None:
    model = tiny_residual(height=HEIGHT, width=WIDTH, batch=batch)
    session = jpegcompile.load(compiled(tmp_path, model, input=mode))
    # So many images that their views are whole batches.
    assert (session.fixed_batch, session.batch_size) == (batch, {4: 2, 5: 1}[batch])
    free = tiny_residual(height=HEIGHT, width=WIDTH)
    expected = averages(free, [CROPS["ten"](in_reals(file), SIZE) for file in FILES])
    assert_close(session.run(FILES), expected)


def test_networks_in_float16_average_in_their_type(tmp_path: Path) -> None:
    model = halved(tiny_residual(height=HEIGHT, width=WIDTH))
    for mode in ("coefficients", "jpeg"):
        session = jpegcompile.load(compiled(tmp_path, model, input=mode))
        expected = session.run(FILES)
        made = fed(session, FILES, 10)
        for values, wanted in zip(made, expected, strict=True):
            np.testing.assert_allclose(values, wanted, rtol=0, atol=2e-3 * np.abs(wanted).max())


def test_files_that_are_lost_take_nothing_with_them(tmp_path: Path) -> None:
    model = tiny_residual(height=HEIGHT, width=WIDTH)
    session = jpegcompile.load(compiled(tmp_path, model))
    png = mixed_file("png", 80, 60)
    made = session.run([FILES[0], b"nothing", FILES[1], png, FILES[2]], on_error="skip")
    assert made.used == (0, 2, 4)
    assert_close(made, list(session.run(FILES)))
    integers = described(decoder="libjpeg-turbo")
    session = jpegcompile.load(compiled(tmp_path, model, preprocess=integers))
    with_pixels = session.run([FILES[0], png], fallback="pixels")
    assert with_pixels.pixel_fallbacks == 1
    shown = [CROPS["ten"](resized_by_pillow(file, SHORT), SIZE) for file in (FILES[0], png)]
    assert_close(with_pixels, averages(model, shown))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index, file in enumerate(FILES):
        (tmp_path / f"{index}.jpg").write_bytes(file)
    return tmp_path


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"input": "jpeg", "decoder": "libjpeg-turbo"},
        pytest.param({"input": "tensor"}, marks=[thorough]),
        pytest.param({"input": "jpeg"}, marks=[thorough]),
        pytest.param({"decoder": "libjpeg-turbo"}, marks=[thorough]),
    ],
)
def test_verify_and_compare_average_both_sides(folder: Path, options: dict[str, Any]) -> None:
    source = folder / "source.onnx"
    model = tiny_residual(height=HEIGHT, width=WIDTH)
    onnx.save(model, source)
    path = folder / "views.onnx"
    jpegcompile.compile(source, preprocess=described(), **options).save(path)
    result = jpegcompile.verify(source, path, folder)
    require_passed(result)
    assert result.inputs == result.inputs_for_nodes == len(FILES)
    comparison = jpegcompile.compare(source, path, folder, unlabelled=True)
    assert comparison.images == len(FILES)
    assert comparison.conversion.largest < 5e-6 * comparison.conversion.scale
    by_pillow = averages(model, [CROPS["ten"](resized_by_pillow(f, SHORT), SIZE) for f in FILES])
    # What the decoder changes, by Pillow's own crops.
    apart = float(np.abs(jpegcompile.load(path).run(FILES)[0] - by_pillow[0]).max())
    assert comparison.decoder.largest == pytest.approx(apart, abs=1e-6)
    damaged = onnx.load(path)
    weight = next(t for t in damaged.graph.initializer if len(t.dims) == 4 and t.dims[2] == 3)
    values = numpy_helper.to_array(weight).copy()
    values.flat[0] += 0.5
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    onnx.save(damaged, path)
    with pytest.raises(CheckFailedError):
        require_passed(jpegcompile.verify(source, path, folder))


def test_a_bound_batch_and_a_fill(folder: Path) -> None:
    """What a batch has in common, like the fill, is not filled up to the batch."""
    source = folder / "source.onnx"
    onnx.save(tiny_residual(height=HEIGHT, width=WIDTH, batch=4), source)
    for views in ("one", "five"):
        preprocess = {"preset": "unit", "resize": {"fit": "pad"}, "views": views}
        jpegcompile.compile(source, preprocess=preprocess).save(folder / "padded.onnx")
        result = jpegcompile.verify(source, folder / "padded.onnx", folder)
        require_passed(result)
        assert result.inputs_for_nodes == len(FILES)


def test_searches_average_too(folder: Path) -> None:
    model = tiny_residual(height=HEIGHT, width=WIDTH)
    probe = Probe(model, folder, "asm", preprocess=described())
    files = sorted(folder.glob("*.jpg"))
    expected = averages(model, [CROPS["ten"](in_reals(file), SIZE) for file in FILES])
    scores = probe.scores(files, FrequencyPlan(), "logits")
    assert_close([scores], [expected[OUTPUTS.index("logits")]])
    assert probe.stability(files, FrequencyPlan(), "logits").images == len(FILES)


def test_stability_is_of_images(folder: Path) -> None:
    session = jpegcompile.load(compiled(folder, tiny_residual(height=HEIGHT, width=WIDTH)))
    assert measure_stability(session, sorted(folder.glob("*.jpg"))).images == len(FILES)


def test_scaled_decoding_of_each_view(tmp_path: Path) -> None:
    model, file = tiny_residual(height=HEIGHT, width=WIDTH), make_jpeg(600, 420)
    resize = {"size": SHORT, "filter": "bicubic", "scaled_decoding": True}
    path = compiled(tmp_path, model, preprocess=described(resize=resize))
    session = jpegcompile.load(path)
    preprocess, image = session.preprocess, read_coefficients(file)
    views = [
        original_input(image, replace(preprocess, geometry=view), session.info.input)
        for view in preprocess.geometry.each_view()
    ]
    made = original_input(image, preprocess, session.info.input)
    np.testing.assert_array_equal(made, np.stack(views))
    shown = [255 * view.transpose(1, 2, 0) for view in views]
    assert_close(session.run([file]), averages(model, [shown]))


def test_images_without_a_resize_must_cover_nothing(tmp_path: Path) -> None:
    """Views alone are crops: files of any size come to the network's."""
    model = tiny_residual(height=HEIGHT, width=WIDTH)
    preprocess = {"preset": "unit", "views": "five"}
    session = jpegcompile.load(compiled(tmp_path, model, preprocess=preprocess))
    decoded = [decode(read_coefficients(file), "RGB") for file in FILES]
    assert_close(session.run(FILES), averages(model, [crops(image) for image in decoded]))
    one = jpegcompile.load(compiled(tmp_path, model, preprocess="unit"))
    with refused("image-size-mismatch", ImageError):
        one.run(FILES)
