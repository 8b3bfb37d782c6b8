"""Frequency plans: accepted forms, precedence of options, and errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.codes import refused
from support.graphs import Graph
from support.refusals import refusal, refused_model

import jpegcompile
from jpegcompile.errors import AccessError, UsageError
from jpegcompile.frequency_plan import Frequencies, FrequencyPlan, NodeFrequencies, frequency_plan
from jpegcompile.messages import code_of
from jpegcompile.metadata import read_metadata

FORM = '{"frequencies": 12, "nodes": {"relu1": 8, "relu2": {"frequencies": 8, "truncate": 10}}}'
RELU = Graph("(T[N,3,16,16] x) => (T[] y) { r = Relu(x)  y = Relu(r) }").model("float")


def message(kind: type[Exception], *arguments: Any) -> str:
    with pytest.raises(kind) as caught:
        frequency_plan(*arguments)
    text = str(caught.value)
    assert text.isprintable()
    return text


def coded(code: str, *arguments: Any) -> str:
    with refused(code, UsageError) as caught:
        frequency_plan(*arguments)
    return str(caught.value)


def written(folder: Path, content: Any) -> Path:
    path = folder / "plan.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_nothing_is_exact() -> None:
    plan = frequency_plan()
    assert plan == FrequencyPlan()
    assert plan.is_exact
    assert plan.of("anything") == NodeFrequencies(15, 15)
    assert plan.masking == "asm"


def test_numbers() -> None:
    assert frequency_plan(12).of("r") == NodeFrequencies(12, 15)
    assert frequency_plan(15, truncate=9).of("r") == NodeFrequencies(15, 9)
    assert frequency_plan(1, "apx", 1) == FrequencyPlan("apx", NodeFrequencies(1, 1))
    assert not frequency_plan(14).is_exact
    assert not frequency_plan(15, None, 14).is_exact
    assert frequency_plan(15, "apx", 15).is_exact


def test_a_plan_of_nodes() -> None:
    plan = frequency_plan(
        {
            "relu": "apx",
            "frequencies": 12,
            "truncate": 11,
            "nodes": {
                "a": 8,
                "b": {"frequencies": 7},
                "c": {"truncate": 6},
                "d": {"frequencies": 15, "truncate": 15},
                "e": {},
            },
        }
    )
    assert plan.masking == "apx"
    expected = {"a": (8, 11), "b": (7, 11), "c": (12, 6), "d": (15, 15), "e": (12, 11)}
    assert plan.nodes == {name: NodeFrequencies(*pair) for name, pair in expected.items()}
    assert plan.of("f") == NodeFrequencies(12, 11)
    assert plan.name == "frequencies"


def test_what_a_node_does_not_say_is_exact_without_defaults() -> None:
    plan = frequency_plan({"nodes": {"a": 8, "b": {"truncate": 6}}})
    assert plan.default == NodeFrequencies()
    assert plan.nodes == {"a": NodeFrequencies(8, 15), "b": NodeFrequencies(15, 6)}
    assert not plan.is_exact
    assert frequency_plan({"nodes": {"a": 15}}).is_exact


@pytest.mark.parametrize("as_text", [True, False])
def test_a_file(tmp_path: Path, as_text: bool) -> None:
    path = written(tmp_path, FORM)
    plan = frequency_plan(str(path) if as_text else path)
    assert plan.name == str(path)
    assert plan.default == NodeFrequencies(12, 15)
    assert plan.nodes == {"relu1": NodeFrequencies(8, 15), "relu2": NodeFrequencies(8, 10)}


def test_its_own_form_gives_the_plan_again(tmp_path: Path) -> None:
    plan = frequency_plan(
        {"relu": "apx", "frequencies": 12, "nodes": {"a": 8, "b": {"truncate": 6}}}
    )
    assert frequency_plan(plan.to_json()) == plan
    assert frequency_plan(plan) == plan
    again = frequency_plan(written(tmp_path, plan.to_json()))
    assert again == FrequencyPlan(plan.masking, plan.default, plan.nodes, again.name)
    assert plan.to_json() == {
        "relu": "apx",
        "frequencies": 12,
        "truncate": 15,
        "nodes": {
            "a": {"frequencies": 8, "truncate": 15},
            "b": {"frequencies": 12, "truncate": 6},
        },
    }


def test_an_argument_for_the_masking_goes_before_the_plan(tmp_path: Path) -> None:
    data = {"relu": "apx", "frequencies": 12}
    for plan in (data, frequency_plan(data), written(tmp_path, data)):
        assert frequency_plan(plan).masking == "apx"
        assert frequency_plan(plan, "asm").masking == "asm"
        assert frequency_plan(plan, "apx").masking == "apx"


def test_an_argument_for_truncation_goes_before_the_plan(tmp_path: Path) -> None:
    data: dict[str, Any] = {"frequencies": 12, "nodes": {"a": 8, "b": {"truncate": 6}}}
    forms: list[Frequencies] = [data, {**data, "truncate": 9}, written(tmp_path, data)]
    for plan in (*forms, frequency_plan(data)):
        read = frequency_plan(plan, None, 10)
        assert read.default == NodeFrequencies(12, 10)
        assert read.nodes == {"a": NodeFrequencies(8, 10), "b": NodeFrequencies(12, 10)}


@pytest.mark.parametrize("value", [0, 16, -1, True, False])
def test_numbers_that_there_are_not(value: int) -> None:
    code, text = "frequency-number-out-of-range", f"is {value!r}; "
    assert coded(code, value).startswith(f"frequencies: {text}")
    assert coded(code, 12, None, value).startswith(f"truncate: {text}")
    assert coded(code, {"frequencies": value}).startswith(f"frequencies: {text}")


@pytest.mark.parametrize("value", [0, 16, 7.0, "8", None, True, [8]])
def test_numbers_in_a_file_that_there_are_not(tmp_path: Path, value: Any) -> None:
    for data, where in (
        ({"frequencies": value}, ": frequencies"),
        ({"truncate": value}, ": truncate"),
        ({"nodes": {"r": value}}, ": r: frequencies"),
        ({"nodes": {"r": {"frequencies": value}}}, ": r: frequencies"),
        ({"nodes": {"r": {"truncate": value}}}, ": r: truncate"),
    ):
        path = written(tmp_path, data)
        text = coded("frequency-number-out-of-range", path)
        assert text.startswith(f"{path}{where}: is {value!r}; ")


@pytest.mark.parametrize("content", [[1, 2], 12, "asm", None, {"nodes": [8]}, {"nodes": None}])
def test_other_forms(tmp_path: Path, content: Any) -> None:
    path = written(tmp_path, json.dumps(content))
    text = coded("frequencies-form", path)
    assert text.startswith(f"{path}: ")
    assert FORM in text


def test_keys_without_meaning(tmp_path: Path) -> None:
    code = "frequencies-key-unknown"
    text = coded(code, {"frequency": 8})
    assert text.startswith("frequencies: ")
    assert "'frequency'" in text
    assert FORM in text
    path = written(tmp_path, {"relu": "asm", "frequency": 8})
    assert coded(code, path).startswith(f"{path}: ")


def test_keys_of_a_node_without_meaning(tmp_path: Path) -> None:
    path = written(tmp_path, {"nodes": {"r": {"frequncy": 4}}})
    text = coded("frequencies-key-unknown", path)
    assert text.startswith(f"{path}: r: ")
    assert "'frequncy'" in text
    assert '{"frequencies": 8, "truncate": 10}' in text


def test_numbers_of_numpy() -> None:
    number: Any = np.int64(10)
    assert frequency_plan(number) == frequency_plan(10)


@pytest.mark.parametrize("value", [[1, 2], 7.0])
def test_kinds_of_arguments_that_there_are_not(value: Any) -> None:
    kind = type(value).__name__
    assert f" {kind};" in coded("frequencies-type", value)


def test_evidence_is_an_object() -> None:
    assert '"evidence"' in coded("frequencies-evidence-form", {"evidence": 5})


def test_evidence_belongs_to_its_plan_and_its_model() -> None:
    plan = frequency_plan({"frequencies": 12, "nodes": {"r": 8}})
    evidence = {"drop": 0.5, "plan_sha256": plan.sha256, "source_sha256": "of the model"}
    proven = frequency_plan({**plan.to_json(), "evidence": evidence})
    assert proven.sha256 == plan.sha256
    assert proven.for_source("of the model") is proven
    assert proven.for_source("of another").evidence is None
    for other in (frequency_plan(proven, "apx"), frequency_plan(proven, None, 14)):
        assert other.evidence is not None
        assert other.for_source("of the model").evidence is None
    edited = frequency_plan({**proven.to_json(), "frequencies": 11})
    assert edited.for_source("of the model") == FrequencyPlan(
        "asm", NodeFrequencies(11), plan.nodes
    )
    assert plan.for_source("of the model") is plan


def test_evidence_of_something_else_is_left_out_in_words() -> None:
    plan = {"frequencies": 12, "evidence": {"x": 1}}
    compiled = jpegcompile.compile(RELU, input="tensor", frequencies=plan)
    assert list(map(code_of, compiled.report.notes)) == ["frequencies-evidence-dropped"]
    info = read_metadata(compiled.model, "model")
    assert info is not None
    assert info.frequencies == {"relu": "asm", "frequencies": 12, "truncate": 15, "nodes": {}}


def test_a_plan_that_approximates_nothing_is_not_recorded() -> None:
    """14 frequencies of an 8x8 tile are all three of a 2x2 tile."""
    small = Graph("(T[N,3,6,6] x) => (T[] y) { y = Relu(x) }").model("float")
    compiled = jpegcompile.compile(small, input="tensor", frequencies=14, truncate=14)
    info = read_metadata(compiled.model, "model")
    assert info is not None
    assert info.frequencies is None


@pytest.mark.parametrize("masking", ["exact", "ASM", 3])
def test_maskings_that_there_are_not(masking: Any) -> None:
    text = f"relu is '{masking}'; use asm or apx"
    assert coded("relu-unknown", {"relu": masking}) == f"frequencies: {text}"
    assert coded("relu-unknown", 12, masking) == text


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    absent = tmp_path / "absent.json"
    assert message(AccessError, absent) == (
        f"{absent}: cannot read frequencies: No such file or directory; check the path"
    )
    assert message(AccessError, tmp_path) == (
        f"{tmp_path}: cannot read frequencies: Is a directory; check the path"
    )
    path = written(tmp_path, '{"frequencies": 8,}')
    assert message(UsageError, path).startswith(f"{path}: not valid JSON: ")
    path.write_bytes(b"\xff\xfe\x00")
    assert message(UsageError, path).startswith(f"{path}: not valid JSON: ")


def test_names_that_stand_twice(tmp_path: Path) -> None:
    path = written(tmp_path, '{"nodes": {"r": 8, "s": 9, "r": 7}}')
    assert message(UsageError, path).startswith(f"{path}: has 'r' twice; ")


def test_the_likeliest_names_are_shown() -> None:
    names = ["/stage1/relu1/Relu", "/stage2/relu1/Relu", "/stage3/relu2/Relu", "/stage4/relu/Relu"]
    body = "  ".join(f"t{i + 1} = Relu(t{i})" for i in range(4))
    model = Graph(f"(T[N,3,16,16] t0) => (T[] t4) {{ {body} }}").model("float")
    for node, name in zip(model.graph.node, names, strict=True):
        node.name = name
    text = refusal(UsageError, model, frequencies={"nodes": {"/stage4/relu/relu": 8}})
    assert "(it has '/stage4/relu/Relu', " in text


def test_compile_refuses_them_too(tmp_path: Path) -> None:
    code = "frequency-number-out-of-range"
    assert "frequencies: is 16" in refused_model(code, UsageError, RELU, frequencies=16)
    assert "truncate: is 0" in refused_model(code, UsageError, RELU, truncate=0)
    assert "'exact'" in refused_model("relu-unknown", UsageError, RELU, relu="exact")
    path = written(tmp_path, {"nodes": {"relu1": 8}})
    message = refused_model("plan-node-unknown", UsageError, RELU, frequencies=path)
    for part in (f"{path}: ", "'relu1'", "'r', 'y', ..."):
        assert part in message


def test_the_plan_is_recorded_unless_it_is_exact() -> None:
    def recorded(**options: Any) -> Any:
        compiled = jpegcompile.compile(RELU, input="tensor", **options).model
        info = read_metadata(compiled, "model")
        assert info is not None
        return info.frequencies

    plan = {"frequencies": 12, "nodes": {"r": 8}}
    assert recorded(frequencies=plan, truncate=10, relu="apx") == {
        "relu": "apx",
        "frequencies": 12,
        "truncate": 10,
        "nodes": {"r": {"frequencies": 8, "truncate": 10}},
    }
    assert recorded() is None
    assert recorded(frequencies={"nodes": {"r": 15}}, relu="apx", truncate=15) is None
