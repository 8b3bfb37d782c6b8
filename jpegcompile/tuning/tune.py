"""Measure the tilings of a compiled model, kernel by kernel, and write the fastest into it."""

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
    """Measure tilings on the current GPU and write the fastest into the manifest of a model.

    The manifest is rewritten after each kernel. A second run on the same GPU with the same
    versions and batch goes on where the first one ended.

    Args:
        path: of the folder of a model for `--target triton`.
        batch: images at once; that of a model which is bound to one, else 32.
        again: whether to measure anew what was measured.
        progress: called with (done, total), of kernels.

    Raises:
        AccessError: if there is no GPU, or a file cannot be read or written.
        UsageError: if the model is bound to another batch.
        UnsupportedModelError: if a file is damaged or of a newer version.
    """
    if Path(path).exists() and not is_module_folder(path):
        raise UsageError(
            f"{os.fspath(path)}: is not the folder of a model for GPUs; compile the model with"
            " --target triton"
        )
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
    """The same with any timer.

    Args:
        path: of the folder.
        device: what times depend on; a record of another device is replaced.
        timer: times the kernels.
        batch: as `tune`.
        again: as `tune`.
        progress: as `tune`.
        of: gives the candidates of a kernel, the default tiling first.
    """
    import torch

    from jpegcompile.runtime.triton.load import load_module
    from jpegcompile.runtime.triton.random_maps import random_maps
    from jpegcompile.tuning.trial import measure

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
            record = measure(names, call, tilings, maps, timer)
        tuning = replace(
            tuning, kernels={**tuning.kernels, key: record}, measured=tuning.measured + 1
        )
        _write(folder, manifest, tuning)
    if progress is not None:
        progress(len(groups), len(groups))
    return tuning


def _batch(asked: int | None, bound: int | None, path: str) -> int:
    if asked is not None and bound is not None and asked != bound:
        raise UsageError(
            f"{path}: is bound to batches of {bound}, and --batch is {asked}; leave --batch out"
        )
    return asked or bound or BATCH


def _begun(
    manifest: Mapping[str, Any], device: Mapping[str, str], batch: int, again: bool
) -> Tuning:
    """What earlier runs measured on the same device."""
    fresh = Tuning(dict(device), batch)
    if again or "tuning" not in manifest:
        return fresh
    found = Tuning.of_manifest(manifest["tuning"])
    return found if (found.device, found.batch) == (fresh.device, batch) else fresh


def _groups(modules: Mapping[str, Any], batch: int) -> dict[str, list[str]]:
    """Names of the kernels of a model, by a key of what they launch by default."""
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
    """Layouts of the maps that each kernel reads, by role, by its attribute."""
    return {
        call["attribute"]: {
            role: MapLayout(**layout) for role, layout in call["layouts"].items() if role != "y"
        }
        for call in manifest["calls"]
    }


def _write(folder: Path, manifest: Mapping[str, Any], tuning: Tuning) -> None:
    tilings = {name: tiling.to_json() for name, tiling in tuning.tilings.items()}
    written = {**manifest, "tilings": tilings, "tuning": tuning.to_manifest()}
    write_whole(folder / MANIFEST, manifest_text(written))
