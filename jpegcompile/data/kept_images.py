"""Batches that keep each image in the form in which it is read, until they are complete."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Generic

from jpegcompile.data.augmentation.draws import Draws
from jpegcompile.data.filling import Errors, Filling, ReadOptions
from jpegcompile.data.placed_tensors import Placing
from jpegcompile.data.placed_view import PlacedView
from jpegcompile.data.reading import Image, Read
from jpegcompile.errors import AccessError, ImageError
from jpegcompile.jpeg.read import ImageSource, source_name
from jpegcompile.messages import Message


class KeptFilling(Filling, Generic[Image]):
    """Images that a function reads, all of one class."""

    def __init__(self, read: Read[Image], reading: ReadOptions) -> None:
        """Create an empty batch.

        Args:
            read: reads files.
            reading: how files are read.
        """
        self._read, self._reading = read, reading
        self._images: list[Image] = []

    def add(self, sources: Sequence[ImageSource], draws: Sequence[Draws] = ()) -> Errors:
        """See `Filling`."""
        errors: Errors = {}
        for place, image in enumerate(self._read(sources, self._reading)):
            if isinstance(image, ImageError | AccessError):
                errors[place] = image
                continue
            try:
                name = source_name([sources[place]], 0)
                self._accept(image, name, draws[place] if draws else None)
            except ImageError as error:
                errors[place] = error
                continue
            self._images.append(image)
        return errors

    @abstractmethod
    def _accept(self, image: Image, name: str, draws: Draws | None) -> None:
        """Prepare for an image that is about to be added.

        Args:
            image: the image.
            name: its name in messages.
            draws: random numbers of the image, if there is augmentation.

        Raises:
            ImageError: if the batch cannot contain the image.
        """


class PlacedFilling(KeptFilling[Image]):
    """Images with the crop, flip and color of each."""

    def __init__(self, placing: Placing, read: Read[Image], reading: ReadOptions) -> None:
        """Create an empty batch.

        Args:
            placing: random changes of the images.
            read: reads files.
            reading: how files are read.
        """
        super().__init__(read, reading)
        self._placing = placing
        self._views: list[PlacedView] = []
        self._draws: list[Draws] = []

    def _accept(self, image: Image, name: str, draws: Draws | None) -> None:
        assert draws is not None
        try:
            self._views.append(self._placing.view(image.frame, draws))
        except ImageError as error:
            raise ImageError(Message(error.code, f"{name}: {error}")) from error
        self._draws.append(draws)
