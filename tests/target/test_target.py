"""Targets define what the compiler and the runtime do; no other code compares their names."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from support.codes import refused
from support.processes import succeeds
from support.refusals import refused_model
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.commands import command_of
from jpegcompile.errors import UnsupportedModelError, UsageError
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass
from jpegcompile.metadata import read_metadata
from jpegcompile.pipeline import FOLD, LEGALIZE, LOWER, RESOLVE, pass_names, pipeline_for
from jpegcompile.target.base import Kernels, Target
from jpegcompile.target.onnx import ONNX
from jpegcompile.target.ort import ORT
from jpegcompile.target.registry import TARGETS, target_of
from jpegcompile.target.triton import TRITON

ROOT = Path(__file__).resolve().parents[2]
SCHEDULES = {
    "ort": [
        *("fuse-convolution", "spatial-twins", "fuse-ingest", "fuse-scale", "choose-methods"),
        *("choose-sparse", "group-channels", "compact-tiles", "report-skippable"),
        *("take-one-image", "store-half"),
        *("average-views", "preprocess-input", "decode-input"),
    ],
    "onnx": ["fuse-convolution", "take-one-image", "store-half"],
}


def names_of(steps: tuple[Pass, ...]) -> list[str]:
    return [step.name for step in steps]


def test_targets_by_name() -> None:
    assert TARGETS == {"ort": ORT, "onnx": ONNX, "triton": TRITON}
    assert target_of("ort") is ORT
    with refused("target-unknown", UsageError) as caught:
        target_of("wasm")
    assert "'wasm'" in str(caught.value)
    assert "ort or onnx or triton" in str(caught.value)


def test_the_command_line_offers_them() -> None:
    (option,) = (o for o in command_of("compile").params if o.name == "target")
    assert isinstance(option.type, click.Choice)
    assert list(option.type.choices) == list(TARGETS)
    assert option.default == "ort"


@pytest.mark.parametrize("name", SCHEDULES)
def test_each_has_its_schedule(name: str) -> None:
    target = TARGETS[name]
    assert names_of(target.schedule()) == SCHEDULES[name]
    stages = LEGALIZE + FOLD + LOWER + RESOLVE
    assert names_of(pipeline_for(target)) == pass_names(target)
    assert pass_names(target) == [*names_of(stages), *SCHEDULES[name]]
    assert pickle.loads(pickle.dumps(target)) == target


def test_layouts_decide_which_passes_give_them() -> None:
    assert ORT.kernels is not None
    plain = replace(ORT, kernels=replace(ORT.kernels, channel_group=1))
    whole = replace(ORT, kernels=replace(ORT.kernels, compact_tiles=False))
    both = ["group-channels", "compact-tiles", "report-skippable"]
    assert [n for n in SCHEDULES["ort"] if n not in both] == names_of(plain.schedule())
    assert [n for n in SCHEDULES["ort"] if n not in both[1:]] == names_of(whole.schedule())


def compiled_groups(group: int, monkeypatch: pytest.MonkeyPatch) -> set[int]:
    assert ORT.kernels is not None
    other = replace(ORT, name="other", kernels=replace(ORT.kernels, channel_group=group))
    monkeypatch.setitem(TARGETS, "other", other)
    compiled = jpegcompile.compile(tiny_residual(), preprocess="cifar10", target="other").model
    attributes = (a for node in compiled.graph.node for a in node.attribute)
    return {a.i for a in attributes if a.name == "y_group"}


def test_groups_are_as_large_as_the_target_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiled_groups(1, monkeypatch) == set()
    assert compiled_groups(8, monkeypatch) == {8}


def test_costs_are_those_of_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    """A target whose kernels have only one method gets this method."""
    assert ORT.kernels is not None
    costs = replace(
        ORT.kernels.cost_model(),
        methods=lambda layers, room: dict.fromkeys(layers, "winograd2"),
        most_vectors=lambda layer: 7,
    )
    kernels = Kernels(lambda: costs, 16, compact_tiles=True)
    monkeypatch.setitem(TARGETS, "other", replace(ORT, name="other", kernels=kernels))
    compiled = jpegcompile.compile(tiny_residual(), preprocess="cifar10", target="other").model
    given = [(a.name, a.s or a.i) for node in compiled.graph.node for a in node.attribute]
    assert {value for name, value in given if name == "method"} == {b"winograd2"}
    assert {value for name, value in given if name == "sparse_vectors"} == {7}


class Renames(Pass):
    """A separate schedule for the test below."""

    name = "rename"

    def run(self, module: Module) -> bool:
        for node in module.graph.nodes:
            node.name = f"renamed.{node.name}"
        return True


def test_a_new_target_has_its_own_schedule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target is one object: its passes run, files and dumps name it, and sessions run it."""
    trial = Target("trial", True, None, lambda _: (Renames(),))
    monkeypatch.setitem(TARGETS, "trial", trial)
    options: dict[str, Any] = {"input": "tensor", "preprocess": "cifar10", "target": "trial"}
    path, dump = tmp_path / "trial.onnx", tmp_path / "dump"
    compiled = jpegcompile.compile(tiny_residual(), **options, dump_passes=dump)
    assert all(node.name.startswith("renamed.") for node in compiled.model.graph.node)
    assert max(dump.glob("*.onnx")).name == f"{len(pass_names(trial)):02}-rename.onnx"
    info = read_metadata(compiled.model, "m")
    assert info is not None
    assert (info.target, info.lean, info.batch) == ("trial", None, None)
    compiled.save(path)
    feeds = {"image": np.ones((2, 3, 32, 32), np.float32)}
    session = jpegcompile.load(path)
    assert session.target is trial
    exact = jpegcompile.compile(tiny_residual(), input="tensor", preprocess="cifar10")
    exact.save(tmp_path / "ort.onnx")
    wanted = jpegcompile.load(tmp_path / "ort.onnx").run_feeds(dict(feeds))
    for actual, expected in zip(session.run_feeds(dict(feeds)), wanted, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)
    for given in ({"lean": True}, {"batch": 2}):
        code = "kernel-options-without-kernels"
        message = refused_model(code, UsageError, tiny_residual(), **{**options, **given})
        assert "--target trial" in message
    message = refused_model("target-unknown", UsageError, "m", target="x")
    assert "ort or onnx or triton or trial" in message
    monkeypatch.delitem(TARGETS, "trial")
    with refused("compiled-target-unknown", UnsupportedModelError) as caught:
        jpegcompile.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "'trial'" in str(caught.value)


