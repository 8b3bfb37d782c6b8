"""The third-party models, end to end on real JPEG files."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import checker, numpy_helper
from PIL import Image
from support.codes import refused
from support.third_party import CIFAR10, GRAY, ThirdParty
from support.tiers import thorough

import jpegcompile
from jpegcompile.errors import AccessError, UnsupportedModelError
from jpegcompile.interface import DOMAIN, IR_VERSION
from jpegcompile.messages import code_of
from jpegcompile.weights.write import save

pytestmark = pytest.mark.shared

LOGIT_TOLERANCE = 2e-4
_MUST_BE_LOWERED = {"Conv", "BatchNormalization", "Relu", "MaxPool", "AveragePool"}

cifar10_models = pytest.mark.parametrize("model", CIFAR10, ids=lambda m: m.name)


# On one in 100 of the files, kernels and function bodies in turn; then kernels on all of them, and
# function bodies, which take longer, on a fifth.
WAYS = [(True, "native"), (False, "bodies")]
COUNTS = [2000, 400]
ON_FILES = [
    *(
        pytest.param(model, WAYS[turn % 2][0], 20, id=f"{model.name}-{WAYS[turn % 2][1]}-20")
        for turn, model in enumerate(CIFAR10)
    ),
    *(
        pytest.param(model, native, count, id=f"{model.name}-{way}-{count}", marks=[thorough])
        for model in CIFAR10
        for (native, way), count in zip(WAYS, COUNTS, strict=True)
    ),
]


def files_of(shared: Path, count: int) -> list[Path]:
    """As many photographs, of every class."""
    files = sorted((shared / "images" / "cifar10_test").rglob("*.jpg"))
    return files[:: len(files) // count]


def folder_of(shared: Path, count: int, tmp_path: Path) -> Path:
    """A folder with as many photographs."""
    folder = tmp_path / "files"
    folder.mkdir()
    for index, file in enumerate(files_of(shared, count)):
        (folder / f"{index:04}.jpg").symlink_to(file.resolve())
    return folder


@pytest.mark.sampled
@pytest.mark.parametrize(("model", "native", "count"), ON_FILES)
def test_same_answers_on_jpegs(
    model: ThirdParty, native: bool, count: int, shared: Path, tmp_path: Path
) -> None:
    compiled = jpegcompile.compile(model.path(shared), preprocess=model.preprocess)
    assert not [n.name for n in compiled.report.kept if n.op in _MUST_BE_LOWERED]
    compiled.save(tmp_path / "compiled.onnx")
    result = jpegcompile.verify(
        model.path(shared),
        tmp_path / "compiled.onnx",
        folder_of(shared, count, tmp_path),
        native=native,
    )
    (output,) = result.outputs
    assert result.inputs == count
    assert output.same_top1 == count
    assert output.conversion <= LOGIT_TOLERANCE
    assert output.decoder is not None
    assert output.decoder > LOGIT_TOLERANCE
    compared = {node.twin for node in result.nodes}
    # A convolution and what it took in make one tensor, which is called after the last of them.
    made = {n.name for n in compiled.model.graph.node if n.domain == DOMAIN}
    made &= {n.name for n in compiled.report.lowered if n.op in {*_MUST_BE_LOWERED, "Add"}}
    assert len(compared) >= len(made) - 1 >= 5
    assert max(node.relative for node in result.nodes) < 1e-5


@thorough
@pytest.mark.parametrize(
    ("target", "model"),
    [
        pytest.param(target, model, id=f"{target}-{model.name}")
        for target, model in product(["ort", "onnx"], [*CIFAR10, GRAY])
    ],
)
def test_tensor_input_gives_the_same_answers_on_random_tensors(
    model: ThirdParty, target: str, shared: Path, tmp_path: Path
) -> None:
    require_same_on_random_tensors(model, target, 20, shared, tmp_path)


@thorough
@pytest.mark.parametrize("target", ["ort", "onnx"])
@pytest.mark.parametrize("model", [*CIFAR10, GRAY], ids=lambda model: model.name)
def test_same_answers_on_more_random_tensors(
    model: ThirdParty, target: str, shared: Path, tmp_path: Path
) -> None:
    require_same_on_random_tensors(model, target, 200, shared, tmp_path)


def require_same_on_random_tensors(
    model: ThirdParty, target: str, count: int, shared: Path, tmp_path: Path
) -> None:
    compiled = jpegcompile.compile(model.path(shared), input="tensor", target=target)
    assert not compiled.report.kept
    compiled.save(tmp_path / "compiled.onnx")
    for native in (True, False):
        result = jpegcompile.verify(
            model.path(shared), tmp_path / "compiled.onnx", samples=count, native=native
        )
        assert result.outputs[0].conversion <= LOGIT_TOLERANCE
        assert result.outputs[0].same_top1 == count


@thorough
@pytest.mark.parametrize("count", [50, 2000])
def test_gray_crops_of_28_pixels(count: int, shared: Path, tmp_path: Path) -> None:
    crops = tmp_path / "crops"
    crops.mkdir()
    for index, file in enumerate(files_of(shared, count)):
        with Image.open(file) as image:
            image.convert("L").crop((2, 2, 30, 30)).save(crops / f"{index}.jpg", quality=75)
    compiled = jpegcompile.compile(GRAY.path(shared), preprocess=GRAY.preprocess)
    assert not compiled.report.kept
    blocks = {node.output_block for node in compiled.report.lowered}
    assert {4, 2, 1} <= blocks
    compiled.save(tmp_path / "compiled.onnx")
    for native in (True, False):
        result = jpegcompile.verify(
            GRAY.path(shared), tmp_path / "compiled.onnx", crops, native=native
        )
        assert (result.inputs, result.outputs[0].same_top1) == (count, count)
        assert result.outputs[0].conversion <= LOGIT_TOLERANCE


# The last one, whose labels are in an order of their own, takes the least time.
@thorough
@pytest.mark.parametrize("model", CIFAR10, ids=lambda model: model.name)
def test_accuracy_is_that_of_the_float_decode(
    model: ThirdParty, shared: Path, tmp_path: Path
) -> None:
    jpegcompile.compile(model.path(shared), preprocess=model.preprocess).save(tmp_path / "c.onnx")
    result = jpegcompile.compare(
        model.path(shared),
        tmp_path / "c.onnx",
        shared / "images" / "cifar10_test",
        labels=model.labels_file(tmp_path),
    ).to_json()
    assert result["after"]["top1"] == pytest.approx(model.top1, abs=0.001)
    assert result["agreement_exact"] == 1.0
    assert sum(result["unlabelled"].values()) == (1400 if model.labels else 0)
    assert len(result["changes"]) == round((1 - result["agreement"]) * result["images"])


@cifar10_models
@pytest.mark.parametrize("target", ["ort", "onnx"])
def test_golden_logits(model: ThirdParty, target: str, shared: Path, tmp_path: Path) -> None:
    golden = np.load(shared / "golden" / "logits.npz")
    files = [shared / "images" / str(name) for name in golden["files"]]
    compiled = jpegcompile.compile(
        model.path(shared),
        preprocess=model.preprocess,
        target=target,
    )
    compiled.save(tmp_path / "c.onnx")
    for native in (True, False):
        (logits,) = jpegcompile.load(tmp_path / "c.onnx", native=native).run(files)
        assert np.abs(logits - golden[model.name]).max() <= LOGIT_TOLERANCE


@thorough
def test_a_disturbed_weight_fails_verification(shared: Path, tmp_path: Path) -> None:
    model = CIFAR10[2]
    compiled = jpegcompile.compile(model.path(shared), preprocess=model.preprocess).model
    weight = next(t for t in compiled.graph.initializer if len(t.dims) == 4 and t.dims[2] == 3)
    values = numpy_helper.to_array(weight).copy()
    values[0, 0, 1, 1] += 0.01
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    save(compiled, tmp_path / "disturbed.onnx")
    result = jpegcompile.verify(
        model.path(shared), tmp_path / "disturbed.onnx", folder_of(shared, 50, tmp_path)
    )
    assert not result.passed
    # The node with the disturbed weight stands above those whose inputs it merely disturbed.
    assert result.nodes[0].relative > 1e-4


@pytest.mark.parametrize("model", [*CIFAR10, GRAY], ids=lambda m: m.name)
@pytest.mark.parametrize("target", ["ort", "onnx"])
@pytest.mark.parametrize("mode", ["coefficients", "tensor"])
def test_compiled_files_are_plain_onnx(
    model: ThirdParty, target: str, mode: str, shared: Path
) -> None:
    compiled = jpegcompile.compile(
        model.path(shared),
        input=mode,  # type: ignore[arg-type]
        target=target,
        preprocess=model.preprocess,
    ).model
    source = onnx.load(model.path(shared))
    checker.check_model(compiled, full_check=True)
    assert compiled.ir_version <= IR_VERSION
    domains = {o.domain for o in compiled.opset_import}
    assert ("jpegcompile" in domains) == (target == "ort")
    assert [o.name for o in compiled.graph.output] == [o.name for o in source.graph.output]
    again = jpegcompile.compile(
        model.path(shared),
        input=mode,  # type: ignore[arg-type]
        target=target,
        preprocess=model.preprocess,
    ).model
    assert again.SerializeToString(deterministic=True) == compiled.SerializeToString(
        deterministic=True
    )


@thorough
def test_a_tail_that_cannot_be_batched_is_kept(shared: Path, tmp_path: Path) -> None:
    source = shared / "models" / "sclbl_resnet20_if.onnx"
    compiled = jpegcompile.compile(source, preprocess=CIFAR10[0].preprocess)
    (note,) = compiled.report.notes
    assert code_of(note) == "batch-is-combined"
    assert "If 'sclbl-onnx-node3'" in note
    tail = [n.op_type for n in compiled.model.graph.node][-3:]
    assert tail == ["ArgMax", "Equal", "If"]
    compiled.save(tmp_path / "c.onnx")
    result = jpegcompile.verify(source, tmp_path / "c.onnx", folder_of(shared, 50, tmp_path))
    assert result.passed
    assert result.outputs[0].largest == 100.0


def test_foreign_operators_are_refused_by_name(shared: Path) -> None:
    with pytest.raises(UnsupportedModelError, match=r"onnx\.brevitas::Quant") as error:
        jpegcompile.compile(
            shared / "models" / "nn2fpga_resnet8_brevitas_quant.onnx", input="tensor"
        )
    assert error.value.exit_code == 3


def test_missing_weights_are_refused_by_name(shared: Path) -> None:
    with refused("weights-file-missing", AccessError) as error:
        jpegcompile.compile(
            shared / "models" / "ferroflow_resnet18_opset18_no_weights.onnx", input="tensor"
        )
    assert "'resnet18.onnx.data'" in str(error.value)
    assert error.value.exit_code == 5
