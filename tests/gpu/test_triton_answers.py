"""Modules for --target triton return the outputs of ONNX Runtime."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.codes import refused
from support.exports import export
from support.families import FAMILIES, SHALLOW
from support.triton_modules import AGREEMENT, Array, Material, Written, distance

import jpegcompile
from jpegcompile.digits import images_path, model_path, preprocess_path
from jpegcompile.errors import AccessError, CheckFailedError, ImageError
from jpegcompile.evaluation.tolerance import Tolerance
from jpegcompile.evaluation.verify import require_passed
from jpegcompile.gpu.folder import MANIFEST
from jpegcompile.precision import BFLOAT16, TF32X3
from jpegcompile.runtime.triton.kernel import KernelModule


def test_answers_are_those_of_onnx_runtime(
    tiny: Material, written: Written, expected: list[Array]
) -> None:
    made = written.module.run(tiny.files)
    assert made.used == tuple(range(len(tiny.files)))
    assert distance(made, expected) < AGREEMENT


def test_it_is_called_with_feeds(tiny: Material, written: Written, expected: list[Array]) -> None:
    feeds = written.module.feeds(tiny.files[:2])
    with torch.inference_mode():
        made = written.module(**feeds)
    assert distance([m.numpy() for m in made], expected, 2) < AGREEMENT
    with refused("module-call-subsampling-mismatch", ImageError):
        written.module.feeds(tiny.files)


def test_every_map_as_coefficients(
    tmp_path: Path, tiny: Material, written: Written, expected: list[Array]
) -> None:
    module = tiny.write(tmp_path / "m", domain="jpeg")
    assert distance(module.run(tiny.files), expected) < AGREEMENT
    notes = {True: written.module.info.report["notes"], False: module.info.report["notes"]}
    stored = {
        auto: next(n for n in found if "JPEG-domain maps" in n) for auto, found in notes.items()
    }
    assert " 0 are stored as coefficients" in stored[True]
    assert " 0 as pixels" in stored[False]


@pytest.mark.parametrize(
    "masks", [{"frequencies": 8}, {"truncate": 6}, {"frequencies": 9, "relu": "apx"}], ids=str
)
def test_few_frequencies(tmp_path: Path, tiny: Material, masks: dict[str, Any]) -> None:
    made = tiny.write(tmp_path / "m", **masks).run(tiny.files)
    # No pixel of these files is close to the edge of a mask.
    assert distance(made, tiny.meant(tmp_path / "m.onnx", **masks)) < AGREEMENT


def test_half_precision(tmp_path: Path, tiny: Material, expected: list[Array]) -> None:
    module = tiny.write(tmp_path / "m", precision="float16")
    assert module.execution.precision == "float16"
    assert 1e-5 < distance(module.run(tiny.files), expected) < 2e-2


def test_the_interpreter_refuses_bfloat16(tmp_path: Path, tiny: Material) -> None:
    with refused("module-bfloat16-interpreted", AccessError):
        tiny.write(tmp_path / "m", precision="bfloat16")


@pytest.mark.thorough
def test_the_bound_of_bfloat16_holds_for_emulated_rounding(
    tiny: Material, written: Written, expected: list[Array]
) -> None:
    """Round every map and weight to bfloat16, with sums in float32."""
    module = jpegcompile.load_module(written.folder)

    def rounded(values: torch.Tensor) -> torch.Tensor:
        return values.bfloat16().float()

    for part in module.modules():
        if isinstance(part, KernelModule):
            for name, values in part.named_buffers(recurse=False):
                if name == "weight" or name.endswith("_matrix"):
                    setattr(part, name, rounded(values))
            part.register_forward_hook(lambda _m, _a, _k, made: rounded(made), with_kwargs=True)
    own = jpegcompile.verify(tiny.model, written.folder, tiny.images).outputs[1].own
    error = float(np.abs(module.run(tiny.files)[1] - expected[1]).max())
    largest = float(np.abs(expected[1]).max())
    assert Tolerance(precision=BFLOAT16).allowed(largest, own) > error
    assert Tolerance(precision=TF32X3).allowed(largest, own) < error


def test_verify_has_a_bound_for_each_precision(
    tmp_path: Path, tiny: Material, written: Written
) -> None:
    exact = jpegcompile.verify(tiny.model, written.folder, tiny.images)
    require_passed(exact)
    assert not exact.nodes
    folder = tmp_path / "half"
    tiny.write(folder, precision="float16")
    half = jpegcompile.verify(tiny.model, folder, tiny.images)
    require_passed(half)
    assert half.outputs[1].allowed > 100 * exact.outputs[1].allowed
    # The tolerance of float16 must not apply to tf32x3.
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["info"]["precision"] = "tf32x3"
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with refused("conversion-error-above-tolerance", CheckFailedError):
        require_passed(jpegcompile.verify(tiny.model, folder, tiny.images))


def test_it_pickles_by_its_path(tiny: Material, written: Written, expected: list[Array]) -> None:
    again = pickle.loads(pickle.dumps(written.module))
    assert again.path == str(written.folder)
    assert distance(again.run(tiny.files[:1]), expected, 1) < AGREEMENT


@pytest.mark.thorough
def test_torch_compile_has_no_graph_break(tiny: Material, written: Written) -> None:
    feeds = written.module.feeds(tiny.files[:1])
    traced = torch.compile(written.module, backend="aot_eager", fullgraph=True)
    with torch.inference_mode():
        pairs = zip(traced(**feeds), written.module(**feeds), strict=True)
        assert all(torch.equal(made, meant) for made, meant in pairs)


def test_random_tensors(tmp_path: Path, tiny: Material) -> None:
    jpegcompile.compile(tiny.model, target="triton", input="tensor").save(tmp_path / "m")
    require_passed(jpegcompile.verify(tiny.model, tmp_path / "m", samples=2))


@pytest.mark.thorough
def test_the_network_of_the_demo(tmp_path: Path) -> None:
    files = tuple(sorted(images_path().rglob("*.jpg"))[::41])
    path, folder = tmp_path / "digits.onnx", tmp_path / "digits"
    jpegcompile.compile(model_path(), preprocess=preprocess_path()).save(path)
    jpegcompile.compile(model_path(), target="triton", preprocess=preprocess_path()).save(folder)
    made = jpegcompile.load_module(folder).run(files)
    assert distance(made, list(jpegcompile.load(path).run(files))) < AGREEMENT


@pytest.mark.thorough
@pytest.mark.shared
@pytest.mark.parametrize("name", ["akamaster_resnet20_option_a", "onnc_resnet20_bn"])
@pytest.mark.parametrize("domain", ["auto", "jpeg"])
def test_networks_of_others(tmp_path: Path, shared: Path, name: str, domain: Any) -> None:
    model = shared / "models" / f"{name}.onnx"
    files = sorted((shared / "images" / "cifar10_test").rglob("*.jpg"))[:2]
    path, folder = tmp_path / "m.onnx", tmp_path / "m"
    jpegcompile.compile(model, preprocess="cifar10").save(path)
    options: dict[str, Any] = {"target": "triton", "domain": domain}
    jpegcompile.compile(model, preprocess="cifar10", **options).save(folder)
    made = jpegcompile.load_module(folder).run(files)
    assert distance(made, list(jpegcompile.load(path).run(files))) < AGREEMENT


ZOO = (
    "ResNet v2, basic blocks",
    "SE-ResNet, linear layers",
    "SE-ResNet, 1x1 convolutions",
    "ResNeXt-50 32x4d",
    "ResNet with GroupNorm of 5 groups",
    "activation SiLU",
)


@pytest.mark.thorough
@pytest.mark.parametrize("name", ZOO)
def test_networks_of_every_kind(tmp_path: Path, name: str) -> None:
    family = next(f for f in (*SHALLOW, *FAMILIES) if name in f.name and not f.is_deep)
    source = export(family.build(), 32, tmp_path / "source.onnx", "torchscript")
    jpegcompile.compile(source, target="triton", input="tensor").save(tmp_path / "m")
    require_passed(jpegcompile.verify(source, tmp_path / "m", samples=1))
