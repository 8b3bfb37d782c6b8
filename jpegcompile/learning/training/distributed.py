"""The processes that learn together, as `torchrun` starts them.

Every process has the same weights. Each computes gradients of its part of every batch. Their mean
over all images of the batch is the gradient of the step. Batch normalization uses the statistics of
the part of a process; the running statistics are those of the first process.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as processes

# The defaults of its arguments refer to the group that exists when it is imported, and then nothing
# can destroy that group. PyTorch imports it late, so it is imported here, before there is a group.
import torch.distributed.nn
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from jpegcompile.errors import AccessError, UsageError, one_line
from jpegcompile.messages import Message


@dataclass(frozen=True)
class Group:
    """The processes that learn together.

    Callers must not keep the networks of `parallel`, because they refer to the threads of a group.

    Attributes:
        rank: index of this process.
        ranks: number of processes.
        device: device of this process.
    """

    rank: int
    ranks: int
    device: torch.device
    _parallel: dict[nn.Module, nn.Module] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_first(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    def total(self, values: Sequence[float]) -> list[float]:
        """Return the sums of numbers over all processes."""
        if self.ranks == 1:
            return [float(value) for value in values]
        sums = torch.tensor(values, dtype=torch.float64, device=self.device)
        processes.all_reduce(sums)
        return [float(value) for value in sums.tolist()]

    def total_of(self, values: Tensor) -> Tensor:
        """Return the sums of a tensor over all processes."""
        if self.ranks == 1:
            return values
        sums = values.clone()
        processes.all_reduce(sums)
        return sums

    def gathered(self, value: Any) -> list[Any]:
        """Return the values of all processes, in the order of their ranks."""
        if self.ranks == 1:
            return [value]
        values: list[Any] = [None] * self.ranks
        processes.all_gather_object(values, value)
        return values

    def do_in_first(self, work: Callable[[], object]) -> None:
        """Do work in the first process; the others wait, however long it takes."""
        if self.ranks == 1:
            work()
            return
        # Processes of the default group stop waiting after some minutes.
        patient = processes.new_group(backend="gloo", timeout=timedelta(days=30))
        if self.is_first:
            work()
        processes.all_reduce(torch.zeros(1), group=patient)
        processes.destroy_process_group(patient)

    def parallel(self, network: nn.Module) -> nn.Module:
        """Return a network that averages gradients over all processes, always the same one."""
        if self.ranks == 1:
            return network
        if network not in self._parallel:
            ids = [self.device] if self.device.type == "cuda" else None
            self._parallel[network] = DistributedDataParallel(network, device_ids=ids)
        return self._parallel[network]

    def leave(self) -> None:
        """End the threads that connect this process with the others.

        A thread that still runs when Python ends can abort the process. The threads end when
        nothing refers to the group, so the networks of `parallel` are freed first.
        """
        self._parallel.clear()
        gc.collect()
        processes.destroy_process_group()

    def share_buffers(self, network: nn.Module) -> None:
        """Copy the buffers of the first process, such as running statistics, to the others."""
        if self.ranks > 1:
            for buffer in network.buffers():
                processes.broadcast(buffer, 0)


def device_of(asked: str | None) -> torch.device:
    """Return the device of this process.

    Args:
        asked: device that the user asks for; None for CUDA if there is a GPU. Without an index,
            each process uses the GPU of its local rank.

    Raises:
        UsageError: if there is no such kind of device.
        AccessError: if this machine has no such GPU.
    """
    try:
        device = torch.device(asked or ("cuda" if torch.cuda.is_available() else "cpu"))
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        text = f"--device is {asked}; use cpu, cuda or cuda:N"
        raise UsageError(Message("device-unknown", text))
    if device.type == "cpu":
        return device
    index = int(os.environ.get("LOCAL_RANK", "0")) if device.index is None else device.index
    if index >= torch.cuda.device_count():
        text = f"--device {asked}: PyTorch finds {torch.cuda.device_count()} GPUs; use --device cpu"
        raise AccessError(Message("device-missing", text))
    return torch.device("cuda", index)


@contextmanager
def process_group(device: str | None) -> Iterator[Group]:
    """Join the processes that `torchrun` started; a group of one process without `torchrun`.

    Args:
        device: as for `device_of`.

    Raises:
        UsageError: as `device_of`.
        AccessError: as `device_of`; or if another process cannot be reached or has ended.
    """
    kind = device_of(device)
    if os.environ.get("WORLD_SIZE", "1") == "1":
        yield Group(0, 1, kind)
        return
    joined = not processes.is_initialized()
    if joined:
        _join(kind)
    group = Group(processes.get_rank(), processes.get_world_size(), kind)
    try:
        yield group
    except RuntimeError as error:
        if not any(word in str(error) for word in _OF_PROCESSES):
            raise
        raise AccessError(
            Message(
                "process-lost",
                f"another of the {os.environ['WORLD_SIZE']} processes has ended, so process"
                f" {processes.get_rank()} cannot go on; see the message of that process, and"
                " continue with --resume if there is a --checkpoint",
            )
        ) from error
    finally:
        if joined:
            group.leave()


# Errors of the libraries that connect processes contain one of these words.
_OF_PROCESSES = ("gloo", "NCCL", "TCPStore", "Connection closed by peer", "Connection reset")


def _join(device: torch.device) -> None:
    """Join the other processes.

    Raises:
        AccessError: if they cannot be reached.
    """
    if device.type == "cuda":
        torch.cuda.set_device(device)
    try:
        processes.init_process_group("nccl" if device.type == "cuda" else "gloo")
    except (RuntimeError, ValueError) as error:
        raise AccessError(
            Message(
                "processes-not-joined",
                f"cannot join {os.environ['WORLD_SIZE']} processes, as WORLD_SIZE asks:"
                f" {one_line(error)[:200]}; start the processes with torchrun, or unset WORLD_SIZE",
            )
        ) from error
