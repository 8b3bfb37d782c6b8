"""Models for --target triton: the folder that is written, and the module that it is."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.commands import run_json, run_text
from support.processes import fresh, succeeds

import jpegcompile
from jpegcompile.digits import images_path, model_path, preprocess_path
from jpegcompile.errors import AccessError, CheckFailedError, UnsupportedModelError, UsageError
from jpegcompile.evaluation.tolerance import Tolerance
from jpegcompile.evaluation.verify import require_passed
from jpegcompile.gpu.folder import MANIFEST, MODEL, WEIGHTS
from jpegcompile.precision import BFLOAT16, TF32X3
from jpegcompile.runtime.triton.kernel import KernelModule
from jpegcompile.runtime.triton.module import CompiledModule

FILES = sorted(images_path().rglob("*.jpg"))[::41]
# float32 kernels and tf32x3 ones round differently from the CPU's, as a fraction of the logits.
AGREEMENT = 1e-4


def write(folder: Path, **options: Any) -> CompiledModule:
    """The demo's network for Triton."""
    settings = {"preprocess": preprocess_path(), **options}
    jpegcompile.compile(model_path(), target="triton", **settings).save(folder)
    return jpegcompile.load_module(folder)


@dataclass(frozen=True)
class Written:
    """A folder with its module."""

    folder: Path
    module: CompiledModule


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("triton") / "digits"
    return Written(folder, write(folder))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[np.ndarray[Any, Any]]:
    """What the same network says on ONNX Runtime."""
    path = tmp_path_factory.mktemp("ort") / "digits.onnx"
    jpegcompile.compile(model_path(), preprocess=preprocess_path()).save(path)
    return list(jpegcompile.load(path).run(FILES))


def distance(made: Any, expected: Any) -> float:
    """The largest error as a fraction of the largest expected value."""
    return float(np.abs(made - expected).max() / np.abs(expected).max())


def test_answers_are_those_of_onnx_runtime(digits: Written, expected: Any) -> None:
    made = digits.module.run(FILES)
    assert made.used == tuple(range(len(FILES)))
    assert distance(made[0], expected[0]) < AGREEMENT


def test_it_is_called_with_feeds(digits: Written, expected: Any) -> None:
    feeds = digits.module.feeds(FILES[:2])
    with torch.inference_mode():
        made = digits.module(**feeds)
    assert distance(made.numpy(), expected[0][:2]) < AGREEMENT


def test_every_map_as_coefficients(tmp_path: Path, digits: Written, expected: Any) -> None:
    module = write(tmp_path / "m", domain="jpeg")
    assert distance(module.run(FILES)[0], expected[0]) < AGREEMENT
    notes = {True: digits.module.info.report["notes"], False: module.info.report["notes"]}
    stored = {auto: next(n for n in found if "in tiles" in n) for auto, found in notes.items()}
    assert " 0 are stored as coefficients" in stored[True]
    assert " 0 as pixels" in stored[False].replace("and 0", "and  0").replace("  ", " ")


@pytest.mark.parametrize(
    "masks", [{"frequencies": 8}, {"truncate": 6}, {"frequencies": 9, "relu": "apx"}]
)
def test_few_frequencies(tmp_path: Path, masks: dict[str, Any]) -> None:
    module = write(tmp_path / "m", **masks)
    path = tmp_path / "m.onnx"
    jpegcompile.compile(model_path(), preprocess=preprocess_path(), **masks).save(path)
    made, meant = module.run(FILES[:4])[0], jpegcompile.load(path).run(FILES[:4])[0]
    # A pixel next to the edge of a mask may fall on either side.
    near = np.isclose(made, meant, rtol=0, atol=AGREEMENT * np.abs(meant).max()).all(axis=1)
    assert near.mean() >= 0.75


def test_half_precision(tmp_path: Path, expected: Any) -> None:
    module = write(tmp_path / "m", precision="float16")
    assert module.execution.precision == "float16"
    made = module.run(FILES[:3])[0]
    assert AGREEMENT < distance(made, expected[0][:3]) < 2e-2


def test_the_interpreter_refuses_bfloat16(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="which Triton's interpreter does not know"):
        write(tmp_path / "m", precision="bfloat16")


