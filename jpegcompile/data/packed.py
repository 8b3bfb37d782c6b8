"""Batches of packed coefficients of images of any size and sampling, for no model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from jpegcompile.data.augmentation.draws import Draws
from jpegcompile.data.filling import Errors, Filling, ReadOptions
from jpegcompile.errors import ImageError
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.pack_images import pack_images
from jpegcompile.jpeg.packed_image import PackedImage
from jpegcompile.jpeg.packed_images import PackedImages
from jpegcompile.jpeg.read import ImageSource
from jpegcompile.messages import Message
from jpegcompile.runtime.input_tensors import check_decodable


class PackedFilling(Filling):
    """Packed images, joined at the end."""

    def __init__(self, reading: ReadOptions):
        """Create an empty batch.

        Args:
            reading: how files are read.
        """
        self._reading = reading
        self._images: list[PackedImage] = []

    def add(self, sources: Sequence[ImageSource], draws: Sequence[Draws] = ()) -> Errors:
        """See `Filling`."""
        reading = self._reading
        made = pack_images(
            sources,
            threads=reading.threads,
            tolerant=reading.tolerant,
            max_pixels=reading.max_pixels,
        )
        errors: Errors = {}
        for place, image in enumerate(made):
            if isinstance(image, PackedImage):
                try:
                    _require_usable(image)
                    self._images.append(image)
                except ImageError as error:
                    errors[place] = error
            else:
                errors[place] = image
        return errors

    def inputs(self) -> PackedImages:
        """Return the added images."""
        return PackedImages.of(self._images)


def _require_usable(image: PackedImage) -> None:
    """Raise an error if the sampling of an image defines no pixels."""
    refusal = _refusal(image.frame)
    if refusal is not None:
        raise ImageError(Message(refusal.code, f"{image.name}: {refusal}"))


@lru_cache(4096)
def _refusal(frame: Frame) -> Message | None:
    try:
        check_decodable(frame, None)
    except ImageError as error:
        return Message(error.code, str(error))
    return None
