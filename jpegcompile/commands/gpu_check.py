"""The verb `gpu-check`: check and time everything that runs on GPUs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from jpegcompile.commands.console import console, counted, new_table, plain, progress_bar
from jpegcompile.commands.json_output import print_json
from jpegcompile.commands.options import verb_command
from jpegcompile.evaluation.gpu_check import run
from jpegcompile.evaluation.gpu_check.records import (
    GpuCheck,
    KernelCheck,
    ModelCheck,
    Rate,
    require_passed,
)


@verb_command("gpu-check")
def gpu_check(json: bool, **options: Any) -> None:
    """Check, show the result and fail if a check fails."""
    with progress_bar("checking") as progress:
        result = run.gpu_check(progress=progress, **options)
    if json:
        print_json(result.to_json())
    else:
        show_check(result)
    require_passed(result)


def show_check(result: GpuCheck) -> None:
    """Print kernels by family, models, rates, throughput and failed checks."""
    out = console()
    device = result.device
    out.print(
        f"{device['name']}, compute capability {device['capability']}, Triton {device['triton']},"
        f" PyTorch {device['torch']}",
        markup=False,
    )
    _show_kernels(out, result.kernels)
    _show_models(out, result.models)
    _show_rates(out, result.ceilings, result.rates)
    if result.throughput:
        table = new_table("from bytes to outputs", "batch", "images/s", right=(1, 2))
        for one in result.throughput:
            table.add_row(plain(one.pipeline), str(one.batch), f"{one.images:.0f}")
        out.print()
        out.print(table)
    out.print()
    total = len(result.kernels) + len(result.models)
    for check in result.failures:
        out.print(f"FAILED: {_described(check)}", markup=False, soft_wrap=True)
    out.print(f"{total - len(result.failures)} of {counted(total, 'check')} passed")


def _show_kernels(out: Console, checks: Sequence[KernelCheck]) -> None:
    """Print the worst case of each family and precision."""
    precisions = list(dict.fromkeys(check.precision for check in checks))
    table = new_table(
        "kernels: largest error / tolerance",
        "cases",
        *precisions,
        right=tuple(range(1, 2 + len(precisions))),
    )
    families: dict[str, dict[str, list[float]]] = {}
    for check in checks:
        family = families.setdefault(check.family, {precision: [] for precision in precisions})
        family[check.precision].append(check.share)
    for name, shares in families.items():
        cases = max(map(len, shares.values()))
        worst = [f"{max(shares[p]):.2f}" if shares[p] else "-" for p in precisions]
        table.add_row(name, str(cases), *worst)
    out.print()
    out.print(table)


def _show_models(out: Console, checks: Sequence[ModelCheck]) -> None:
    if not checks:
        return
    table = new_table("model", "precision", "compared with", "error", "tolerance", "", right=(3, 4))
    for check in checks:
        table.add_row(
            plain(check.model),
            check.precision,
            plain(check.check),
            f"{check.error:.2e}",
            f"{check.allowed:.2e}",
            "" if check.passed else "FAILED",
        )
    out.print()
    out.print(table)


def _show_rates(out: Console, ceilings: Sequence[Rate], rates: Sequence[Rate]) -> None:
    """Print the rates of all layers, and their fractions of the ceilings of the GPU."""
    if not rates:
        return
    table = new_table(
        *("layer", "precision", "calls", "us", "GB/s", "of copy", "TFLOP/s", "of product"),
        right=(2, 3, 4, 5, 6, 7),
    )
    copy = max(rate.bandwidth for rate in ceilings)
    products = {rate.precision: rate.speed for rate in ceilings if rate.flops}
    for rate in (*ceilings, *rates):
        speed = rate.speed / 1e12
        table.add_row(
            plain(rate.name),
            rate.precision,
            str(rate.calls),
            f"{1e6 * rate.seconds:.1f}",
            f"{rate.bandwidth / 1e9:.0f}",
            f"{100 * rate.bandwidth / copy:.0f} %",
            f"{speed:.1f}" if rate.flops else "-",
            f"{100 * rate.speed / products[rate.precision]:.0f} %" if rate.flops else "-",
        )
    out.print()
    out.print(table)


def _described(check: KernelCheck | ModelCheck) -> str:
    if isinstance(check, KernelCheck):
        what = f"{check.family} ({check.name}) in {check.precision}"
        return f"{what}: the error is {check.share:.3g} times the tolerance"
    what = f"{check.model} in {check.precision}, {check.check}"
    return f"{what}: {check.note or f'{check.error:.2e}, the tolerance is {check.allowed:.2e}'}"
