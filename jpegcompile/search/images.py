"""Labelled images for a model that is still to be compiled: those that can be used."""

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
    """What measurements are made on.

    Attributes:
        data: files that can be used, with their classes.
        skipped: the other files of these classes, and why.
        output: name of the output that holds the scores.
        chance: fraction of the images that is right by luck.
        pixel_fallbacks: how many of the files go through the pixel fallback.
    """

    data: LabelledImages
    skipped: tuple[Skipped, ...]
    output: str
    chance: float
    pixel_fallbacks: int


def source_output(source: Source, output: str | None) -> str:
    """The output of a model that holds the scores; see `score_output`."""
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
    """Read every file once, before anything else is done with any.

    So what follows is the same as if the unusable files were not there.

    Args:
        source: the model.
        folder: with one folder of JPEG files a class.
        labels: JSON file from folder name to class index; else classes follow the sorted names.
        output: which output holds the scores; the first one if not given.
        image_input: as for `compile`, and so is `input_size`.
        input_size: height and width where the model leaves them open.
        preprocess: how images come to the network's size; they must have it if not given.
        on_error: what becomes of files that cannot be used.
        tolerant: whether to take what can be read of damaged files.
        fallback: "pixels" also takes files of which no coefficients are read.

    Raises:
        UsageError, AccessError: as `labelled_images`; or there is no such output.
        ImageError: of the first file that cannot be used, if `on_error` is "stop"; or none can be.
    """
    taken, name = image_of(source, image_input, input_size), source_output(source, output)
    if preprocess is not None:
        taken = replace(taken, geometry=preprocess.geometry)
    count = partial(score_count, source, taken, name)
    # Files of every sampling are taken, so which one a model is compiled for does not matter.
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
