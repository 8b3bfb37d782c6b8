"""The command merge: parts of a folder, and of a benchmark."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.bench_results import QUICK
from support.codes import code_in
from support.commands import few_images, require_schema, run_json, run_text
from support.tiers import thorough

import jpegcompile
from jpegcompile.cli import run_command
from jpegcompile.digits import images_path, model_path, preprocess_path

MODEL = model_path()


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compiled") / "digits.jpeg.onnx"
    jpegcompile.compile(MODEL, preprocess=preprocess_path()).save(path)
    return path


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return few_images(tmp_path_factory.mktemp("images"))


def failure(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """The exit code of a command that is to fail, and the code of its message."""
    code = run_command([str(a) for a in arguments])
    line = capsys.readouterr().err.strip()
    assert line.startswith("jpegcompile: ")
    return code, line


def shards(
    capsys: pytest.CaptureFixture[str], folder: Path, count: int, *arguments: object
) -> list[Path]:
    paths = [folder / f"{index}.json" for index in range(1, count + 1)]
    for index, path in enumerate(paths, 1):
        data = run_json(capsys, *arguments, "--shard", f"{index}/{count}")
        path.write_text(json.dumps(data))
    return paths


@pytest.mark.parametrize("verb", ["verify", "compare"])
def test_shards_of_a_folder(
    verb: str, compiled: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = (verb, MODEL, compiled, "--images", images)
    parts = shards(capsys, tmp_path, 3, *command)
    data = run_json(capsys, "merge", *parts)
    require_schema(verb, data)
    whole = run_json(capsys, *command)
    if verb == "verify":
        # Each part has compared its first inputs, the whole folder its own.
        assert (data.pop("inputs_for_nodes"), whole.pop("inputs_for_nodes")) == (40, 16)
        assert len(data.pop("nodes")) == len(whole.pop("nodes"))
    assert data == whole
    text = run_text(capsys, "merge", *parts[:2])
    assert "shards 1, 2 of 3; jpegcompile merge adds the others" in text
    assert "shard" not in run_text(capsys, "merge", *parts)
    assert "| " in run_text(capsys, "merge", *parts, "--markdown")


def test_exit_codes(
    compiled: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = shards(capsys, tmp_path, 2, "verify", MODEL, compiled, "--images", images)
    for path in parts:
        data = json.loads(path.read_text())
        data["evidence"]["outputs"][0]["errors"] = [1.0]
        path.write_text(json.dumps(data))
    code, line = failure(capsys, "merge", *parts)
    assert code == 1
    assert "conversion error 1 is above" in line
    parts = shards(capsys, tmp_path, 2, "compare", MODEL, compiled, "--images", images)
    run_text(capsys, "merge", *parts, "--max-drop", 100)
    for path in parts:
        data = json.loads(path.read_text())
        data["evidence"]["after"]["top1"] = 0
        path.write_text(json.dumps(data))
    code, line = failure(capsys, "merge", *parts, "--max-drop", 1)
    assert code == 1
    assert "top-1 dropped by" in line


def test_files_that_are_no_results(
    compiled: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (verified,) = shards(capsys, tmp_path, 1, "verify", MODEL, compiled, "--images", images)
    compared = tmp_path / "compared.json"
    compared.write_text(
        json.dumps(run_json(capsys, "compare", MODEL, compiled, "--images", images))
    )
    other = tmp_path / "other.json"

    def refused(data: Any, code: str, *arguments: object) -> None:
        other.write_text(json.dumps(data))
        found, line = failure(capsys, "merge", *arguments)
        assert found == 2
        assert code_in(line) == code

    refused([], "result-of-no-kind", other)
    refused({"kind": "x"}, "result-of-no-kind", other)
    refused({"kind": "verification"}, "result-malformed", other)
    refused({"kind": "benchmark"}, "result-malformed", other)
    refused({}, "merge-kinds-differ", verified, compared)
    refused({}, "drop-of-other-results", verified, "--max-drop", 1)
    refused({}, "json-and-markdown", verified, "--json", "--markdown")
    assert failure(capsys, "merge", tmp_path / "none.json")[0] == 5


@pytest.mark.parametrize("verb", ["verify", "compare"])
def test_skipped_files_are_reported(
    verb: str, compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One part reports unusable files, so the merged result does; a part may also stop at them."""
    folder, paths = few_images(tmp_path), []
    unusable = folder / "3" / "0.jpg"
    unusable.write_bytes(b"not a JPEG file")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    shards = [files.index(unusable) % 3 + 1, *{1, 2, 3} - {files.index(unusable) % 3 + 1}]
    for on_error, index in zip(("report", "skip", "stop"), shards, strict=True):
        options = ["--on-error", on_error, "--shard", f"{index}/3", "--json"]
        code = run_command([verb, str(MODEL), str(compiled), "--images", str(folder), *options])
        result, lines = capsys.readouterr()
        assert code == (4 if on_error == "report" else 0), lines
        paths.append(tmp_path / f"{index}.json")
        paths[-1].write_text(result)
    code, line = failure(capsys, "merge", *reversed(paths))
    assert (code, code_in(line)) == (4, "files-unusable")


