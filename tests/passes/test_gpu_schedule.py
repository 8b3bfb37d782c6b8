"""Kernels that compute a graph on a GPU, and layouts of their maps."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import onnx
import pytest
from support.codes import refused
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frontend.load import load_source
from jpegcompile.gpu.kernel import Kernel
from jpegcompile.ir.calls import KernelCall, TorchCall
from jpegcompile.ir.module import Module
from jpegcompile.lowering import lower
from jpegcompile.messages import code_of
from jpegcompile.options.requested import compile_options
from jpegcompile.passes.schedule.choose_layouts import ChooseLayouts
from jpegcompile.passes.schedule.select_kernels import SelectKernels
from jpegcompile.pipeline import pass_names
from jpegcompile.target.triton import TRITON


def tiny(channels: int = 3) -> onnx.ModelProto:
    return tiny_residual(channels, 16, 24)


def scheduled(model: Any = None, **options: Any) -> Module:
    """A module for Triton after its last pass."""
    source = load_source(tiny() if model is None else model, None)
    return lower(source, compile_options(target="triton", preprocess="unit", **options))


def kernels_of(module: Module) -> dict[str, KernelCall]:
    return {call.name: call for call in module.calls if isinstance(call, KernelCall)}


def test_functions_of_pixels_and_truncations_join_what_they_follow() -> None:
    module = scheduled(frequencies=8, truncate=6)
    calls = kernels_of(module)
    assert calls["r1"].operators == ("JpegConv", "JpegAsmRelu", "JpegTruncate")
    assert calls["r1"].arguments["phi"] == 8
    assert module.kept_frequencies[calls["r1"].result] == 6
    assert list(calls) == ["r1", "r2", "sum", "r4", "pool"]


def test_what_has_no_kernel_says_why() -> None:
    others = [call for call in scheduled().calls if isinstance(call, TorchCall)]
    assert [str(call.node.op) for call in others] == ["Flatten", "Gemm", "Softmax"]
    assert {code_of(call.reason) for call in others} == {"no-kernel-for-operator"}


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ({}, 0),
        ({"domain": "jpeg"}, 4),
        ({"truncate": 6}, 1),
        ({"truncate": 6, "domain": "jpeg"}, 4),
        ({"frequencies": 8}, 0),
    ],
    ids=str,
)
def test_the_report_counts_layouts(options: dict[str, Any], rows: int) -> None:
    module = scheduled(**options)
    note = module.report.notes[-1]
    assert code_of(note) == "maps-stored"
    assert [int(number) for number in re.findall(r"\d+", note)] == [4, rows, 4 - rows]
    stored = [
        module.layouts[call.result].is_rows
        for call in kernels_of(module).values()
        if call.operators and module.current_block_of(call.result) > 1
    ]
    assert sum(stored) == rows


def test_windows_get_pixels_from_one_more_call() -> None:
    module = scheduled(domain="jpeg", truncate=6)
    calls = kernels_of(module)
    more = [call for call in calls.values() if not call.operators]
    assert [call.result for call in more] == [
        "r1.jpeg.truncated.pixels",
        "r2.jpeg.truncated.pixels",
        "sum.jpeg.pixels",
    ]
    for call in more:
        assert module.layouts[call.maps["x"]].is_rows
        assert list(call.with_layouts(module.layouts).matrices) == ["inverse"]
    assert calls["r2"].maps["x"] == "r1.jpeg.truncated.pixels"


def test_both_passes_come_last() -> None:
    assert pass_names(TRITON)[-2:] == ["select-kernels", "choose-layouts"]


def test_costs_decide() -> None:
    def rows_are_free(kernel: Kernel) -> float:
        return float(not kernel.y.is_rows)

    module = scheduled()
    assert not any(layout.is_rows for layout in module.layouts.values())
    module.layouts = {}
    assert ChooseLayouts(lambda _: rows_are_free).run(module)
    # Convolutions with windows cannot read rows; the pooling can.
    assert [n for n, layout in module.layouts.items() if layout.is_rows] == ["r4.jpeg"]


def test_a_second_run_changes_nothing() -> None:
    module = scheduled()
    calls, layouts = list(module.calls), dict(module.layouts)
    assert not SelectKernels().run(module)
    assert not ChooseLayouts(lambda _: lambda _: 0.0).run(module)
    assert (module.calls, module.layouts) == (calls, layouts)


def test_the_image_has_four_channels_where_convolutions_read_it() -> None:
    module = scheduled()
    assert module.ingest_output is not None
    assert module.layouts[module.ingest_output].thin == 4
    wide = scheduled(tiny(1))
    assert wide.ingest_output is not None
    assert wide.layouts[wide.ingest_output].stored_channels == 4


def test_layouts_that_a_kernel_cannot_take() -> None:
    module = scheduled()
    call = kernels_of(module)["r2"]
    layouts = {name: replace(layout, is_rows=True) for name, layout in module.layouts.items()}
    with pytest.raises(ValueError, match="only a 1x1 convolution"):
        call.with_layouts(layouts)


def test_an_operator_that_neither_can_compute() -> None:
    model = tiny()
    last = next(node for node in model.graph.node if node.op_type == "Softmax")
    last.op_type = "Hardmax"
    with refused("torch-operator-unknown", UnsupportedModelError) as caught:
        jpegcompile.compile(model, target="triton", preprocess="unit")
    assert "(Hardmax)" in str(caught.value)
