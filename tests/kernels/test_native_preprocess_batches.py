"""Batches of files: order, errors of single files, threads, prefetching, and memory."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.codes import refused
from support.coefficient_files import SAMPLINGS, random_file
from support.images import make_jpeg
from support.peak_memory import peak_memory
from support.preprocessing import assert_as_reference, native, network

from jpegcompile.dct.ingest import ingest
from jpegcompile.errors import AccessError, ImageError, InternalError, UsageError
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.read import ImageSource, read_coefficients
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.presets import PRESETS
from jpegcompile.runtime.input_tensors import check_usable
from jpegcompile.runtime.preprocessor import PREFETCHER, Preprocessor

SHORT = network((24, 40), resize=44, crop="center")
FILES = [make_jpeg(40 + 9 * index, 90 - 7 * index, quality=80 + index) for index in range(9)]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_order_is_kept(threads: int) -> None:
    batch = Preprocessor(SHORT, 8, threads=threads).read(FILES)
    assert batch.tensor.shape == (9, 3, 24, 40)
    assert not batch.errors
    for data, image in zip(FILES, batch.tensor, strict=True):
        np.testing.assert_array_equal(image, native(data, SHORT, 8))


def test_threads_share_a_preprocessor() -> None:
    preprocessor = Preprocessor(SHORT, 8, threads=2)
    expected = preprocessor.read(FILES).tensor
    results: list[bool] = []

    def work() -> None:
        for _ in range(20):
            results.append(np.array_equal(preprocessor.read(FILES).tensor, expected))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 80
    assert all(results)


def error_by_python(source: ImageSource, taken: NetworkInput, name: str) -> str | None:
    """Return the error of reading and checking one file, called `name`; None without an error."""
    try:
        image = read_coefficients(source)
        check_usable(image.frame, taken, WRITTEN, name)
    except (ImageError, AccessError) as error:
        return str(error)
    return None


# A frame that no file has, so that sampling factors are always checked.
WRITTEN = Frame(1, 1, ((4, 4), (1, 1), (1, 1)), "ycbcr")

UNUSABLE: dict[str, ImageSource] = {
    "no JPEG": b"\x89PNG\r\n\x1a\n",
    "cut short": FILES[0][:-200],
    "no file": "/nowhere/photo.jpg",
    "a folder": "/",
    "fractional": random_file(((3, 2), (2, 1), (2, 1)), 60, 50),
    "uneven chroma": random_file(((2, 2), (1, 1), (2, 1)), 60, 50),
    "empty": b"",
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_errors_are_those_of_reading_and_checking(kind: str) -> None:
    source = UNUSABLE[kind]
    expected = error_by_python(source, SHORT, "bytes")
    assert expected is not None
    batch = Preprocessor(SHORT, 8, check_all=True).read([source])
    assert str(batch.errors[0]) == expected
    assert isinstance(batch.errors[0], AccessError if isinstance(source, str) else ImageError)
    assert not batch.tensor.any()


def test_sizes_that_do_not_come_to_the_networks() -> None:
    taken = network((24, 40))
    files = [make_jpeg(40, 24), make_jpeg(41, 24)]
    batch = Preprocessor(taken, 8).read(files)
    assert list(batch.errors) == [1]
    assert str(batch.errors[1]) == error_by_python(files[1], taken, "bytes (image 1)")
    narrow, padded = make_jpeg(2000, 1), network((24, 24), resize={"fit": "pad"})
    error = Preprocessor(padded).read([narrow]).errors[0]
    assert str(error) == error_by_python(narrow, padded, "bytes")
    assert "too narrow" in str(error)


@pytest.mark.parametrize("threads", [1, 3])
def test_errors_end_no_batch(threads: int) -> None:
    sources: list[ImageSource] = [*FILES]
    for index, kind in ((0, "no JPEG"), (4, "cut short"), (5, "fractional"), (8, "no file")):
        sources[index] = UNUSABLE[kind]
    batch = Preprocessor(SHORT, 8, threads=threads).read(sources)
    assert list(batch.errors) == [0, 4, 5, 8]
    assert str(batch.errors[5]).startswith(
        "bytes (image 5): component 1 is subsampled by a fraction"
    )
    assert str(batch.errors[8]).startswith("/nowhere/photo.jpg: cannot read: No such file")
    for index, image in enumerate(batch.tensor):
        if index in batch.errors:
            assert not image.any()
        else:
            np.testing.assert_array_equal(image, native(FILES[index], SHORT, 8))


def test_damage_behind_what_is_seen() -> None:
    """Damage below the visible rows is only detected with `check_all`."""
    data = bytearray(make_jpeg(64, 640, quality=90, restart_marker_blocks=2))
    place = data.rindex(b"\xff\xd3")
    data[place + 2 : place + 6] = b"\xff\x00\xff\x00"
    taken = network((32, 32), crop="top-left")
    with refused("jpeg-damaged", ImageError):
        read_coefficients(bytes(data))
    assert not Preprocessor(taken).read([bytes(data)]).errors
    assert "damaged" in str(Preprocessor(taken, check_all=True).read([bytes(data)]).errors[0])
    assert not Preprocessor(taken, check_all=True, tolerant=True).read([bytes(data)]).errors


def test_tolerant_reading_is_that_of_coefficients() -> None:
    data = make_jpeg(97, 61, quality=90)[:-900]
    with pytest.raises(ImageError):
        read_coefficients(data)
    batch = Preprocessor(SHORT, 8, tolerant=True).read([data])
    assert not batch.errors
    expected = ingest(read_coefficients(data, tolerant=True), SHORT, 8)
    np.testing.assert_allclose(batch.tensor[0], expected, rtol=0, atol=2e-5)


def test_limit_of_pixels() -> None:
    batch = Preprocessor(SHORT, max_pixels=99).read([FILES[0]])
    assert "40 x 90 pixels are more than the limit of 99" in str(batch.errors[0])


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("block", [1, 8])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_orientation(value: int, block: int, layout: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    data = make_jpeg(97, 61, exif=exif.tobytes(), subsampling="4:2:0")
    assert read_coefficients(data).frame.orientation == value
    for geometry in (
        {"resize": 50, "crop": [5, 3], "flip": True},
        {"crop": [-11, 30], "fill": 77},
    ):
        taken = network((24, 40), layout, orientation=True, **geometry)
        assert_as_reference(data, taken, block)


def test_photographs_turned_by_exif(shared: Path) -> None:
    file = shared / "images" / "odd" / "exif_orientation_6.jpg"
    assert read_coefficients(file).frame.orientation == 6
    assert_as_reference(file, network((32, 32), orientation=True, resize=40, crop="center"), 8)


@pytest.mark.parametrize("count", [0, 1, 4, 9])
def test_stream(count: int) -> None:
    sources: list[ImageSource] = [*FILES[:count]]
    if count > 5:
        sources[5] = b""
    batches = list(Preprocessor(SHORT, 8, threads=2).stream(iter(sources), 4))
    assert [len(batch.tensor) for batch in batches] == [4] * (count // 4) + [1] * (count % 4 > 0)
    assert [batch.first for batch in batches] == list(range(0, count, 4))
    for batch in batches:
        for index, image in enumerate(batch.tensor):
            source = sources[batch.first + index]
            if source == b"":
                assert list(batch.errors) == [index]
                assert str(batch.errors[index]).startswith("bytes (image 5): ")
            else:
                assert isinstance(source, bytes)
                np.testing.assert_array_equal(image, native(source, SHORT, 8))


def test_a_stream_reads_no_further_ahead_than_it_is_told() -> None:
    asked = 0

    def sources() -> Iterator[ImageSource]:
        nonlocal asked
        for data in FILES * 10:
            asked += 1
            yield data

    stream = Preprocessor(SHORT, 8).stream(sources(), 3, ahead=2)
    assert asked == 0
    for taken in range(1, 5):
        next(stream)
        assert 3 * taken <= asked <= 3 * (taken + 2)
    stream.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if PREFETCHER in thread.name]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"threads": 0}, "preprocessor-option-not-positive"),
        ({"max_pixels": 0}, "preprocessor-option-not-positive"),
        ({"dtype": "int8"}, "preprocessor-dtype-unsupported"),
        ({"block": 16}, "preprocessor-block-mismatch"),
    ],
)
def test_arguments_are_checked(arguments: dict[str, Any], code: str) -> None:
    with refused(code, UsageError):
        Preprocessor(SHORT, **arguments)


def test_memory_for_results_is_checked() -> None:
    preprocessor = Preprocessor(SHORT, 8)
    with refused("preprocessor-out-mismatch", UsageError) as caught:
        preprocessor.read(FILES[:1], np.empty((1, 3, 40, 24), np.float32))
    assert "[1, 3, 24, 40]" in str(caught.value)
    out = np.empty((2, 3, 24, 40), np.float32)
    assert preprocessor.read(FILES[:2], out).tensor is out
    with refused("preprocessor-sources-not-a-sequence", UsageError):
        preprocessor.read(FILES[0])  # type: ignore[arg-type]


def test_a_frame_that_only_the_native_ingest_refuses() -> None:
    """No known file causes this, so the test calls the error handler directly."""
    frame = (24, 40, ((1, 1),), "gray", 1)
    error = Preprocessor(SHORT, 8)._refusal
    with refused("native-frame-refused", InternalError):
        error(Frame(*frame), "a.jpg")  # type: ignore[arg-type]


def test_a_large_file_takes_little_memory(tmp_path: Path) -> None:
    """A file of 12 megapixels needs at most 20 MB in addition to its bytes."""
    rows, columns = np.mgrid[:3000, :4000]
    pixels = np.stack([rows // 12, columns // 16, (rows + columns) // 28], -1).astype(np.uint8)
    path = tmp_path / "large.jpg"
    Image.fromarray(pixels).save(path, quality=90, subsampling="4:2:0")
    small = tmp_path / "small.jpg"
    small.write_bytes(FILES[0])
    program = (
        "import sys\n"
        "from jpegcompile.runtime.preprocessor import Preprocessor\n"
        "from jpegcompile.network_input import NetworkInput\n"
        "from jpegcompile.preprocessing.presets import PRESETS\n"
        "taken = NetworkInput('image', 3, 224, 224, 'NCHW').normalized(PRESETS['imagenet'])\n"
        "assert not Preprocessor(taken, 8, threads=1).read(sys.argv[1:]).errors\n"
    )
    peaks = [
        peak_memory([sys.executable, "-P", "-c", program, str(file)]) for file in (small, path)
    ]
    assert peaks[1] - peaks[0] - path.stat().st_size <= 20 << 20


def test_files_of_many_kinds(shared: Path) -> None:
    """Batches report the same errors as reading and checking single files."""
    taken = NetworkInput("image", 3, 224, 224, "NCHW").normalized(PRESETS["imagenet"])
    files = sorted((shared / "images" / "bad").glob("*.jpg"))
    files += sorted((shared / "images" / "odd").glob("*.jpg"))
    batch = Preprocessor(taken, check_all=True).read(files)
    assert batch.errors
    for index, file in enumerate(files):
        error = batch.errors.get(index)
        expected = error_by_python(file, taken, str(file))
        assert (None if error is None else str(error)) == expected, file


def test_every_kind_of_sampling_in_one_batch() -> None:
    files = [random_file(factors, 50, 40) for factors in SAMPLINGS.values()]
    batch = Preprocessor(SHORT, 8, threads=2).read(files)
    assert not batch.errors
    for data, image in zip(files, batch.tensor, strict=True):
        np.testing.assert_array_equal(image, native(data, SHORT, 8))
