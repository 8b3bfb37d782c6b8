"""Read image files as packed images."""

from __future__ import annotations

from collections.abc import Sequence

from jpegcompile import _core
from jpegcompile.errors import AccessError, ImageError
from jpegcompile.jpeg.failures import FailureKind, failure_error
from jpegcompile.jpeg.packed_image import PackedImage
from jpegcompile.jpeg.read import DEFAULT_MAX_PIXELS, ImageSource, native_source, source_name


def pack_images(
    sources: Sequence[ImageSource],
    *,
    threads: int = 1,
    tolerant: bool = False,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> list[PackedImage | ImageError | AccessError]:
    """Read several JPEG files in parallel and pack their coefficients.

    Args:
        sources: paths and bytes, in any mixture. Packed images are checked, and
            returned as they are.
        threads: number of threads.
        tolerant: as for `read_coefficients`.
        max_pixels: as for `read_coefficients`.

    Returns:
        For each source, the packed image, or the error that `read_coefficients` would raise.
    """
    files = [source for source in sources if not isinstance(source, PackedImage)]
    natives = [native_source(source) for source in files]
    most = min(max_pixels, 2**64 - 1)
    made = iter(_core.pack_images(natives, threads, tolerant, most))
    packed = [source for source in sources if isinstance(source, PackedImage)]
    refused = _core.check_packed([(image.record, image.tables) for image in packed], most)
    kept: list[PackedImage | ImageError | AccessError] = list(packed)
    for index, kind, cause in refused:
        kept[index] = failure_error(kind, cause, packed[index].name)
    in_turn = iter(kept)
    return [
        next(in_turn) if isinstance(source, PackedImage) else _result(source, next(made))
        for source in sources
    ]


def _result(
    source: ImageSource, made: tuple[bytes, bytes] | tuple[FailureKind, str]
) -> PackedImage | ImageError | AccessError:
    name = source_name([source], 0)
    first, second = made
    if isinstance(first, bytes):
        assert isinstance(second, bytes)
        return PackedImage(first, second, name)
    assert isinstance(second, str)
    return failure_error(first, second, name)
