"""Memory that `verify` needs for networks with large maps."""

from __future__ import annotations

import sys
from pathlib import Path

import onnx
from PIL import Image
from support.edge_detection import edge_detector
from support.peak_memory import peak_memory
from support.tiers import thorough

import jpegcompile
from jpegcompile.evaluation.benchmark.input_sets import photograph_like


def peak_of_verify(folder: Path, height: int, width: int, **options: int) -> int:
    """Return the peak memory, in bytes, of verifying an edge detector on one image."""
    source, compiled, images = (folder / name for name in ("s.onnx", "c.onnx", "images"))
    onnx.save(edge_detector(height, width, **options), source)
    jpegcompile.compile(source, preprocess="imagenet").save(compiled)
    images.mkdir()
    Image.fromarray(photograph_like(height, width, 0)).save(images / "0.jpg", subsampling=2)
    command = [sys.executable, "-m", "jpegcompile", "verify"]
    return peak_memory([*command, str(source), str(compiled), "--images", str(images)])


@thorough
def test_an_edge_detector_of_full_size(tmp_path: Path) -> None:
    assert peak_of_verify(tmp_path, 1080, 1920) < 4 << 30
