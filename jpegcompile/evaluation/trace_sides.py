"""The two models whose inner tensors are compared: how each is opened, and what it is fed."""

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
        names: what it calls each tensor that is compared.
        open: opens a part of it.
        feeds: its inputs for some of a batch.
        fixed_batch: that it is bound to; None for any.
    """

    model: onnx.ModelProto
    names: Mapping[str, str]
    open: Callable[[onnx.ModelProto], Any]
    feeds: Callable[[Batch, list[int]], Feeds]
    fixed_batch: int | None


class Sides:
    """Makes both sides of a compiled model and its source.

    Attributes:
        model: the compiled model.
        twins: for each of its tensors that is compared, the source's.
        takes_axes: whether it takes matrices of the images, which are one at a time then.
    """

    def __init__(self, session: Session, source: Source, native: bool) -> None:
        """Take what is needed of a session; its memory is wanted while parts of its model run."""
        self.model, self._info, self._folder = session.model, session.info, session.folder
        self._fixed_batch, self._views = session.fixed_batch, session.info.views
        self._source, self._native = source, native
        self._providers = session.execution_providers
        tensors = session.info.tensors
        self.twins = {tensor: _twin(twin, session.info) for tensor, (_, twin) in tensors.items()}
        self.takes_axes = takes_axes(session.model)
        # Where native kernels make the image, the model of a session begins behind them.
        given = {value.name for value in session.model.graph.input}
        self._takes_image = session.info.ingest_output in given

    def is_fed(self, image: ReadImage | None) -> bool:
        """Whether the graph takes an image as it is; None is a tensor."""
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
        """The compiled model."""
        frame, taken = self._info.frame, self._info.input

        def feeds(batch: Batch, chosen: list[int]) -> Feeds:
            if frame is None:
                tensors = batch.spatial[chosen]
                return {taken.name: tensors if taken.has_batch else tensors[0]}
            images = coefficients_of([batch.images[index] for index in chosen])
            if self._takes_image:
                pairs = zip(images, (n % self._views for n in chosen), strict=True)
                made = np.stack([ingested(image, self._info, view) for image, view in pairs])
                return {self._info.ingest_output or "": made}
            if self.takes_axes:
                return placed_feeds(images, self._info, ["image"], chosen[0] % self._views)
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

    def original(self, model: onnx.ModelProto, renamed: Mapping[str, str] | None = None) -> Side:
        """The original, or a model made of it.

        Args:
            model: it.
            renamed: what `model` calls tensors of the source otherwise.
        """
        image = self._info.input.name
        renamed = renamed or {}
        names = {tensor: renamed.get(twin, twin) for tensor, twin in self.twins.items()}
        # ONNX Runtime 1.32 moves a Transpose across a Resize with `axes`, and cannot run that.
        optimised = not self._info.feeds_whole_images
        opened = partial(
            inference_session, folder=self._source.folder, arena=False, optimised=optimised
        )
        return Side(
            readable(model),
            names,
            opened,
            lambda batch, chosen: {image: batch.spatial[chosen]},
            fixed_batch_of(model, image),
        )


def _twin(tensor: str, info: CompiledInfo) -> str:
    """What a tensor is called in a source that is fed whole images: the input is another there."""
    own = info.own_preprocessing
    is_image = own is not None and info.feeds_whole_images and tensor == info.input.name
    return own.output if own is not None and is_image else tensor


def fixed_batch_of(model: onnx.ModelProto, image: str) -> int | None:
    """The batch that a model is bound to; None if any will do."""
    value = next(v for v in model.graph.input if v.name == image)
    return value.type.tensor_type.shape.dim[0].dim_value or None
