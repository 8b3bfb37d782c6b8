"""The module that a lowering returns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, fx, nn

from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import UsageError
from jpegcompile.frequency_plan import NodeFrequencies
from jpegcompile.learning.lowering.options import Decisions, LoweringOptions
from jpegcompile.learning.lowering.report import LoweringReport
from jpegcompile.learning.lowering.twins import masked_form
from jpegcompile.learning.modules.casts import Truncate
from jpegcompile.learning.modules.domain import Domain, Masking
from jpegcompile.messages import Message


@dataclass(frozen=True)
class Slot:
    """A call of a piecewise linear function, whose frequencies can be set.

    Attributes:
        names: names under which a decision finds the call, the most specific first.
        mask: qualified name of the module.
        truncate: qualified name of the truncation of its result.
        domain: domain of its maps.
    """

    names: tuple[str, ...]
    mask: str
    truncate: str
    domain: Domain

    def decided(self, decisions: Decisions | None, default: NodeFrequencies) -> NodeFrequencies:
        """Return the frequencies of the call.

        Args:
            decisions: frequencies by name. A call that they do not name stays exact.
            default: frequencies of every call, if there are no decisions.
        """
        if decisions is None:
            return default
        found = (decisions[name] for name in self.names if name in decisions)
        return next(found, NodeFrequencies())


class Entry(nn.Module):
    """Checks the image that a lowered module is called with, since its graph is for one size."""

    def __init__(self, size: tuple[int, ...], training: bool | None = None) -> None:
        """Create the check.

        Args:
            size: shape of the image without the batch.
            training: the only mode that the graph is for; None for both.
        """
        super().__init__()
        self.size, self.mode = size, training

    def forward(self, image: Tensor) -> Tensor:
        """Return the image.

        Raises:
            UsageError: if it has another size, or the module is in the other mode.
        """
        if tuple(image.shape[1:]) != self.size:
            raise UsageError(
                Message(
                    "learning-image-size",
                    f"the image has the shape {_times(image.shape[1:])}, but the module was lowered"
                    f" for {_times(self.size)}; lower it again for the other size",
                )
            )
        if self.mode is not None and self.mode != self.training:
            modes = ("evaluation", "training")
            raise UsageError(
                Message(
                    "learning-other-mode",
                    f"the module was traced for {modes[self.mode]} and its forward differs in"
                    f" {modes[self.training]}; convert it again in that mode",
                )
            )
        return image


class JpegModule(fx.GraphModule):
    """A network in the JPEG domain, which shares parameters and buffers with the spatial network.

    Attributes:
        options: the options of the lowering.
        report: the domain of each node.
        input_block: block size of the image map; 1 if the module takes pixels.
        slots: calls whose frequencies can be set.
        source: the ONNX model that the network comes from; None if it comes from PyTorch.
    """

    options: LoweringOptions
    report: LoweringReport
    input_block: int
    slots: tuple[Slot, ...]
    source: Any

    def __init__(
        self, root: nn.Module | dict[str, Any], graph: fx.Graph, class_name: str = "JpegModule"
    ) -> None:
        """Create a module from a tree of modules; modules that the graph does not call stay."""
        super().__init__(root, graph, class_name)
        if isinstance(root, nn.Module):
            _adopt(self, root)

    def set_frequencies(
        self,
        frequencies: int = ALL,
        *,
        masking: Masking = "asm",
        truncate: int = ALL,
        decisions: Decisions | None = None,
    ) -> None:
        """Set the frequencies of all piecewise linear functions, in place.

        Args:
            frequencies: number of mask frequencies, 1 to 15.
            masking: "asm" or "apx".
            truncate: number of kept frequencies of the results, 1 to 15.
            decisions: frequencies by name, in place of the two numbers. Calls that are not named
                become exact.

        Raises:
            UsageError: if there is no such number or masking.
        """
        self.options = replace(
            self.options, frequencies=frequencies, masking=masking, truncate=truncate
        )
        self.decisions = None if decisions is None else dict(decisions)
        for slot in self.slots:
            decided = slot.decided(decisions, self.options.default)
            spatial = self.get_submodule(slot.mask)
            put(self, slot.mask, masked_form(spatial, decided.mask, masking, slot.domain))
            put(self, slot.truncate, Truncate(decided.keep, slot.domain))

    def _deepcopy_init(self) -> Any:
        return JpegModule.__init__

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what `pickle` needs: the tree of modules, and the graph as Python code."""
        state = {key: value for key, value in self.__dict__.items() if key != "_graph"}
        _, arguments = super().__reduce__()
        code = {"_code": arguments[0]["_code"]} if "_code" in arguments[0] else {}
        return _restored, (state, code, arguments[1])


_OWN = ("options", "report", "input_block", "slots", "source", "decisions", "meta")
_TREE = ("_parameters", "_buffers", "_non_persistent_buffers_set", "_modules", "training")


def _adopt(module: JpegModule, root: nn.Module) -> None:
    """Take over the tree of a root, and what a JpegModule knows, if the root knows it."""
    for key in (*_TREE, *_OWN):
        if key in root.__dict__:
            module.__dict__[key] = root.__dict__[key]


def _restored(state: dict[str, Any], code: dict[str, Any], imports: str) -> JpegModule:
    """Return the module of a pickle."""
    root = nn.Module()
    root.__dict__.update(state)
    traced: Any = fx.graph_module.reduce_graph_module({**state, **code}, imports)
    return JpegModule(root, traced.graph)


def put(root: nn.Module, name: str, module: nn.Module) -> None:
    """Set a module at a qualified name; folders on the way are created."""
    *folders, last = name.split(".")
    for folder in folders:
        if folder not in root._modules:
            root.add_module(folder, nn.Module())
        child = root._modules[folder]
        assert child is not None
        root = child
    root._modules[last] = module


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
