"""Which kernels run a compiled file: the library's, or the function bodies."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper
from support.codes import refused
from support.images import make_jpeg
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.errors import AccessError
from jpegcompile.interface import DOMAIN
from jpegcompile.runtime import native
from jpegcompile.runtime.native import Execution, execution_of, operators_of
from jpegcompile.runtime.opening import inference_session
from jpegcompile.target.base import CPU_PROVIDERS

FILES = [make_jpeg(32, 32), make_jpeg(32, 32, "L"), make_jpeg(32, 32, quality=30)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "compiled.onnx"
    jpegcompile.compile(tiny_residual(), preprocess="cifar10").save(path)
    return path


@pytest.fixture
def library() -> Path:
    path = jpegcompile.custom_ops_library()
    assert path is not None, "the package was installed without its library"
    return path


@pytest.fixture
def other_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path | None]]:
    """What stands in the list takes the place of the installed library."""
    found: list[Path | None] = [None]
    monkeypatch.setattr(native, "custom_ops_library", lambda: found[0])
    yield found
    operators_of.cache_clear()


def ran_natively(
    path: Path, folder: Path, library: Path | None, operators: str = ""
) -> Counter[str]:
    """Nodes of the domain that ONNX Runtime's own profile of a run shows, by operator."""
    options = ort.SessionOptions()
    if operators:
        options.add_session_config_entry("jpegcompile.operators", operators)
    options.log_severity_level = 3
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / "profile")
    if library is not None:
        options.register_custom_ops_library(str(library))
    session = ort.InferenceSession(str(path), options, providers=list(CPU_PROVIDERS))
    session.run(None, jpegcompile.load(path).feeds(FILES[:1]))
    events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return Counter(
        event["args"]["op_name"]
        for event in events
        if event.get("cat") == "Node"
        and event["name"].endswith("_kernel_time")
        and event["args"]["op_name"].startswith(("Jpeg", "Spatial"))
    )


def test_only_the_operators_that_a_session_names_are_registered(
    path: Path, library: Path, tmp_path: Path
) -> None:
    every = ran_natively(path, tmp_path, library)
    first, second = sorted(every)[:2]
    some = ran_natively(path, tmp_path, library, f"{first}:JpegUnheardOf:{second}")
    assert some == {first: every[first], second: every[second]}
    options = ort.SessionOptions()
    native.register(options, library, onnx.load(path))
    named = set(options.get_session_config_entry("jpegcompile.operators").split(":"))
    assert set(every) <= named < operators_of(library)


def test_the_library_lies_in_the_package(library: Path) -> None:
    assert library.is_absolute()
    assert library.parent == Path(jpegcompile._core.__file__).resolve().parent


def test_the_library_names_its_operators(library: Path) -> None:
    names = operators_of(library)
    assert "JpegRelu" in names
    assert all(name.isidentifier() for name in names)


def test_execution_is_what_onnx_runtime_does(path: Path, tmp_path: Path, library: Path) -> None:
    execution = jpegcompile.load(path).execution
    assert execution.library == str(library)
    assert execution.native["JpegConvRelu"] > 0
    assert execution.native == ran_natively(path, tmp_path, library)
    in_file = Counter(n.op_type for n in onnx.load(path).graph.node if n.domain == DOMAIN)
    assert in_file == Counter(execution.native) + Counter(execution.bodies)
    assert execution.native_nodes + execution.body_nodes == in_file.total()


def test_without_native_kernels(path: Path, tmp_path: Path) -> None:
    session = jpegcompile.load(path, native=False)
    assert session.execution.library is None
    assert not session.execution.native
    assert session.execution.bodies["JpegConvRelu"] > 0
    assert not ran_natively(path, tmp_path, None)


def test_both_ways_give_the_same(path: Path) -> None:
    # Sums of at most 8 * 9 products and transforms of 2 * 8, of values below 10.
    allowed = 10 * (8 * 9 + 16) * float(np.finfo(np.float32).eps)
    by_kernels = jpegcompile.load(path).run(FILES)
    by_bodies = jpegcompile.load(path, native=False).run(FILES)
    for values, wanted in zip(by_kernels, by_bodies, strict=True):
        np.testing.assert_allclose(values, wanted, rtol=0, atol=allowed)


