"""From JPEG files of any size to batches of a network's input, by the native ingest.

The arithmetic is that of `jpegcompile.dct.ingest`, in float32 and in strips: no image is ever held
as a whole. Files that cannot be used never end a batch; their errors come with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from jpegcompile.jpeg.frame import ColorSpace, Frame
from jpegcompile.jpeg.read import (
    DEFAULT_MAX_PIXELS,
    ImageSource,
    native_source,
    source_name,
    unreadable,
)
from jpegcompile.network_input import NetworkInput
from jpegcompile.processors import available_processors
from jpegcompile.runtime.input_tensors import check_decodable, check_size

# As the native side counts them.
_COLOR_SPACES: tuple[ColorSpace, ...] = ("gray", "ycbcr", "rgb")

# Name of the threads that make batches ahead.
PREFETCHER = "jpegcompile-batches"

Errors = Mapping[int, ImageError | AccessError]


@dataclass(frozen=True)
class Batch:
    """Some images as a network takes them.

    Attributes:
        tensor: float32 or float16, [N, C, H, W] or [N, H, W, C]; where the network sees several
            views of an image, [N, views, ...]. Zeros for images that cannot be used.
        errors: why they cannot, by their index in the batch.
        first: index of the first image of the batch among all.
    """

    tensor: NDArray[np.floating[Any]]
    errors: Errors
    first: int = 0


class Preprocessor:
    """Turns JPEG files into the input of one network; several threads may use it at once.

    Attributes:
        taken: what the network takes.
        block: block size of the tensors, 1 for pixels.
        shape: of one image, all of its views.
        dtype: of the tensors, float32 or float16.
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
        """Prepare for a network.

        Args:
            taken: what it takes; tensors have its layout.
            block: 8, 4, 2, or 1 for pixels; by default the largest that divides the size.
            dtype: of the tensors, float32 or float16.
            threads: that share the work on a batch; by default one for each available processor.
            tolerant: as for `read_coefficients`.
            check_all: whether to decode rows that the network does not see, too. Without it, damage
                below them is not found.
            max_pixels: as for `read_coefficients`.

        Raises:
            UsageError: if the network takes tensors, or an argument is out of range.
        """
        color, affine = taken.from_pixels
        block = block_size(*taken.size) if block is None else block
        if block not in (1, 2, 4, 8) or any(side % block for side in taken.size):
            raise UsageError(
                f"block size {block} does not divide {taken.height}x{taken.width};"
                " give 8, 4, 2 or 1"
            )
        threads = available_processors() if threads is None else threads
        for name, number in (("threads", threads), ("max_pixels", max_pixels)):
            if number < 1:
                raise UsageError(f"{name} is {number}; give 1 or more")
        self.taken = taken
        self.block = block
        views = taken.geometry.view_count
        self.shape: tuple[int, ...] = taken.shape if views == 1 else (views, *taken.shape)
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float16):
            raise UsageError(f"tensors are float32 or float16, not {self.dtype}")
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
        self, sources: Sequence[ImageSource], out: NDArray[np.floating[Any]] | None = None
    ) -> Batch:
        """The tensors of some files, in parallel and without the interpreter lock.

        Args:
            sources: paths and bytes, in any mixture.
            out: C-contiguous memory for the tensor; made if not given.

        Raises:
            UsageError: if an argument is of the wrong kind.
        """
        return self._read(sources, 0, out)

    def stream(
        self, sources: Iterable[ImageSource], batch_size: int, ahead: int = 2
    ) -> Iterator[Batch]:
        """The tensors of any number of files, in their order; the last batch may be smaller.

        Args:
            sources: paths and bytes, asked for as they are needed.
            batch_size: images of a batch.
            ahead: batches that are made while the caller works on one.

        Raises:
            UsageError: if an argument is of the wrong kind.
        """
        for name, number in (("batch_size", batch_size), ("ahead", ahead)):
            if number < 1:
                raise UsageError(f"{name} is {number}; give 1 or more")
        return self._stream(iter(sources), batch_size, ahead)

    def _stream(
        self, sources: Iterator[ImageSource], batch_size: int, ahead: int
    ) -> Iterator[Batch]:
        first = 0
        pending: deque[Future[Batch]] = deque()
        # One batch after the other: each keeps all threads of the native side busy.
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
    ) -> Batch:
        if isinstance(sources, str | bytes | bytearray | memoryview):
            raise UsageError("a preprocessor takes a sequence of images; wrap one in a list")
        native_sources = [native_source(source) for source in sources]
        shape = (len(native_sources), *self.shape)
        tensor = np.empty(shape, self.dtype) if out is None else out
        if tensor.shape != shape or tensor.dtype != self.dtype or not tensor.flags.c_contiguous:
            raise UsageError(
                f"out is {tensor.dtype} {list(tensor.shape)}; give contiguous {self.dtype}"
                f" {list(shape)}"
            )
        rows = tensor.reshape(-1, *self.taken.shape)
        failures = self._native.run(native_sources, rows) if native_sources else []
        errors = {
            failure[0]: self._error(failure, source_name(sources, failure[0], first))
            for failure in failures
        }
        return Batch(tensor, errors, first)

    def _error(self, failure: _core.PreprocessFailure, name: str) -> ImageError | AccessError:
        """What `read_coefficients_many`, and `check_usable` behind it, raise for such a file."""
        _, kind, cause = failure
        if not isinstance(cause, str):
            return self._refusal(Frame(*cause), name)
        has_advice = ";" in cause
        if kind == "access":
            return AccessError(f"{name}: {cause if has_advice else unreadable(cause)}")
        return ImageError(f"{name}: {cause if has_advice else f'{cause}; give a whole JPEG file'}")

    def _refusal(self, frame: Frame, name: str) -> ImageError:
        try:
            check_size(frame, self.taken, name)
        except ImageError as error:
            return error
        try:
            check_decodable(frame, None)
        except ImageError as error:
            return ImageError(f"{name}: {error}")
        raise InternalError(f"{name}: the native ingest refuses a frame that the network takes")

    def placed(self, height: int, width: int, orientation: int = 1) -> Any:
        """Where the native side places an image, for tests; see `Geometry.place`."""
        return self._native.place(height, width, orientation)
