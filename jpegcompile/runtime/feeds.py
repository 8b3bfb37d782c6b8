"""Inputs of a compiled file for a batch of image files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from jpegcompile.errors import ImageError, UsageError
from jpegcompile.interface import JPEG
from jpegcompile.jpeg.pixel_image import ReadImage, coefficients_of
from jpegcompile.jpeg.read import ImageSource, image_bytes, source_name
from jpegcompile.jpeg.subsampling import subsampling_of
from jpegcompile.messages import Message
from jpegcompile.runtime.image_runner import ImageRunner, listed
from jpegcompile.runtime.input_tensors import coefficient_feeds, original_input
from jpegcompile.runtime.placed import placed_feeds
from jpegcompile.whole_numbers import is_whole_number

Feeds = dict[str, NDArray[np.generic]]


def file_feeds(
    runner: ImageRunner, images: Sequence[ImageSource], view: int | None = None
) -> Feeds:
    """Return the inputs of the whole file; see `Session.feeds`."""
    sources, info, path = listed(images), runner.info, runner.path
    view = _view(runner, view)
    takes_one = info.input_mode == "tensor" and not info.input.has_batch
    if takes_one and len(sources) > 1:
        raise UsageError(
            Message(
                "feeds-one-image-per-run",
                f"{path}: accepts one image per run, without a batch, but {len(sources)} images are"
                " given; call feeds for each, or Session.run for all",
            )
        )
    if info.input_mode == "jpeg":
        return _bytes(path, sources)
    coefficients = runner.coefficients(sources)
    if info.input.is_preprocessed and info.frame is not None:
        return placed_feeds(coefficients, info, sources, view)
    for index, image in enumerate(coefficients):
        if not runner.fits(image):
            found = subsampling_of(image.frame) or image.color_space
            raise ImageError(
                Message(
                    "feeds-subsampling-mismatch",
                    f"{source_name(sources, index)}: is {found} but the model is compiled for"
                    f" {info.subsampling}; use Session.run",
                )
            )
    feeds = image_feeds(runner, coefficients, view)
    return {name: values[0] for name, values in feeds.items()} if takes_one else feeds


def image_feeds(runner: ImageRunner, images: Sequence[ReadImage], view: int | None = None) -> Feeds:
    """Return the inputs of a file for images of one size, or for tensors.

    Args:
        runner: runner of the file.
        images: images that fit the file.
        view: index of one view. Default: all views; tensors are then [N, views, ...].
    """
    info = runner.info
    if info.frame is not None:
        return coefficient_feeds(coefficients_of(images), info.frame)
    preprocess = runner.preprocess
    if view is not None:
        preprocess = replace(preprocess, geometry=preprocess.geometry.each_view()[view])
    batch = [original_input(image, preprocess, info.input) for image in images]
    return {info.input.name: np.stack(batch)}


def _view(runner: ImageRunner, view: int | None) -> int:
    """Return the index of the view for a run of the whole file.

    Raises:
        UsageError: if the view is missing, not needed or out of range.
    """
    info, count = runner.info, runner.info.views
    if info.averages_views:
        if view is not None:
            raise UsageError(
                Message(
                    "view-not-separate",
                    f"view is {view!r}, but a run of {runner.path} averages all views; omit it",
                )
            )
        return 0
    if view is None and count > 1:
        raise UsageError(
            Message(
                "view-missing",
                f"{runner.path}: runs on {count} views of an image, but a run accepts one view;"
                f" call feeds with each view from 0 to {count - 1} and average the outputs, or use"
                " Session.run",
            )
        )
    if view is None:
        return 0
    if not is_whole_number(view) or not 0 <= view < count:
        if count == 1:
            raise UsageError(
                Message(
                    "view-of-single-view",
                    f"view is {view!r}, but {runner.path} runs on one view of an image; leave it"
                    " out",
                )
            )
        raise UsageError(
            Message(
                "view-out-of-range",
                f"view is {view!r} but {runner.path} runs on {count} views of an image; give a"
                f" whole number from 0 to {count - 1}",
            )
        )
    return int(view)


def _bytes(path: str, sources: Sequence[ImageSource]) -> Feeds:
    if len(sources) > 1:
        raise UsageError(
            Message(
                "feeds-one-file-per-run",
                f"{path}: accepts the bytes of one file per run, but {len(sources)} images are"
                " given; call feeds for each, or Session.run for all",
            )
        )
    return {JPEG: np.frombuffer(image_bytes(sources[0]), np.uint8)}