def test_the_cut_network_runs_the_same_way(
    path: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered: list[Path] = []
    plain = native.register

    def register(options: ort.SessionOptions, given: Path, model: onnx.ModelProto) -> None:
        registered.append(given)
        plain(options, given, model)

    monkeypatch.setattr("jpegcompile.runtime.opening.register", register)
    # A gray file does not fit the inputs, so that the network behind the ingest is opened.
    jpegcompile.load(path, native=False).run(FILES)
    assert not registered
    jpegcompile.load(path).run(FILES)
    assert registered == [library, library]


@pytest.mark.parametrize("is_native", [True, False])
def test_pickle_keeps_the_choice(path: Path, is_native: bool) -> None:
    session = jpegcompile.load(path, native=is_native)
    copy = pickle.loads(pickle.dumps(session))
    assert copy.execution == session.execution
    assert bool(copy.execution.native) == is_native


def test_no_library_is_installed(path: Path, other_library: list[Path | None]) -> None:
    session = jpegcompile.load(path)
    assert session.execution == jpegcompile.load(path, native=False).execution
    assert len(session.run(FILES)) == 2


def test_files_of_standard_operators_need_no_library(
    tmp_path: Path, other_library: list[Path | None]
) -> None:
    other_library[0] = tmp_path / "none.so"
    path = tmp_path / "inlined.onnx"
    jpegcompile.compile(tiny_residual(), preprocess="cifar10", target="onnx").save(path)
    execution = jpegcompile.load(path).execution
    assert execution == Execution(None, {}, {})
    assert str(execution) == "standard operators only"


def damaged(library: Path, kind: str) -> bytes:
    content = library.read_bytes()
    return {
        "empty": b"",
        "text": b"no library\n" * 1000,
        "header": content[:40],
        "half": content[: len(content) // 2],
        "all but a byte": content[:-1],
        # e_machine of an ELF header: 0xF3 is RISC-V.
        "another architecture": content[:18] + b"\xf3\x00" + content[20:],
    }[kind]


@pytest.mark.parametrize(
    "kind", ["missing", "empty", "text", "header", "half", "all but a byte", "another architecture"]
)
def test_a_library_that_cannot_be_loaded(
    kind: str, path: Path, library: Path, tmp_path: Path, other_library: list[Path | None]
) -> None:
    broken = tmp_path / library.name
    if kind != "missing":
        broken.write_bytes(damaged(library, kind))
    other_library[0] = broken
    with pytest.raises(AccessError) as caught:
        jpegcompile.load(path)
    message = str(caught.value)
    assert message.startswith(f"{broken}: cannot load the native kernels: ")
    assert message.count(str(broken)) == 1
    causes = {"missing": "No such file", "half": "the file is truncated"}
    assert causes.get(kind, "") in message
    assert "\n" not in message
    assert caught.value.code == "native-kernels-not-loaded"
    assert jpegcompile.load(path, native=False).run(FILES)


def test_a_library_of_something_else(path: Path, other_library: list[Path | None]) -> None:
    other_library[0] = Path(jpegcompile._core.__file__)
    with refused("native-kernels-not-loaded", AccessError):
        jpegcompile.load(path)


def test_what_onnx_runtime_refuses_to_register(
    path: Path, library: Path, tmp_path: Path, other_library: list[Path | None]
) -> None:
    content = library.read_bytes()
    assert content.count(b"RegisterCustomOps\0") > 0
    changed = other_library[0] = tmp_path / library.name
    changed.write_bytes(content.replace(b"RegisterCustomOps\0", b"RegisterNothing__\0"))
    with refused("native-kernels-not-loaded", AccessError):
        jpegcompile.load(path)


def test_nodes_within_subgraphs_and_of_other_domains_are_counted(library: Path) -> None:
    relu = helper.make_node("JpegRelu", ["x"], ["a"], domain=DOMAIN)
    unknown = helper.make_node("JpegUnheardOf", ["x"], ["b"], domain=DOMAIN)
    portable = helper.make_node("JpegRelu", ["x"], ["c"], domain=f"{DOMAIN}.portable")
    foreign = helper.make_node("JpegRelu", ["x"], ["d"], domain="someone.else")
    branch = helper.make_graph([relu, unknown], "branch", [], [])
    choice = helper.make_node("If", ["flag"], ["y"], then_branch=branch, else_branch=branch)
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph([relu, portable, foreign, choice], "graph", [value], [value])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(DOMAIN, 1)])
    execution = execution_of(model)
    assert execution.native == {"JpegRelu": 3}
    assert execution.bodies == {"JpegRelu": 1, "JpegUnheardOf": 2}
    assert str(execution) == "jpegcompile nodes: 3 by native kernels, 3 by function bodies"
    assert execution.to_json() == {
        "library": str(library),
        "native": {"JpegRelu": 3},
        "bodies": {"JpegRelu": 1, "JpegUnheardOf": 2},
        "missing": {},
        "replaced": {},
        "for_cuda": {"JpegRelu": 3},
        "is_on_cuda": False,
        "native_nodes": 3,
        "body_nodes": 3,
    }


def test_inference_session_registers_by_itself(path: Path) -> None:
    model = onnx.load(path)
    del model.functions[:]
    with pytest.raises(jpegcompile.errors.UnsupportedModelError):
        inference_session(model, 1, native=False)
