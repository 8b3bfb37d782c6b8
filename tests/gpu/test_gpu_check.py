"""`gpu-check` on a small network in Triton's interpreter, with a timer that takes no time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from support.codes import code_in, refused
from support.commands import fails
from support.gpu_models import SMALL, plant, small_network
from support.images import make_jpeg
from support.tiers import thorough
from torch import Tensor

from jpegcompile.errors import UsageError
from jpegcompile.evaluation.gpu_check import networks, run
from jpegcompile.evaluation.gpu_check.compiled_file import can_run_files, check_compiled_file
from jpegcompile.evaluation.gpu_check.map_cases import map_cases
from jpegcompile.evaluation.gpu_check.networks import Network, check_network
from jpegcompile.evaluation.gpu_check.rates import copy_ceiling, layer_rates, product_ceiling
from jpegcompile.evaluation.gpu_check.records import require_passed
from jpegcompile.evaluation.gpu_check.run import check_by
from jpegcompile.evaluation.gpu_check.scope import Scope, full_scope
from jpegcompile.evaluation.gpu_check.throughput import decoder, throughput
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.programs import RELU
from jpegcompile.gpu.resnets import Layer
from jpegcompile.kernels.conv.launch import Convolution
from jpegcompile.precision import FLOAT16, FLOAT32, TF32X3
from jpegcompile.runtime import cuda
from jpegcompile.runtime.triton.module import CompiledModule

CPU = torch.device("cpu")
DEVICE = {"name": "GPU", "capability": "9.0", "triton": "3.9", "torch": "2.13"}
MAP = MapLayout.whole(16, 4, 4, 4)
CONV = Convolution(MAP, MAP, program=RELU)
LAYERS = [
    Layer("first", CONV),
    Layer("second", replace(CONV, residual=MAP)),
    Layer("third", CONV),
]


class FakeTimer:
    """A timer that runs the work once and returns a microsecond."""

    def prepared(self, call: Callable[[], object]) -> Callable[[], float]:
        call()
        return lambda: 1e-6


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return small_network(tmp_path_factory.mktemp("small"))


def small_scope(network: Network) -> Scope:
    (case,) = (case for case in map_cases(large=False) if case.family == "global_max_pool")
    return Scope([case], [FLOAT32], [network], LAYERS, 1, "aot_eager", 64, 4, 0.0)


@pytest.mark.thorough
def test_everything_passes(network: Network) -> None:
    seen: list[tuple[int, int]] = []
    result = check_by(
        small_scope(network), DEVICE, FakeTimer(), lambda done, total: seen.append((done, total))
    )
    assert result.passed
    require_passed(result)
    assert [check.family for check in result.kernels] == ["global_max_pool"]
    assert [check.check for check in result.models] == [
        "original on the CPU: y",
        "packed coefficients that differ",
        "torch.compile",
    ]
    assert [rate.name for rate in result.ceilings] == ["copy", "matrix product"]
    assert [(rate.name, rate.calls) for rate in result.rates] == [("first", 2), ("second", 1)]
    assert [one.pipeline for one in result.throughput] == [
        "coefficients, float32 kernels",
        "pixels by Pillow, float32 kernels",
    ]
    assert seen == [(done, 6) for done in range(7)]
    data = result.to_json()
    assert data["passed"] is True
    assert data["device"] == DEVICE
    assert data["kernels"][0]["passed"] is True


def test_a_planted_fault_fails(
    network: Network, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(monkeypatch, lambda made: made * 1.01)
    kernels = replace(small_scope(network), layers=[], networks=[])
    monkeypatch.setattr(run, "gpu_check", lambda *_, **__: check_by(kernels, DEVICE, FakeTimer()))
    message = fails(capsys, 1, "gpu-check", prints=True)
    assert "1 of 1 " in message
    assert "global_max_pool (20x7x5 as pixels) in float32" in message
    assert code_in(message) == "gpu-checks-failed"


def test_files_of_the_first_sampling_are_taken(tmp_path: Path) -> None:
    network = small_network(tmp_path)
    (network.images / "99.jpg").write_bytes(make_jpeg(8, 8, subsampling=0))
    assert [file.name for file in network.files(3)] == ["75.jpg", "90.jpg", "75.jpg"]


def test_a_model_without_a_batch(tmp_path: Path) -> None:
    network = small_network(tmp_path)
    graph = replace(
        SMALL,
        text=SMALL.text.replace("N,3,4,4", "3,8,8").replace(
            "a = Conv(x,", "u = Unsqueeze(x, first_axis) a = Conv(u,"
        ),
        weights={**SMALL.weights, "first_axis": np.array([0])},
    )
    onnx.save(graph.model("float"), network.original)
    with refused("gpu-check-without-batch", UsageError) as caught:
        network.compiled(tmp_path / "model", FLOAT32)
    assert str(caught.value).startswith(f"{network.original}: ")


def test_a_fault_in_a_network_fails(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, lambda made: made * 1.01, lambda module: module.kernel.y.height == 1)
    first, _, second = check_network(network, FLOAT32, tmp_path / "model", "aot_eager")
    assert first.check == "original on the CPU: y"
    assert not first.passed
    # Both ways have the same fault.
    assert second.passed


def test_wrong_coefficients_fail(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feeds = CompiledModule.feeds

    def faulty(self: CompiledModule, images: Any, *, packed: bool = False) -> dict[str, Tensor]:
        made = feeds(self, images, packed=packed)
        if packed:
            made["luma"].view(-1)[:3] += 1
        return made

    monkeypatch.setattr(CompiledModule, "feeds", faulty)
    _, packed, _ = check_network(network, FLOAT32, tmp_path / "model", "eager")
    assert (packed.error, packed.passed) == (3, False)


def test_what_cannot_be_compiled_fails(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> tuple[Tensor, ...]:
        raise RuntimeError("no compiler:\ninstall one")

    monkeypatch.setattr(networks, "_by_inductor", failing)
    first, _, second = check_network(network, FLOAT16, tmp_path / "model", "aot_eager")
    assert first.passed
    assert (second.passed, second.error) == (False, math.inf)
    assert second.note == "RuntimeError: no compiler: install one"


def test_a_compiled_file_is_checked(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuda, "device", lambda: "sm_75")
    (found,) = check_compiled_file(network, tmp_path, "cpu")
    assert (found.check, found.precision) == ("file on ONNX Runtime: y", "tf32x3")
    assert found.passed
    assert found.error > 0
    assert not can_run_files()
    (failed,) = check_compiled_file(network, tmp_path)
    assert not failed.passed
    assert "CUDA provider" in failed.note


def test_rates_count_useful_work() -> None:
    first, second = layer_rates(LAYERS, 2, FLOAT16, FakeTimer(), CPU)
    # 2 images of 16 pixels with 16 input and output channels.
    assert first.flops == 2 * 2 * 16 * 16 * 16
    assert first.bytes == 2 * (2 * 2 * 16 * 16 + 16 * 16)
    assert second.bytes - first.bytes == 2 * 2 * 16 * 16
    assert first.speed == pytest.approx(1e6 * first.flops)
    assert first.bandwidth == pytest.approx(1e6 * first.bytes)


def test_ceilings() -> None:
    copy = copy_ceiling(1000, FakeTimer(), CPU)
    assert (copy.bytes, copy.flops) == (8000, 0)
    plain = product_ceiling(8, FLOAT32, FakeTimer(), CPU)
    split = product_ceiling(8, TF32X3, FakeTimer(), CPU)
    assert plain.flops == split.flops == 2 * 8**3
    assert split.seconds == pytest.approx(3 * plain.seconds)
    assert product_ceiling(8, FLOAT16, FakeTimer(), CPU).bytes == plain.bytes / 2


@thorough
def test_pixels_and_coefficients_have_the_same_network(network: Network, tmp_path: Path) -> None:
    first, second = throughput(network, FLOAT32, tmp_path, 0.0)
    assert first.batch == second.batch == 2
    assert min(first.images, second.images) > 0


@pytest.mark.parametrize("color", ["RGB", "BGR", "L"])
def test_the_decoder_without_a_gpu(network: Network, color: str) -> None:
    name, decode = decoder(CPU, color)  # type: ignore[arg-type]
    files = [file.read_bytes() for file in network.files(2)]
    assert name == "Pillow"
    assert tuple(decode(files).shape) == (2, 8, 8, 1 if color == "L" else 3)


def test_the_full_scope(network: Network) -> None:
    whole = full_scope([network], 32)
    assert [p.name for p in whole.precisions] == ["float32", "tf32x3", "float16", "bfloat16"]
    assert len(whole.cases) > 40
    assert len(whole.layers) == 54
    assert (whole.backend, whole.batch) == ("inductor", 32)
