"""PyTorch modules on files that use the pixel fallback."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from support.coefficient_files import SAMPLINGS, random_file
from support.mixed_files import mixed_file
from support.tiny_residual import tiny_residual
from support.triton_modules import AGREEMENT

import jpegcompile

SIDE = 16


def test_pixels_stand_among_coefficients(tmp_path: Path) -> None:
    model = tiny_residual(height=SIDE, width=SIDE)
    jpegs = [random_file(SAMPLINGS[sampling], SIDE, SIDE) for sampling in ("4:2:0", "4:4:4")]
    files = [jpegs[0], mixed_file("png", SIDE, SIDE), jpegs[1], mixed_file("webp", SIDE, SIDE, 1)]
    jpegcompile.compile(model, preprocess="unit").save(tmp_path / "m.onnx")
    expected = jpegcompile.load(tmp_path / "m.onnx").run(files, fallback="pixels")
    jpegcompile.compile(model, preprocess="unit", target="triton").save(tmp_path / "m")
    made = jpegcompile.load_module(tmp_path / "m").run(files, fallback="pixels")
    assert made.pixel_fallbacks == expected.pixel_fallbacks == 2
    for actual, wanted in zip(made, expected, strict=True):
        scale = float(np.abs(wanted).max())
        np.testing.assert_allclose(actual, wanted, rtol=0, atol=AGREEMENT * scale)
        # The outputs differ between files.
        assert np.abs(np.diff(wanted, axis=0)).max(axis=1).min() > 10 * AGREEMENT * scale
