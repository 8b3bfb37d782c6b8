"""Training by two processes with gloo, for tests: `python -m support.learning_processes WAY FILE`.

Each process trains on its half of every batch for some steps, and process 0 writes the final state
to FILE.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

import torch
from support.learning import JPEG, SPATIAL, Modules, ResNet
from torch import Tensor, distributed, nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.multiprocessing.spawn import spawn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from jpegcompile.learning import JpegSyncBatchNorm2d
from jpegcompile.learning.transforms import block_dct

PROCESSES = 2
STEPS = 3


def group_norm(spatial: bool) -> Modules:
    """Return modules whose results for an image do not depend on the others of its batch."""
    from jpegcompile.learning import JpegGroupNorm

    use = SPATIAL if spatial else JPEG
    return Modules(
        use.conv, partial(nn.GroupNorm if spatial else JpegGroupNorm, 2), use.relu, use.pool
    )


def network_of(way: str, *, spatial: bool = False) -> ResNet:
    """Return the network that is trained, in double precision; see `train` for the ways."""
    torch.manual_seed(0)
    use = (SPATIAL if spatial else JPEG) if way == "sync" else group_norm(spatial)
    return ResNet(use, widths=(4, 8)).double()


def batch(step: int) -> tuple[Tensor, Tensor]:
    """Return pixels and labels of all processes for a step."""
    generator = torch.Generator().manual_seed(step)
    pixels = torch.randn(8, 3, 8, 8, dtype=torch.float64, generator=generator)
    return pixels, torch.randint(0, 10, (8,), generator=generator)


def steps(network: nn.Module, *, part: int = 0, parts: int = 1, spatial: bool = False) -> None:
    """Train on a part of each batch."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    for step in range(STEPS):
        pixels, labels = (tensor.chunk(parts)[part] for tensor in batch(step))
        optimizer.zero_grad()
        made = network(pixels if spatial else block_dct(pixels))
        loss = functional.cross_entropy(made, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def train(way: str) -> dict[str, Tensor]:
    """Train in this process of several: by "ddp", "fsdp", or "sync" (DDP, shared statistics)."""
    network: nn.Module = network_of(way)
    if way == "fsdp":
        for block in network.get_submodule("blocks").children():
            fully_shard(block)
        fully_shard(network)
        trained = network
    else:
        if way == "sync":
            network = JpegSyncBatchNorm2d.convert_sync_batchnorm(network)
        trained = DistributedDataParallel(network)
    steps(trained, part=distributed.get_rank(), parts=PROCESSES)
    state = network.state_dict()
    return {k: v.full_tensor() if isinstance(v, DTensor) else v for k, v in state.items()}


def run(rank: int, way: str, path: str) -> None:
    """Run one process."""
    torch.set_num_threads(1)
    rendezvous = Path(path).with_suffix(".rendezvous")
    distributed.init_process_group(
        "gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=PROCESSES
    )
    state = train(way)
    if rank == 0:
        torch.save(state, path)
    distributed.barrier()
    distributed.destroy_process_group()


if __name__ == "__main__":
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    spawn(run, (sys.argv[1], sys.argv[2]), PROCESSES)  # type: ignore[no-untyped-call]
