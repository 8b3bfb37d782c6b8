"""Maps that kernel calls read and write: size, frequencies, producer and readers."""

from __future__ import annotations

from dataclasses import dataclass, field

from jpegcompile.dct.frequencies import full
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.programs import NOTHING
from jpegcompile.ir.calls import KernelCall
from jpegcompile.ir.module import Module
from jpegcompile.kernels.arithmetic.launch import Elementwise
from jpegcompile.kernels.conv.launch import THIN, Convolution, can_be_thin
from jpegcompile.operators.casts import TO_JPEG, TO_SPATIAL


@dataclass
class MapUse:
    """A map that kernel calls read or write.

    Attributes:
        name: name of the tensor.
        channels, height, width: size of the map.
        block: block size.
        kept: number of frequencies that may be nonzero.
        is_spatial: whether the map is spatial in the graph, and so stored as pixels.
        is_truncated: whether the producer drops other frequencies; else they are zero already.
        maker: the call that computes the map; None for the image, and for outputs of PyTorch.
        readers: the calls that read the map, one entry for each role.
    """

    name: str
    channels: int
    height: int
    width: int
    block: int
    kept: int
    is_truncated: bool
    is_spatial: bool = False
    maker: KernelCall | None = None
    readers: list[KernelCall] = field(default_factory=list)

    def pixels(self, thin: int = 0) -> MapLayout:
        """Layout that stores the map as pixels.

        Args:
            thin: number of channels in memory if less than usual; 0 for the usual padding.
        """
        kept = self.kept if self.is_truncated else full(self.block)
        size = self.channels, self.height, self.width
        return MapLayout(*size, self.block, kept, thin=thin)

    def rows(self) -> MapLayout:
        """Layout that stores the map as its kept coefficients."""
        size = self.channels, self.height, self.width
        return MapLayout(*size, self.block, self.kept, is_rows=True)


def map_uses(module: Module) -> dict[str, MapUse]:
    """Return every map that kernel calls read or write, by name, in the order of the calls."""
    tensors = module.graph.tensors()
    uses: dict[str, MapUse] = {}
    for call in module.calls:
        if not isinstance(call, KernelCall):
            continue
        for tensor in (*call.maps.values(), call.result):
            if tensor not in uses:
                shape = tensors[tensor].shape if tensor in tensors else None
                source = (
                    shape if shape is not None else tensors[module.low_frequency_maps[tensor]].shape
                )
                channels, height, width = (int(d) for d in source[1:])
                block = module.current_block_of(module.low_frequency_maps.get(tensor, tensor))
                kept = module.kept_frequencies.get(tensor, full(block))
                truncated = tensor in module.kept_frequencies
                uses[tensor] = MapUse(tensor, channels, height, width, block, kept, truncated)
        use = uses[call.result]
        use.maker = call
        if not use.is_truncated:
            use.kept = _inherited(call, uses, use)
        for tensor in call.maps.values():
            uses[tensor].readers.append(call)
        _match_cast(call, uses)
    return uses


def _match_cast(call: KernelCall, uses: dict[str, MapUse]) -> None:
    """Assign the block size of a cast's JPEG-domain map to its spatial map."""
    for op, spatial, other in (
        (TO_JPEG, call.maps.get("x", ""), call.result),
        (TO_SPATIAL, call.result, call.maps.get("x", "")),
    ):
        if op in call.operators:
            uses[spatial].block = uses[other].block
            uses[spatial].kept = full(uses[other].block)
            uses[spatial].is_spatial = True


def _inherited(call: KernelCall, uses: dict[str, MapUse], use: MapUse) -> int:
    """Number of frequencies of a result; operators that do not mix frequencies inherit it."""
    keeps = call.arguments.get("is_linear", False)
    if call.kernel is Convolution:
        plain = ("strides", "pads", "is_transposed")
        is_1x1 = (
            call.arguments["kernel"] == (1, 1) and not call.arguments.get("program", NOTHING).steps
        )
        keeps = is_1x1 and not any(_is_set(call, name) for name in plain)
    if call.kernel is Elementwise and not call.arguments.get("program", NOTHING).steps:
        keeps = True
    read = [uses[t] for role, t in call.maps.items() if role != "vector"]
    if not keeps or any(u.block != use.block for u in read):
        return use.kept
    return max(u.kept for u in read)


def _is_set(call: KernelCall, name: str) -> bool:
    unset = {"strides": (1, 1), "pads": (0, 0), "is_transposed": False}
    return bool(call.arguments.get(name, unset[name]) != unset[name])


def can_be_read_thin(use: MapUse) -> bool:
    """Whether all readers of a map support a layout with four channels in memory."""
    return use.channels <= THIN and all(_takes_thin(call, use.name) for call in use.readers)


def _takes_thin(call: KernelCall, name: str) -> bool:
    arguments = call.arguments
    return (
        call.kernel is Convolution
        and call.maps == {"x": name}
        and not arguments.get("is_transposed")
        and can_be_thin(arguments["kernel"], arguments.get("dilations", (1, 1)))
    )