def test_a_runtime_may_import_targets() -> None:
    succeeds(
        "import sys\n"
        "import jpegcompile.target.registry\n"
        "allowed = {'jpegcompile', 'jpegcompile.errors', 'jpegcompile.interface'}\n"
        "allowed |= {'jpegcompile.messages'}\n"
        "allowed |= {'jpegcompile.operators', 'jpegcompile.operators.constants'}\n"
        "ours = {name for name in sys.modules if name.startswith('jpegcompile')}\n"
        "others = {n for n in ours - allowed if not n.startswith('jpegcompile.target')}\n"
        "assert not others, others\n"
        "assert not {'numpy', 'onnx', 'onnxruntime', 'onnx_graphsurgeon'} & set(sys.modules)\n"
    )


# Patterns that only the targets themselves can contain.
SAID = re.compile("[\"']CPU" "ExecutionProvider" r"|target (!= .ort\b|== .onnx\b)")


def test_nothing_else_compares_targets() -> None:
    assert SAID.search('if options.target != "ort":')
    assert SAID.search('if target == "onnx":')
    assert SAID.search("providers=['CPUExecutionProvider']")
    folders = (ROOT / name for name in ("jpegcompile", "passes", "kernels", "tests"))
    for file in (file for folder in folders for file in folder.rglob("*.py")):
        if file.parent != ROOT / "jpegcompile" / "target" and file != Path(__file__):
            assert not SAID.search(file.read_text()), file
