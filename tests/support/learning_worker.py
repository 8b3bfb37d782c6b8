"""One of several processes that learn together, as torchrun starts it: FOLDER BATCHNORM."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from support.learning_tasks import Small, small, small_task
from torch import nn

from jpegcompile.learning.training.distributed import process_group
from jpegcompile.learning.training.loop import Loop, Outputs
from jpegcompile.learning.training.task import weights_of


def network(has_statistics: bool) -> Small:
    """The small network without dropout, and without batch normalization if asked."""
    made = small()
    made.drop = nn.Identity()  # type: ignore[assignment]
    if not has_statistics:
        made.bn1 = made.bn2 = nn.Identity()  # type: ignore[assignment]
    return made


def main() -> None:
    """Learn, and write the weights of this process and the result of the evaluation."""
    folder, has_statistics = Path(sys.argv[1]), sys.argv[2] == "1"
    learn(folder, has_statistics=has_statistics)
    # A thread that still runs when Python ends can abort the process.
    assert not any("gloo" in name for name in thread_names())


def thread_names() -> list[str]:
    """Names of the threads of this process."""
    threads = Path("/proc/self/task")
    return [(threads / number / "comm").read_text().strip() for number in os.listdir(threads)]


def learn(folder: Path, *, has_statistics: bool) -> None:
    """Learn together with the other processes."""
    with process_group("cpu") as group:
        assert group.ranks == 1 or any("gloo" in name for name in thread_names())
        task = small_task(network=network(has_statistics), group=group, learning_rate=0.05)
        loop = Loop(task, Outputs())
        loop.run()
        group.share_buffers(task.student)
        epochs = [one.to_json() for one in loop.course.epochs]
        state = {"weights": weights_of(task.student), "epochs": epochs}
        torch.save(state, folder / f"{group.ranks}-{group.rank}.pt")


if __name__ == "__main__":
    main()
