"""The first convolution on the sparse and the dense path, against the float decode in float64."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import onnx
import pytest
from onnx import helper
from support.first_cases import (
    RESNET,
    FirstWindow,
    coefficients_of,
    first_case,
    first_convolution_cases,
    mixed_case,
)
from support.function_bodies import BodyCase
from support.native import GROUP, ISAS, NativeError, run_native
from support.native_first import MANY, assert_holds, model_of, run
from support.operators import FIRST

from jpegcompile.cost.first import FirstLayer
from jpegcompile.jpeg.subsampling import frame_of
from jpegcompile.operators.constants import MOST_TABLE_FLOATS
from jpegcompile.operators.registry import OPERATORS

SAME = FirstWindow((3, 3), (1, 1), (1, 1, 1, 1))
HALVED = FirstWindow((3, 3), (2, 2), (1, 1, 1, 1))
UNEVEN = FirstWindow((5, 3), (1, 4), (0, 2, 3, 1))
DILATED = FirstWindow((3, 2), (2, 1), (2, 0, 1, 3), (2, 3))
PATCHES = FirstWindow((4, 4), (4, 4))

# Subsampling, height, width, batch, quality, window, outputs.
GEOMETRIES = (
    ("4:2:0", 64, 96, 2, 25, RESNET, 32),
    ("4:2:0", 48, 32, 1, 50, SAME, 16),
    ("4:2:0", 32, 32, 3, 75, HALVED, 20),
    ("4:2:0", 16, 16, 1, 90, SAME, 16),
    ("4:2:0", 224, 224, 1, 75, RESNET, 16),
    ("4:2:0", 80, 64, 1, 95, UNEVEN, 16),
    ("4:2:0", 64, 48, 2, 60, DILATED, 16),
    ("4:4:4", 64, 40, 2, 25, RESNET, 48),
    ("4:4:4", 40, 24, 1, 95, SAME, 16),
    ("4:4:4", 61, 46, 1, 75, RESNET, 16),
    ("4:2:2", 32, 64, 2, 50, RESNET, 16),
    ("4:2:2", 24, 48, 1, 90, HALVED, 17),
    ("4:4:0", 64, 32, 2, 40, RESNET, 16),
    ("4:4:0", 48, 24, 1, 85, UNEVEN, 16),
    ("4:1:1", 24, 64, 1, 70, RESNET, 16),
    ("gray", 64, 56, 2, 25, RESNET, 32),
    ("gray", 24, 32, 1, 95, SAME, 16),
    ("gray", 32, 32, 5, 80, PATCHES, 16),
)
# Here border blocks differ by more functions than tables support, or outputs are not at the same
# pixels of each block.
DENSE_ONLY = (
    ("4:2:0", 24, 40, 1, 50, RESNET, 16),
    ("4:4:4", 17, 33, 2, 75, SAME, 16),
    ("4:2:0", 32, 32, 1, 75, FirstWindow((3, 3), (3, 3)), 16),
)
# Components of one or two samples, and images that end within their first blocks.
SMALL = (
    ("4:2:0", 4, 4, 2, 75, SAME, 16),
    ("4:2:0", 1, 1, 1, 75, SAME, 16),
    ("4:2:0", 3, 20, 1, 75, SAME, 16),
    ("4:2:0", 16, 4, 1, 75, RESNET, 16),
    ("4:2:2", 8, 3, 1, 75, SAME, 16),
    ("4:2:2", 16, 2, 1, 75, HALVED, 16),
    ("4:1:1", 8, 8, 1, 75, SAME, 16),
    ("4:4:4", 2, 9, 1, 75, SAME, 16),
    ("gray", 3, 2, 1, 75, SAME, 16),
)


def test_every_form_is_native_or_not_at_all() -> None:
    assert {case.op for case in first_convolution_cases()} == set(FIRST) <= set(OPERATORS)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("case", list(first_convolution_cases()), ids=str)
def test_every_form(case: BodyCase, isa: str) -> None:
    for most in (0, MANY):
        assert_holds(case, run(case, "", isa, most=most))


def geometry_case(index: int, geometry: tuple[Any, ...], is_spatial: bool) -> BodyCase:
    subsampling, height, width, batch, quality, window, outputs = geometry
    return first_case(
        coefficients_of(subsampling, height, width, batch, quality),
        window,
        outputs,
        "" if index % 3 else "Relu",
        is_spatial=is_spatial,
        name=f"{subsampling}-{height}-{width}-{batch}-q{quality}-{window}-{outputs}",
    )


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    "index", range(len(GEOMETRIES)), ids=lambda i: "-".join(map(str, GEOMETRIES[i]))
)
def test_geometries(index: int, isa: str) -> None:
    """Both paths, in both domains and layouts; the check detects a wrong coefficient."""
    for is_spatial in (False, True):
        case = geometry_case(index, GEOMETRIES[index], is_spatial)
        group = GROUP if GEOMETRIES[index][-1] % GROUP == 0 and is_spatial == index % 2 else 1
        sparse, dense = (run(case, method, isa, group) for method in ("sparse", "dense"))
        assert_holds(case, sparse)
        assert_holds(case, dense)
        planes = case.operands[0].copy()
        planes[-1, -1, -1, -1, 0, 1] += 8
        faulty = replace(case, operands=(planes, *case.operands[1:]))
        for method in ("sparse", "dense"):
            with pytest.raises(AssertionError, match="is off by"):
                assert_holds(case, run(faulty, method, isa, group))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    "index", range(len(DENSE_ONLY)), ids=lambda i: "-".join(map(str, DENSE_ONLY[i]))
)
def test_what_has_no_responses_is_convolved_by_pixels(index: int, isa: str) -> None:
    case = geometry_case(index, DENSE_ONLY[index], False)
    assert_holds(case, run(case, "", isa, most=MANY))
    with pytest.raises(NativeError, match="the method 'sparse' does not support"):
        run(case, "sparse", isa)


@pytest.mark.parametrize(
    ("subsampling", "height", "width", "window", "most"),
    [
        ("4:2:0", 32, 32, RESNET, 256),
        ("4:2:2", 16, 32, RESNET, 480),
        ("4:4:4", 16, 16, FirstWindow((15, 15)), 64),
    ],
)
def test_the_compiler_knows_for_how_many_outputs_there_is_room(
    subsampling: str, height: int, width: int, window: FirstWindow, most: int
) -> None:
    """The compiler must not let images choose a path if the kernel cannot build tables."""
    taken = coefficients_of(subsampling, height, width, 1, 75)
    for outputs in (most, most + 1):
        name = f"{subsampling}-{outputs}"
        case = first_case(taken, window, outputs, "", is_spatial=True, name=name)
        size = case.expected.shape[2], case.expected.shape[3]
        layer = FirstLayer(
            height, width, 3, outputs, window.kernel, window.strides, *size,
            frame_of(subsampling, height, width).chroma_factors,
        )  # fmt: skip
        assert (layer.table_floats <= MOST_TABLE_FLOATS) == (outputs == most)
        if outputs == most:
            assert_holds(case, run(case, "sparse", ISAS[0]))
        else:
            with pytest.raises(NativeError, match="the method 'sparse' does not support"):
                run(case, "sparse", ISAS[0])


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("index", range(len(SMALL)), ids=lambda i: "-".join(map(str, SMALL[i])))
def test_small_images(index: int, isa: str) -> None:
    """The sparse path where it is possible, and the dense path; the check detects a fault."""
    case = geometry_case(index, SMALL[index], False)
    planes = case.operands[0].copy()
    planes[..., 0, 0] += 2
    faulty = replace(case, operands=(planes, *case.operands[1:]))
    for most in (0, MANY):
        assert_holds(case, run(case, "", isa, most=most))
        with pytest.raises(AssertionError, match="is off by"):
            assert_holds(case, run(faulty, "", isa, most=most))


@pytest.mark.parametrize("threads", [1, 2])
def test_images_of_a_batch_choose_for_themselves(threads: int) -> None:
    """Each image takes the sparse path exactly up to the bound, with the same result as alone."""
    case, vectors = mixed_case()
    few = vectors[0]
    apart = {method: run(case, method, "avx2", GROUP) for method in ("sparse", "dense")}
    for most, wanted in ((int(few) - 1, "ddddddd"), (int(few), "sddssds"), (MANY, "sssssss")):
        whole = run(case, "", "avx2", GROUP, threads, most)
        assert_holds(case, whole)
        ways = (
            "".join(method[0] for method, y in apart.items() if (y[image] == whole[image]).all())
            for image in range(7)
        )
        assert "".join(ways) == wanted


@pytest.mark.parametrize("isa", ISAS)
def test_every_run_gives_the_same_bits(isa: str) -> None:
    """The order of sums does not depend on the number of threads."""
    case, _ = mixed_case()
    first = run(case, "sparse", isa, GROUP, 1)
    for threads in (1, 2, 3):
        assert (run(case, "sparse", isa, GROUP, threads) == first).all()


def test_empty_blocks_at_the_border() -> None:
    planes, tables, geometry = coefficients_of("4:2:0", 48, 64, 1, 50)
    for plane in planes:
        plane[:] = 0
    planes[1][0, 0, 0, 0, 0, 1] = 9
    case = first_case((planes, tables, geometry), RESNET, 16, "", is_spatial=False, name="empty")
    assert_holds(case, run(case, "sparse", "avx2"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "fast"}, "the method 'fast' is unknown"),
        ({"output_block": 3}, "output_block is 3"),
        ({"y_group": 16}, "y of shape [1,4,32,24] cannot have groups of 16"),
    ],
)
def test_refusals_name_the_node_and_the_cause(change: dict[str, Any], message: str) -> None:
    taken = coefficients_of("4:2:0", 32, 24, 1, 75)
    case = first_case(taken, SAME, 4, "", is_spatial=False, name="bad").in_float32()
    model, feeds = model_of(case, "", 1)
    proto = onnx.load_model_from_string(model)
    for name, value in change.items():
        kept = [a for a in proto.graph.node[0].attribute if a.name != name]
        del proto.graph.node[0].attribute[:]
        proto.graph.node[0].attribute.extend([*kept, helper.make_attribute(name, value)])
    with pytest.raises(NativeError, match="JpegIngestConv 'node': ") as error:
        run_native(bytes(proto.SerializeToString()), [feeds], "avx2")
    assert message in str(error.value)
