"""Run one operator by its native kernel, under every instruction set, in either layout of maps.

The library reads JPEGCOMPILE_ISA once in a process, so each instruction set has a process of its
own (`support/native_worker.py`), which runs one model after the other.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from os import environ
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from support.function_bodies import Array

import jpegcompile

ISAS = ("plain", "avx2", "avx512")
GROUP = 16
_WORKER = Path(__file__).with_name("native_worker.py")


class NativeError(Exception):
    """What ONNX Runtime said."""


def library() -> Path:
    """The library of native kernels: of the installed package, or another build of it."""
    if asked := environ.get("JPEGCOMPILE_TEST_LIBRARY"):
        return Path(asked)
    folder = Path(jpegcompile.__file__).parent
    candidates = [Path(entry) / "jpegcompile" for entry in sys.path] + [folder]
    found = [c / "libjpegcompile_ort.so" for c in candidates]
    return next(path for path in found if path.is_file())


@cache
def _worker(isa: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(_WORKER), str(library())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**environ, "JPEGCOMPILE_ISA": isa},
    )


def run_native(
    model: bytes, feeds: Sequence[Mapping[str, Array]], isa: str, threads: int = 1
) -> list[Array]:
    """The first output for each of the feeds, of one session with the library.

    Raises:
        NativeError: if the model cannot be loaded or run.
    """
    worker = _worker(isa)
    assert worker.stdin is not None
    assert worker.stdout is not None
    pickle.dump((model, [dict(f) for f in feeds], threads), worker.stdin)
    worker.stdin.flush()
    answer = _answer(worker.stdout)
    if isinstance(answer, str):
        raise NativeError(answer)
    return [np.asarray(array) for array in answer]


def _answer(stream: IO[bytes]) -> Any:
    return pickle.load(stream)


def packed(x: NDArray[Any]) -> NDArray[Any]:
    """The bytes of a map in groups of 16 channels, under the shape NCHW."""
    batch, channels, height, width = x.shape
    groups = x.reshape(batch, channels // GROUP, GROUP, height, width)
    return np.ascontiguousarray(groups.transpose(0, 1, 3, 4, 2)).reshape(x.shape)


def unpacked(x: NDArray[Any]) -> NDArray[Any]:
    """The inverse of `packed`."""
    batch, channels, height, width = x.shape
    groups = x.reshape(batch, channels // GROUP, height, width, GROUP)
    return np.ascontiguousarray(groups.transpose(0, 1, 4, 2, 3)).reshape(x.shape)
