"""Batches of image files in the three forms that are compared."""

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
    """Some inputs.

    Attributes:
        files: where the inputs are images.
        images: what was read of the files; empty where the inputs are tensors.
        spatial: inputs of the original model; of the float decode where they are images. Where the
            network sees several views of an image, [N, views, ...].
        pillow: of Pillow's decode; None where the inputs are tensors.
        indices: place of each image among the files that were to be read.
        whole: whether nothing of each image is damaged.
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
    """The files in order, as many at once as the session takes.

    Where the original resizes images itself it is fed one at a time, at the size that it has.

    Args:
        session: that is to run them.
        files: JPEG files.
        reader: says what becomes of files that cannot be used; that includes files that Pillow
            alone cannot decode. The session's own one, which stops at the first, if not given.

    Raises:
        ImageError: if an image is damaged or of another size than the network's; or none is left.
        AccessError: if a file cannot be read.
        UsageError: if the compiled model carries no preprocessing.
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
    """How a source with preprocessing of its own is fed an image: at the size that it has.

    Args:
        preprocess: of the compiled model.
        taken: its image input.
        frame: of the image's file.
    """
    height, width = preprocess.geometry.displayed(frame)
    return before_own(preprocess), replace(taken, height=height, width=width)
