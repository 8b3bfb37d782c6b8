"""Small cases of `gpu-check` in Triton's interpreter."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from support.gpu_models import plant
from support.tiers import quick_of
from torch import Tensor

from jpegcompile.evaluation.gpu_check.case import Draw, KernelCase, run_case
from jpegcompile.evaluation.gpu_check.convolutions import convolution_cases
from jpegcompile.evaluation.gpu_check.map_cases import map_cases
from jpegcompile.gpu.programs import ASM_RELU
from jpegcompile.kernels.conv.launch import Convolution
from jpegcompile.precision import FLOAT16, FLOAT32, Precision

CPU = torch.device("cpu")
CASES = [*convolution_cases(large=False), *map_cases(large=False)]
FAMILIES = {
    *("conv_pixels", "conv_thin", "conv_rows", "elementwise", "max_pool", "global_max_pool"),
    *("average_pool", "resample", "reduce", "rearrange", "group_normalization", "ingest"),
}


def named(case: tuple[KernelCase, Precision]) -> str:
    return f"{case[0].family}-{case[0].name}-{case[1].name}".replace(" ", "_")


def pairs(*precisions: Precision) -> Iterator[tuple[KernelCase, Precision]]:
    return ((case, precision) for precision in precisions for case in CASES)


def one_of_each(precision: Precision) -> list[tuple[KernelCase, Precision]]:
    return [(case, precision) for case in {case.family: case for case in CASES}.values()]


def test_every_family_has_cases() -> None:
    assert {case.family for case in CASES} == FAMILIES
    large = [*convolution_cases(large=True), *map_cases(large=True)]
    names = [(case.family, case.name) for case in large]
    assert len(set(names)) == len(names) > len(CASES)
    assert {(case.family, case.name) for case in CASES} < set(names)


def test_convolutions_have_every_feature() -> None:
    found = [case.prepare(Draw(FLOAT32)).kernel for case in convolution_cases(large=False)]
    kernels = [kernel for kernel in found if isinstance(kernel, Convolution)]
    assert len(kernels) == len(found)
    assert any(k.residual is not None and k.residual.is_rows for k in kernels)
    assert any(k.residual is not None and not k.residual.is_rows for k in kernels)
    assert any(k.program == ASM_RELU and k.y.is_rows for k in kernels)
    assert any(k.x.is_truncated for k in kernels)
    assert any(k.y.is_truncated and not k.y.is_rows for k in kernels)
    assert any(k.group > 1 for k in kernels)
    assert any(k.is_transposed for k in kernels)


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("case", "precision"),
    quick_of(pairs(FLOAT32, FLOAT16), lambda c: (c[0].family, c[1].name), ids=named),
)
def test_kernels_are_right(case: KernelCase, precision: Precision) -> None:
    check = run_case(case, precision, CPU)
    assert (check.family, check.name, check.precision) == (case.family, case.name, precision.name)
    assert check.passed
    assert check.share <= 1


@pytest.mark.parametrize(
    ("case", "precision"),
    quick_of(
        [*one_of_each(FLOAT32), *one_of_each(FLOAT16)], lambda c: c[1].name, quick=6, ids=named
    ),
)
def test_a_wrong_factor_is_found(
    case: KernelCase, precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, lambda made: made * 1.05)
    assert run_case(case, precision, CPU).share > 1


@pytest.mark.parametrize("fault", [lambda y: y * float("nan"), lambda y: y + 0.01])
def test_wrong_padding_is_found(
    fault: Callable[[Tensor], Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Change the padded channels only."""
    (case,) = (c for c in CASES if (c.family, c.name) == ("average_pool", "20x7x5 as pixels"))
    assert run_case(case, FLOAT32, CPU).passed
    plant(monkeypatch, lambda y: torch.cat([y[..., :20], fault(y[..., 20:])], -1))
    assert run_case(case, FLOAT32, CPU).share == np.inf
