"""Batches of packed coefficients of images of any size and sampling, for no model."""

from __future__ import annotations

from functools import lru_cache

from jpegcompile.data.augmentation.draws import Draws
from jpegcompile.data.filling import ReadOptions
from jpegcompile.data.kept_images import KeptFilling
from jpegcompile.data.reading import packed_of_each
from jpegcompile.errors import ImageError
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.packed_image import PackedImage
from jpegcompile.jpeg.packed_images import PackedImages
from jpegcompile.messages import Message
from jpegcompile.runtime.input_tensors import check_decodable


class PackedFilling(KeptFilling[PackedImage]):
    """Packed images, joined at the end."""

    def __init__(self, reading: ReadOptions):
        """Create an empty batch.

        Args:
            reading: how files are read.
        """
        super().__init__(packed_of_each, reading)

    def inputs(self) -> PackedImages:
        """Return the added images."""
        return PackedImages.of(self._images)

    def _accept(self, image: PackedImage, name: str, draws: Draws | None) -> None:
        """Raise an error if the sampling of an image defines no pixels."""
        refusal = _refusal(image.frame)
        if refusal is not None:
            raise ImageError(Message(refusal.code, f"{name}: {refusal}"))


@lru_cache(4096)
def _refusal(frame: Frame) -> Message | None:
    try:
        check_decodable(frame, None)
    except ImageError as error:
        return Message(error.code, str(error))
    return None
