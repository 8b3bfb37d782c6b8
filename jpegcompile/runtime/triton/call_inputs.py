"""Read and check the files for a call of a compiled module."""

from __future__ import annotations

from collections.abc import Sequence

from jpegcompile.errors import ImageError, UsageError
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.read import ImageSource, source_name
from jpegcompile.jpeg.subsampling import subsampling_of
from jpegcompile.messages import Message
from jpegcompile.runtime.image_runner import ImageRunner, listed


def read_for_call(
    runner: ImageRunner, images: Sequence[ImageSource], *, packed: bool
) -> list[Coefficients]:
    """Read the files for one call; see `CompiledModule.feeds`."""
    sources, info = listed(images), runner.info
    if info.views > 1:
        raise UsageError(
            Message(
                "module-call-with-views",
                f"{runner.path}: runs on {info.views} views of an image, but a call accepts one"
                " view; use run, which averages the outputs",
            )
        )
    if packed and info.frame is None:
        raise UsageError(
            Message(
                "module-packed-tensors",
                f"{runner.path}: accepts tensors, but only coefficients can be packed; leave packed"
                " out",
            )
        )
    read = runner.coefficients(sources)
    for index, image in enumerate(read):
        _require_fitting(runner, image, source_name(sources, index))
    return read


def _require_fitting(runner: ImageRunner, image: Coefficients, name: str) -> None:
    info, frame = runner.info, image.frame
    found = subsampling_of(frame) or image.color_space
    if info.input_mode != "tensor" and info.input.is_preprocessed:
        if info.frame != frame:
            raise ImageError(
                Message(
                    "module-call-frame-mismatch",
                    f"{name}: is {frame.width}x{frame.height} {found}, but a call accepts files of"
                    " the network's size and of the sampling that the model is compiled for; use"
                    " run",
                )
            )
    elif not runner.fits(image):
        raise ImageError(
            Message(
                "module-call-subsampling-mismatch",
                f"{name}: is {found} but the model is compiled for {info.subsampling}; use run",
            )
        )
