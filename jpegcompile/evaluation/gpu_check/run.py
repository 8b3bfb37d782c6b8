"""The function `gpu_check`, which checks and times kernels and models on the current GPU."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegcompile.digits import images_path, model_path, preprocess_path
from jpegcompile.errors import UsageError
from jpegcompile.evaluation.gpu_check.records import GpuCheck
from jpegcompile.messages import Message
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.progress import Progress
from jpegcompile.target.triton import require_triton

if TYPE_CHECKING:
    from jpegcompile.evaluation.gpu_check.case import KernelCase
    from jpegcompile.evaluation.gpu_check.networks import Network
    from jpegcompile.evaluation.gpu_check.scope import Scope
    from jpegcompile.precision import Precision
    from jpegcompile.preprocessing.preprocess import Preprocess
    from jpegcompile.runtime.triton.timer import Timer

BATCH = 32


def gpu_check(
    model: str | os.PathLike[str] | None = None,
    images: str | os.PathLike[str] | None = None,
    preprocess: str | os.PathLike[str] | Mapping[str, Any] | Preprocess | None = None,
    *,
    batch: int = BATCH,
    progress: Progress | None = None,
) -> GpuCheck:
    """Check all GPU code on the current GPU and measure its speed.

    The function compares kernels of every family with references in float64, in every precision. It
    compares the demo's network, and a model that the user gives, with their originals and with
    other ways to run them.

    Args:
        model: path of an ONNX model to check in addition.
        images: folder of JPEG files of the model's size.
        preprocess: preprocessing from pixels to the model's input, as for `compile`.
        batch: batch size for measurements.
        progress: called with (done, total).

    Raises:
        AccessError: if there is no GPU, or a file cannot be read.
        UsageError: if only some of `model`, `images` and `preprocess` are given.
    """
    given = [value is not None for value in (model, images, preprocess)]
    if any(given) and not all(given):
        text = "gpu-check requires --model, --images and --preprocess together; give all or none"
        raise UsageError(Message("gpu-check-model-incomplete", text))
    require_triton()
    from jpegcompile.evaluation.gpu_check.networks import Network
    from jpegcompile.evaluation.gpu_check.scope import full_scope
    from jpegcompile.runtime.triton.device import require_gpu
    from jpegcompile.runtime.triton.timer import CudaTimer

    facts = require_gpu("gpu-check")
    digits = preprocess_of(preprocess_path())
    networks = [Network("digits", model_path(), digits, images_path(), batch)]
    if model is not None and images is not None and preprocess is not None:
        path = Path(model)
        own = Network(path.stem, path, preprocess_of(preprocess), Path(images), batch)
        networks.append(own)
    return check_by(full_scope(networks, batch), facts.to_json(), CudaTimer(), progress)


def check_by(
    scope: Scope, device: Mapping[str, str], timer: Timer, progress: Progress | None = None
) -> GpuCheck:
    """Check and measure a scope, on the GPU or, if Triton interprets kernels, on the CPU.

    Args:
        scope: what to check and to measure.
        device: name and versions, for the result.
        timer: timer for rates.
        progress: called with (done, total).
    """
    import torch

    from jpegcompile.evaluation.gpu_check.case import run_case
    from jpegcompile.evaluation.gpu_check.compiled_file import can_run_files, check_compiled_file
    from jpegcompile.evaluation.gpu_check.networks import check_network
    from jpegcompile.evaluation.gpu_check.rates import (
        copy_ceiling,
        layer_rates,
        product_ceiling,
    )
    from jpegcompile.evaluation.gpu_check.throughput import throughput
    from jpegcompile.runtime.triton.launching import is_interpreted

    where = torch.device("cpu" if is_interpreted() else "cuda")
    with tempfile.TemporaryDirectory(prefix="jpegcompile-gpu-") as root:
        folder = Path(root)

        def kernel(case: KernelCase, precision: Precision) -> list[Any]:
            return [run_case(case, precision, where)]

        def network(one: Network, precision: Precision) -> list[Any]:
            path = folder / f"{one.name}-{precision.name}"
            return [*check_network(one, precision, path, scope.backend)]

        def file(one: Network) -> list[Any]:
            return [*check_compiled_file(one, folder)]

        def ceiling(precision: Precision) -> list[Any]:
            return [product_ceiling(scope.side, precision, timer, where)]

        def rates(precision: Precision) -> list[Any]:
            return [*layer_rates(scope.layers, scope.batch, precision, timer, where)]

        def images(one: Network, precision: Precision) -> list[Any]:
            path = folder / f"throughput-{one.name}-{precision.name}"
            path.mkdir()
            return [*throughput(one, precision, path, scope.seconds)]

        precisions = scope.precisions
        parts: dict[str, list[Callable[[], list[Any]]]] = {
            "kernels": [partial(kernel, c, p) for p in precisions for c in scope.cases],
            "models": [
                *(partial(network, n, p) for n in scope.networks for p in precisions),
                *(partial(file, n) for n in scope.networks if can_run_files()),
            ],
            "ceilings": [
                lambda: [copy_ceiling(scope.copied, timer, where)],
                *(partial(ceiling, p) for p in precisions),
            ],
            "rates": [partial(rates, p) for p in precisions],
            "throughput": [partial(images, n, p) for n in scope.networks for p in precisions],
        }
        return GpuCheck(device, **_done(parts, progress))


def _done(
    parts: Mapping[str, list[Callable[[], list[Any]]]], progress: Progress | None
) -> dict[str, tuple[Any, ...]]:
    """Run all steps and return their results, by part."""
    total = sum(map(len, parts.values()))
    count = 0
    found: dict[str, tuple[Any, ...]] = {}
    for name, steps in parts.items():
        results: list[Any] = []
        for step in steps:
            if progress is not None:
                progress(count, total)
            results += step()
            count += 1
        found[name] = tuple(results)
    if progress is not None:
        progress(total, total)
    return found