WRONG: tuple[Any, ...] = (None, -1, 0, math.nan, 10**400, "x", [1], {})


def places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Every list and object of JSON data, with each of its keys; of lists the first two."""
    keys = list(data) if isinstance(data, dict) else range(min(len(data), 2))
    for key in keys:
        yield data, key
        if isinstance(data[key], dict | list):
            yield from places(data[key])


@thorough
@pytest.mark.parametrize("verb", ["verify", "compare"])
def test_edited_results(
    verb: str, compiled: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever stands in a file, merge refuses it or merges it."""
    edited, other = shards(capsys, tmp_path, 2, verb, MODEL, compiled, "--images", images)
    data = json.loads(edited.read_text())
    codes = set()
    for owner, key in places(data):
        right = owner[key]
        for wrong in WRONG:
            owner[key] = wrong
            edited.write_text(json.dumps(data))
            for files in ([edited], [other, edited]):
                assert run_command(["merge", *map(str, files), "--json"]) in (0, 1, 2)
                captured = capsys.readouterr()
                if not captured.out:
                    codes.add(code_in(captured.err.strip()))
        owner[key] = right
    assert codes >= {"result-malformed", "result-of-no-kind", "merge-results-differ"}
    assert not [code for code in codes if not code.startswith(("result-", "merge-"))]


def test_lists_within_lists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "deep.json"
    path.write_text("[" * 100_000)
    code, line = failure(capsys, "merge", path)
    assert (code, code_in(line)) == (2, "json-invalid")


def test_cells_of_a_benchmark(
    compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = images_path() / "3"
    command = ("bench", MODEL, compiled, "--images", images, *QUICK, "--batches", "1,2")
    cells = (whole := run_json(capsys, *command)).pop("cells")
    parts = [{**whole, "cells": [cell]} for cell in reversed(cells)]
    paths = [tmp_path / f"{index}.json" for index in range(2)]
    for path, part in zip(paths, parts, strict=True):
        path.write_text(json.dumps(part))
    data = run_json(capsys, "merge", *paths)
    require_schema("bench", data)
    assert data["cells"] == cells
    assert "end to end" in run_text(capsys, "merge", *paths)
    code, line = failure(capsys, "merge", paths[0], paths[0])
    assert (code, code_in(line)) == (2, "merge-cell-twice")
    for key, value in (("machine", "other"), ("compiled", "other.onnx"), ("files", 3)):
        paths[0].write_text(json.dumps({**parts[0], key: value}))
        code, line = failure(capsys, "merge", *paths)
        assert (code, code_in(line)) == (2, "merge-results-differ")
        assert f"'{key}'" in line


@thorough
def test_edited_benchmarks(
    compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever stands in a file, merge refuses it or shows it."""
    command = ("bench", MODEL, compiled, "--images", images_path() / "3", *QUICK)
    data, other, edited = run_json(capsys, *command), tmp_path / "1.json", tmp_path / "2.json"
    other.write_text(json.dumps({**data, "cells": [{**data["cells"][0], "batch": 2}]}))
    # A side more, as with --portable.
    sides, timings = data["cells"][0]["sides"], data["cells"][0]["timings"]
    more = json.loads(json.dumps(data))
    more["cells"][0]["sides"]["portable"] = sides["compiled"]
    for timing in more["cells"][0]["timings"]:
        timing["rounds"]["portable"] = timing["rounds"]["compiled"]
    edited.write_text(json.dumps(more))
    code, line = failure(capsys, "merge", other, edited)
    assert (code, code_in(line)) == (2, "merge-results-differ")
    assert "the sides" in line
    # An output that is 0 everywhere is right, with nothing allowed.
    (output,) = sides["compiled"]["check"]["outputs"]
    output.update(conversion=0.0, allowed=0.0)
    edited.write_text(json.dumps(data))
    assert "the largest error is 0.00e+00" in run_text(capsys, "merge", edited)
    for owner, key in [*places(data), *places(timings[0]), *places(sides["compiled"]["check"])]:
        right = owner[key]
        for wrong in WRONG:
            owner[key] = wrong
            edited.write_text(json.dumps(data))
            assert run_command(["merge", str(edited), "--markdown"]) in (0, 1, 2)
            captured = capsys.readouterr()
            assert captured.out or code_in(captured.err.strip())
        owner[key] = right


@pytest.mark.parametrize("verb", ["verify", "compare", "inspect"])
def test_markdown(
    verb: str, compiled: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = (verb, compiled) if verb == "inspect" else (verb, MODEL, compiled, "--images", images)
    text = run_text(capsys, *command, "--markdown")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) > 2
    assert all(row.endswith("|") for row in rows)
    code, line = failure(capsys, *command, "--markdown", "--json")
    assert (code, code_in(line)) == (2, "json-and-markdown")
