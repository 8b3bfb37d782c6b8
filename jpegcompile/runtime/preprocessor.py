"""Turn JPEG files of any size into batches of a network's input with the native ingest.

The ingest computes `jpegcompile.dct.ingest` in float32. It works in strips, so no image is in
memory as a whole. An unusable file does not stop a batch; the batch contains its error.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from jpegcompile import _core
from jpegcompile.dct.blocks import block_size
from jpegcompile.dct.color import mixing_matrix
from jpegcompile.errors import AccessError, ImageError, InternalError, UsageError
from jpegcompile.jpeg.failures import failure_error
from jpegcompile.jpeg.frame import ColorSpace, Frame
from jpegcompile.jpeg.read import (
    DEFAULT_MAX_PIXELS,
    ImageSource,
    native_source,
    source_name,
)
from jpegcompile.messages import Message
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.geometry import Placement
from jpegcompile.processors import available_processors
from jpegcompile.runtime.input_tensors import check_decodable, check_size

# In the order of the native code.
_COLOR_SPACES: tuple[ColorSpace, ...] = ("gray", "ycbcr", "rgb")

# Name of the threads that read ahead.
PREFETCHER = "jpegcompile-batches"

Errors = Mapping[int, ImageError | AccessError]
# Returns the placement of an image from its index in the batch and its frame.
Place = Callable[[int, Frame], Placement]


@dataclass(frozen=True)
class Batch:
    """A batch of images as input of a network.

    Attributes:
        tensor: float32 or float16, [N, C, H, W] or [N, H, W, C]; with several views [N, views,
            ...]. Rows of unusable images are zero.
        errors: errors of unusable images by their index in the batch.
        first: index of the first image of the batch among all images.
    """

    tensor: NDArray[np.floating[Any]]
    errors: Errors
    first: int = 0


class Preprocessor:
    """Turns JPEG files into the input of one network. Several threads may use it at once.

    Attributes:
        taken: image input of the network.
        block: block size of the tensors; 1 for pixels.
        shape: shape of one image with all of its views.
        dtype: type of the tensors, float32 or float16.
    """

    def __init__(
        self,
        taken: NetworkInput,
        block: int | None = None,
        *,
        dtype: DTypeLike = np.float32,
        threads: int | None = None,
        tolerant: bool = False,
        check_all: bool = False,
        max_pixels: int = DEFAULT_MAX_PIXELS,
    ) -> None:
        """Create a preprocessor for a network.

        Args:
            taken: image input of the network. Tensors have its layout.
            block: block size 8, 4, 2, or 1 for pixels. Default: the largest that divides the size.
            dtype: type of the tensors, float32 or float16.
            threads: number of threads per batch. Default: one per available processor.
            tolerant: as for `read_coefficients`.
            check_all: whether to decode all rows of an image, to find damage after the last row
                that the network sees.
            max_pixels: as for `read_coefficients`.

        Raises:
            UsageError: if the network was compiled for tensors, or an argument is out of range.
        """
        color, affine = taken.from_pixels
        block = block_size(*taken.size) if block is None else block
        if block not in (1, 2, 4, 8) or any(side % block for side in taken.size):
            raise UsageError(
                Message(
                    "preprocessor-block-mismatch",
                    f"block size {block} does not divide {taken.height}x{taken.width};"
                    " give 8, 4, 2 or 1",
                )
            )
        threads = available_processors() if threads is None else threads
        _require_positive(threads=threads, max_pixels=max_pixels)
        self.taken = taken
        self.block = block
        views = taken.geometry.view_count
        self.shape: tuple[int, ...] = taken.shape if views == 1 else (views, *taken.shape)
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float16):
            raise UsageError(
                Message(
                    "preprocessor-dtype-unsupported",
                    f"dtype is {self.dtype}; give float32 or float16",
                )
            )
        mixing = [mixing_matrix(space, color) * affine.scale[:, None] for space in _COLOR_SPACES]
        if taken.decoder == "libjpeg-turbo":
            taken.geometry.require_integers()
        fill = np.broadcast_to(np.asarray(taken.geometry.fill, np.float64), affine.scale.shape)
        self._native = _core.Preprocessor(
            geometry=taken.geometry,
            size=taken.size,
            block=block,
            is_channels_last=taken.layout == "NHWC",
            is_half=self.dtype == np.float16,
            mixing=[matrix.ravel().tolist() for matrix in mixing],
            scale=affine.scale.tolist(),
            shift=affine.shift.tolist(),
            fill=fill.tolist(),
            integers=color if taken.decoder == "libjpeg-turbo" else None,
            threads=threads,
            tolerant=tolerant,
            checks_all=check_all,
            max_pixels=min(max_pixels, 2**64 - 1),
        )

    def read(
        self,
        sources: Sequence[ImageSource],
        out: NDArray[np.floating[Any]] | None = None,
        place: Place | None = None,
    ) -> Batch:
        """Read one batch of files in parallel, without holding the interpreter lock.

        Args:
            sources: paths and bytes, in any mixture.
            out: C-contiguous array for the result. Default: a new array.
            place: returns the placement of an image from its index and frame, in place of the
                network's geometry. Threads call it. An `ImageError` makes the image unusable. Only
                for the float decode and one view.

        Raises:
            UsageError: if an argument has the wrong type or shape.
        """
        return self._read(sources, 0, out, place)

    def stream(
        self, sources: Iterable[ImageSource], batch_size: int, ahead: int = 2
    ) -> Iterator[Batch]:
        """Read any number of files in batches, in their order. The last batch may be smaller.

        Args:
            sources: paths and bytes; consumed as needed.
            batch_size: images per batch.
            ahead: number of batches to read ahead while the caller works on a batch.

        Raises:
            UsageError: if an argument is out of range or a source has the wrong type.
        """
        _require_positive(batch_size=batch_size, ahead=ahead)
        return self._stream(iter(sources), batch_size, ahead)

    def _stream(
        self, sources: Iterator[ImageSource], batch_size: int, ahead: int
    ) -> Iterator[Batch]:
        first = 0
        pending: deque[Future[Batch]] = deque()
        # One thread is enough, because a batch keeps all native threads busy.
        with ThreadPoolExecutor(1, PREFETCHER) as executor:
            try:
                while True:
                    while len(pending) < ahead and (some := list(islice(sources, batch_size))):
                        pending.append(executor.submit(self._read, some, first))
                        first += len(some)
                    if not pending:
                        return
                    yield pending.popleft().result()
            finally:
                for future in pending:
                    future.cancel()

    def _read(
        self,
        sources: Sequence[ImageSource],
        first: int,
        out: NDArray[np.floating[Any]] | None = None,
        place: Place | None = None,
    ) -> Batch:
        if isinstance(sources, str | bytes | bytearray | memoryview):
            raise UsageError(
                Message(
                    "preprocessor-sources-not-a-sequence",
                    "a preprocessor requires a sequence of images; wrap one image in a list",
                )
            )
        native_sources = [native_source(source) for source in sources]
        shape = (len(native_sources), *self.shape)
        tensor = np.empty(shape, self.dtype) if out is None else out
        if tensor.shape != shape or tensor.dtype != self.dtype or not tensor.flags.c_contiguous:
            raise UsageError(
                Message(
                    "preprocessor-out-mismatch",
                    f"out is {tensor.dtype} {list(tensor.shape)}; give a contiguous {self.dtype}"
                    f" array {list(shape)}",
                )
            )
        rows = tensor.reshape(-1, *self.taken.shape)
        placer = None if place is None else _Placer(place)
        failures = self._native.run(native_sources, rows, placer) if native_sources else []
        errors = {
            failure[0]: self._error(failure, source_name(sources, failure[0], first), placer)
            for failure in failures
        }
        return Batch(tensor, errors, first)

    def _error(
        self, failure: _core.PreprocessFailure, name: str, placer: _Placer | None
    ) -> ImageError | AccessError:
        """The error that `read_coefficients_many`, or `check_usable` after it, would raise."""
        if failure[1] != "frame":
            return failure_error(failure[1], failure[2], name)
        refusal = placer and placer.refusals.get(failure[0])
        if refusal:
            return ImageError(Message(refusal.code, f"{name}: {refusal}"))
        return self._refusal(Frame(*failure[2]), name, is_placed=placer is not None)

    def _refusal(self, frame: Frame, name: str, *, is_placed: bool = False) -> ImageError:
        if not is_placed:
            try:
                check_size(frame, self.taken, name)
            except ImageError as error:
                return error
        try:
            check_decodable(frame, None)
        except ImageError as error:
            return ImageError(Message(error.code, f"{name}: {error}"))
        raise InternalError(
            Message(
                "native-frame-refused",
                f"{name}: the native ingest refuses a frame that the network accepts; please report"
                " it",
            )
        )

    def placed(self, height: int, width: int, orientation: int = 1) -> Any:
        """The placement that the native code computes, for tests; see `Geometry.place`."""
        return self._native.place(height, width, orientation)


class _Placer:
    """Calls a `Place` from native code, and keeps its errors.

    Attributes:
        refusals: errors by the index of the image.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self.refusals: dict[int, ImageError] = {}

    def __call__(self, index: int, frame: _core.NativeFrame) -> Placement | None:
        try:
            return self._place(index, Frame(*frame))
        except ImageError as error:
            self.refusals[index] = error
            return None


def _require_positive(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise UsageError(
                Message("preprocessor-option-not-positive", f"{name} is {number}; give 1 or more")
            )
