"""A batch of packed images of any size and sampling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegcompile import _core
from jpegcompile.errors import ImageError, UsageError
from jpegcompile.interface import CHROMA, LUMA
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.packed import PackedPlane
from jpegcompile.jpeg.packed_image import PackedImage
from jpegcompile.jpeg.unpack import unpack_planes
from jpegcompile.messages import Message

# Planes of an image by name: R, or G and B, for files that contain RGB.
PLANES: Mapping[str, int] = {LUMA: 1, CHROMA: 2}
BLOCK_BYTES = 128
# Offsets have 31 bits.
_MOST_BYTES = 2**31 - 1


@dataclass(frozen=True, eq=False)
class PackedImages:
    """Packed coefficients of images of any size, sampling, orientation and color space.

    The blocks of all images stand one after another, without padding. Grayscale images have no
    blocks of chroma.

    Attributes:
        planes: packed blocks of all images by name, "luma" and "chroma", each of shape
            [blocks, 8, 8]. Cb of an image comes before its Cr.
        extents: block rows and columns of each image, int64 [N, 2], by the name of the plane. They
            are those of its window if the images were cut.
        frames: frame of each whole image.
        quantization: uint16 [N, 3, 8, 8]; grayscale images have their table three times.
    """

    planes: dict[str, PackedPlane]
    extents: dict[str, NDArray[np.int64]]
    frames: tuple[Frame, ...]
    quantization: NDArray[np.uint16]

    @classmethod
    def of(
        cls, images: Sequence[PackedImage], windows: NDArray[np.int64] | None = None
    ) -> PackedImages:
        """Join packed images; their Cb and Cr must have the same size.

        Args:
            images: the images.
            windows: blocks of each image to keep, [N, 2, 4]: first row, last row (exclusive),
                first column, last column of luma, and of chroma. Default: all.

        Raises:
            ImageError: if a record is damaged.
            UsageError: if the images have 2 GB or more together.
        """
        frames = tuple(image.frame for image in images)
        total = sum(len(image.record) for image in images)
        if total > _MOST_BYTES:
            raise UsageError(
                Message(
                    "packed-batch-too-large",
                    f"{len(images)} packed images have {total} bytes; give at most {_MOST_BYTES}"
                    " bytes in a batch",
                )
            )
        joined = _core.join_packed([(image.record, image.tables) for image in images], windows)
        if len(joined) == 2:
            index, cause = joined
            raise ImageError(Message("packed-record-damaged", f"{images[index].name}: {cause}"))
        *arrays, quantization = joined
        planes, extents = {}, {}
        for name, (stream, lengths, offsets, sizes) in zip(PLANES, arrays, strict=True):
            blocks = PLANES[name] * int(sizes.prod(axis=1).sum())
            planes[name] = PackedPlane((blocks, 8, 8), stream, lengths, offsets)
            extents[name] = sizes
        return cls(planes, extents, frames, quantization)

    def __len__(self) -> int:
        """Number of images."""
        return len(self.frames)

    @property
    def nbytes(self) -> int:
        """Bytes of all packed planes and quantization tables."""
        return sum(plane.nbytes for plane in self.planes.values()) + self.quantization.nbytes

    def shape(self, name: str, images: slice = slice(None)) -> tuple[int, ...]:
        """Return the shape of a plane of some images, [N, 1 or 2, rows, columns, 8, 8]."""
        sizes = self.extents[name][images]
        rows, columns = sizes.max(axis=0, initial=0)
        return len(sizes), PLANES[name], int(rows), int(columns), 8, 8

    def dense_bytes(self, images: slice = slice(None)) -> int:
        """Return the bytes of the unpacked planes of some images."""
        return sum(2 * int(np.prod(self.shape(name, images))) for name in PLANES)

    def blocks_before(self, name: str, image: int) -> int:
        """Return the number of blocks of a plane before an image."""
        return PLANES[name] * int(self.extents[name][:image].prod(axis=1).sum())

    def unpack(self, images: slice = slice(None), threads: int = 1) -> dict[str, NDArray[np.int16]]:
        """Unpack some images.

        Args:
            images: consecutive images. Default: all.
            threads: largest number of threads.

        Returns:
            int16 [N, 1 or 2, block rows, block columns, 8, 8] by the name of the plane, padded with
            zeros to the largest of these images.

        Raises:
            ImageError: if the packed bytes are damaged.
        """
        first, last, _ = images.indices(len(self))
        made = {}
        for name, count in PLANES.items():
            out = np.empty(self.shape(name, images), np.int16)
            unpack_planes(
                self.planes[name],
                self.extents[name][first:last].repeat(count, axis=0),
                first_block=self.blocks_before(name, first),
                threads=threads,
                out=out.reshape(count * (last - first), *out.shape[2:]),
            )
            made[name] = out
        return made

    def strips(self, images: int | None = None, max_bytes: int | None = None) -> Iterator[slice]:
        """Divide the batch into strips of consecutive images.

        Args:
            images: largest number of images in a strip. Default: no limit.
            max_bytes: largest number of bytes of the unpacked planes of a strip. A larger image is
                a strip of its own. Default: no limit.

        Raises:
            UsageError: if a limit is less than 1.
        """
        for name, limit in (("images", images), ("max_bytes", max_bytes)):
            if limit is not None and limit < 1:
                raise UsageError(
                    Message("strip-limit-not-positive", f"{name} is {limit}; give 1 or more")
                )
        sizes = np.concatenate([self.extents[name] for name in PLANES], axis=1)
        return _strips(sizes, images, max_bytes)


def _strips(sizes: NDArray[np.int64], images: int | None, max_bytes: int | None) -> Iterator[slice]:
    first, most = 0, np.zeros(4, np.int64)
    for index, own in enumerate(sizes):
        grown = np.maximum(most, own)
        count = index - first + 1
        needed = count * BLOCK_BYTES * int(grown[0] * grown[1] + 2 * grown[2] * grown[3])
        is_over = (images is not None and count > images) or (
            max_bytes is not None and needed > max_bytes
        )
        if is_over and count > 1:
            yield slice(first, index)
            first, grown = index, own
        most = grown
    if first < len(sizes):
        yield slice(first, len(sizes))
