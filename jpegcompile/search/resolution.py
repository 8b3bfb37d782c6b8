"""Choose the smallest input size of a network within a budget of accuracy: `--resolution auto`.

1. Candidates: list sizes below the training size, the largest first. Some sizes fill the tiles of
   kernels so badly that they take nearly as long as a larger size. The cost model finds these, and
   they are not measured (`search/sizes.py`).
2. Budget: find the smallest candidate by bisection whose accuracy on the search images is within
   the budget, by a lower confidence bound and with the best variant of the preprocessing.
3. Verification: measure the size on the other half of the images, which no step above uses.

The search runs the source network at each size, with the decoder of the preprocessing. A compiled
model computes the same except for rounding.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.compiler import ModelSource
from jpegcompile.frontend.load import load_source
from jpegcompile.frontend.preprocessing_nodes.extract import extract_preprocessing
from jpegcompile.input_size import InputSize, Size, input_size_of
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.jpeg.unusable import OnError, Skipped
from jpegcompile.options import running as option
from jpegcompile.options.fitted import image_of
from jpegcompile.options.renamed import accepts_earlier
from jpegcompile.preprocessing.fields import geometry_json
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.presets import for_network
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.progress import Progress
from jpegcompile.resolution_plan import ResolutionPlan
from jpegcompile.search.cache import Cache, default_folder, key_of
from jpegcompile.search.images import usable_images
from jpegcompile.search.interval import CONFIDENCE, PairedCounts
from jpegcompile.search.sized_network import SizedNetwork
from jpegcompile.search.sizes import Candidate, candidates, ways_to
from jpegcompile.search.splits import Split, halves_for, require_budget_range, require_no_guess


@dataclass(frozen=True)
class Measured:
    """A candidate measured on the search images.

    Attributes:
        size: (height, width) of the input.
        preprocess: the best variant of the preprocessing, for the training size.
        counts: counts of the candidate and of the network at the training size.
        is_within: whether the candidate is within the budget.
    """

    size: Size
    preprocess: Preprocess
    counts: PairedCounts
    is_within: bool


@dataclass(frozen=True)
class ResolutionSearch:
    """Result of `choose_resolution`.

    Attributes:
        plan: resolution for `compile`.
        preprocess: preprocessing for `compile`.
        max_drop: budget in percentage points of top-1 accuracy.
        trained: training size of the network.
        candidates: candidate sizes with their predicted times.
        measured: the measured candidates.
        search: counts of the chosen size and the training size, on the images for the search.
        verification: counts of the chosen size and the training size, on the images for
            verification.
        skipped: unusable files, with reasons.
        ignored: reason for each ignored folder, by its path.
        pixel_fallbacks: number of files that used the pixel fallback.
    """

    plan: ResolutionPlan
    preprocess: Preprocess
    max_drop: float
    trained: Size
    candidates: tuple[Candidate, ...]
    measured: tuple[Measured, ...]
    search: PairedCounts
    verification: PairedCounts
    skipped: tuple[Skipped, ...] = ()
    ignored: Mapping[str, str] = field(default_factory=dict)
    pixel_fallbacks: int = 0

    @property
    def is_refuted(self) -> bool:
        """Whether the whole confidence interval of the verification is beyond the budget."""
        return self.verification.refutes(self.max_drop)

    @property
    def time(self) -> float:
        """Predicted time at the chosen size relative to the training size."""
        return next(c.time for c in self.candidates if c.size == self.plan.size)

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data, as compiled files record it. Drops are in percentage points."""
        return {
            "size": list(self.plan.size),
            "trained_size": list(self.trained),
            "max_drop": self.max_drop,
            "confidence": CONFIDENCE,
            "predicted_time": self.time,
            "candidates": [asdict(each) for each in self.candidates],
            "measured": [
                {
                    "size": list(each.size),
                    "geometry": geometry_json(each.preprocess.geometry),
                    "within": each.is_within,
                    **each.counts.to_json(),
                }
                for each in self.measured
            ],
            "search": self.search.to_json(),
            "verification": self.verification.to_json(),
        }


