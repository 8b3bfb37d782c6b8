"""Compile the kernels of a model ahead of time, for a file next to its `model.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jpegcompile.gpu.aot import Cubin
from jpegcompile.gpu.compile_all import Form, compile_all, compiled_form
from jpegcompile.gpu.cubin_file import cubins_content
from jpegcompile.gpu.folder import CUBINS
from jpegcompile.gpu.kernel import Kernel, Step, steps_of
from jpegcompile.gpu.launch import Launch
from jpegcompile.precision import Precision
from jpegcompile.progress import Progress, no_progress


def compiled_kernels(
    kernels: Mapping[str, Kernel],
    precision: Precision,
    archs: Sequence[int],
    progress: Progress = no_progress,
) -> tuple[bytes, list[dict[str, Any]]]:
    """Compile every kernel that a model calls for each architecture.

    Args:
        kernels: kernels by their attribute names in `model.py`.
        precision: precision of the model.
        archs: compute capabilities, such as 90.
        progress: called with (kernels done, kernels in all).

    Returns:
        The content of the cubin file, and the record of each cubin for the manifest.

    Raises:
        UsageError: if Triton interprets kernels in this process.
        InternalError: if a kernel spills registers or exceeds a limit of its GPU.
    """
    launches: dict[Form, Launch] = {}
    calls: dict[Form, list[dict[str, str]]] = {}
    for name, kernel in kernels.items():
        tiling = kernel.default_tiling(precision)
        one, two = (steps_of(kernel, batch, precision, tiling) for batch in (1, 2))
        for first, second in zip(one, two, strict=True):
            form = compiled_form(first.launch)
            launches.setdefault(form, first.launch)
            call = {"attribute": name, "makes": first.makes, "grid": _grid_text(first, second)}
            calls.setdefault(form, []).append(call)
    made = compile_all(list(launches.values()), archs, report=progress)
    records = [
        {"calls": calls[form], **_record(cubin)}
        for form, cubins in zip(launches, made, strict=True)
        for cubin in cubins
    ]
    stored = [cubin.stored for cubins in made for cubin in cubins]
    return cubins_content(stored, CUBINS), records


def _grid_text(one: Step, two: Step) -> str:
    """Return the grid as a formula of the batch; `one` and `two` are launches of 1 and 2 images."""
    tiling, numbers = one.launch.tiling, one.launch.numbers
    rows = numbers.get("rows")
    parts = []
    for single, double in zip(one.launch.grid, two.launch.grid, strict=True):
        if single == double:
            parts.append(str(single))
        elif double == 2 * single:
            parts.append("batch" if single == 1 else f"{single} * batch")
        else:
            assert rows is not None
            parts.append(f"ceil({rows} * batch / {tiling.rows})")
    return ", ".join(parts)


def _record(cubin: Cubin) -> dict[str, Any]:
    return {
        "arch": f"sm_{cubin.arch}",
        "kernel": cubin.kernel,
        "constants": cubin.stored.constants,
        "entry": cubin.entry,
        "parameters": [list(parameter) for parameter in cubin.parameters],
        "warps": cubin.warps,
        "shared": cubin.shared,
        "tensor_columns": cubin.tensor_columns,
        "bytes": len(cubin.code),
        **vars(cubin.used),
    }