def test_the_bound_of_bfloat16_holds_for_emulated_rounding(
    tmp_path: Path, digits: Written, expected: Any
) -> None:
    """Every map and weight rounded to bfloat16, sums in float32."""
    module = jpegcompile.load_module(digits.folder)

    def rounded(values: torch.Tensor) -> torch.Tensor:
        return values.bfloat16().float()

    for part in module.modules():
        if isinstance(part, KernelModule):
            for name, values in part.named_buffers(recurse=False):
                if name == "weight" or name.endswith("_matrix"):
                    setattr(part, name, rounded(values))
            part.register_forward_hook(lambda _m, _a, _k, made: rounded(made), with_kwargs=True)
    images = tmp_path / "images"
    images.mkdir()
    for file in FILES[:3]:
        (images / file.name).write_bytes(file.read_bytes())
    own = jpegcompile.verify(model_path(), digits.folder, images).outputs[0].own
    error = float(np.abs(module.run(FILES[:3])[0] - expected[0][:3]).max())
    largest = float(np.abs(expected[0][:3]).max())
    assert Tolerance(precision=BFLOAT16).allowed(largest, own) > error
    assert Tolerance(precision=TF32X3).allowed(largest, own) < error


def test_verify_has_a_bound_for_each_precision(tmp_path: Path, digits: Written) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for file in FILES[:3]:
        (images / file.name).write_bytes(file.read_bytes())
    exact = jpegcompile.verify(model_path(), digits.folder, images)
    require_passed(exact)
    assert not exact.nodes
    module = write(tmp_path / "half", precision="float16")
    half = jpegcompile.verify(model_path(), module.path, images)
    require_passed(half)
    assert half.outputs[0].allowed > 100 * exact.outputs[0].allowed
    # What float16 may err by is no excuse for tf32x3.
    manifest = json.loads((tmp_path / "half" / MANIFEST).read_text())
    manifest["info"]["precision"] = "tf32x3"
    (tmp_path / "half" / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(CheckFailedError, match="conversion error"):
        require_passed(jpegcompile.verify(model_path(), tmp_path / "half", images))


def test_writing_twice_gives_the_same_bytes(tmp_path: Path, digits: Written) -> None:
    write(tmp_path / "again")
    for name in (MODEL, WEIGHTS, MANIFEST):
        assert (tmp_path / "again" / name).read_bytes() == (digits.folder / name).read_bytes()


def test_the_source_is_clean(digits: Written) -> None:
    root = Path(__file__).resolve().parents[2]
    check = [sys.executable, "-m", "ruff", "check", "--config", str(root / "pyproject.toml")]
    done = subprocess.run([*check, str(digits.folder / MODEL)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    text = (digits.folder / MODEL).read_text()
    assert "self.kernel(" in text
    assert str(digits.folder) not in text


@pytest.mark.thorough
def test_the_source_has_types(digits: Written) -> None:
    check = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"]
    done = subprocess.run([*check, str(digits.folder / MODEL)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_a_fresh_process_imports_the_runtime_alone(digits: Written) -> None:
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
    succeeds(code, digits.folder, FILES[0])


def test_without_a_gpu_it_refuses(digits: Written) -> None:
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
    said = fresh("import jpegcompile.errors" + code, digits.folder).stdout
    assert "is compiled for a GPU, and PyTorch finds none here" in said
    assert "TRITON_INTERPRET=1" in said


def test_it_pickles_by_its_path(digits: Written, expected: Any) -> None:
    again = pickle.loads(pickle.dumps(digits.module))
    assert again.path == str(digits.folder)
    assert distance(again.run(FILES[:1])[0], expected[0][:1]) < AGREEMENT


def test_torch_compile_has_no_graph_break(digits: Written) -> None:
    feeds = digits.module.feeds(FILES[:1])
    compiled = torch.compile(digits.module, backend="aot_eager", fullgraph=True)
    with torch.inference_mode():
        assert torch.equal(compiled(**feeds), digits.module(**feeds))


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "m")
    weights = tmp_path / "m" / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0\0")
    with pytest.raises(UnsupportedModelError, match=r"weights.safetensors: is not the file that"):
        jpegcompile.load(tmp_path / "m")
    weights.unlink()
    with pytest.raises(AccessError, match="cannot read"):
        jpegcompile.load(tmp_path / "m")


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "m")
    manifest = json.loads((tmp_path / "m" / MANIFEST).read_text())
    (tmp_path / "m" / MANIFEST).write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(UnsupportedModelError, match="upgrade jpegcompile"):
        jpegcompile.load(tmp_path / "m")


def test_random_tensors(tmp_path: Path) -> None:
    jpegcompile.compile(model_path(), target="triton", input="tensor").save(tmp_path / "m")
    require_passed(jpegcompile.verify(model_path(), tmp_path / "m", samples=2))


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


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "m"
    common = ["--target", "triton", "--preprocess", preprocess_path()]
    assert "in tiles" in run_text(capsys, "compile", model_path(), *common, "-o", folder)
    said = run_text(capsys, "inspect", folder)
    assert "Convolution" in said
    assert "GPU kernels in tf32x3" in said
    source = run_json(capsys, "inspect", model_path(), "--target", "triton")
    assert source["report"]["calls"]
    said = run_text(capsys, "run", folder, FILES[0])
    assert "GPU kernels in tf32x3 on cpu" in said
