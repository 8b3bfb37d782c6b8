"""Models for --target triton: the folder that is written, and the module that it is."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from support.ahead_of_time import compiled
from support.coefficient_files import SAMPLINGS, random_file
from support.commands import run_json, run_text
from support.exports import export
from support.families import FAMILIES, SHALLOW
from support.processes import fresh, succeeds
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.cli import run_command
from jpegcompile.digits import images_path, model_path, preprocess_path
from jpegcompile.errors import (
    AccessError,
    CheckFailedError,
    ImageError,
    UnsupportedModelError,
    UsageError,
)
from jpegcompile.evaluation.tolerance import Tolerance
from jpegcompile.evaluation.verify import require_passed
from jpegcompile.gpu.folder import CUBINS, MANIFEST, MODEL, WEIGHTS
from jpegcompile.precision import BFLOAT16, TF32X3
from jpegcompile.runtime.triton.kernel import KernelModule
from jpegcompile.runtime.triton.module import CompiledModule

Array = NDArray[Any]
# float32 kernels and tf32x3 ones round differently from the CPU's, as a fraction of the logits.
AGREEMENT = 1e-4
PREPROCESS: dict[str, Any] = {"preprocess": "unit"}


@dataclass(frozen=True)
class Material:
    """A network, and files for it: of the sampling that it is compiled for, and one of another."""

    model: Path
    images: Path
    files: tuple[Path, ...]

    def write(self, folder: Path, **options: Any) -> CompiledModule:
        """The network for Triton."""
        jpegcompile.compile(self.model, target="triton", **PREPROCESS, **options).save(folder)
        return jpegcompile.load_module(folder)

    def meant(self, path: Path, **options: Any) -> list[Array]:
        """What the network says of all files on ONNX Runtime."""
        jpegcompile.compile(self.model, **PREPROCESS, **options).save(path)
        return list(jpegcompile.load(path).run(self.files))


@dataclass(frozen=True)
class Written:
    """A folder with its module."""

    folder: Path
    module: CompiledModule


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = tmp_path_factory.mktemp("tiny")
    onnx.save(tiny_residual(height=8, width=16), folder / "tiny.onnx")
    images = folder / "images"
    images.mkdir()
    samplings = {"a": "4:2:0", "b": "4:2:0", "c": "4:4:4"}
    for name, sampling in samplings.items():
        content = random_file(SAMPLINGS[sampling], 16, 8)
        (images / f"{name}.jpg").write_bytes(content)
    return Material(folder / "tiny.onnx", images, tuple(sorted(images.iterdir())))


@pytest.fixture(scope="module")
def written(tiny: Material, tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("triton") / "tiny"
    return Written(folder, tiny.write(folder))


@pytest.fixture(scope="module")
def expected(tiny: Material, tmp_path_factory: pytest.TempPathFactory) -> list[Array]:
    return tiny.meant(tmp_path_factory.mktemp("ort") / "tiny.onnx")


def distance(made: Sequence[Any], expected: Sequence[Any], count: int | None = None) -> float:
    """The largest error of outputs for `count` files, as a fraction of the largest value."""
    pairs = zip(made, (values[:count] for values in expected), strict=True)
    return max(float(np.abs(m - e).max() / np.abs(e).max()) for m, e in pairs)


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
    with pytest.raises(ImageError, match="is 4:4:4 but the model is compiled for 4:2:0; use run"):
        written.module.feeds(tiny.files)


def test_every_map_as_coefficients(
    tmp_path: Path, tiny: Material, written: Written, expected: list[Array]
) -> None:
    module = tiny.write(tmp_path / "m", domain="jpeg")
    assert distance(module.run(tiny.files), expected) < AGREEMENT
    notes = {True: written.module.info.report["notes"], False: module.info.report["notes"]}
    stored = {auto: next(n for n in found if "in tiles" in n) for auto, found in notes.items()}
    assert " 0 are stored as coefficients" in stored[True]
    assert " 0 as pixels" in stored[False].replace("and 0", "and  0").replace("  ", " ")


@pytest.mark.parametrize(
    "masks", [{"frequencies": 8}, {"truncate": 6}, {"frequencies": 9, "relu": "apx"}], ids=str
)
def test_few_frequencies(tmp_path: Path, tiny: Material, masks: dict[str, Any]) -> None:
    made = tiny.write(tmp_path / "m", **masks).run(tiny.files)
    # No pixel of these files is next to the edge of a mask.
    assert distance(made, tiny.meant(tmp_path / "m.onnx", **masks)) < AGREEMENT


def test_half_precision(tmp_path: Path, tiny: Material, expected: list[Array]) -> None:
    module = tiny.write(tmp_path / "m", precision="float16")
    assert module.execution.precision == "float16"
    assert 1e-5 < distance(module.run(tiny.files), expected) < 2e-2


def test_the_interpreter_refuses_bfloat16(tmp_path: Path, tiny: Material) -> None:
    with pytest.raises(AccessError, match="which Triton's interpreter does not know"):
        tiny.write(tmp_path / "m", precision="bfloat16")


@pytest.mark.thorough
def test_the_bound_of_bfloat16_holds_for_emulated_rounding(
    tiny: Material, written: Written, expected: list[Array]
) -> None:
    """Every map and weight rounded to bfloat16, sums in float32."""
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
    # What float16 may err by is no excuse for tf32x3.
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["info"]["precision"] = "tf32x3"
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(CheckFailedError, match="conversion error"):
        require_passed(jpegcompile.verify(tiny.model, folder, tiny.images))


def test_writing_twice_gives_the_same_bytes(
    tmp_path: Path, tiny: Material, written: Written
) -> None:
    tiny.write(tmp_path / "again")
    for name in (MODEL, WEIGHTS, MANIFEST):
        assert (tmp_path / "again" / name).read_bytes() == (written.folder / name).read_bytes()


def test_the_source_is_clean(written: Written) -> None:
    root = Path(__file__).resolve().parents[2]
    check = [sys.executable, "-m", "ruff", "check", "--config", str(root / "pyproject.toml")]
    done = subprocess.run([*check, str(written.folder / MODEL)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    text = (written.folder / MODEL).read_text()
    assert "self.kernel(" in text
    assert str(written.folder) not in text


@pytest.mark.thorough
def test_the_source_has_types(written: Written) -> None:
    check = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"]
    done = subprocess.run([*check, str(written.folder / MODEL)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_a_fresh_process_imports_the_runtime_alone(tiny: Material, written: Written) -> None:
    code = """
