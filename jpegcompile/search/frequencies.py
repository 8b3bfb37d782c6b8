"""Choose the frequencies of every nonlinearity within a budget of accuracy.

1. Sensitivity: reduce each knob alone, on some of the search images. The loss of a knob is the mean
   Kullback-Leibler divergence of the scores from the exact scores. A loss requires far fewer images
   than a change of accuracy.
2. Path: remove the cheapest frequency first, since losses of single knobs nearly add up.
3. Budget: find the farthest plan on the path whose accuracy on all search images is within the
   budget, by a lower confidence bound. The mean over its neighbors must be within the budget too:
   masks are discontinuous, so plans that differ in one frequency differ on some images by chance.
   The outputs of the plan must not depend on rounding; see `jpegcompile.evaluation.stability`.
4. Verification: measure the plan on the other half of the images, which no step above uses.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from jpegcompile.compiler import ModelSource
from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import CheckFailedError
from jpegcompile.evaluation.stability import Stability
from jpegcompile.frequency_plan import Masking, frequency_plan
from jpegcompile.frontend.load import load_source
from jpegcompile.frontend.preprocessing_nodes.extract import extract_preprocessing
from jpegcompile.input_size import InputSize, input_size_of
from jpegcompile.ir.module import CompileOptions
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.jpeg.unusable import OnError
from jpegcompile.messages import Message
from jpegcompile.options import running as option
from jpegcompile.options.fitted import image_of
from jpegcompile.options.renamed import accepts_earlier
from jpegcompile.options.searching import EXACT_MASKS, SEARCHED_RELU
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.presets import for_network
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.progress import Progress
from jpegcompile.resolution import at_asked_resolution
from jpegcompile.resolution_plan import Resolution, resolution_of
from jpegcompile.search.budget import PLANS_A_STEP, farthest_within
from jpegcompile.search.cache import Cache, default_folder, key_of
from jpegcompile.search.frequency_search import FrequencySearch
from jpegcompile.search.images import usable_images
from jpegcompile.search.path import Curve, cheapest_first
from jpegcompile.search.plan_evaluator import Levels, PlanEvaluator, plan_from_levels
from jpegcompile.search.probe import FEWEST, Knob, Probe, common_subsampling
from jpegcompile.search.splits import Split, halves_for, require_budget_range, require_no_guess

# Number of images for sensitivities. Four times as many barely change the order (ResNet-20).
_SENSITIVITY_IMAGES = 256
# A knob with this divergence, in nats as a mean over images, is not reduced further.
_HOPELESS = 0.5
# Number of images that determine whether a plan is chaotic.
_STABILITY_IMAGES = 128


@accepts_earlier(option.OUTPUT_NAME)
def choose_frequencies(
    model: ModelSource,
    images: str | os.PathLike[str],
    *,
    max_drop: float,
    preprocess: str | os.PathLike[str] | Mapping[str, Any] | Preprocess,
    labels: str | os.PathLike[str] | None = None,
    output_name: str | None = option.OUTPUT_NAME.default,
    relu: Masking = SEARCHED_RELU.default,
    has_exact_masks: bool = EXACT_MASKS.default,
    truncate: int | None = None,
    image_input: str | None = None,
    input_size: InputSize | None = None,
    resolution: Resolution | None = None,
    cache: str | os.PathLike[str] | None = None,
    on_error: OnError = option.ON_ERROR.default,
    tolerant: bool = option.TOLERANT.default,
    fallback: Fallback = option.FALLBACK.default,
    progress: Progress | None = None,
) -> FrequencySearch:
    """Choose few frequencies for each nonlinearity that cost little accuracy.

    One half of the images is for the search, the other half for verification. Every measurement is
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
        relu: "asm" or "apx".
        has_exact_masks: whether masks use all frequencies, so that only kept frequencies are
            chosen.
        truncate: kept frequencies of all nonlinearities; chosen by the search if not given.
        image_input: as for `compile`.
        input_size: as for `compile`.
        resolution: as for `compile`.
        cache: folder of the measurements; in the user's cache folder by default.
        on_error: handling of unusable files. "stop" raises the error of the first one. "skip" and
            "report" skip them before the images are split, and list them in the result. A file
            that becomes unreadable later ends the search in any case.
        tolerant: whether to use the readable part of damaged files, as for `read_coefficients`.
        fallback: "pixels" to use Pillow for files whose coefficients cannot be read, as for
            `Session.run`.
        progress: called with (images done, images in all).

    Raises:
        UsageError: if arguments do not fit the model, there are too few images to show a loss
            within the budget, or the exact model is no better than guessing.
        UnsupportedModelError: if the model cannot be compiled or has no nonlinearity.
        ImageError, AccessError: if an image is damaged, has another size or cannot be read, or if
            no image is usable.
        CheckFailedError: if the given truncation alone loses more than `max_drop`.
    """
    require_budget_range(max_drop)
    # Check `relu` and `truncate`.
    frequency_plan(relu=relu, truncate=truncate)
    normalization = preprocess_of(preprocess)
    size, at = input_size_of(input_size), resolution_of(resolution)
    source = load_source(model, image_input)
    extraction = extract_preprocessing(source, image_input, size, normalization)
    source, given = extraction.source, extraction.preprocess or normalization
    taken = image_of(source, image_input, size)
    asked = CompileOptions(preprocess=for_network(given, taken.size), resolution=at)
    source, taken, complete, _ = at_asked_resolution(source, taken, asked)
    usable = usable_images(
        source,
        images,
        labels=labels,
        output=output_name,
        image_input=image_input,
        input_size=taken.size,
        preprocess=complete.preprocess,
        on_error=on_error,
        tolerant=tolerant,
        fallback=fallback,
    )
    data, name = usable.data, usable.output
    halves = halves_for(data, max_drop)
    taking: dict[str, Any] = {"tolerant": tolerant, "fallback": fallback}
    subsampling = common_subsampling(model, halves[0].files, image_input, **taking)
    options: dict[str, Any] = {
        "preprocess": normalization,
        "image_input": image_input,
        "input_size": size,
        "resolution": at,
        "subsampling": subsampling,
    }
    with tempfile.TemporaryDirectory(prefix="jpegcompile-") as folder:
        fewest = replace(FEWEST, mask=ALL) if has_exact_masks else FEWEST
        probe = Probe(model, Path(folder), relu, fewest, **taking, **options)
        parts = (probe.sha256, name, json.dumps(data.labels), *(["tolerant"] if tolerant else []))
        measurements = Cache(Path(cache or default_folder()), key_of(parts, data.files))
        search = _Search(probe, measurements, name, relu, truncate, halves, progress)
        found = search.run(max_drop, usable.chance)
    hashes = {"plan_sha256": found.plan.sha256, "source_sha256": source.sha256}
    plan = replace(found.plan, evidence={**found.to_json(), **hashes})
    return replace(
        found,
        plan=plan,
        skipped=usable.skipped,
        ignored=data.ignored,
        pixel_fallbacks=usable.pixel_fallbacks,
    )


class _Search:
    """The four steps of the search, with one probe."""

    def __init__(
        self,
        probe: Probe,
        cache: Cache,
        output: str,
        masking: Masking,
        truncate: int | None,
        halves: tuple[Split, Split],
        progress: Progress | None,
    ) -> None:
        self._search, self._verification = halves
        self._few = self._search.spread("sensitivity", _SENSITIVITY_IMAGES)
        self._fewer = self._search.spread("stability", _STABILITY_IMAGES)
        self._refused: dict[int, Stability] = {}
        self._masking: Masking = masking
        every = list(probe.knobs.values())
        self._fixed = {} if truncate is None else {k: truncate for k in every if k.kind == "keep"}
        self._knobs = [knob for knob in every if knob not in self._fixed]
        self._all_knobs = every
        self._done = 0
        self._total = self._expected_images()
        self._progress = progress
        self._evaluator = PlanEvaluator(probe, cache, output, masking, self._advance)

    def run(self, max_drop: float, chance: float) -> FrequencySearch:
        """Search and verify.

        Args:
            max_drop: budget in percentage points.
            chance: accuracy that guessing reaches, as a fraction.
        """
        self._require_sound_start(max_drop, chance)
        curves = {knob: self._curve(knob) for knob in self._knobs}
        path = [{**self._fixed, **levels} for levels in cheapest_first(curves)]
        within = farthest_within(
            len(path),
            lambda i: self._evaluator.accuracy(self._search, path[i]),
            max_drop / 100,
            lambda i: self._is_chaotic(i, path[i]),
        )
        levels = path[within]
        stability = self._stability(levels)
        search = self._evaluator.accuracy(self._search, levels)
        verification = self._evaluator.accuracy(self._verification, levels)
        self._advance(self._total - self._done)
        plan = plan_from_levels(levels, self._masking)
        masks, kept = (self._numbers(levels, kind) for kind in ("mask", "keep"))
        refused = self._refused[min(self._refused)] if self._refused else None
        return FrequencySearch(
            plan,
            max_drop,
            search,
            verification,
            masks,
            kept,
            stability=stability,
            refused=refused,
        )

    def _is_chaotic(self, index: int, levels: Levels) -> bool:
        stability = self._stability(levels)
        if stability is None or not stability.is_chaotic:
            return False
        self._refused[index] = stability
        return True

    def _stability(self, levels: Levels) -> Stability | None:
        """Measure the stability of a plan; None if all masks are exact."""
        if all(knob.kind == "keep" or n == ALL for knob, n in levels.items()):
            return None
        return self._evaluator.stability(self._fewer, levels)

    def _require_sound_start(self, max_drop: float, chance: float) -> None:
        """Refuse an exact model that only guesses, and a truncation that exceeds the budget."""
        counts = self._evaluator.accuracy(self._search, self._fixed)
        require_no_guess(counts, self._search, chance, "exact model")
        least = 100 * counts.lowest_change()
        if least < -max_drop:
            raise CheckFailedError(
                Message(
                    "search-truncate-over-budget",
                    f"--truncate alone loses {-100 * counts.change:.2f} points of top-1, at most"
                    f" {-least:.2f} by a 95 % bound, but --max-drop is {max_drop:g}; give a larger"
                    " number or omit --truncate",
                )
            )

    def _curve(self, knob: Knob) -> Curve:
        losses = [0.0]
        for level in knob.levels[1:]:
            if losses[-1] > _HOPELESS:
                self._advance(len(self._few.files))
                continue
            losses.append(self._evaluator.loss(self._few, knob, level))
        return Curve(knob.levels[: len(losses)], tuple(losses))

    def _numbers(self, levels: Levels, kind: str) -> tuple[int, ...]:
        return tuple(levels.get(knob, ALL) for knob in self._all_knobs if knob.kind == kind)

    def _expected_images(self) -> int:
        steps = sum(len(knob.levels) - 1 for knob in self._knobs)
        plans = max(steps, 1).bit_length() * PLANS_A_STEP + 2
        return (
            (steps + 1) * len(self._few.files)
            + 2 * plans * len(self._search.files)
            + plans * len(self._fewer.files)
            + 2 * len(self._verification.files)
        )

    def _advance(self, images: int) -> None:
        self._done = min(self._done + images, self._total)
        if self._progress is not None:
            self._progress(self._done, self._total)
