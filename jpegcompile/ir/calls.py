"""Calls that execute a graph on a target that launches kernels itself, such as Triton.

The graph defines what is computed; the list of calls defines how. Each call computes one node, or
several nodes that one kernel computes together. Calls are in graph order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.gpu.kernel import Kernel
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.messages import Message

# The role of the output map, the same for every kernel.
RESULT = "y"


@dataclass(frozen=True)
class KernelCall:
    """A call of a kernel.

    Attributes:
        name: name of the last source node that the call computes.
        operators: operators of the graph nodes that the call computes, in order.
        kernel: factory of the kernel; it accepts `arguments` and one layout for each role, and
            raises ValueError for layouts that the kernel does not support.
        arguments: arguments of `kernel` other than layouts.
        maps: names of the input maps, by role.
        result: name of the output map.
        weights: constants that the kernel reads, by argument. Weights of a convolution are as in
            the graph; others have their channels padded to a multiple of 16.
    """

    name: str
    operators: tuple[str, ...]
    kernel: Callable[..., Kernel]
    arguments: Mapping[str, Any]
    maps: Mapping[str, str]
    result: str
    weights: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def roles(self) -> dict[str, str]:
        """Names of all maps by role, including the result."""
        return {**self.maps, RESULT: self.result}

    def with_layouts(self, layouts: Mapping[str, MapLayout]) -> Kernel:
        """Create the kernel for the layouts of its maps.

        Args:
            layouts: layout of every map, by tensor name.

        Raises:
            ValueError: if the kernel does not support these layouts.
        """
        return self.kernel(**self.arguments, **{r: layouts[t] for r, t in self.roles.items()})


@dataclass(frozen=True)
class TorchCall:
    """A node that operators of PyTorch compute.

    Attributes:
        node: a node of the graph.
        reason: why no kernel computes the node.
    """

    node: gs.Node
    reason: Message

    @property
    def name(self) -> str:
        """Name of the node."""
        return str(self.node.name)


Call = KernelCall | TorchCall
