"""Batches of image files as inputs of both models: coefficients, float decode, Pillow's decode."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jpegcompile.evaluation.pillow import pillow_input
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.pixel_image import ReadImage
from jpegcompile.jpeg.unusable import ImageReader
from jpegcompile.network_input import NetworkInput
from jpegcompile.own_preprocessing import before_own
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.runtime.image_runner import ImageRunner
from jpegcompile.runtime.input_tensors import original_input


@dataclass(frozen=True)
class Batch:
    """Inputs of one run.

    Attributes:
        files: files of the images; empty if the inputs are tensors.
        images: coefficients or pixels of the files; empty if the inputs are tensors.
        spatial: inputs of the original model. For files they come from the decode that the model is
            compiled for. If the network sees several views of an image: [N, views, ...].
        pillow: inputs of the original model from Pillow's decode; None if the inputs are tensors.
        indices: index of each image among all files.
        whole: for each image, whether its file is undamaged.
    """

    files: Sequence[Path]
    images: Sequence[ReadImage]
    spatial: NDArray[np.float32]
    pillow: NDArray[np.float32] | None
    indices: Sequence[int] = ()
    whole: Sequence[bool] = ()


def image_batches(
    session: ImageRunner, files: Sequence[Path], reader: ImageReader | None = None
) -> Iterator[Batch]:
    """Read files in order, in batches of the session's batch size.

    An original that resizes images itself is fed one image at a time, at the size of its file.

    Args:
        session: session of the compiled model.
        files: JPEG files.
        reader: handles unusable files, and files that Pillow cannot decode. Default: the session's
            reader, which stops at the first unusable file.

    Yields:
        One batch for each group of files with a usable file.

    Raises:
        ImageError: if an image is damaged or has the wrong size, or if no image is usable.
        AccessError: if a file cannot be read.
        UsageError: if the compiled model has no preprocessing.
    """
    preprocess, taken = session.preprocess, session.info.input
    is_whole = session.info.feeds_whole_images
    step = 1 if is_whole else session.batch_size
    reader = reader or session.reader()
    used = 0
    for start in range(0, len(files), step):
        items, spatial, pillow = [], [], []
        for item in reader.read(files[start : start + step], start):
            file = files[item.index]
            with reader.guarding(file, item.index):
                fed = preprocess, taken
                if is_whole:
                    fed = _fed_whole(*fed, item.image.frame)
                exact = original_input(item.image, *fed)
                pillow.append(pillow_input(file, *fed, tolerant=reader.tolerant))
                spatial.append(exact)
                items.append(item)
        if items:
            used += len(items)
            yield Batch(
                files=[files[item.index] for item in items],
                images=[item.image for item in items],
                spatial=np.stack(spatial),
                pillow=np.stack(pillow),
                indices=[item.index for item in items],
                whole=[item.is_whole for item in items],
            )
    reader.require_some(range(used))


def _fed_whole(
    preprocess: Preprocess, taken: NetworkInput, frame: Frame
) -> tuple[Preprocess, NetworkInput]:
    """Return preprocessing and input of a source that reads images at the size of their files.

    Args:
        preprocess: preprocessing of the compiled model.
        taken: image input of the compiled model.
        frame: frame of the image's file.
    """
    height, width = preprocess.geometry.displayed(frame)
    return before_own(preprocess), replace(taken, height=height, width=width)
