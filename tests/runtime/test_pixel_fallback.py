"""Files of which no coefficients are read, by Pillow's decode: which, and what networks see."""

from __future__ import annotations

import io
import os
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps
from support.arithmetic_files import ARITHMETIC
from support.codes import refused
from support.coefficient_files import SAMPLINGS, random_file
from support.images import make_jpeg
from support.mixed_files import KINDS, jpeg_file, mixed_file, pixels
from support.preprocessing import network
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.dct.blocks import dct_matrix
from jpegcompile.errors import ImageError, InternalError, UsageError
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.pixel_fallback import ADVICE, PixelFallback
from jpegcompile.jpeg.pixel_image import PixelImage, coefficients_of
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.jpeg.unusable import ImageReader
from jpegcompile.runtime.pixel_input import network_tensor
from jpegcompile.target.base import CPU_PROVIDERS

SIDE = 32
NUMBERS = {"scale": 1 / 255, "mean": [0.4, 0.45, 0.5], "std": [0.2, 0.25, 0.3]}
# Of images that are resized and cropped.
ANY_SIZE = {**NUMBERS, "resize": 40, "crop": "center"}
REFUSED = ImageError("bytes: is refused")


def decoded(data: bytes, color: Any = "RGB", **options: Any) -> PixelImage:
    return PixelFallback("pixels", color, **options).instead(data, REFUSED)


def by_pillow(data: bytes, mode: str = "RGB") -> NDArray[np.uint8]:
    image = np.asarray(Image.open(io.BytesIO(data)).convert(mode))
    return image.reshape(*image.shape[:2], -1)


@pytest.mark.parametrize("kind", KINDS)
def test_pixels_are_those_of_pillow(kind: str) -> None:
    data = mixed_file(kind, 19, 27)
    for color, mode in (("RGB", "RGB"), ("L", "L")):
        image = decoded(data, color)
        np.testing.assert_array_equal(image.pixels, by_pillow(data, mode))
        assert image.frame.size == (19, 27)
    np.testing.assert_array_equal(decoded(data, "BGR").pixels, by_pillow(data)[..., ::-1])


@pytest.mark.parametrize("process", ARITHMETIC)
def test_arithmetic_coding(process: str) -> None:
    np.testing.assert_array_equal(
        decoded(ARITHMETIC[process], "L").pixels, by_pillow(ARITHMETIC[process], "L")
    )


def test_samples_of_16_bits_are_scaled() -> None:
    """Pillow itself would show 255 from 256 on."""
    samples = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    stream = io.BytesIO()
    Image.fromarray(samples).save(stream, "PNG")
    expected = np.rint(samples / 257.0)
    np.testing.assert_array_equal(decoded(stream.getvalue(), "L").pixels[..., 0], expected)
    np.testing.assert_array_equal(decoded(stream.getvalue()).pixels[..., 2], expected)
    stream = io.BytesIO()
    Image.fromarray(samples.astype(np.float32)).save(stream, "TIFF")
    with refused("fallback-samples-32-bit", ImageError) as caught:
        decoded(stream.getvalue())
    assert str(caught.value).startswith("bytes: ")


def test_palettes_with_alpha_keep_their_colors() -> None:
    stream = io.BytesIO()
    palette = Image.new("RGB", (8, 8), (9, 70, 200)).quantize(4)
    palette.save(stream, "PNG", transparency=bytes([7, 128, 255]))
    assert decoded(stream.getvalue()).pixels[3, 3].tolist() == [9, 70, 200]


def test_damaged_metadata_turn_nothing() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (8, 4)).save(stream, "PNG", exif=b"Exif\0\0II\0\0unreadable")
    assert decoded(stream.getvalue()).frame.orientation == 1


