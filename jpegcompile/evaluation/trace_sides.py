"""Open and feed the two models whose inner tensors are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray

from jpegcompile.evaluation.batches import Batch
from jpegcompile.evaluation.spatial import readable
from jpegcompile.frontend.load import Source
from jpegcompile.jpeg.pixel_image import PixelImage, ReadImage, coefficients_of
from jpegcompile.metadata import CompiledInfo
from jpegcompile.runtime.input_tensors import coefficient_feeds, fits_inputs, ingested
from jpegcompile.runtime.opening import inference_session
from jpegcompile.runtime.placed import placed_feeds, takes_axes
from jpegcompile.runtime.session import Session

Feeds: TypeAlias = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Side:
    """One of the models.

    Attributes:
        model: the model.
        names: name of each compared tensor in this model, by its name in the compiled model.
        open: opens a part of the model.
        feeds: returns the model's inputs for some inputs of a batch.
        fixed_batch: fixed batch size; None for a dynamic batch.
    """

    model: onnx.ModelProto
    names: Mapping[str, str]
    open: Callable[[onnx.ModelProto], Any]
    feeds: Callable[[Batch, list[int]], Feeds]
    fixed_batch: int | None


class Sides:
    """Builds both sides from a compiled model and its source.

    Attributes:
        model: the compiled model.
        source: the original.
        image: image input of the original.
        views: number of views of an image that the network sees.
        twins: for each compared tensor of the compiled model, the tensor of the source.
        takes_axes: whether the compiled model reads matrices of an image; then images run one at a
            time.
    """

    def __init__(self, session: Session, source: Source, native: bool) -> None:
        """Copy the data for both sides from a session, without keeping the session.

        Args:
            session: session of the compiled model.
            source: the original.
            native: whether native kernels run the compiled model.
        """
        self.model, self._info, self._folder = session.model, session.info, session.folder
        self._fixed_batch = session.fixed_batch
        self.source, self._native = source, native
        self.image, self.views = session.info.input, session.info.views
        self._providers = session.execution_providers
        tensors = session.info.tensors
        self.twins = {tensor: _twin(twin, session.info) for tensor, (_, twin) in tensors.items()}
        self.takes_axes = takes_axes(session.model)
        # If native kernels compute the image, the session's model begins after these kernels.
        given = {value.name for value in session.model.graph.input}
        self._takes_image = session.info.ingest_output in given

    def is_fed(self, image: ReadImage | None) -> bool:
        """Whether an image can be fed to the graph unchanged; None means a tensor."""
        if image is None or self._info.frame is None:
            return True
        if isinstance(image, PixelImage):
            return False
        if self._takes_image:
            return True
        if self.takes_axes:
            return image.color_space != "rgb"
        return fits_inputs(image.frame, self._info.frame, self._info.input)

    def compiled(self) -> Side:
        """Return the side of the compiled model."""
        frame, taken = self._info.frame, self.image

        def feeds(batch: Batch, chosen: list[int]) -> Feeds:
            if frame is None:
                tensors = batch.spatial[chosen]
                return {taken.name: tensors if taken.has_batch else tensors[0]}
            images = coefficients_of([batch.images[index] for index in chosen])
            if self._takes_image:
                pairs = zip(images, (n % self.views for n in chosen), strict=True)
                made = np.stack([ingested(image, self._info, view) for image, view in pairs])
                return {self._info.ingest_output or "": made}
            if self.takes_axes:
                return placed_feeds(images, self._info, ["image"], chosen[0] % self.views)
            return coefficient_feeds(images, frame)

        opened = partial(
            inference_session,
            folder=self._folder,
            native=self._native,
            arena=False,
            providers=self._providers,
        )
        names = {tensor: tensor for tensor in self.twins}
        return Side(self.model, names, opened, feeds, self._fixed_batch)

    def original(
        self, model: onnx.ModelProto | None = None, renamed: Mapping[str, str] | None = None
    ) -> Side:
        """Return the side of the original, or of a variant of the original.

        Args:
            model: a variant of the original. Default: the original.
            renamed: names in `model` of tensors of the source, if they differ.
        """
        image = self.image.name
        model = self.source.model if model is None else model
        renamed = renamed or {}
        names = {tensor: renamed.get(twin, twin) for tensor, twin in self.twins.items()}
        # ONNX Runtime 1.32 moves a Transpose across a Resize with `axes`, and cannot run the
        # result.
        optimized = not self._info.feeds_whole_images
        opened = partial(
            inference_session, folder=self.source.folder, arena=False, optimized=optimized
        )
        return Side(
            readable(model),
            names,
            opened,
            lambda batch, chosen: {image: batch.spatial[chosen]},
            fixed_batch_of(model, image),
        )


def _twin(tensor: str, info: CompiledInfo) -> str:
    """Return the name of a tensor in the source. The source may read images of any size."""
    own = info.own_preprocessing
    is_image = own is not None and info.feeds_whole_images and tensor == info.input.name
    return own.output if own is not None and is_image else tensor


def fixed_batch_of(model: onnx.ModelProto, image: str) -> int | None:
    """Return the fixed batch size of a model; None if its batch is dynamic."""
    value = next(v for v in model.graph.input if v.name == image)
    return value.type.tensor_type.shape.dim[0].dim_value or None
