"""Unusable files, as readers and sessions count and name them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image
from support.codes import refused
from support.graphs import Graph
from support.unusable_files import KINDS, converted, whole

import jpegcompile
from jpegcompile.dct.decode import decode
from jpegcompile.digits import images_path
from jpegcompile.errors import ImageError
from jpegcompile.evaluation import pillow
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.jpeg.unusable import ImageReader, require_complete


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("part", [0.5, 0.8, 0.99])
def test_pillow_reads_as_much_of_a_damaged_file(part: float, progressive: bool) -> None:
    """Both decoders return the same samples, and the same gray for missing samples."""
    stream = io.BytesIO()
    pixels = Image.open(images_path() / "8" / "03.jpg").resize((160, 96))
    pixels.save(stream, "JPEG", quality=90, progressive=progressive)
    data = stream.getvalue()[: int(part * len(stream.getvalue()))]
    with refused("pillow-cannot-decode", ImageError):
        pillow.pillow_pixels(data, "RGB")
    decoded = pillow.pillow_pixels(data, "RGB", tolerant=True).astype(np.float64)
    left = read_coefficients(data, tolerant=True)
    exact = np.clip(decode(left, "RGB"), 0, 255)
    # libjpeg smooths the blocks of progressive files without their last scans.
    assert np.abs(decoded - exact).mean() < (4.0 if progressive else 1.0)
    full = pillow.pillow_pixels(stream.getvalue(), "RGB")
    assert np.array_equal(full, pillow.pillow_pixels(stream.getvalue(), "RGB", tolerant=True))


def test_a_network_of_one_channel_sees_no_chroma(tmp_path: Path) -> None:
    """A session reads the file as it is, but the float decode of `verify` refuses it."""
    model = Graph(
        "(T[N,1,32,32] x) => (T[] y) { c = Conv(x, w)  r = Relu(c)  g = GlobalAveragePool(r)"
        "  y = Flatten(g) }",
        {"w": (3, 1, 1, 1)},
    ).model("float")
    onnx.save(model, tmp_path / "m.onnx")
    path = tmp_path / "compiled.onnx"
    jpegcompile.compile(tmp_path / "m.onnx", preprocess="unit").save(path)
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(whole())
    KINDS["chroma"][0](folder / "b.jpg")
    assert len(jpegcompile.run(path, [folder])) == 2
    (skipped,) = jpegcompile.verify(tmp_path / "m.onnx", path, folder, on_error="skip").skipped
    assert "Cb and Cr" in skipped.reason


def test_a_reader_keeps_the_order_of_its_sources() -> None:
    seen: list[str] = []
    reader = ImageReader(lambda image, name: seen.append(name), "skip")
    sources = [whole(), b"", whole(), converted("PNG")]
    assert [item.index for item in reader.read(sources, 10)] == [10, 12]
    assert [one.file for one in reader.skipped] == ["bytes (image 11)", "bytes (image 13)"]
    assert seen == ["bytes", "bytes"]
    with refused("files-unusable", ImageError) as caught:
        require_complete(reader.skipped)
    assert str(caught.value).startswith("2 files were unusable; the first is bytes (image 11): ")
    require_complete(())
