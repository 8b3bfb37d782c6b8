"""A network at several sizes of its input: what it takes there, and what it says of images."""

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
    """Predictions of a network at any size, each measured once.

    Attributes:
        taken: its image input at the trained size.
        preprocess: how images come to that size.
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
            taken: its image input at the trained size.
            preprocess: how images come to that size.
            output: that holds the scores.
            cache: keeps what is measured.
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
        """What the cost model expects of spatial kernels at a size."""
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
        """Classes of images at a size, for a description that is for the trained size."""
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
