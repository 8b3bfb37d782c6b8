"""Several sessions with native kernels in one process: at once, and one after the other."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.images import make_jpeg
from support.tiers import thorough
from support.tiny_residual import tiny_residual

import jpegcompile

Feeds = dict[str, NDArray[np.generic]]

SIDES = ((32, 32), (40, 24), (18, 10), (64, 48))
OPTIONS: tuple[dict[str, Any], ...] = ({}, {"domain": "auto"})

# Creates, runs and closes sessions, and prints how far resident memory grew from half way on, in
# bytes: what one of them keeps, another would keep again.
_CYCLES = """
import os, sys, jpegcompile
path, image, library = sys.argv[1], sys.argv[2], sys.argv[3] == "native"
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
for cycle in range(120):
    session = jpegcompile.Session(path, threads=2, native=library)
    session.run([image])
    assert bool(session.execution.native) == library
    del session
    if cycle == 59:
        half = resident()
print(resident() - half)
"""


def different_models(folder: Path) -> list[Path]:
    paths: list[Path] = []
    for width, height in SIDES:
        for options in OPTIONS:
            path = folder / f"{len(paths)}.onnx"
            model = tiny_residual(width=width, height=height)
            jpegcompile.compile(model, preprocess="cifar10", **options).save(path)
            paths.append(path)
    return paths


def assert_same(actual: Sequence[NDArray[Any]], expected: Sequence[NDArray[Any]]) -> None:
    for values, wanted in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(values, wanted)


def test_sessions_of_different_models_run_at_once(tmp_path: Path) -> None:
    paths = different_models(tmp_path)
    images = [make_jpeg(*size) for size in SIDES for _ in OPTIONS]
    sessions = [jpegcompile.Session(path, threads=2) for path in paths]
    assert all(session.execution.native for session in sessions)
    feeds: list[Feeds] = [
        session.feeds([image] * (1 + index % 3))
        for index, (session, image) in enumerate(zip(sessions, images, strict=True))
    ]
    expected = [session.run_feeds(given) for session, given in zip(sessions, feeds, strict=True)]
    # The models differ, so that one's answers are not another's by chance.
    assert len({outputs[0].tobytes() for outputs in expected}) == len(paths)

    def work(job: int) -> tuple[int, list[NDArray[Any]]]:
        # Neighbors in time are different models, the same model, and a session made meanwhile.
        index = job % len(paths)
        session = sessions[index]
        if job % 5 == 0:
            session = jpegcompile.Session(paths[index], threads=2)
        return index, session.run_feeds(feeds[index])

    with ThreadPoolExecutor(6) as pool:
        for index, outputs in pool.map(work, range(30 * len(paths))):
            assert_same(outputs, expected[index])


@thorough
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_sessions_that_come_and_go_leave_no_memory(tmp_path: Path) -> None:
    path, image = tmp_path / "compiled.onnx", tmp_path / "image.jpg"
    jpegcompile.compile(tiny_residual(width=64, height=64), preprocess="cifar10").save(path)
    image.write_bytes(make_jpeg(64, 64))

    def growth(kernels: str) -> int:
        command = [sys.executable, "-P", "-c", _CYCLES, str(path), str(image), kernels]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return int(done.stdout)

    # 60 sessions whose packed weights of 40 KB alone stayed would add 2.4 MB to what ONNX Runtime
    # itself leaves behind. That may be less than nothing, when it gives memory back late.
    assert growth("native") < max(growth("bodies"), 0) + (1 << 20)