import sys
import jpegcompile
module = jpegcompile.load(sys.argv[1])
assert module.run([sys.argv[2]])[0].shape == (1, 10)
unwanted = ("onnx_graphsurgeon", "jpegcompile.passes", "jpegcompile.ir", "jpegcompile.analysis",
            "jpegcompile.backends", "jpegcompile.frontend", "jpegcompile.cost")
found = [n for n in sys.modules for u in unwanted if n == u or n.startswith(u + ".")]
assert not found, found
"""
    succeeds(code, written.folder, tiny.files[0])


def test_without_a_gpu_it_refuses(written: Written) -> None:
    code = """
import os, sys
os.environ.pop("TRITON_INTERPRET", None)
import jpegcompile
try:
    jpegcompile.load(sys.argv[1])
except jpegcompile.errors.AccessError as error:
    print(error)
"""
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    said = fresh("import jpegcompile.errors" + code, written.folder).stdout
    assert "is compiled for a GPU, and PyTorch finds none here" in said
    assert "TRITON_INTERPRET=1" in said


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


def test_a_changed_file_is_refused(tmp_path: Path, tiny: Material) -> None:
    tiny.write(tmp_path / "m")
    weights = tmp_path / "m" / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0\0")
    with pytest.raises(UnsupportedModelError, match=r"weights.safetensors: is not the file that"):
        jpegcompile.load(tmp_path / "m")
    weights.unlink()
    with pytest.raises(AccessError, match="cannot read"):
        jpegcompile.load(tmp_path / "m")


def test_a_newer_format_is_refused(tmp_path: Path, tiny: Material) -> None:
    tiny.write(tmp_path / "m")
    manifest = json.loads((tmp_path / "m" / MANIFEST).read_text())
    (tmp_path / "m" / MANIFEST).write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(UnsupportedModelError, match="upgrade jpegcompile"):
        jpegcompile.load(tmp_path / "m")


def test_random_tensors(tmp_path: Path, tiny: Material) -> None:
    jpegcompile.compile(tiny.model, target="triton", input="tensor").save(tmp_path / "m")
    require_passed(jpegcompile.verify(tiny.model, tmp_path / "m", samples=2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"target": "ort", "precision": "float16"},
            "--target ort does not compute in float16; use float32",
        ),
        ({"target": "triton", "precision": "int8"}, "precision is 'int8'; use float32"),
        ({"target": "triton", "gpu": "sm_1"}, "gpu is 'sm_1'; use sm_80, sm_90, sm_100"),
        ({"target": "ort", "gpu": "sm_90"}, "--gpu is for targets that choose layouts, not ort"),
        ({"target": "ort", "aot": ["sm_90"]}, "--aot is for targets of GPU kernels, not ort"),
        ({"target": "triton", "aot": ["sm_1"]}, "--aot has 'sm_1'; use sm_80, sm_90, sm_100"),
        ({"target": "triton", "input": "jpeg"}, "none of them reads a JPEG file"),
        ({"target": "triton", "lean": True}, "--lean and --batch choose among native kernels"),
    ],
)
def test_what_a_target_has_not(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        jpegcompile.compile(model_path(), preprocess=preprocess_path(), **options)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from jpegcompile.target import triton as target

    monkeypatch.setattr(target, "find_spec", lambda name: None if name == "triton" else object())
    with pytest.raises(AccessError) as caught:
        jpegcompile.compile(model_path(), target="triton", preprocess=preprocess_path())
    expected = (
        "--target triton needs triton, which is not installed; pip install 'jpegcompile[triton]'"
    )
    assert str(caught.value) == expected


def test_commands(tmp_path: Path, tiny: Material, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "m"
    common = ["--target", "triton", "--preprocess", "unit"]
    assert "in tiles" in run_text(capsys, "compile", tiny.model, *common, "-o", folder)
    said = run_text(capsys, "inspect", folder)
    assert "Convolution" in said
    assert "GPU kernels in tf32x3" in said
    source = run_json(capsys, "inspect", tiny.model, "--target", "triton")
    assert source["report"]["calls"]
    run_text(capsys, "compile", tiny.model, *common, "-o", folder)
    said = run_text(capsys, "run", folder, tiny.files[0])
    assert "GPU kernels in tf32x3 on cpu" in said


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


def test_a_folder_that_cannot_be_written(tmp_path: Path, tiny: Material) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / MODEL).write_text("mine")
    model = jpegcompile.compile(tiny.model, target="triton", **PREPROCESS)
    with pytest.raises(AccessError, match="is a file, and --target triton writes a folder"):
        model.save(tmp_path / "file")
    with pytest.raises(AccessError, match="holds other files than a model for --target triton"):
        model.save(tmp_path / "notes")
    with pytest.raises(AccessError, match="cannot write"):
        model.save(tmp_path / "none" / "m")
    assert (tmp_path / "notes" / MODEL).read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "notes"]
    options = ["--target", "triton", "--preprocess", "unit", "-o", str(tmp_path / "notes")]
    assert run_command(["compile", str(tiny.model), *options]) == 5


def test_a_write_that_fails_keeps_what_was_there(tmp_path: Path, tiny: Material) -> None:
    tiny.write(tmp_path / "m")
    before = {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()}
    (tmp_path / "m" / WEIGHTS).unlink()
    (tmp_path / "m" / WEIGHTS).mkdir()
    model = jpegcompile.compile(tiny.model, target="triton", truncate=6, **PREPROCESS)
    with pytest.raises(AccessError, match="is not a plain file"):
        model.save(tmp_path / "m")
    assert (tmp_path / "m" / MODEL).read_bytes() == before[MODEL]
    assert (tmp_path / "m" / MANIFEST).read_bytes() == before[MANIFEST]


COMPILE = """
import json, sys
import jpegcompile
from jpegcompile.gpu.cubin_file import read_cubins
_, model, folder, again = sys.argv
for path in (folder, again):
    compiled = jpegcompile.compile(model, target="triton", preprocess="unit", aot=["sm_90"])
    compiled.save(path)
