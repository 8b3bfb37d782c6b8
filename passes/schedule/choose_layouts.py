"""Choose a layout for each map of GPU kernel calls: pixels, or rows of kept coefficients.

ToSpatial(ToJpeg(p))  =>  p            if a map is stored as pixels, its transforms cancel
x read by a window    =>  ToSpatial(x) if maps are stored as coefficients

With `--domain auto`, the cost model chooses: pixels, unless a truncated map is cheaper as
coefficients. With `--domain jpeg`, every map is stored as coefficients, and an additional call
transforms maps for kernels that require pixels. Exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from jpegcompile.analysis.kernels.maps import MapUse, can_be_read_thin, map_uses
from jpegcompile.gpu.kernel import Kernel
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.programs import NOTHING
from jpegcompile.ir.calls import RESULT, Call, KernelCall
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass
from jpegcompile.kernels.arithmetic.launch import Elementwise
from jpegcompile.kernels.conv.launch import THIN
from jpegcompile.messages import Message
from jpegcompile.report import CallReport

# Predicted time of a kernel in seconds.
Costs = Callable[[Kernel], float]
_MOST_ROUNDS = 4
_IMPOSSIBLE = float("inf")


class ChooseLayouts(Pass):
    """Fills `Module.layouts`."""

    name = "choose-layouts"

    def __init__(self, costs: Callable[[Module], Costs]) -> None:
        """Create the pass.

        Args:
            costs: returns the cost model for a module.
        """
        self._costs = costs

    def run(self, module: Module) -> bool:
        """Choose layouts; returns whether layouts were chosen."""
        if module.layouts:
            return False
        uses = map_uses(module)
        layouts = {name: use.pixels() for name, use in uses.items()}
        for name, use in uses.items():
            if use.maker is None and name in _images(module) and can_be_read_thin(use):
                layouts[name] = use.pixels(THIN)
        if module.options.domain == "jpeg":
            for name, use in uses.items():
                if _is_tiled(use):
                    layouts[name] = use.rows()
            module.calls = _with_pixels(module, uses, layouts)
        else:
            _improve(uses, layouts, self._costs(module))
        module.layouts = layouts
        _report(module, uses)
        return bool(layouts)


def _is_tiled(use: MapUse) -> bool:
    """Whether a map can be stored as coefficients."""
    return use.block > 1 and use.maker is not None and not use.is_spatial


def _images(module: Module) -> set[str]:
    """Names of image maps: graph inputs and the output of the ingest."""
    names = {tensor.name for tensor in module.graph.inputs}
    return names | ({module.ingest_output} if module.ingest_output is not None else set())


def _improve(uses: Mapping[str, MapUse], layouts: dict[str, MapLayout], costs: Costs) -> None:
    """Switch layouts of maps while that reduces the predicted time."""
    for _ in range(_MOST_ROUNDS):
        changed = False
        for name, use in uses.items():
            if not _is_tiled(use):
                continue
            other = use.pixels() if layouts[name].is_rows else use.rows()
            if _cost(use, {**layouts, name: other}, costs) < _cost(use, layouts, costs):
                layouts[name] = other
                changed = True
        if not changed:
            return


def _cost(use: MapUse, layouts: Mapping[str, MapLayout], costs: Costs) -> float:
    """Predicted time of all calls that write or read a map; infinite if impossible."""
    assert use.maker is not None
    calls = {id(call): call for call in (use.maker, *use.readers)}
    try:
        return sum(costs(call.with_layouts(layouts)) for call in calls.values())
    except ValueError:
        return _IMPOSSIBLE


def _with_pixels(
    module: Module, uses: Mapping[str, MapUse], layouts: dict[str, MapLayout]
) -> list[Call]:
    """Insert a call that computes pixels before each call that cannot read coefficients."""
    calls: list[Call] = []
    made: dict[str, str] = {}
    for call in module.calls:
        if isinstance(call, KernelCall):
            for role, tensor in call.maps.items():
                if _is_possible(call, layouts) or not layouts[tensor].is_rows:
                    continue
                if tensor not in made:
                    made[tensor] = module.fresh(f"{tensor}.pixels")
                    # Truncated coefficients are zero, so all may be kept.
                    use = uses[tensor]
                    size = use.channels, use.height, use.width
                    layouts[made[tensor]] = MapLayout.whole(*size, use.block)
                    arguments = {"program": NOTHING}
                    name = made[tensor]
                    calls.append(KernelCall(name, (), Elementwise, arguments, {"x": tensor}, name))
                call = replace(call, maps={**call.maps, role: made[tensor]})
        calls.append(call)
    return calls


def _is_possible(call: KernelCall, layouts: Mapping[str, MapLayout]) -> bool:
    try:
        call.with_layouts(layouts)
    except ValueError:
        return False
    return True


def _report(module: Module, uses: Mapping[str, MapUse]) -> None:
    """Report the calls, and how many maps are stored as coefficients or as pixels."""
    for call in module.calls:
        if isinstance(call, KernelCall):
            layouts = {role: str(module.layouts[t]) for role, t in call.roles.items()}
            made = layouts.pop(RESULT)
            kernel = type(call.with_layouts(module.layouts)).__name__
            reads = tuple(layouts.values())
            module.report.calls.append(CallReport(call.name, call.operators, kernel, reads, made))
        else:
            op = (str(call.node.op),)
            module.report.calls.append(CallReport(call.name, op, "", (), "", call.reason))
    tiled = [name for name, use in uses.items() if _is_tiled(use)]
    rows = sum(module.layouts[name].is_rows for name in tiled)
    text = (
        f"of {len(tiled)} JPEG-domain maps, {rows} are stored as coefficients and"
        f" {len(tiled) - rows} as pixels, whose DCT and inverse DCT cancel"
    )
    module.report.note(Message("maps-stored", text))
