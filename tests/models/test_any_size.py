"""Models for files of any size: every way into them gives what the original gives for the pixels.

The pass is `preprocess-input`.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from PIL import Image
from support.codes import refused
from support.coefficient_files import SAMPLINGS, random_file
from support.graphs import Graph
from support.half_precision import halved
from support.images import make_jpeg
from support.refusals import refused_model
from support.tiny_residual import OUTPUTS, Array, tiny_residual

import jpegcompile
from jpegcompile.errors import CheckFailedError, ImageError, UnsupportedModelError, UsageError
from jpegcompile.evaluation.pillow import pillow_input
from jpegcompile.evaluation.verify import require_passed
from jpegcompile.interface import DOMAIN
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.messages import code_of
from jpegcompile.operators.ingest import INGEST_FILE, INGEST_INTEGERS
from jpegcompile.runtime.input_tensors import original_input
from jpegcompile.runtime.session import Session
from jpegcompile.target.base import CPU_PROVIDERS

WIDTH, HEIGHT = 40, 24
RESIZED: dict[str, Any] = {"preset": "unit", "resize": {"fit": "short"}, "crop": "center"}
PADDED: dict[str, Any] = {
    "preset": "unit",
    "resize": {"fit": "pad", "filter": "lanczos"},
    "orientation": True,
    "fill": [10, 20, 30],
}
MIRRORED: dict[str, Any] = {**RESIZED, "crop": "bottom-right", "mirror": True, "flip": True}
DESCRIPTIONS = {"resized": RESIZED, "padded": PADDED, "mirrored": MIRRORED}
DECODERS = ("float", "libjpeg-turbo")


def turned(width: int, height: int, orientation: int) -> bytes:
    """A file that says how it is to be turned."""
    image = Image.open(io.BytesIO(make_jpeg(width, height)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    image.save(stream, "JPEG", exif=exif)
    return stream.getvalue()


FILES = [
    make_jpeg(97, 61, subsampling="4:2:0"),
    make_jpeg(33, 130, subsampling="4:4:4"),
    make_jpeg(50, 40, "L"),
    make_jpeg(64, 48, keep_rgb=True),
    turned(70, 45, 6),
    turned(45, 70, 3),
    random_file(SAMPLINGS["4:1:1"], 100, 75),
    make_jpeg(WIDTH, HEIGHT),
]


def compiled(folder: Path, model: onnx.ModelProto | None = None, **options: Any) -> Path:
    path = folder / "any.onnx"
    source = tiny_residual(height=HEIGHT, width=WIDTH) if model is None else model
    jpegcompile.compile(source, **{"preprocess": RESIZED, **options}).save(path)
    return path


def meant(session: Session, model: onnx.ModelProto, files: list[bytes]) -> list[Array]:
    """The answers of the original for the pixels that the preprocessing describes."""
    preprocess, taken = session.preprocess, session.info.input
    images = [original_input(read_coefficients(file), preprocess, taken) for file in files]
    original = ort.InferenceSession(model.SerializeToString(), providers=list(CPU_PROVIDERS))
    outputs: list[Array] = original.run(list(OUTPUTS), {taken.name: np.stack(images)})
    return outputs


def assert_close(actual: list[Array], expected: list[Array]) -> None:
    """Within float32 rounding of the ingest and of the network."""
    for values, wanted in zip(actual, expected, strict=True):
        assert values.shape == wanted.shape
        np.testing.assert_allclose(values, wanted, rtol=0, atol=5e-6 * np.abs(wanted).max())


def fed(session: Session, files: list[bytes]) -> list[Array]:
    """Each file by itself through the graph that ONNX Runtime has."""
    whole = session.inference_session
    rows = [whole.run(list(OUTPUTS), session.feeds([file])) for file in files]
    return [np.concatenate(parts) for parts in zip(*rows, strict=True)]


@pytest.mark.parametrize("domain", ["jpeg", "auto"])
@pytest.mark.parametrize("mode", ["coefficients", "jpeg"])
@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_every_way_gives_the_originals_answers(
    tmp_path: Path, name: str, decoder: str, mode: str, domain: str
) -> None:
    model = tiny_residual(height=HEIGHT, width=WIDTH)
    options = {"preprocess": DESCRIPTIONS[name], "decoder": decoder, "domain": domain}
    session = jpegcompile.load(compiled(tmp_path, model, input=mode, **options))
    expected = meant(session, model, FILES)
    assert_close(list(session.run(FILES)), expected)
    # Components of a file of RGB have other matrices of color than luma and chroma.
    is_rgb_fed = mode == "jpeg" or decoder != "float"
    chosen = [i for i in range(len(FILES)) if is_rgb_fed or i != 3]
    made = fed(session, [FILES[i] for i in chosen])
    assert_close(made, [values[chosen] for values in expected])
    # A planted fault: another crop.
    other = {**DESCRIPTIONS[name], "crop": [0, 1]}
    wrong = jpegcompile.load(compiled(tmp_path, model, **{**options, "preprocess": other}))
    with pytest.raises(AssertionError):
        assert_close(list(wrong.run(FILES)), expected)


@pytest.mark.parametrize("target", ["ort", "onnx"])
def test_standard_operators_are_enough_for_coefficients(tmp_path: Path, target: str) -> None:
    model = tiny_residual(height=HEIGHT, width=WIDTH)
    path = compiled(tmp_path, model, preprocess=PADDED, target=target)
    session = jpegcompile.load(path, native=False)
    plain = ort.InferenceSession(str(path), providers=list(CPU_PROVIDERS))
    names = {value.name for value in plain.get_inputs()}
    matrices = {f"{p}_{side}" for p in ("luma", "chroma") for side in ("rows", "columns")}
    assert names == {"luma", "chroma", "quantization", "level", *matrices}
    files = [FILES[0], FILES[2], FILES[4]]
    rows = [plain.run(list(OUTPUTS), session.feeds([file])) for file in files]
    made = [np.concatenate(parts) for parts in zip(*rows, strict=True)]
    assert_close(made, meant(session, model, files))
    assert_close(list(session.run(files)), made)


def test_a_batch_of_files_that_are_alike(tmp_path: Path) -> None:
    for decoder in DECODERS:
        session = jpegcompile.load(compiled(tmp_path, decoder=decoder))
        files = [make_jpeg(97, 61, quality=q) for q in (30, 60, 90)]
        feeds = session.feeds(files)
        made = session.inference_session.run(list(OUTPUTS), feeds)
        assert_close(made, list(session.run(files)))
        with pytest.raises(ImageError) as caught:
            session.feeds([files[0], FILES[1]])
        assert caught.value.code == "feeds-files-differ"
        assert str(caught.value).startswith("bytes (image 1): ")


def test_files_of_rgb_have_no_luma(tmp_path: Path) -> None:
    with pytest.raises(ImageError) as caught:
        jpegcompile.load(compiled(tmp_path)).feeds([FILES[3]])
    assert caught.value.code == "feeds-rgb-file"
    assert str(caught.value).startswith("bytes: ")


@pytest.mark.parametrize("decoder", DECODERS)
def test_networks_of_one_channel(tmp_path: Path, decoder: str) -> None:
    model = tiny_residual(1, HEIGHT, WIDTH)
    session = jpegcompile.load(compiled(tmp_path, model, decoder=decoder))
    assert_close(list(session.run(FILES)), meant(session, model, FILES))
    assert_close(fed(session, [FILES[2]]), meant(session, model, [FILES[2]]))
    if decoder != "float":
        with refused("feeds-color-file-for-gray", ImageError):
            session.feeds([FILES[0]])


@pytest.mark.parametrize("mode", ["coefficients", "jpeg"])
def test_networks_in_float16(tmp_path: Path, mode: str) -> None:
    model = halved(tiny_residual(height=HEIGHT, width=WIDTH))
    session = jpegcompile.load(compiled(tmp_path, model, input=mode))
    expected = session.run(FILES[:3])
    made = fed(session, FILES[:3])
    for values, wanted in zip(made, expected, strict=True):
        np.testing.assert_allclose(values, wanted, rtol=0, atol=2e-3 * np.abs(wanted).max())


def test_channels_last_networks(tmp_path: Path) -> None:
    model = tiny_residual(height=HEIGHT, width=WIDTH, layout="NHWC")
    session = jpegcompile.load(compiled(tmp_path, model))
    assert_close(list(session.run(FILES)), meant(session, model, FILES))


def test_integers_are_pillows(tmp_path: Path) -> None:
    """So the original's answers for Pillow's decode do not change at all but for rounding."""
    path = compiled(tmp_path, preprocess={**RESIZED, "decoder": "libjpeg-turbo"})
    session = jpegcompile.load(path)
    for file in FILES:
        by_pillow = pillow_input(file, session.preprocess, session.info.input)
        ours = original_input(read_coefficients(file), session.preprocess, session.info.input)
        np.testing.assert_array_equal(ours, by_pillow)


def test_a_file_of_the_networks_size_as_integers(tmp_path: Path) -> None:
    """Without a resize there is no fixed linear map either."""
    model = tiny_residual(height=HEIGHT, width=WIDTH)
    path = compiled(tmp_path, model, preprocess="unit", decoder="libjpeg-turbo")
    made = onnx.load(path)
    assert next(n.op_type for n in made.graph.node if n.domain == DOMAIN) == INGEST_INTEGERS
    session = jpegcompile.load(path)
    assert_close(list(session.run([FILES[-1]])), meant(session, model, [FILES[-1]]))
    with refused("image-size-mismatch", ImageError):
        session.run([FILES[0]])


def test_what_reads_a_file(tmp_path: Path) -> None:
    made = onnx.load(compiled(tmp_path, input="jpeg"))
    assert [value.name for value in made.graph.input] == ["jpeg"]
    assert made.graph.node[0].op_type == INGEST_FILE
    session = jpegcompile.load(tmp_path / "any.onnx")
    assert dict(session.execution.replaced) == {INGEST_FILE: 1}
    portable = jpegcompile.load(tmp_path / "any.onnx", native=False)
    assert_close(list(portable.run(FILES)), list(session.run(FILES)))
    with refused("native-kernels-required", UsageError):
        _ = portable.inference_session


def test_verify_looks_at_every_node(tmp_path: Path) -> None:
    for index, file in enumerate(FILES):
        (tmp_path / f"{index}.jpg").write_bytes(file)
    source = tmp_path / "source.onnx"
    onnx.save(tiny_residual(height=HEIGHT, width=WIDTH), source)
    for mode, decoder in (("coefficients", "float"), ("jpeg", "libjpeg-turbo")):
        path = tmp_path / f"{mode}.onnx"
        options: dict[str, Any] = {"input": mode, "decoder": decoder, "preprocess": PADDED}
        jpegcompile.compile(source, **options).save(path)
        result = jpegcompile.verify(source, path, tmp_path)
        require_passed(result)
        assert result.inputs == len(FILES)
        assert result.inputs_for_nodes > 0
        assert result.nodes
        model = onnx.load(path)
        weight = next(t for t in model.graph.initializer if len(t.dims) == 4 and t.dims[2] == 3)
        values = onnx.numpy_helper.to_array(weight).copy()
        values.flat[0] += 0.5
        weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
        onnx.save(model, path)
        with pytest.raises(CheckFailedError):
            require_passed(jpegcompile.verify(source, path, tmp_path))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("luma_rows", {}),
        ("level", {"preprocess": PADDED}),
        ("frame", {"decoder": "libjpeg-turbo"}),
        ("jpeg", {"input": "jpeg"}),
    ],
)
def test_names_of_inputs_are_taken(name: str, options: dict[str, Any]) -> None:
    text = f"(T[N,3,16,24] x) => (T[] {name}) {{ {name} = Relu(x) }}"
    with refused("tensor-name-reserved", UnsupportedModelError) as caught:
        jpegcompile.compile(Graph(text, {}).model("float"), **{"preprocess": RESIZED, **options})
    assert f"'{name}'" in str(caught.value)


def test_a_bound_batch_takes_no_single_file() -> None:
    model = tiny_residual(height=HEIGHT, width=WIDTH, batch=4)
    with refused("jpeg-input-fixed-batch", UnsupportedModelError):
        jpegcompile.compile(model, preprocess=RESIZED, input="jpeg")


def refusal(**options: Any) -> str:
    with pytest.raises(UsageError) as caught:
        jpegcompile.compile(tiny_residual(height=HEIGHT, width=WIDTH), **options)
    return str(caught.value)


def test_what_decoders_cannot_do() -> None:
    tensor: dict[str, Any] = {"decoder": "libjpeg-turbo", "input": "tensor"}
    refused_model("decoder-without-preprocess", UsageError, tiny_residual(), **tensor)
    files: dict[str, Any] = {"input": "coefficients", "preprocess": RESIZED}
    files |= {"decoder": "libjpeg-turbo", "target": "onnx"}
    message = refused_model("decoder-needs-kernels", UsageError, tiny_residual(), **files)
    assert "--target onnx" in message
    description = {**RESIZED, "resize": {"library": "opencv"}, "decoder": "libjpeg-turbo"}
    model = tiny_residual(height=HEIGHT, width=WIDTH)
    with refused("integer-decode-resize-not-pillow", UsageError):
        jpegcompile.compile(model, preprocess=description)
    filled = {**RESIZED, "fill": 114.5}
    with refused("integer-decode-fill-not-whole", UsageError):
        jpegcompile.compile(model, preprocess=filled, decoder="libjpeg-turbo")


def test_descriptions_that_never_fit() -> None:
    message = refusal(preprocess={"preset": "unit", "resize": [30, 30]})
    assert message.startswith(
        "--preprocess: an image of the network's own size is 40x24, resized to 30x30, but"
    )


def test_small_networks_take_files_of_their_size() -> None:
    report = jpegcompile.compile(
        tiny_residual(height=HEIGHT, width=WIDTH), preprocess="imagenet"
    ).report
    (note,) = [note for note in report.notes if code_of(note) == "preset-does-not-resize"]
    assert "24x40" in note


@pytest.mark.parametrize("mode", ["coefficients", "jpeg", "tensor"])
def test_an_orientation_alone_is_applied(tmp_path: Path, mode: str) -> None:
    """Without a resize, too: no fixed matrices turn a file."""
    model = tiny_residual(height=24, width=24)
    path = compiled(tmp_path, model, input=mode, preprocess={"preset": "unit", "orientation": True})
    session = jpegcompile.load(path)
    files = [turned(24, 24, orientation) for orientation in (1, 2, 6, 8)]
    expected = meant(session, model, files)
    assert_close(list(session.run(files)), expected)
    assert np.abs(expected[0][0] - expected[0][2]).max() > 1e-3 * np.abs(expected[0]).max()


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_pillow_is_shown_the_same_part(tmp_path: Path, name: str) -> None:
    """Where crops and mirrors meet, too: what differs is the rounding of 8 bits."""
    session = jpegcompile.load(compiled(tmp_path, preprocess=DESCRIPTIONS[name]))
    for file in (FILES[0], FILES[4]):
        by_pillow = pillow_input(file, session.preprocess, session.info.input)
        ours = original_input(read_coefficients(file), session.preprocess, session.info.input)
        assert np.abs(ours - by_pillow).mean() < 2 / 255


def test_feeds_of_integers_run(tmp_path: Path) -> None:
    session = jpegcompile.load(compiled(tmp_path, decoder="libjpeg-turbo"))
    made = session.run_feeds(session.feeds([FILES[0]]))
    assert_close(made, list(session.run([FILES[0]])))
