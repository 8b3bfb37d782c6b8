"""A network at several input sizes: predicted time and predictions."""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from jpegcompile.cost.network import network_seconds
from jpegcompile.evaluation.compare import check_scores
from jpegcompile.evaluation.spatial import SpatialModel
from jpegcompile.frontend.load import Source
from jpegcompile.frontend.resolution.change import at_resolution
from jpegcompile.input_size import Size
from jpegcompile.ir.module import CompileOptions
from jpegcompile.jpeg.pixel_fallback import Fallback, PixelFallback
from jpegcompile.jpeg.unusable import ImageReader
from jpegcompile.lowering import lower
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.scaled import scaled
from jpegcompile.progress import Progress
from jpegcompile.resolution_plan import ResolutionPlan
from jpegcompile.runtime.input_tensors import check_size
from jpegcompile.runtime.pixel_input import network_tensor
from jpegcompile.runtime.preprocessor import Preprocessor
from jpegcompile.runtime.tensor_reader import usable_tensors
from jpegcompile.search.cache import Cache
from jpegcompile.search.splits import Split

_BATCH = 32


class SizedNetwork:
    """Runs a network at any input size, and caches its predictions.

    Attributes:
        taken: the network's image input at the training size.
        preprocess: preprocessing for the training size.
    """

    def __init__(
        self,
        source: Source,
        taken: NetworkInput,
        preprocess: Preprocess,
        output: str,
        cache: Cache,
        *,
        tolerant: bool,
        fallback: Fallback,
    ) -> None:
        """Prepare to measure.

        Args:
            source: the network.
            taken: the network's image input at the training size.
            preprocess: preprocessing for the training size.
            output: name of the output with the scores.
            cache: cache of the predictions.
            tolerant: as for `read_coefficients`.
            fallback: as for `Session.run`.
        """
        self.taken = taken
        self.preprocess = preprocess
        self._source = source
        self._output = output
        self._cache = cache
        self._tolerant = tolerant
        self._fallback: Fallback = fallback

    def seconds(self, size: Size) -> float:
        """Return the time in seconds that the cost model predicts for spatial kernels at a size."""
        options = CompileOptions(
            input_mode="tensor",
            image_input=self.taken.name,
            input_size=self.taken.size,
            resolution=ResolutionPlan(size),
            domain="auto",
        )
        return network_seconds(lower(self._source, options).report)

    def predictions(
        self, split: Split, size: Size, preprocess: Preprocess, progress: Progress
    ) -> NDArray[np.int64]:
        """Return the predicted classes of images at a size.

        Args:
            split: the images.
            size: (height, width) of the input.
            preprocess: preprocessing for the training size; it is scaled to `size`.
            progress: called with (images done, images in all).
        """
        way = json.dumps(preprocess.to_json(), sort_keys=True)
        name = f"predictions {split.name} {size[0]}x{size[1]} {way}"
        known = self._cache.get(name)
        if known is None:
            known = self._measured(split, size, preprocess, progress).tolist()
            self._cache.put(name, known)
        return np.asarray(known, np.int64)

    def _measured(
        self, split: Split, size: Size, preprocess: Preprocess, progress: Progress
    ) -> NDArray[np.int64]:
        source, taken = self._source, self.taken
        if size != taken.size:
            resized = at_resolution(source, taken, size)
            source, taken = resized.source, resized.taken
            preprocess = scaled(preprocess, self.taken.size, size)
        seen = taken.normalized(preprocess)
        model = SpatialModel(source, taken)
        reader = ImageReader(
            lambda image, file: check_size(image.frame, seen, file),
            tolerant=self._tolerant,
            fallback=PixelFallback(self._fallback, seen.from_pixels[0]),
        )
        parts = []
        for used, tensor in usable_tensors(
            Preprocessor(seen, 1, tolerant=self._tolerant),
            split.files,
            reader,
            _BATCH,
            lambda image: network_tensor(image, seen, block=1),
        ):
            parts.append(model.run(tensor)[self._output])
            progress(used[-1] + 1, len(split.files))
        scores = np.concatenate(parts)
        check_scores(scores, self._output, len(split.files), split.labels)
        return np.asarray(scores.argmax(axis=1), np.int64)
