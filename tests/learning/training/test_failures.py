"""Failures outside of the data and the network: memory, processes, and weights that diverge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from support.codes import refused
from support.learning_tasks import small_task
from torch import nn

from jpegcompile.errors import AccessError, CheckFailedError, UsageError
from jpegcompile.learning.training.checkpoint import CheckpointFile
from jpegcompile.learning.training.distributed import process_group
from jpegcompile.learning.training.failures import naming_failures
from jpegcompile.learning.training.loop import Loop, Outputs


def test_exhausted_memory() -> None:
    with refused("learning-memory-exhausted", AccessError), naming_failures(8):
        torch.empty(2**50, dtype=torch.uint8)
    with refused("learning-memory-exhausted", AccessError), naming_failures(8):
        raise MemoryError
    with pytest.raises(RuntimeError, match="something else"), naming_failures(8):
        raise RuntimeError("something else")


def test_processes_that_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with refused("processes-not-joined", AccessError), process_group("cpu"):
        pass
    names = {"is_initialized": True, "get_rank": 1, "get_world_size": 2}
    for name, value in names.items():
        monkeypatch.setattr(f"torch.distributed.{name}", lambda value=value: value)
    with refused("process-lost", AccessError), process_group("cpu") as group:
        assert (group.rank, group.ranks) == (1, 2)
        raise RuntimeError("[gloo/transport/tcp/pair.cc:534] Connection closed by peer [::1]")
    with pytest.raises(RuntimeError, match="something else"), process_group("cpu"):
        raise RuntimeError("something else")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."),
        ConnectionResetError(104, "Connection reset by peer"),
        EOFError(),
    ],
    ids=repr,
)
def test_reading_processes_that_end(error: Exception) -> None:
    with refused("reading-process-lost", AccessError), naming_failures(8):
        raise error


class Normalized(nn.Module):
    """A network with a normalization of vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.norm = nn.Linear(3 * 32 * 32, 10), nn.BatchNorm1d(10)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.norm(self.head(pixels.flatten(1)))
        return scores


def test_a_normalization_needs_several_values() -> None:
    task = small_task(network=Normalized(), batch=1, has_validation=False)
    with refused("normalization-of-one-value", UsageError):
        Loop(task, Outputs()).run()


@pytest.mark.parametrize("has_validation", [True, False])
def test_weights_that_diverge_in_the_last_step(tmp_path: Path, has_validation: bool) -> None:
    """The loss of a step is computed before the step."""
    changed: dict[str, Any] = {
        "batch": 128,
        "epochs": 1,
        "learning_rate": 3e38,
        "weight_decay": 1e5,
    }
    task = small_task(has_validation=has_validation, **changed)
    checkpoint = CheckpointFile(tmp_path / "c.pt", {})
    with refused("learning-diverged", CheckFailedError):
        Loop(task, Outputs(checkpoint)).run()


def test_seeds_may_be_large() -> None:
    task = small_task(seed=10**30, epochs=1, batch=128, has_validation=False)
    Loop(task, Outputs()).run()
