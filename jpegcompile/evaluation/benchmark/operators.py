"""Times of single nodes, from a profile of ONNX Runtime."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_SUFFIX = "_kernel_time"


@dataclass(frozen=True)
class NodeTime:
    """The time of one node.

    Attributes:
        node: name of the node in ONNX Runtime's optimized graph.
        op: operator of the node in this graph.
        seconds: median time of a batch.
    """

    node: str
    op: str
    seconds: float


def node_times(profile: Path, runs: int, warm_up: int) -> list[NodeTime]:
    """Return the nodes of a profile, the slowest first.

    Args:
        profile: file that `InferenceSession.end_profiling` wrote.
        runs: number of batches; a batch is one or several runs of the session.
        warm_up: number of batches at the beginning that do not count.
    """
    durations: dict[tuple[str, str], list[float]] = defaultdict(list)
    for event in json.loads(profile.read_text(encoding="utf-8")):
        if event.get("cat") == "Node" and event["name"].endswith(_SUFFIX):
            key = (event["name"].removesuffix(_SUFFIX), event["args"]["op_name"])
            durations[key].append(event["dur"] / 1e6)
    times = []
    for (node, op), values in durations.items():
        # A node has several events per batch if it is inside a loop, or if files run one by one.
        each = max(len(values) // runs, 1)
        sums = [sum(values[i : i + each]) for i in range(each * warm_up, len(values), each)]
        times.append(NodeTime(node, op, median(sums or values)))
    return sorted(times, key=lambda time: -time.seconds)


def by_operator(times: Sequence[NodeTime]) -> dict[str, tuple[int, float]]:
    """Return the number of nodes and the sum of seconds of each operator, the slowest first."""
    sums: dict[str, tuple[int, float]] = {}
    for time in times:
        count, seconds = sums.get(time.op, (0, 0.0))
        sums[time.op] = (count + 1, seconds + time.seconds)
    return dict(sorted(sums.items(), key=lambda item: -item[1][1]))
