"""Modules of ONNX models beside the models, on the same images."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from support.graphs import evaluate, run_float32
from torch import Tensor, fx

from jpegcompile.learning import from_onnx, to_onnx
from jpegcompile.learning.transforms import block_dct

Array = NDArray[Any]

# float64 sums of some thousand products.
CLOSE = 1e-11


def images_of(module: fx.GraphModule, batch: int = 2, dtype: Any = np.float64) -> Array:
    """Random images [N, C, H, W] of the size of the model of a module."""
    source: Any = module.source
    image = next(v for v in source.source.model.graph.input)
    _, *sizes = (d.dim_value for d in image.type.tensor_type.shape.dim)
    if sizes[-1] in (1, 3) and sizes[0] > 3:
        sizes = [sizes[2], *sizes[:2]]
    return np.random.default_rng(len(sizes)).standard_normal((batch, *sizes)).astype(dtype)


def answers(model: onnx.ModelProto, images: Array) -> list[Array]:
    """Outputs of a model: by the reference evaluator in float64, else by ONNX Runtime.

    A model of a fixed batch of one gets one image after the other.
    """
    (image,) = [v for v in model.graph.input if _is_image(v, model)]
    first, *sizes = (d.dim_value for d in image.type.tensor_type.shape.dim)
    given = images.transpose(0, 2, 3, 1) if sizes[-1] == images.shape[1] != sizes[0] else images
    run = evaluate if images.dtype == np.float64 else run_float32
    if first != 1:
        return run(model, {image.name: given})
    rows = [run(model, {image.name: given[i : i + 1]}) for i in range(len(given))]
    return [np.concatenate(outputs) for outputs in zip(*rows, strict=True)]


def _is_image(value: onnx.ValueInfoProto, model: onnx.ModelProto) -> bool:
    return all(value.name != tensor.name for tensor in model.graph.initializer)


def run(module: fx.GraphModule, images: Array) -> list[Array]:
    """Outputs of a module in evaluation mode, which takes pixels or coefficients."""
    given = torch.from_numpy(images)
    is_of_tiles = getattr(module, "input_block", 1) > 1
    was_training = module.training
    with torch.no_grad():
        made = module.eval()(block_dct(given) if is_of_tiles else given)
    module.train(was_training)
    outputs = made if isinstance(made, tuple) else (made,)
    return [output.numpy() for output in outputs]


def difference(actual: list[Array], expected: list[Array]) -> float:
    """Largest difference of outputs, as a fraction of the largest magnitude of each; may be NaN."""
    pairs = zip(actual, expected, strict=True)
    return float(np.max([abs(a - e).max() / abs(e).max() for a, e in pairs]))


def learn(module: fx.GraphModule, amount: float = 0.02) -> None:
    """Change every parameter and running statistic, as training would."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            if tensor.is_floating_point() and "fixed" not in name:
                noise = torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype)
                tensor += amount * noise


def gradients(module: fx.GraphModule, images: Tensor) -> dict[str, Tensor]:
    """Gradients of the sum of squares of the outputs, in training mode, by parameter."""
    module.zero_grad()
    made = module.train()(images)
    outputs = made if isinstance(made, tuple) else (made,)
    sum(output.square().mean() for output in outputs).backward()
    return {
        name: parameter.grad.clone()
        for name, parameter in module.named_parameters()
        if parameter.grad is not None
    }


def checked(model: onnx.ModelProto) -> Any:
    """Check the module of a model, and what is written after it learned; return the module."""
    module: Any = from_onnx(model)
    images = images_of(module)
    before = answers(model, images)
    assert difference(run(module, images), before) < CLOSE
    assert difference(answers(to_onnx(module), images), before) == 0
    learn(module)
    after = answers(to_onnx(module), images)
    assert difference(run(module, images), after) < CLOSE
    assert difference(before, after) > 1e-4
    return module
