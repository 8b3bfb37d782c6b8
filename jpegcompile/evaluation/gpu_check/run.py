"""Check kernels and whole models on the GPU at hand, and measure how fast they are."""

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
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.progress import Progress
from jpegcompile.target.triton import require_triton

if TYPE_CHECKING:
    from jpegcompile.evaluation.gpu_check.case import KernelCase
    from jpegcompile.evaluation.gpu_check.networks import Network
    from jpegcompile.evaluation.gpu_check.plan import Plan
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
    """Check everything that runs on GPUs on the current one, and measure it.

    Kernels of every family run against references in float64, at every precision. The network of
    the demo, and a model that is given, run against the original, and in several ways against
    themselves.

    Args:
        model: path of an ONNX model.
        images: folder of JPEG files of its size.
        preprocess: from pixels to its input; see `compile`.
        batch: images at once, where time is measured.
        progress: called with (done, total).

    Raises:
        AccessError: if there is no GPU, or a file cannot be read.
        UsageError: if a model is given without images or preprocessing, or these without a model.
    """
    given = [value is not None for value in (model, images, preprocess)]
    if any(given) and not all(given):
        raise UsageError(
            "gpu-check takes --model, --images and --preprocess together; give all or none"
        )
    require_triton()
    from jpegcompile.evaluation.gpu_check.networks import Network
    from jpegcompile.evaluation.gpu_check.plan import whole_plan
    from jpegcompile.runtime.triton.device import require_gpu
    from jpegcompile.runtime.triton.timer import CudaTimer

    facts = require_gpu("gpu-check")
    digits = preprocess_of(preprocess_path())
    networks = [Network("digits", model_path(), digits, images_path(), batch)]
    if model is not None and images is not None and preprocess is not None:
        path = Path(model)
        own = Network(path.stem, path, preprocess_of(preprocess), Path(images), batch)
        networks.append(own)
    return check_by(whole_plan(networks, batch), facts.to_json(), CudaTimer(), progress)


def check_by(
    plan: Plan, device: Mapping[str, str], timer: Timer, progress: Progress | None = None
) -> GpuCheck:
    """Do what a plan says, on the GPU or, if Triton interprets, on the CPU.

    Args:
        plan: what to do.
        device: name and versions, for the result.
        timer: for rates.
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
            return [*check_network(one, precision, path, plan.backend)]

        def file(one: Network) -> list[Any]:
            return [*check_compiled_file(one, folder)]

        def ceiling(precision: Precision) -> list[Any]:
            return [product_ceiling(plan.side, precision, timer, where)]

        def rates(precision: Precision) -> list[Any]:
            return [*layer_rates(plan.layers, plan.batch, precision, timer, where)]

        def images(one: Network, precision: Precision) -> list[Any]:
            path = folder / f"throughput-{one.name}-{precision.name}"
            path.mkdir()
            return [*throughput(one, precision, path, plan.seconds)]

        precisions = plan.precisions
        parts: dict[str, list[Callable[[], list[Any]]]] = {
            "kernels": [partial(kernel, c, p) for p in precisions for c in plan.cases],
            "models": [
                *(partial(network, n, p) for n in plan.networks for p in precisions),
                *(partial(file, n) for n in plan.networks if can_run_files()),
            ],
            "ceilings": [
                lambda: [copy_ceiling(plan.copied, timer, where)],
                *(partial(ceiling, p) for p in precisions),
            ],
            "rates": [partial(rates, p) for p in precisions],
            "throughput": [partial(images, n, p) for n in plan.networks for p in precisions],
        }
        return GpuCheck(device, **_done(parts, progress))


def _done(
    parts: Mapping[str, list[Callable[[], list[Any]]]], progress: Progress | None
) -> dict[str, tuple[Any, ...]]:
    """What all steps give, by part."""
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
