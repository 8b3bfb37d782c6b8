"""The table of compiled kernels in `docs/gpu_kernels.md`.

    python -m jpegcompile.gpu.table [PATH]

compiles the kernels of some ResNets ahead of time and writes the table, by default into
`docs/gpu_kernels.md` of the current folder. It takes minutes and requires no GPU.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from jpegcompile.errors import UsageError
from jpegcompile.files import write_whole
from jpegcompile.gpu.aot import ARCHS, Cubin
from jpegcompile.gpu.compile_all import compile_all, distinct
from jpegcompile.gpu.launch import Launch
from jpegcompile.gpu.resnets import resnet18, resnet50, se_resnet50
from jpegcompile.kernels.conv.launch import default_tiling
from jpegcompile.messages import Message
from jpegcompile.precision import FLOAT16, TF32X3, Precision

BEGIN, END = "<!-- begin table -->", "<!-- end table -->"
PRECISIONS = (TF32X3, FLOAT16)
# Small batches have smaller tilings.
BATCHES = (1, 32)
TRUNCATED = 8


def resnet_launches(precision: Precision) -> list[Launch]:
    """Return launches of the distinct kernels of the convolutions of some ResNets."""
    layers = (*resnet18(), *resnet50(), *se_resnet50(), *resnet50(TRUNCATED))
    return distinct(
        layer.convolution.launch(
            batch, precision, default_tiling(layer.convolution, precision, batch)
        )
        for layer in layers
        for batch in BATCHES
    )


def labels(launch: Launch) -> tuple[str, str, str]:
    """Return the cells of a launch: kernel, epilogue and tiling."""
    kernel = launch.kernel.rpartition(":")[2]
    constants, tiling = launch.constants, launch.tiling
    sizes = f"{constants['BM']}x{constants['BN']}x{constants['BK']}, {tiling.warps} warps"
    return kernel, ", ".join(_epilogue(constants)) or "-", sizes


def _epilogue(constants: Mapping[str, object]) -> Iterator[str]:
    if constants["RESIDUAL"]:
        yield "residual in rows" if constants["RESIDUAL_ROWS"] else "residual"
    program = constants["PROGRAM"]
    assert isinstance(program, tuple)
    yield from (step[0] for step in program)
    if constants["Y_ROWS"]:
        yield "to rows"
    elif constants["Y_MIXED"]:
        yield "truncated"


def table(launches: Mapping[str, Sequence[Launch]], processes: int = 2) -> str:
    """Compile kernels and return their Markdown table.

    Args:
        launches: distinct launches by the name of their precision.
        processes: number of processes that compile concurrently.
    """
    jobs = [(name, launch) for name, found in launches.items() for launch in found]
    cubins = compile_all([launch for _, launch in jobs], ARCHS, processes, _show)
    header = ["kernel", "epilogue", "precision", "tiling", *(f"sm_{arch}" for arch in ARCHS)]
    lines: list[Sequence[str]] = [header, ["---"] * len(header)]
    for (precision, launch), made in zip(jobs, cubins, strict=True):
        kernel, epilogue, tiling = labels(launch)
        lines.append((kernel, epilogue, precision, tiling, *map(_figures, made)))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _figures(cubin: Cubin) -> str:
    used = cubin.used
    shared, size = cubin.shared / 1024, math.ceil(len(cubin.code) / 1024)
    products = used.tensor_instructions
    return f"{used.registers} / {used.stack} / {shared:.0f} / {products} / {size}"


def _show(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{done} of {total} kernels compiled", end=end, file=sys.stderr, flush=True)


def main(path: Path) -> None:
    """Write the table into a page, between the lines BEGIN and END.

    Raises:
        UsageError: if the page lacks these lines.
    """
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UsageError(
            Message("page-without-table-marks", f"{path}: has no lines {BEGIN} and {END}; add them")
        )
    made = table({precision.name: resnet_launches(precision) for precision in PRECISIONS})
    write_whole(path, f"{before}{BEGIN}\n\n{made}\n\n{END}{after}".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/gpu_kernels.md"))
