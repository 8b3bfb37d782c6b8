"""A session from its file to several threads, other processes, and files that it refuses."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from support.codes import refused
from support.coefficient_files import SAMPLINGS, random_file
from support.images import make_jpeg
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.errors import AccessError, UnsupportedModelError
from jpegcompile.interface import DOMAIN
from jpegcompile.metadata import FORMAT_VERSION
from jpegcompile.preprocessing.presets import PRESETS

FILES = [
    make_jpeg(32, 32),
    make_jpeg(32, 32, "L"),
    random_file(SAMPLINGS["4:4:0"], 32, 32),
    make_jpeg(32, 32, quality=30),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "compiled.onnx"
    jpegcompile.compile(tiny_residual(), preprocess="cifar10").save(path)
    return path


def refusal(path: Path, where: str = "") -> str:
    """The code of the error, whose message begins with `where`."""
    with pytest.raises(UnsupportedModelError) as caught:
        jpegcompile.load(path)
    assert str(caught.value).startswith(where)
    return caught.value.code


def test_threads_share_a_session(path: Path) -> None:
    alone = jpegcompile.Session(path, threads=1)
    expected = [alone.run([file]) for file in FILES]
    shared = jpegcompile.Session(path, threads=1)
    jobs = [index % len(FILES) for index in range(64)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda index: shared.run([FILES[index]]), jobs))
    for index, outputs in zip(jobs, results, strict=True):
        for values, wanted in zip(outputs, expected[index], strict=True):
            np.testing.assert_array_equal(values, wanted)


def test_pickle_opens_the_file_again(path: Path) -> None:
    session = jpegcompile.Session(path, threads=1)
    expected = session.run(FILES)
    content = pickle.dumps(session)
    assert len(content) < 1000
    copy = pickle.loads(content)
    assert isinstance(copy, jpegcompile.Session)
    assert copy.path == str(path)
    assert copy.inference_session is not session.inference_session
    options = copy.inference_session.get_session_options()
    assert options.intra_op_num_threads == 1
    for values, wanted in zip(copy.run(FILES), expected, strict=True):
        np.testing.assert_array_equal(values, wanted)
    path.unlink()
    with pytest.raises(AccessError):
        pickle.loads(content)


FORK = """
import os, sys
import jpegcompile
from jpegcompile.errors import UsageError
session = jpegcompile.load(sys.argv[1])
image = open(sys.argv[2], "rb").read()
before = session.run([image])
child = os.fork()
if child == 0:
    try:
        session.run([image])
    except UsageError as error:
        print(error, flush=True)
        os._exit(7)
    os._exit(1)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 7
# The parent goes on, and the child might have opened the file for itself.
assert (session.run([image])[0] == before[0]).all()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_fork_is_refused(path: Path, tmp_path: Path) -> None:
    image = tmp_path / "image.jpg"
    image.write_bytes(FILES[0])
    command = [sys.executable, "-P", "-c", FORK, str(path), str(image)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{path}: ")
    assert done.stdout.endswith(" was opened before a fork; load it again\n")


def test_fork_is_refused_for_coefficients_read_before(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = jpegcompile.load(path)
    coefficients = [jpegcompile.read_coefficients(FILES[0])]
    assert len(session.run_coefficients(coefficients)) == 2
    child = os.getpid() + 1
    monkeypatch.setattr(os, "getpid", lambda: child)
    with refused("session-opened-before-fork", jpegcompile.errors.UsageError):
        session.run_coefficients(coefficients)


def test_path_kinds(path: Path) -> None:
    assert jpegcompile.load(str(path)).path == jpegcompile.load(path).path == str(path)


def test_a_missing_file(tmp_path: Path) -> None:
    for path in (tmp_path / "none.onnx", tmp_path):
        with pytest.raises(AccessError) as caught:
            jpegcompile.load(path)
        assert caught.value.code == "compiled-model-unreadable"
        assert str(caught.value).startswith(f"{path}: ")


def test_what_is_not_a_compiled_model(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_text("this is text", encoding="utf-8")
    assert refusal(path, f"{path}: ") == "compiled-model-not-onnx"
    path.write_bytes(b"")
    assert refusal(path, f"{path}: ") == "model-not-compiled"
    onnx.save(tiny_residual(), path)
    assert refusal(path, f"{path}: ") == "model-not-compiled"


def test_an_unknown_target(path: Path) -> None:
    with_metadata(path, lambda record: {**record, "target": "abacus"})
    assert refusal(path, f"{path}: ") == "compiled-target-unknown"


def with_metadata(path: Path, change: Any) -> None:
    """Write the file again with its record changed: a function of the record, or a text."""
    model = onnx.load(path)
    entry = next(p for p in model.metadata_props if p.key == DOMAIN)
    entry.value = change if isinstance(change, str) else json.dumps(change(json.loads(entry.value)))
    onnx.save(model, path)


def test_a_newer_format_is_refused_in_words(path: Path) -> None:
    newer = {"format_version": FORMAT_VERSION + 1, "tool_version": "9.8", "unheard_of": 1}
    with_metadata(path, lambda record: {**record, **newer})
    words = f"{path}: has format {FORMAT_VERSION + 1} of jpegcompile 9.8"
    assert refusal(path, words) == "metadata-newer"


@pytest.mark.parametrize(
    "change",
    [
        "",
        "{",
        "[]",
        "7",
        "null",
        "{}",
        lambda record: {**record, "format_version": "one"},
        lambda record: {**record, "format_version": None},
        lambda record: {**record, "format_version": [1]},
        lambda record: {key: value for key, value in record.items() if key != "input"},
        lambda record: {key: value for key, value in record.items() if key != "report"},
        lambda record: {**record, "input": None},
        lambda record: {**record, "input": {**record["input"], "depth": 3}},
        lambda record: {**record, "unheard_of": 1},
        lambda record: {**record, "preprocess": {**record["preprocess"], "views": "seven"}},
        lambda record: {**record, "preprocess": "damaged.json"},
    ],
)
def test_damaged_metadata(change: Any, path: Path) -> None:
    with_metadata(path, change)
    assert refusal(path, f"{path}: ") == "metadata-damaged"


def test_preprocessing_is_parsed_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = jpegcompile.load(path)
    monkeypatch.setattr("jpegcompile.metadata.preprocess_of", lambda spec: pytest.fail("again"))
    session.run(FILES)
    assert session.info.views == 1
    assert session.preprocess == session.info.preprocessing
    assert "described" not in session.info.to_json()


def test_a_graph_that_onnx_runtime_refuses(path: Path) -> None:
    model = onnx.load(path)
    model.graph.node[0].op_type = "JpegNothing"
    onnx.save(model, path)
    assert refusal(path) == "runtime-refuses-model"


def test_metadata_of_the_source_is_kept(tmp_path: Path) -> None:
    model = tiny_residual()
    model.metadata_props.add(key="license", value="none")
    path = tmp_path / "compiled.onnx"
    jpegcompile.compile(model, preprocess="cifar10").save(path)
    kept = {p.key: p.value for p in onnx.load(path).metadata_props}
    assert set(kept) == {"license", DOMAIN}
    assert kept["license"] == "none"
    info = jpegcompile.load(path).info
    assert info.preprocess == PRESETS["cifar10"].to_json()
    assert (info.subsampling, info.input.size) == ("4:2:0", (32, 32))
