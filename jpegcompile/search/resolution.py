"""Choose the smallest input of a network for a stated loss of accuracy: `--resolution auto`.

1. Candidates: sizes below the trained one, the largest first; the cost model refuses those that
   fill the tiles of kernels so badly that they take as long as a larger one (`search/sizes.py`).
2. Budget: the smallest candidate is found by halving, whose accuracy on the images that search is
   within the budget by a lower confidence bound, with the best of the ways in which images can come
   to its size.
3. Verification, on the other half of the images, which nothing above has seen.

What is measured is the source network at each size, by the decoder of the description: a compiled
model computes the same but for rounding.
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
    """A candidate on the images that search.

    Attributes:
        size: of the input.
        preprocess: the best way to it, as a description for the trained size.
        counts: against the network at the trained size.
        is_within: whether it is within the budget.
    """

    size: Size
    preprocess: Preprocess
    counts: PairedCounts
    is_within: bool


@dataclass(frozen=True)
class ResolutionSearch:
    """Outcome of `choose_resolution`.

    Attributes:
        plan: to be given to `compile` as its resolution.
        preprocess: to be given to `compile`, too.
        max_drop: budget in percentage points of top-1.
        trained: size that the network was trained at.
        candidates: sizes, the time that is expected there, and which were refused for it.
        measured: what was measured of some of them.
        search: the chosen size against the trained one, on the images that chose it.
        verification: the same on images that the search has not used.
        skipped: files that could not be used, and why.
        ignored: why, for every folder that was passed over, by its path.
        pixel_fallbacks: how many of the files went through the pixel fallback.
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
        """Whether the whole interval of the verification lies beyond the budget."""
        return self.verification.refutes(self.max_drop)

    @property
    def time(self) -> float:
        """That is expected at the chosen size, in parts of that at the trained one."""
        return next(c.time for c in self.candidates if c.size == self.plan.size)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data, as compiled files carry it; drops are in percentage points."""
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
    """Find the smallest input that costs little accuracy.

    One half of the images chooses, the other half verifies. Predictions are kept in a file, so that
    a search that was interrupted, or one with another budget, goes on where it was.

    Args:
        model: as for `compile`.
        images: folder with one folder of JPEG files a class.
        max_drop: top-1 that may be lost, in percentage points, on a lower confidence bound.
        preprocess: as for `compile`.
        labels: JSON file from folder name to class index; else classes follow the sorted names.
        output_name: which output holds the scores [N, classes]; the first one if not given.
        image_input: as for `compile`.
        input_size: as for `compile`.
        cache: folder of the predictions; that of the user's caches if not given.
        on_error: what becomes of files that cannot be used: "stop" raises the error of the first;
            "skip" and "report" leave them out before the images are halved.
        tolerant: whether to take what can be read of damaged files, as `read_coefficients`.
        fallback: "pixels" also takes files of which no coefficients are read, as `Session.run`.
        progress: called with (images done, images in all).

    Raises:
        UsageError: if arguments do not fit the model, the images are too few to show a loss as
            small as `max_drop`, or the network does no better on them than guessing.
        UnsupportedModelError: if the network cannot be run at another size.
        ImageError, AccessError: if an image is damaged, of another size, or cannot be read; or none
            can be used.
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
        # What the model does itself is no part of a description for `compile`.
        preprocess=found.preprocess if extraction.own is None else described,
        skipped=usable.skipped,
        ignored=usable.data.ignored,
        pixel_fallbacks=usable.pixel_fallbacks,
    )


class _Search:
    """The three steps."""

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
        """Search and verify; `chance` is the fraction of images that is right by luck."""
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
        """A size by the best of the ways to it."""
        trained, given = self._network.taken.size, self._network.preprocess
        tried = [
            (self._counts(self._search, size, way), way) for way in ways_to(given, trained, size)
        ]
        # Of equals the first, which is what the description itself becomes.
        counts, way = max(tried, key=lambda pair: pair[0].change)
        return Measured(size, way, counts, counts.lowest_change() >= -self._most)

    def _counts(self, split: Split, size: Size, preprocess: Preprocess) -> PairedCounts:
        """Right predictions at the trained size and at another one."""
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
