"""Training by two processes equals training by one: DDP, FSDP2 and shared batch statistics."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from support.learning import largest
from support.learning_processes import network_of, steps
from support.tiers import thorough

from jpegcompile.learning import JpegBatchNorm2d, JpegSyncBatchNorm2d

TESTS = Path(__file__).resolve().parents[1]


@thorough
@pytest.mark.parametrize("way", ["ddp", "fsdp", "sync"])
def test_two_processes(way: str, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-P",
        "-m",
        "support.learning_processes",
        way,
        str(tmp_path / "made"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    made = torch.load(tmp_path / "made")
    expected = network_of(way, spatial=True)
    steps(expected, spatial=True)
    state = expected.state_dict()
    assert list(made) == list(state)
    names = [name for name in made if made[name].is_floating_point()]
    assert largest(*((made[name], state[name]) for name in names)) < 1e-10
    first = network_of(way, spatial=True).state_dict()
    assert largest(*((made[name], first[name]) for name in names)) > 1e-3


def test_one_process_has_the_statistics_of_its_batch() -> None:
    torch.manual_seed(0)
    single = torch.nn.Sequential(JpegBatchNorm2d(3, momentum=0.3))
    network = torch.nn.Sequential(JpegBatchNorm2d(3, momentum=0.3))
    shared = JpegSyncBatchNorm2d.convert_sync_batchnorm(network)
    assert type(shared[0]) is JpegSyncBatchNorm2d  # type: ignore[index]
    maps = torch.randn(2, 3, 8, 8)
    assert torch.equal(shared(maps), single(maps))
    assert list(shared.state_dict()) == list(single.state_dict())
    assert largest(*zip(shared.buffers(), single.buffers(), strict=True)) == 0


def test_a_normalization_with_two_names_is_replaced_under_both() -> None:
    norm, network = JpegBatchNorm2d(3), torch.nn.Module()
    network.first = network.second = norm
    network.part = torch.nn.Sequential(norm, JpegBatchNorm2d(3))
    shared = JpegSyncBatchNorm2d.convert_sync_batchnorm(network)
    assert type(shared.first) is JpegSyncBatchNorm2d
    assert shared.first is shared.second is shared.part[0]  # type: ignore[index]
    assert dict(shared.named_parameters())["first.weight"] is norm.weight
    assert not any(type(part) is JpegBatchNorm2d for part in shared.modules())
    assert type(JpegSyncBatchNorm2d.convert_sync_batchnorm(norm)) is JpegSyncBatchNorm2d
