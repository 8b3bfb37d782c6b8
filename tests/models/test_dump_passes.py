"""The graph after each pass, as models that run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx.external_data_helper import ExternalDataInfo, uses_external_data
from support.external_models import external_residual
from support.graphs import Array
from support.refusals import refused_model
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.errors import AccessError, InternalError, UnsupportedModelError, UsageError
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass
from jpegcompile.passes.lower.lower_conv import LowerConv
from jpegcompile.pipeline import pass_names, pipeline_for
from jpegcompile.target.base import CPU_PROVIDERS
from jpegcompile.target.ort import ORT
from jpegcompile.target.registry import TARGETS

NAMES = ["source", *pass_names(ORT)]


def files_of(target: str) -> list[str]:
    names = ["source", *pass_names(TARGETS[target])]
    return [f"{number:02}-{name}.onnx" for number, name in enumerate(names)]


FILES = files_of("ort")


def dumped(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("*.onnx"))


def run(path: Path, feeds: dict[str, Array]) -> list[Array]:
    options = ort.SessionOptions()
    # Warnings tell of shapes in the file that contradict the graph.
    options.log_severity_level = 2
    session = ort.InferenceSession(str(path), options, providers=list(CPU_PROVIDERS))
    return [np.asarray(output) for output in session.run(None, feeds)]


@pytest.mark.parametrize("target", ["ort", "onnx"])
@pytest.mark.parametrize("options", [{}, {"normalize": True}, {"layout": "NHWC"}])
def test_every_model_runs(
    tmp_path: Path, target: Any, options: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "made" / "passes"
    model = tiny_residual(**options)
    plain = jpegcompile.compile(model, input="tensor", target=target)
    compiled = jpegcompile.compile(model, input="tensor", target=target, dump_passes=folder)
    assert compiled.model == plain.model
    files = files_of(target)
    assert dumped(folder) == files
    shape = [d.dim_value or 2 for d in model.graph.input[0].type.tensor_type.shape.dim]
    feeds = {"image": np.random.default_rng(2).standard_normal(shape).astype(np.float32)}
    session = ort.InferenceSession(model.SerializeToString(), providers=list(CPU_PROVIDERS))
    expected = session.run(None, feeds)
    for name in files:
        for got, wanted in zip(run(folder / name, feeds), expected, strict=True):
            atol = 1e-5 * float(np.abs(wanted).max())
            np.testing.assert_allclose(got, wanted, rtol=0, atol=atol, err_msg=name)
    assert "MergeShapeInfo" not in capfd.readouterr().err


def test_the_passes_are_seen(tmp_path: Path) -> None:
    """The models differ as the passes do, and jpegcompile nodes have their bodies."""
    jpegcompile.compile(tiny_residual(), preprocess="cifar10", dump_passes=tmp_path)
    models = {
        name: onnx.load_model(str(tmp_path / file)) for name, file in zip(NAMES, FILES, strict=True)
    }
    operators = {name: [n.op_type for n in m.graph.node] for name, m in models.items()}
    assert "JpegConv" not in operators["lower-input"]
    assert operators["lower-conv"].count("JpegConv") == 4
    assert "JpegRelu" not in operators["lower-batch-norm"]
    assert "JpegRelu" in operators["lower-relu"]
    assert operators["cancel-casts"].count("ToJpeg") < operators["lower-flatten"].count("ToJpeg")
    for model in models.values():
        used = {n.op_type for n in model.graph.node if n.domain == "jpegcompile"}
        assert used == {function.name for function in model.functions}


def test_weights_are_written_once(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    source = external_residual(tmp_path / "source")
    folder = tmp_path / "passes"
    jpegcompile.compile(source, input="tensor", dump_passes=folder)
    places: dict[tuple[int, int], bytes] = {}
    for name in FILES:
        model = onnx.load_model(str(folder / name), load_external_data=False)
        for tensor in model.graph.initializer:
            if uses_external_data(tensor):
                info = ExternalDataInfo(tensor)
                assert info.location == "weights.data"
                assert info.offset is not None
                assert info.length is not None
                places[info.offset, info.length] = b""
            else:
                assert tensor.ByteSize() < 1100
    data = (folder / "weights.data").read_bytes()
    contents = [data[offset : offset + length] for offset, length in places]
    assert len(set(contents)) == len(contents)
    # Each begins a page; the classifier is there as it was, transposed, and transformed.
    assert len(data) <= sum(-(-length // 4096) * 4096 for _, length in places)
    assert sum(length == 64 * 2048 * 4 for _, length in places) == 3


def test_a_dump_replaces_one_of_another_target(tmp_path: Path) -> None:
    for target in ("ort", "onnx", "ort"):
        jpegcompile.compile(tiny_residual(), input="tensor", target=target, dump_passes=tmp_path)
        assert dumped(tmp_path) == files_of(target)


class _Breaks(Pass):
    name = "lower-conv"

    def run(self, module: Module) -> bool:
        LowerConv().run(module)
        module.blocks[module.graph.outputs[0].name] = 8
        return True


class _Refuses(Pass):
    name = "lower-conv"

    def run(self, module: Module) -> bool:
        raise UnsupportedModelError("no")


@pytest.mark.parametrize(
    ("step", "error", "broken"),
    [(_Breaks(), InternalError, 1), (_Refuses(), UnsupportedModelError, 0)],
)
def test_what_was_dumped_before_a_failure_stays(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: Pass,
    error: type[Exception],
    broken: int,
) -> None:
    place = NAMES.index("lower-conv")
    steps = pipeline_for(ORT)
    changed = (*steps[: place - 1], step, *steps[place:])
    monkeypatch.setattr("jpegcompile.lowering.pipeline_for", lambda _: changed)
    for name in (FILES[-1], "mine.onnx"):
        (tmp_path / name).write_bytes(b"of an earlier run")
    with pytest.raises(error):
        jpegcompile.compile(tiny_residual(), input="tensor", dump_passes=tmp_path)
    # An earlier dump would refer to weights that are gone; other files are none of our business.
    assert dumped(tmp_path) == [*FILES[: place + broken], "mine.onnx"]
    last = onnx.load_model(str(tmp_path / FILES[place + broken - 1]))
    assert any(n.op_type == "JpegConv" for n in last.graph.node) == bool(broken)


def test_folders_that_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any work: the model is not even read."""
    missing = tmp_path / "none.onnx"
    file = tmp_path / "file"
    file.write_bytes(b"")
    message = refused_model("dump-folder-is-file", AccessError, missing, dump_passes=file)
    assert message.startswith(f"{file}: ")
    inside, code = file / "inside", "dump-folder-unwritable"
    message = refused_model(code, AccessError, missing, dump_passes=inside)
    assert message.startswith(f"{inside}: ")
    assert "Not a directory" in message
    monkeypatch.setattr(os, "access", lambda *_: False)
    message = refused_model(code, AccessError, missing, dump_passes=tmp_path)
    assert "Permission denied" in message


def test_the_source_is_not_overwritten(tmp_path: Path) -> None:
    source = external_residual(tmp_path)
    weights = tmp_path / "weights.bin"
    content = weights.read_bytes()
    (tmp_path / "weights.data").symlink_to(weights)
    message = refused_model("dump-overwrites-source", UsageError, source, dump_passes=tmp_path)
    assert message.startswith(f"{weights}: ")
    assert weights.read_bytes() == content
