"""Predicted times of GPU kernels."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from jpegcompile.cost.gpu import (
    OVERHEAD,
    Work,
    conv_time,
    conv_work,
    elementwise_time,
    ideal_time,
    ideal_work,
)
from jpegcompile.cost.gpus import GPUS
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.programs import RELU
from jpegcompile.gpu.resnets import Layer, resnet18, resnet50, se_resnet50
from jpegcompile.kernels.conv.launch import Convolution
from jpegcompile.precision import FLOAT16, FLOAT32, TF32X3

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gpu_predictions.md"
A100, H100 = GPUS["sm_80"], GPUS["sm_90"]


def test_the_page_is_up_to_date() -> None:
    """Run `python docs/make.py` to write it again."""
    script = runpy.run_path(str(PAGE.with_suffix(".py")))
    assert PAGE.read_text(encoding="utf-8") == script["page"]()


def test_bytes_and_flops_of_a_convolution() -> None:
    x = MapLayout.whole(64, 56, 56, 8)
    conv = Convolution(x, x, (3, 3), pads=(1, 1), residual=x, program=RELU)
    work = conv_work(conv, 2, FLOAT16)
    maps, weights = 2 * 64 * 56 * 56, 64 * 64 * 9
    assert work.bytes == 2 * (3 * maps + weights)
    assert work.flops == 2 * maps * 64 * 9
    assert ideal_work(conv, 2, FLOAT16) == Work(work.bytes, work.flops)
    assert conv_work(conv, 2, TF32X3).bytes == 2 * work.bytes


def test_a_strided_convolution_of_one_tap_reads_a_quarter() -> None:
    x, y = MapLayout.whole(64, 56, 56, 8), MapLayout.whole(128, 28, 28, 4)
    work = conv_work(Convolution(x, y, strides=(2, 2)), 1, FLOAT16)
    assert work.bytes == 2 * (64 * 28 * 28 + 128 * 28 * 28 + 64 * 128)


def test_rows_save_bytes_and_cost_transforms() -> None:
    whole = MapLayout.whole(64, 56, 56, 8)
    rows = MapLayout(64, 56, 56, 8, 8, True)
    pixels = conv_work(Convolution(whole, whole, program=RELU), 1, FLOAT16)
    kept = conv_work(Convolution(rows, rows, program=RELU), 1, FLOAT16)
    weights = 2 * 64 * 64
    assert kept.bytes - weights == pytest.approx((pixels.bytes - weights) * 36 / 64)
    assert kept.flops == pixels.flops * 3
    linear = conv_work(Convolution(rows, rows), 1, FLOAT16)
    assert linear.flops == pixels.flops


def test_the_largest_of_three_times_counts() -> None:
    overhead = OVERHEAD
    assert Work(3.35e12).time(FLOAT16, H100) == pytest.approx(1 + overhead)
    assert Work(1.0, 67e12, 132).time(FLOAT32, H100) == pytest.approx(1 + overhead)
    assert Work(1.0, 165e12, 132).time(TF32X3, H100) == pytest.approx(1 + overhead)
    # One more program than multiprocessors requires another wave.
    flops = H100.peak(FLOAT16)
    assert Work(1.0, flops, 133).time(FLOAT16, H100) == pytest.approx(2 * 132 / 133 + overhead)
    assert Work(1.0, flops, 13201).time(FLOAT16, H100) == pytest.approx(1 + overhead)
    assert Work(1.0, cached=5.5e12).cached_time(FLOAT16, H100) == pytest.approx(1 + overhead)
    assert Work(1.0, cached=5.5e12).time(FLOAT16, H100) == pytest.approx(overhead)


def test_an_elementwise_kernel_moves_its_maps_once() -> None:
    x = MapLayout.whole(64, 56, 56, 8)
    bytes_ = 3 * 4 * 5 * 64 * 56 * 56
    time = elementwise_time([x, x, x], 5, TF32X3, A100)
    assert time == pytest.approx(bytes_ / 2.04e12 + OVERHEAD)


@pytest.mark.parametrize("layers", [resnet18(), resnet50()], ids=["resnet18", "resnet50"])
def test_exact_networks_are_predicted_near_the_ideal(layers: list[Layer]) -> None:
    own = sum(conv_time(layer.convolution, 32, FLOAT16, H100) for layer in layers)
    ideal = sum(ideal_time(layer.convolution, 32, FLOAT16, H100) for layer in layers)
    assert ideal <= own <= 1.10 * ideal


def test_truncation_is_predicted_to_pay_in_bottleneck_networks() -> None:
    exact, truncated = (
        sum(conv_time(layer.convolution, 32, FLOAT16, H100) for layer in layers)
        for layers in (resnet50(), resnet50(8))
    )
    assert truncated <= 0.88 * exact


def test_the_layers_of_resnets() -> None:
    assert len(resnet18()) == 21
    assert len(resnet50()) == 54
    assert len(se_resnet50()) == 54 + 32
    flops = {
        "resnet18": sum(ideal_work(x.convolution, 1, FLOAT16).flops for x in resnet18()),
        "resnet50": sum(ideal_work(x.convolution, 1, FLOAT16).flops for x in resnet50()),
    }
    # Published numbers: 1.8 and 4.1 G multiply-adds, with the stride in the 3x3 convolution.
    assert flops["resnet18"] == pytest.approx(2 * 1.814e9, rel=0.002)
    assert flops["resnet50"] == pytest.approx(2 * 4.089e9, rel=0.002)
    in_rows = [x.name for x in resnet50(8) if x.convolution.x.is_rows]
    assert "layer1.0.conv1" in in_rows
    assert "layer2.0.conv1" not in in_rows
    assert not any(name.endswith("conv2") for name in in_rows)
