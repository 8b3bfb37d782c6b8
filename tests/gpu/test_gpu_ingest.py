"""The ingest on GPUs in Triton's interpreter, compared with the float decode."""

from __future__ import annotations

import numpy as np
import pytest
from support.gpu_maps import largest_error, run_kernel

from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.dct.color import Color
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.subsampling import SUBSAMPLINGS, frame_of
from jpegcompile.kernels.ingest.launch import Ingest
from jpegcompile.kernels.ingest.reference import jpeg_ingest
from jpegcompile.network_input import NetworkInput
from jpegcompile.precision import FLOAT16, FLOAT32, Precision

AFFINE = ChannelAffine(np.array([0.017, 0.018, 0.016]), np.array([-2.1, -2.0, -1.8]))


def _error(
    frame: Frame, batch: int, precision: Precision = FLOAT32, thin: int = 4, fault: float = 0.0
) -> float:
    generator = np.random.default_rng(7)
    channels = 1 if frame.color_space == "gray" else 3
    color: Color = "L" if channels == 1 else "RGB"
    affine = ChannelAffine(AFFINE.scale[:channels], AFFINE.shift[:channels])
    taken = NetworkInput("x", channels, *frame.size, "NCHW", color=color, affine=affine)
    components = len(frame.sampling)
    blocks = [frame.block_counts(index) for index in range(components)]
    luma = generator.integers(-60, 60, (batch, 1, *blocks[0], 8, 8)).astype(np.int16)
    chroma = None
    if components > 1:
        chroma = generator.integers(-60, 60, (batch, 2, *blocks[1], 8, 8)).astype(np.int16)
    tables = generator.integers(1, 30, (batch, components, 8, 8)).astype(np.uint16)
    expected = jpeg_ingest(
        luma, chroma, tables, frame=frame, color=color, affine=affine, block=1
    ).transpose(0, 2, 3, 1)
    layout = MapLayout(channels, *frame.size, thin=thin)
    spec = Ingest(layout, frame, taken)
    launch = spec.launch(batch, precision, spec.default_tiling(precision))
    arrays = {**spec.tensors, "luma": luma, "quantization": tables}
    if chroma is not None:
        arrays["chroma"] = chroma
    if fault:
        arrays["mixing"] = np.asarray(arrays["mixing"]) * (1 + fault)
    made = run_kernel(launch, arrays, spec.matrices, (batch, *layout.shape))
    assert not made[..., channels:].any()
    return largest_error(made[..., :channels], expected)


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize("size", [(32, 32), (19, 45)], ids=str)
def test_every_sampling(subsampling: str, size: tuple[int, int]) -> None:
    # Sums of at most 32 x 32 products with 24 bits.
    assert _error(frame_of(subsampling, *size), batch=2) < 2e-6


def test_files_of_rgb() -> None:
    assert _error(Frame(24, 40, ((1, 1),) * 3, "rgb"), batch=2) < 2e-6


def test_padded_channels() -> None:
    assert _error(frame_of("4:2:0", 16, 16), batch=1, thin=0) < 2e-6


def test_half_precision_rounds_the_result_alone() -> None:
    assert _error(frame_of("4:2:0", 16, 24), batch=1, precision=FLOAT16) < 2 * FLOAT16.roundoff


def test_a_wrong_factor_is_found() -> None:
    assert _error(frame_of("4:2:0", 16, 16), batch=1, fault=1e-4) > 1e-5
