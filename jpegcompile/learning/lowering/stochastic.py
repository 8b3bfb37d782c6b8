"""Recognition of stochastic depth, which drops whole branches while training."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from jpegcompile.learning.lowering.operators import ByMode
from jpegcompile.learning.lowering.twins import clone
from jpegcompile.learning.transforms import block_dct

_NAMES = frozenset(("DropPath", "StochasticDepth", "drop_path", "stochastic_depth"))
_TOLERANCE = 1e-9


def drops_paths(module: nn.Module, options: dict[str, Any]) -> bool:
    """Whether a module multiplies each image by a random factor, so it commutes with the DCT.

    The name of its class or function has to say so, and a trial has to agree in both modes.

    Args:
        module: the module.
        options: further arguments of its call.
    """
    named = module.function if isinstance(module, ByMode) else type(module)
    if named.__name__ not in _NAMES or any(isinstance(v, torch.fx.Node) for v in options.values()):
        return False
    pixels = torch.rand(16, 2, 8, 8, dtype=torch.float64)
    return all(_commutes(module, options, pixels, mode) for mode in (True, False))


def _commutes(module: nn.Module, options: dict[str, Any], pixels: Any, training: bool) -> bool:
    twin = clone(module).train(training)
    made = []
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        for maps in (pixels, block_dct(pixels)):
            torch.manual_seed(0)
            made.append(twin(maps, **options))
    return bool((block_dct(made[0]) - made[1]).abs().max() < _TOLERANCE)