@accepts_earlier(option.OUTPUT_NAME)
def choose_resolution(
    model: ModelSource,
    images: str | os.PathLike[str],
    *,
    max_drop: float,
    preprocess: str | os.PathLike[str] | Mapping[str, Any] | Preprocess,
    labels: str | os.PathLike[str] | None = None,
    output_name: str | None = option.OUTPUT_NAME.default,
    image_input: str | None = None,
    input_size: InputSize | None = None,
    cache: str | os.PathLike[str] | None = None,
    on_error: OnError = option.ON_ERROR.default,
    tolerant: bool = option.TOLERANT.default,
    fallback: Fallback = option.FALLBACK.default,
    progress: Progress | None = None,
) -> ResolutionSearch:
    """Choose the smallest input size that costs little accuracy.

    One half of the images is for the search, the other half for verification. Predictions are
    cached in a file. An interrupted search, or a search with another budget, continues from there.

    Args:
        model: as for `compile`.
        images: folder with one folder of JPEG files for each class.
        max_drop: budget: top-1 accuracy that may be lost, in percentage points, by a lower
            confidence bound.
        preprocess: as for `compile`.
        labels: JSON file that maps folder names to class indices. By default, classes are numbered
            in the sorted order of the folder names.
        output_name: name of the output with the scores [N, classes]; the first output by default.
        image_input: as for `compile`.
        input_size: as for `compile`.
        cache: folder of the predictions; in the user's cache folder by default.
        on_error: handling of unusable files. "stop" raises the error of the first one. "skip" and
            "report" skip them before the images are split.
        tolerant: whether to use the readable part of damaged files, as for `read_coefficients`.
        fallback: "pixels" to use Pillow for files whose coefficients cannot be read, as for
            `Session.run`.
        progress: called with (images done, images in all).

    Raises:
        UsageError: if arguments do not fit the model, there are too few images to show a loss
            within the budget, or the network is no better than guessing.
        UnsupportedModelError: if the network cannot run at another size.
        ImageError, AccessError: if an image is damaged, of another size or cannot be read; or if no
            image is usable.
    """
    require_budget_range(max_drop)
    source = load_source(model, image_input)
    size, described = input_size_of(input_size), preprocess_of(preprocess)
    extraction = extract_preprocessing(source, image_input, size, described)
    source = extraction.source
    taken = image_of(source, image_input, size)
    given = for_network(extraction.preprocess or described, taken.size)
    usable = usable_images(
        source,
        images,
        labels=labels,
        output=output_name,
        image_input=image_input,
        input_size=taken.size,
        preprocess=given,
        on_error=on_error,
        tolerant=tolerant,
        fallback=fallback,
    )
    halves = halves_for(usable.data, max_drop)
    parts = (source.sha256, usable.output, json.dumps(usable.data.labels))
    extra = ("resolution", *(["tolerant"] if tolerant else []))
    folder = Path(cache) if cache is not None else default_folder().with_name("resolution")
    kept = Cache(folder, key_of((*parts, *extra), usable.data.files))
    network = SizedNetwork(
        source, taken, given, usable.output, kept, tolerant=tolerant, fallback=fallback
    )
    search = _Search(network, halves, max_drop / 100, progress)
    found = search.run(usable.chance, max_drop)
    evidence = found.to_json()
    plan = replace(found.plan, evidence={**evidence, "source_sha256": source.sha256})
    return replace(
        found,
        plan=plan,
        # The preprocessing for `compile` does not include the model's own preprocessing nodes.
        preprocess=found.preprocess if extraction.own is None else described,
        skipped=usable.skipped,
        ignored=usable.data.ignored,
        pixel_fallbacks=usable.pixel_fallbacks,
    )


class _Search:
    """The three steps of the search."""

    def __init__(
        self,
        network: SizedNetwork,
        halves: tuple[Split, Split],
        most: float,
        progress: Progress | None,
    ) -> None:
        self._network = network
        self._search, self._verification = halves
        self._most = most
        self._progress = progress
        self._done = self._total = 0

    def run(self, chance: float, max_drop: float) -> ResolutionSearch:
        """Search and verify.

        Args:
            chance: accuracy that guessing reaches, as a fraction.
            max_drop: budget in percentage points.
        """
        trained, given = self._network.taken.size, self._network.preprocess
        self._total = 2 * (len(self._search.files) + len(self._verification.files))
        start = self._counts(self._search, trained, given)
        require_no_guess(start, self._search, chance, "network")
        every = candidates(trained, self._network.seconds)
        worth = [each for each in every if not each.refused]
        ways = len(ways_to(given, trained, worth[-1].size))
        self._total += ways * len(worth).bit_length() * len(self._search.files)
        measured: dict[int, Measured] = {0: Measured(trained, given, start, True)}
        inside, outside = 0, len(worth)
        while outside - inside > 1:
            middle = (inside + outside) // 2
            measured[middle] = self._measure(worth[middle].size)
            if measured[middle].is_within:
                inside = middle
            else:
                outside = middle
        chosen = measured[inside]
        verification = self._counts(self._verification, chosen.size, chosen.preprocess)
        self._advance(self._total - self._done)
        return ResolutionSearch(
            ResolutionPlan(chosen.size),
            chosen.preprocess,
            max_drop,
            trained,
            tuple(every),
            tuple(measured[index] for index in sorted(measured)),
            chosen.counts,
            verification,
        )

    def _measure(self, size: Size) -> Measured:
        """Measure a size with every variant of the preprocessing, and return the best."""
        trained, given = self._network.taken.size, self._network.preprocess
        tried = [
            (self._counts(self._search, size, way), way) for way in ways_to(given, trained, size)
        ]
        # On a tie, `max` returns the first variant: the given preprocessing itself.
        counts, way = max(tried, key=lambda pair: pair[0].change)
        return Measured(size, way, counts, counts.lowest_change() >= -self._most)

    def _counts(self, split: Split, size: Size, preprocess: Preprocess) -> PairedCounts:
        """Compare the predictions at the training size and at another size with the labels."""
        trained, given = self._network.taken.size, self._network.preprocess
        before = self._right(split, trained, given)
        if (size, preprocess) == (trained, given):
            return PairedCounts.of(before, before)
        return PairedCounts.of(before, self._right(split, size, preprocess))

    def _right(self, split: Split, size: Size, preprocess: Preprocess) -> NDArray[np.bool_]:
        before = self._done
        found = self._network.predictions(
            split, size, preprocess, lambda done, total: self._advance(before + done - self._done)
        )
        return np.asarray(found == np.asarray(split.labels), np.bool_)

    def _advance(self, images: int) -> None:
        self._done = min(self._done + max(images, 0), self._total)
        if self._progress is not None:
            self._progress(self._done, self._total)
