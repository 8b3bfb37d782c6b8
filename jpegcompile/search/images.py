"""Find the usable labelled images for a model before it is compiled."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import partial

from jpegcompile.evaluation.chance import chance_of
from jpegcompile.evaluation.compare import score_output
from jpegcompile.evaluation.dataset import LabelledImages, labelled_images
from jpegcompile.evaluation.spatial import score_count
from jpegcompile.frontend.load import Source
from jpegcompile.input_size import Size
from jpegcompile.jpeg.pixel_fallback import Fallback, PixelFallback
from jpegcompile.jpeg.subsampling import GRAY, frame_of
from jpegcompile.jpeg.unusable import ImageReader, OnError, Skipped
from jpegcompile.options.fitted import image_of
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.runtime.input_tensors import check_usable


@dataclass(frozen=True)
class UsableImages:
    """Labelled images for measurements.

    Attributes:
        data: usable files with their classes.
        skipped: unusable files, with reasons.
        output: name of the output with the scores.
        chance: accuracy that guessing reaches, as a fraction.
        pixel_fallbacks: number of files that use the pixel fallback.
    """

    data: LabelledImages
    skipped: tuple[Skipped, ...]
    output: str
    chance: float
    pixel_fallbacks: int


def source_output(source: Source, output: str | None) -> str:
    """Return the name of the output with the scores; see `score_output`."""
    return score_output([value.name for value in source.model.graph.output], output)


def usable_images(
    source: Source,
    folder: str | os.PathLike[str],
    *,
    labels: str | os.PathLike[str] | None = None,
    output: str | None = None,
    image_input: str | None = None,
    input_size: Size | None = None,
    preprocess: Preprocess | None = None,
    on_error: OnError = "stop",
    tolerant: bool = False,
    fallback: Fallback = "none",
) -> UsableImages:
    """Read every file once to find the usable ones, before a search.

    The search is then the same as if the unusable files did not exist.

    Args:
        source: the model.
        folder: folder with one folder of JPEG files for each class.
        labels: JSON file that maps folder names to class indices. By default, classes are numbered
            in the sorted order of the folder names.
        output: name of the output with the scores; the first output by default.
        image_input: as for `compile`.
        input_size: height and width of a model with a dynamic image size.
        preprocess: preprocessing of images of any size. If None, images must have the network's
            size.
        on_error: handling of unusable files.
        tolerant: whether to use the readable part of damaged files.
        fallback: "pixels" to use Pillow for files whose coefficients cannot be read.

    Raises:
        UsageError, AccessError: as `labelled_images`; or if there is no such output.
        ImageError: if `on_error` is "stop" and a file is unusable, or if no file is usable.
    """
    taken, name = image_of(source, image_input, input_size), source_output(source, output)
    if preprocess is not None:
        taken = replace(taken, geometry=preprocess.geometry)
    count = partial(score_count, source, taken, name)
    # Files of every chroma subsampling are usable, so the choice does not matter here.
    written = frame_of(GRAY if taken.channels == 1 else "4:4:4", *taken.size)
    data = labelled_images(folder, labels, count, fallback)
    reader = ImageReader(
        lambda image, file: check_usable(image.frame, taken, written, file),
        on_error,
        tolerant=tolerant,
        fallback=PixelFallback(fallback, "L" if taken.channels == 1 else "RGB"),
    )
    data = data.only(reader.each(data.files, lambda _, item: item.index))
    classes = count() if len(set(data.labels)) == 1 else len(data.classes)
    chance = chance_of(data.labels, classes)
    return UsableImages(data, reader.skipped, name, chance, reader.pixel_fallbacks)
