"""What does the work of a graph on a target that calls kernels itself, one call after another.

A graph says what is computed. For a target such as Triton, calls say how: each stands for one node,
or for several that one kernel computes together, in the order of the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.gpu.kernel import Kernel
from jpegcompile.gpu.layout import MapLayout

# The role of the map that a kernel makes, in every kernel.
RESULT = "y"


@dataclass(frozen=True)
class KernelCall:
    """A call of a kernel.

    Attributes:
        name: of the last node of the source that it computes.
        operators: of the nodes of the graph that it computes, in order.
        kernel: makes the kernel of `arguments` and of a layout for each role; raises ValueError for
            layouts that the kernel does not take.
        arguments: of `kernel`, besides layouts.
        maps: the tensors that are read as maps, by role.
        result: the tensor that is made, a map.
        weights: constants that the kernel reads, by argument: of a convolution as the graph has
            them, else as the kernel reads them, numbers of channels padded to a multiple of 16.
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
        """All tensors by role, the result among them."""
        return {**self.maps, RESULT: self.result}

    def with_layouts(self, layouts: Mapping[str, MapLayout]) -> Kernel:
        """The kernel for the layouts of its tensors.

        Raises:
            ValueError: if the kernel does not take them.
        """
        return self.kernel(**self.arguments, **{r: layouts[t] for r, t in self.roles.items()})


@dataclass(frozen=True)
class TorchCall:
    """A node that operators of PyTorch compute.

    Attributes:
        node: of the graph.
        reason: why no kernel computes it.
    """

    node: gs.Node
    reason: str

    @property
    def name(self) -> str:
        """Of the node."""
        return str(self.node.name)


Call = KernelCall | TorchCall
