"""Lowering of PyTorch modules to the JPEG domain."""

from __future__ import annotations

from torch import Tensor, fx, nn

from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import UnsupportedModelError, UsageError
from jpegcompile.learning.lowering.lower import lower_graph
from jpegcompile.learning.lowering.module import JpegModule
from jpegcompile.learning.lowering.options import Decisions, DomainChoice, LoweringOptions
from jpegcompile.learning.lowering.stochastic import drops_paths
from jpegcompile.learning.modules.domain import Domain, Masking
from jpegcompile.learning.tracing import trace
from jpegcompile.messages import Message


def from_torch(
    module: nn.Module,
    example: Tensor | int | tuple[int, ...],
    *,
    domain: DomainChoice = "jpeg",
    frequencies: int = ALL,
    masking: Masking = "asm",
    truncate: int = ALL,
    input: Domain = "jpeg",
    decisions: Decisions | None = None,
) -> JpegModule:
    """Lower a PyTorch module to the JPEG domain, with the same parameters and buffers.

    Each submodule with a JPEG module is replaced by it. Everything else stays on pixels between
    casts; `JpegModule.report` has the reasons. The module itself does not change. `state_dict` has
    the same keys, and both share their tensors until one is copied.

    Args:
        module: a network of one image [N, C, H, W]. Other arguments of `forward` keep their
            defaults.
        example: an image of any batch, or the size of images: one number for H and W, (H, W),
            (C, H, W) or (N, C, H, W). C is 3 unless given.
        domain: "jpeg" to keep every map in the JPEG domain, "auto" for coefficients only where
            they pay.
        frequencies: number of mask frequencies of piecewise linear functions, 1 to 15.
        masking: "asm" or "apx".
        truncate: number of kept frequencies of the results of piecewise linear functions, 1 to 15.
        input: domain of the image that the result takes; "spatial" for pixels.
        decisions: frequencies by qualified name of a module, in place of the two numbers.

    Raises:
        UsageError: if an option has no such value, or the network cannot run on the example.
        UnsupportedModelError: if `forward` of the module itself cannot be traced, or takes more
            than an image.
    """
    options = LoweringOptions(domain, frequencies, masking, truncate, input)
    traced = trace(module)
    _check_inputs(traced.graph_module.graph)
    kept = {
        name: why
        for name, why in traced.whole.items()
        if not drops_paths(module.get_submodule(name), {})
    }
    if not isinstance(example, Tensor):
        example = image_shape(example)
    elif example.dim() != 4:
        example = image_shape(tuple(example.shape))
    elif len(example) == 1:
        # Normalizations cannot train on one value for each channel.
        example = example.repeat(2, 1, 1, 1)
    return lower_graph(
        traced.graph_module,
        example,
        options,
        decisions=decisions,
        kept=kept,
        only_mode=traced.only_mode,
    )


def _check_inputs(graph: fx.Graph) -> None:
    _, *others = [str(node.target) for node in graph.nodes if node.op == "placeholder"] or [""]
    needed = [name for name in others if not name.startswith("*")]
    if needed:
        text = f"forward also takes '{needed[0]}'; wrap the network in a module of one image"
        raise UnsupportedModelError(Message("learning-several-inputs", text))


def image_shape(size: int | tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape [2, C, H, W] of an example, from a size as `from_torch` takes it.

    Raises:
        UsageError: if it is no size.
    """
    sizes = (size, size) if isinstance(size, int) else size
    is_known = isinstance(sizes, list | tuple)
    if not is_known or not 2 <= len(sizes) <= 4 or any(type(n) is not int or n < 1 for n in sizes):
        text = f"the size of the image is {size!r}; give H, (H, W), (C, H, W) or (N, C, H, W)"
        raise UsageError(Message("learning-size-form", text))
    return (2, *(3,)[: 3 - len(sizes)], *sizes[-3:])