print(len(read_cubins(folder + "/kernels.cubins")))
"""


@pytest.mark.thorough
def test_kernels_compiled_ahead_of_time(tmp_path: Path, tiny: Material) -> None:
    folder, again = tmp_path / "m", tmp_path / "again"
    count = int(compiled(COMPILE, tiny.model, folder, again))
    for name in (MODEL, WEIGHTS, MANIFEST, CUBINS):
        assert (folder / name).read_bytes() == (again / name).read_bytes()
    records = json.loads((folder / MANIFEST).read_text())["cubins"]
    assert len(records) == count
    called = {call["attribute"] for record in records for call in record["calls"]}
    assert called == {"image", "r1", "r2", "sum", "r4", "pool"}
    assert all(record["stack"] == record["local_instructions"] == 0 for record in records)
    assert all(record["tensor_instructions"] for record in records if "conv" in record["kernel"])
    grids = {call["grid"] for record in records for call in record["calls"]}
    assert "1, 2, batch" in grids
    # Compiled again without them, the folder has none.
    jpegcompile.compile(tiny.model, target="triton", **PREPROCESS).save(folder)
    assert not (folder / CUBINS).exists()


def test_an_interpreted_process_compiles_nothing(tiny: Material) -> None:
    with pytest.raises(UsageError, match="is interpreted, not compiled"):
        jpegcompile.compile(tiny.model, target="triton", aot=["sm_80"], **PREPROCESS)


def test_what_takes_files_alone_says_so(tiny: Material, written: Written) -> None:
    with pytest.raises(UnsupportedModelError, match="is a module of PyTorch, and a file is needed"):
        jpegcompile.bench(tiny.model, written.folder)