def test_an_orientation_may_be_a_float() -> None:
    """Pillow's exif_transpose takes 6.0 for 6."""
    entry = struct.pack("<HHHIf", 1, 0x0112, 11, 1, 6.0)  # type FLOAT
    stream = io.BytesIO()
    Image.new("RGB", (8, 4)).save(stream, "PNG", exif=b"Exif\0\0II*\0\10\0\0\0" + entry + bytes(4))
    assert ImageOps.exif_transpose(Image.open(stream)).size == (4, 8)
    assert decoded(stream.getvalue()).frame.orientation == 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_that_of_exif(orientation: int) -> None:
    """Also of TIFF files, which Pillow turns by itself."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = pixels(20, 30, 0)
    upright = np.asarray(_exif_transposed(image, orientation))
    taken = network(upright.shape[:2], orientation=True, **NUMBERS)
    for format in ("PNG", "TIFF"):
        stream = io.BytesIO()
        image.save(stream, format, exif=exif)
        tensor = network_tensor(decoded(stream.getvalue()), taken, 1)
        np.testing.assert_allclose(tensor, normalized(upright), rtol=0, atol=1e-6)


def _exif_transposed(image: Image.Image, orientation: int) -> Image.Image:
    """EXIF 2.32, 4.6.4: what is to be done to the stored image."""
    turns = [
        [],
        [Image.Transpose.FLIP_LEFT_RIGHT],
        [Image.Transpose.ROTATE_180],
        [Image.Transpose.FLIP_TOP_BOTTOM],
        [Image.Transpose.TRANSPOSE],
        [Image.Transpose.ROTATE_270],
        [Image.Transpose.TRANSVERSE],
        [Image.Transpose.ROTATE_90],
    ]
    for turn in turns[orientation - 1]:
        image = image.transpose(turn)
    return image


def normalized(shown: NDArray[Any]) -> NDArray[np.float64]:
    """Pixels [H, W, 3] as a network takes them, [3, H, W]."""
    values = (shown / 255.0 - np.array(NUMBERS["mean"])) / np.array(NUMBERS["std"])
    return np.asarray(values.transpose(2, 0, 1))


def in_blocks(image: NDArray[np.float64], block: int) -> NDArray[np.float64]:
    """The block DCT in place, tile by tile."""
    made, matrix = np.empty_like(image), dct_matrix(block)
    for row in range(0, image.shape[1], block):
        for column in range(0, image.shape[2], block):
            tile = np.s_[:, row : row + block, column : column + block]
            made[tile] = matrix @ image[tile] @ matrix.T
    return made


@pytest.mark.parametrize("block", [1, 8])
@pytest.mark.parametrize(("height", "width"), [(90, 61), (33, 47)])
@pytest.mark.parametrize("filter", ["bilinear", "lanczos"])
def test_float_resize_is_pillows_in_float(filter: str, height: int, width: int, block: int) -> None:
    data = mixed_file("png", height, width)
    taken = network((SIDE, SIDE), **{**ANY_SIZE, "resize": {"size": 40, "filter": filter}})
    image = decoded(data)
    short = min(height, width)
    size = (int(40 * height / short), int(40 * width / short))
    method = Image.Resampling[filter.upper()]
    planes = [Image.fromarray(by_pillow(data)[..., c].astype(np.float32)) for c in range(3)]
    resized = np.stack([np.asarray(p.resize(size[::-1], method)) for p in planes], -1)
    top, left = (round((side - SIDE) / 2.0) for side in size)
    expected = in_blocks(normalized(resized[top : top + SIDE, left : left + SIDE]), block)
    # Pillow sums in float32 and stores one pass: a few 2^-24 of 255 / 0.2 / 255, and a gain of 8.
    allowed = block * 1e-5
    actual = network_tensor(image, taken, block)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=allowed)
    # A pixel beside it is another image.
    beside = in_blocks(normalized(resized[top + 1 : top + 1 + SIDE, left : left + SIDE]), block)
    assert np.abs(actual - beside).max() > 100 * allowed


@pytest.mark.parametrize("filter", ["bilinear", "bicubic"])
def test_integer_decoder_resizes_as_pillow_does(filter: str) -> None:
    data = mixed_file("webp", 90, 61)
    given = {**ANY_SIZE, "resize": {"size": 40, "filter": filter}}
    taken = network((SIDE, SIDE), **given)
    resized = np.asarray(
        Image.open(io.BytesIO(data))
        .convert("RGB")
        .resize((40, int(40 * 90 / 61)), Image.Resampling[filter.upper()])
    )
    top = round((len(resized) - SIDE) / 2.0)
    shown = resized[top : top + SIDE, 4 : 4 + SIDE]
    exact = network_tensor(decoded(data), replace(taken, decoder="libjpeg-turbo"), 1)
    np.testing.assert_allclose(exact, normalized(shown), rtol=0, atol=1e-6)
    assert np.abs(exact - network_tensor(decoded(data), taken, 1)).max() > 1e-4


def test_what_is_read_is_not_decoded() -> None:
    """Damage, a wrong size and other errors of files that are read stay what they are."""
    whole = jpeg_file(SIDE, SIDE)
    fraction = random_file(((3, 1), (2, 1), (2, 1)), SIDE, SIDE)
    for data in (fraction, whole, whole[:-40], whole[:200], whole[:2], b"", b"<html>", bytes(99)):
        with pytest.raises(ImageError) as caught:
            decoded(data)
        assert caught.value is REFUSED


def test_damage_of_other_files_is_an_error() -> None:
    png = mixed_file("png", SIDE, SIDE)
    with refused("fallback-image-damaged", ImageError) as caught:
        decoded(png[: len(png) // 2])
    assert str(caught.value).startswith("bytes: ")
    cmyk = mixed_file("cmyk.jpg", SIDE, SIDE)
    with refused("fallback-image-damaged", ImageError) as caught:
        decoded(cmyk[: len(cmyk) // 2])
    assert str(caught.value).startswith("bytes: ")
    chroma = mixed_file("chroma.jpg", SIDE, SIDE)
    with refused("jpeg-damaged", ImageError):
        decoded(chroma[:-20])


def test_limit_of_pixels() -> None:
    data = mixed_file("png", 20, 31)
    assert decoded(data, max_pixels=620).frame.size == (20, 31)
    with pytest.raises(ImageError) as caught:
        decoded(data, max_pixels=619)
    assert caught.value.code == "fallback-image-too-large"
    assert str(caught.value).startswith("bytes: ")


def test_images_that_pillow_takes_for_bombs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)
    with refused("fallback-image-refused-by-pillow", ImageError):
        decoded(mixed_file("png", 20, 31))


def test_files_that_never_end_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ImageError) as caught:
        PixelFallback("pixels", "RGB").instead(tmp_path / "pipe.png", REFUSED)
    assert caught.value is REFUSED


def test_advice_stands_where_pixels_would_help(tmp_path: Path) -> None:
    reader = ImageReader(lambda *_: None, "skip", fallback=PixelFallback("none", "RGB"))
    kinds = ["cmyk.jpg", "gif", "png", "webp"]
    for kind in kinds:
        (tmp_path / kind).write_bytes(mixed_file(kind, 8, 8))
    (tmp_path / "cut.jpg").write_bytes(jpeg_file(8, 8)[:-30])
    (tmp_path / "text.jpg").write_bytes(b"hello")
    cmyk = bytearray(mixed_file("cmyk.jpg", 8, 8))
    # Behind the marker of the frame and its length.
    cmyk[cmyk.index(b"\xff\xc0") + 4] = 12
    (tmp_path / "12-bit.jpg").write_bytes(cmyk)
    others = ("cut.jpg", "text.jpg", "12-bit.jpg", "missing.jpg")
    reader.read([tmp_path / name for name in (*kinds, *others)])
    advised = [one.file for one in reader.skipped if one.reason.endswith(ADVICE)]
    assert advised == [str(tmp_path / kind) for kind in kinds]
    assert len(reader.skipped) == 8
    with refused("fallback-unknown", UsageError):
        PixelFallback("pillow", "RGB")  # type: ignore[arg-type]


def test_reader_counts_what_was_used() -> None:
    def small(image: Any, name: str) -> None:
        if image.frame.height > 8:
            raise ImageError(f"{name}: is too large")

    reader = ImageReader(small, "skip", fallback=PixelFallback("pixels", "RGB"))
    sources = [mixed_file("png", side, 8) for side in (8, 9, 8)] + [jpeg_file(8, 8)]
    read = reader.read(sources)
    assert [item.index for item in read] == [0, 2, 3]
    assert [isinstance(item.image, Coefficients) for item in read] == [False, False, True]
    assert reader.pixel_fallbacks == 2
    assert [str(one) for one in reader.skipped] == ["bytes (image 1): is too large"]
    with refused("pixels-instead-of-coefficients", InternalError):
        coefficients_of([item.image for item in read])


def original(model: Any, data: list[bytes], shown: Any) -> NDArray[np.float32]:
    session = ort.InferenceSession(model.SerializeToString(), providers=list(CPU_PROVIDERS))
    batch = np.stack([normalized(shown(one)) for one in data]).astype(np.float32)
    logits: NDArray[np.float32] = session.run(["logits"], {"image": batch})[0]
    return logits


@pytest.mark.parametrize("mode", ["coefficients", "jpeg", "tensor"])
@pytest.mark.parametrize("preprocess", [NUMBERS, ANY_SIZE], ids=["fixed", "any"])
def test_networks_see_the_pixels(mode: str, preprocess: dict[str, Any], tmp_path: Path) -> None:
    """Beside JPEG files of several samplings, in their order."""
    model, path = tiny_residual(), tmp_path / "tiny.onnx"
    given: Any = {"preprocess": preprocess, "input": mode}
    jpegcompile.compile(model, **given).save(path)
    session = jpegcompile.load(path)
    # Of that size nothing is resized.
    side = 40 if preprocess is ANY_SIZE else SIDE
    edge = (side - SIDE) // 2
    others = [mixed_file(kind, side, side, seed) for seed, kind in enumerate(KINDS)]
    files = [random_file(SAMPLINGS["4:2:0"], side, side), *others, jpeg_file(side, side)]
    result = session.run(files, on_error="skip", fallback="pixels")
    assert (result.used, result.pixel_fallbacks) == (tuple(range(len(files))), len(others))
    inside = np.s_[edge : edge + SIDE, edge : edge + SIDE]
    expected = original(model, others, lambda data: by_pillow(data)[inside])
    logits = result[session.output_names.index("logits")]
    scale = float(np.abs(expected).max())
    np.testing.assert_allclose(logits[1:-1], expected, rtol=0, atol=1e-5 * scale)
    jpegs = session.run([files[0], files[-1]])[session.output_names.index("logits")]
    np.testing.assert_allclose(logits[[0, -1]], jpegs, rtol=0, atol=1e-5 * scale)
    assert np.abs(logits[1:-1] - expected[::-1]).max() > 1e-2 * scale
    # Without the fallback they are errors; with it damaged ones still are.
    assert session.run(files, on_error="skip").used == (0, len(files) - 1)
    bad = [others[0], others[0][:99], make_jpeg(9, 9)]
    if preprocess is NUMBERS:
        assert session.run(bad, on_error="skip", fallback="pixels").used == (0,)
    with refused("jpeg-not-recognized", ImageError) as caught:
        session.run([files[0], others[0]])
    assert str(caught.value).startswith("bytes (image 1): ")
    with refused("fallback-image-damaged", ImageError) as caught:
        session.run([others[0], others[0][:99]], fallback="pixels")
    assert str(caught.value).startswith("bytes (image 1): ")


def test_coefficients_are_not_made_of_pixels(tmp_path: Path) -> None:
    path = tmp_path / "tiny.onnx"
    jpegcompile.compile(tiny_residual(), preprocess=NUMBERS).save(path)
    with pytest.raises(ImageError) as caught:
        jpegcompile.load(path).feeds([mixed_file("png", SIDE, SIDE)])
    assert ADVICE not in str(caught.value)
    assert isinstance(read_coefficients(jpeg_file(8, 8)), Coefficients)
