"""The function `tune`, which measures tilings and stores the fastest ones in a compiled model."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegcompile.errors import UsageError
from jpegcompile.files import require_writable, write_whole
from jpegcompile.gpu.folder import MANIFEST, is_module_folder, manifest_text, read_manifest
from jpegcompile.gpu.kernel import Kernel, steps_of
from jpegcompile.gpu.launch import Tiling
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.messages import Message
from jpegcompile.precision import Precision
from jpegcompile.progress import Progress
from jpegcompile.target.triton import require_triton
from jpegcompile.tuning.candidates import candidates
from jpegcompile.tuning.record import Tuning

if TYPE_CHECKING:
    from jpegcompile.runtime.triton.kernel import KernelModule
    from jpegcompile.runtime.triton.timer import Timer

BATCH = 32
Candidates = Callable[[Kernel, Precision], tuple[Tiling, ...]]


def tune(
    path: str | os.PathLike[str],
    *,
    batch: int | None = None,
    again: bool = False,
    progress: Progress | None = None,
) -> Tuning:
    """Measure tilings on the current GPU and write the fastest ones to the manifest of a model.

    The function rewrites the manifest after each kernel. A later run with the same GPU, versions
    and batch size continues where the earlier run ended.

    Args:
        path: folder of a model compiled for `--target triton`.
        batch: batch size; by default the fixed batch size of the model, or 32.
        again: whether to repeat earlier measurements.
        progress: called with (done, total) kernels.

    Raises:
        AccessError: if there is no GPU, or a file cannot be read or written.
        UsageError: if `path` is not such a folder, or the model has another fixed batch size.
        UnsupportedModelError: if a file is damaged or has a newer version.
    """
    if Path(path).exists() and not is_module_folder(path):
        text = (
            f"{os.fspath(path)}: is not the folder of a model for GPUs; compile the model with"
            " --target triton"
        )
        raise UsageError(Message("tune-not-a-module", text))
    read_manifest(Path(path))
    require_writable(Path(path) / MANIFEST)
    require_triton()
    from jpegcompile.runtime.triton.device import require_gpu
    from jpegcompile.runtime.triton.timer import CudaTimer

    facts = require_gpu("tune")
    return tune_with(
        path, facts.to_json(), CudaTimer(), batch=batch, again=again, progress=progress
    )


def tune_with(
    path: str | os.PathLike[str],
    device: Mapping[str, str],
    timer: Timer,
    *,
    batch: int | None = None,
    again: bool = False,
    progress: Progress | None = None,
    of: Candidates = candidates,
) -> Tuning:
    """Do the work of `tune` with any timer.

    Args:
        path: folder of the model.
        device: name and versions that the times depend on; replaces records of another device.
        timer: timer for the kernels.
        batch: as for `tune`.
        again: as for `tune`.
        progress: as for `tune`.
        of: returns the candidates of a kernel, the default tiling first.
    """
    import torch

    from jpegcompile.runtime.triton.load import load_module
    from jpegcompile.runtime.triton.random_maps import random_maps
    from jpegcompile.tuning.measurement import measure_tilings

    folder = Path(path)
    module = load_module(folder)
    images = _batch(batch, module.fixed_batch, str(path))
    manifest = read_manifest(folder)
    tuning = _begun(manifest, device, images, again)
    groups = _groups(dict(module.named_modules()), images)
    layouts = _layouts(manifest)
    kept = {key: record for key, record in tuning.kernels.items() if key in groups}
    tuning = replace(tuning, kernels=kept)
    for done, (key, names) in enumerate(groups.items()):
        if progress is not None:
            progress(done, len(groups))
        if key in tuning.kernels:
            continue
        call: KernelModule = module.get_submodule(names[0])  # type: ignore[assignment]
        with torch.inference_mode():
            maps = random_maps(
                call.kernel, layouts.get(names[0], {}), images, call.precision, module.device
            )
            tilings = of(call.kernel, call.precision)
            record = measure_tilings(names, call, tilings, maps, timer)
        tuning = replace(
            tuning, kernels={**tuning.kernels, key: record}, measured=tuning.measured + 1
        )
        _write(folder, manifest, tuning)
    if progress is not None:
        progress(len(groups), len(groups))
    return tuning


def _batch(asked: int | None, fixed: int | None, path: str) -> int:
    """Return the batch size to tune for.

    Raises:
        UsageError: if the model has another fixed batch size.
    """
    if asked is not None and fixed is not None and asked != fixed:
        text = f"{path}: has the fixed batch size {fixed}, not {asked}; leave --batch out"
        raise UsageError(Message("tune-fixed-batch", text))
    return asked or fixed or BATCH


def _begun(
    manifest: Mapping[str, Any], device: Mapping[str, str], batch: int, again: bool
) -> Tuning:
    """Return the measurements of earlier runs on the same device."""
    fresh = Tuning(dict(device), batch)
    if again or "tuning" not in manifest:
        return fresh
    found = Tuning.of_manifest(manifest["tuning"])
    return found if (found.device, found.batch) == (fresh.device, batch) else fresh


def _groups(modules: Mapping[str, Any], batch: int) -> dict[str, list[str]]:
    """Return the names of a model's kernels, grouped by a key of their default launches."""
    from jpegcompile.runtime.triton.kernel import KernelModule
    from jpegcompile.runtime.triton.launching import launch_text

    groups: dict[str, list[str]] = {}
    for name, module in modules.items():
        if isinstance(module, KernelModule):
            tiling = module.kernel.default_tiling(module.precision)
            steps = steps_of(module.kernel, batch, module.precision, tiling)
            text = "\n".join(launch_text(step.launch) for step in steps)
            groups.setdefault(sha256(text.encode()).hexdigest()[:16], []).append(name)
    return groups


def _layouts(manifest: Mapping[str, Any]) -> dict[str, dict[str, MapLayout]]:
    """Return the layouts of the input maps by role, for each attribute with a kernel."""
    return {
        call["attribute"]: {
            role: MapLayout(**layout) for role, layout in call["layouts"].items() if role != "y"
        }
        for call in manifest["calls"]
    }


def _write(folder: Path, manifest: Mapping[str, Any], tuning: Tuning) -> None:
    """Write the manifest with the measurements."""
    tilings = {name: tiling.to_json() for name, tiling in tuning.tilings.items()}
    written = {**manifest, "tilings": tilings, "tuning": tuning.to_manifest()}
    write_whole(folder / MANIFEST, manifest_text(written))
