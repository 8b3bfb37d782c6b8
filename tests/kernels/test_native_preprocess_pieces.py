"""Very wide files, which are computed in pieces: results and memory."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.peak_memory import peak_memory
from support.tiers import thorough

from jpegcompile.dct.ingest import ingest
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.runtime.preprocessor import Preprocessor

# The maximum width that libjpeg supports.
WIDEST = 65500
EXACT: dict[str, Any] = {"resize": {"fit": "exact"}, "scale": 1 / 64}
LANCZOS = {**EXACT, "resize": {"fit": "exact", "filter": "lanczos"}}
# All pieces use the number of frequencies that the whole image needs.
SCALED = {**EXACT, "resize": {"fit": "exact", "scaled_decoding": True}}

TEN = {"resize": {"fit": "exact", "size": [256, 256]}, "crop": "center", "views": "ten"}


def wide_jpeg(height: int, orientation: int = 1, width: int = WIDEST, **options: Any) -> bytes:
    """Return a file of noise that survives a resize, so that no two parts are equal."""
    generator = np.random.default_rng(11)
    cells = generator.integers(0, 256, (-(-height // 32), -(-width // 128), 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    image = Image.fromarray(cells).resize((width, height), Image.Resampling.BICUBIC)
    image.save(stream, "JPEG", quality=85, exif=exif.tobytes(), **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("orientation", "preprocess", "size", "layout", "dtype", "options"),
    [
        (1, EXACT, (224, 224), "NCHW", np.float32, {"subsampling": "4:2:0"}),
        (3, {**LANCZOS, "orientation": True}, (224, 236), "NHWC", np.float32, {}),
        (6, {**EXACT, "orientation": True, "flip": True}, (224, 227), "NCHW", np.float16, {}),
        (8, {**EXACT, "orientation": True, "mirror": True}, (229, 224), "NHWC", np.float32, {}),
        (1, SCALED, (224, 224), "NCHW", np.float32, {}),
        pytest.param(
            *(1, {**EXACT, "flip": True}, (224, 224), "NHWC", np.float16, {"progressive": True}),
            marks=[thorough],
        ),
    ],
)
def test_pieces_are_what_the_whole_is(
    orientation: int,
    preprocess: dict[str, Any],
    size: tuple[int, int],
    layout: Any,
    dtype: Any,
    options: dict[str, Any],
) -> None:
    file = wide_jpeg(8, orientation, **options)
    taken = NetworkInput("image", 3, *size, layout).normalized(preprocess_of(preprocess))
    block = 4 if size == (224, 236) else 8 if size == (224, 224) else 1
    batch = Preprocessor(taken, block, threads=1, dtype=dtype).read([file])
    assert not batch.errors
    expected = ingest(read_coefficients(file), taken, block)
    largest = np.abs(expected).max()
    shown = expected.transpose(1, 2, 0) if layout == "NHWC" else expected
    # The tolerance of files that are computed at once; float16 rounds the result by 2^-11.
    allowed = (2e-6 + (2.0**-11 if dtype == np.float16 else 0)) * largest
    np.testing.assert_allclose(batch.tensor[0], shown, rtol=0, atol=allowed)
    # A shift by eight outputs, the size of the smallest piece, exceeds the tolerance.
    moved = np.roll(expected, 8, 1 if orientation > 4 else 2)
    assert np.abs(moved - expected).max() > 100 * allowed


def test_damage_is_found_in_pieces() -> None:
    taken = NetworkInput("image", 3, 224, 224, "NCHW").normalized(preprocess_of(EXACT))
    whole = wide_jpeg(8)
    good, bad = Preprocessor(taken).read([whole, whole[: len(whole) // 2]]), whole[:-400]
    assert list(good.errors) == [1]
    assert not good.tensor[1].any()
    (error,) = Preprocessor(taken).read([bad]).errors.values()
    assert str(error).startswith("bytes: ")
    tolerant = Preprocessor(taken, tolerant=True).read([bad])
    assert not tolerant.errors
    expected = ingest(read_coefficients(bad, tolerant=True), taken)
    np.testing.assert_allclose(tolerant.tensor[0], expected, rtol=0, atol=1e-4)


def grown(file: bytes, preprocess: dict[str, Any], folder: Path) -> int:
    """Return the bytes of memory for a file, without its own bytes and those for a small file."""
    program = (
        "import sys\n"
        "from jpegcompile.runtime.preprocessor import Preprocessor\n"
        "from jpegcompile.network_input import NetworkInput\n"
        "from jpegcompile.preprocessing.reading import preprocess_of\n"
        f"preprocess = preprocess_of({preprocess!r})\n"
        "taken = NetworkInput('image', 3, 224, 224, 'NCHW').normalized(preprocess)\n"
        "assert not Preprocessor(taken, 8, threads=1).read(sys.argv[1:]).errors\n"
    )
    files = [folder / "small.jpg", folder / "wide.jpg"]
    files[0].write_bytes(wide_jpeg(64, width=64))
    files[1].write_bytes(file)
    peaks = [peak_memory([sys.executable, "-P", "-c", program, str(path)]) for path in files]
    return peaks[1] - peaks[0] - len(file)


@pytest.mark.parametrize(
    "height", [8, pytest.param(100, marks=[thorough]), pytest.param(500, marks=[thorough])]
)
def test_wide_files_take_little_memory(height: int, tmp_path: Path) -> None:
    """At most 40 MB in addition to the file; one piece would need 200 MB for the lowest file."""
    assert grown(wide_jpeg(height), LANCZOS, tmp_path) <= 40 << 20


def test_views_of_wide_files_take_little_memory(tmp_path: Path) -> None:
    """All views together would need 62 MB, although each view fits into the memory budget."""
    assert grown(wide_jpeg(200, width=20000), TEN, tmp_path) <= 30 << 20


def test_views_of_integers_take_no_memory_for_what_they_do_not_show(tmp_path: Path) -> None:
    """The image that contains all corners would have 256x16768000 pixels, 12 GB."""
    fields = {"resize": 256, "crop": "center", "views": "five", "decoder": "libjpeg-turbo"}
    assert grown(wide_jpeg(1), fields, tmp_path) <= 20 << 20


def test_coefficients_are_held_once(tmp_path: Path) -> None:
    """A progressive file is read as a whole; all pieces use the same coefficients in memory."""
    file = wide_jpeg(200, progressive=True)
    coefficients = 2 * WIDEST * 200 * 3 // 2  # bytes, with chroma halved along both axes
    assert grown(file, EXACT, tmp_path) <= 1.2 * coefficients + (36 << 20)
