"""Models for the bytes of a file: plain ONNX Runtime feeds one, a Session takes any number.

The pass is `decode-input`.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from support.codes import refused
from support.coefficient_files import SAMPLINGS, random_file
from support.half_precision import halved
from support.images import make_jpeg
from support.tiny_residual import OUTPUTS, Array, spatial_outputs, tiny_residual

import jpegcompile
from jpegcompile.errors import AccessError, CheckFailedError, UnsupportedModelError, UsageError
from jpegcompile.evaluation.verify import require_passed
from jpegcompile.interface import DOMAIN
from jpegcompile.jpeg.subsampling import SUBSAMPLINGS
from jpegcompile.operators.ingest import DECODE, DECODE_GRAY
from jpegcompile.runtime import native
from jpegcompile.runtime.native import execution_of
from jpegcompile.target.base import CPU_PROVIDERS

WIDTH, HEIGHT = 40, 24
FILES = [make_jpeg(WIDTH, HEIGHT, subsampling="4:2:0", quality=q) for q in (20, 50, 75, 90, 95)]
OTHERS = [
    make_jpeg(WIDTH, HEIGHT, subsampling="4:4:4"),
    make_jpeg(WIDTH, HEIGHT, "L"),
    make_jpeg(WIDTH, HEIGHT, keep_rgb=True),
    *(random_file(sampling, WIDTH, HEIGHT) for sampling in SAMPLINGS.values()),
]


def compiled(folder: Path, model: onnx.ModelProto | None = None, **options: Any) -> Path:
    """The tiny network for the bytes of a file."""
    path = folder / "jpeg.onnx"
    source = tiny_residual(height=HEIGHT, width=WIDTH) if model is None else model
    options = {"preprocess": "unit", "input": "jpeg", **options}
    jpegcompile.compile(source, **options).save(path)
    return path


def plain_session(path: Path) -> ort.InferenceSession:
    """As any user of ONNX Runtime opens the file."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.register_custom_ops_library(str(jpegcompile.custom_ops_library()))
    return ort.InferenceSession(str(path), options, providers=list(CPU_PROVIDERS))


def by_plain_session(path: Path, files: list[bytes]) -> list[Array]:
    session = plain_session(path)
    rows = [session.run(None, {"jpeg": np.frombuffer(file, np.uint8)}) for file in files]
    return [np.concatenate(parts) for parts in zip(*rows, strict=True)]


def assert_close(actual: list[Array], expected: list[Array]) -> None:
    """Within float32 rounding, as in `test_session.py`."""
    for values, wanted in zip(actual, expected, strict=True):
        assert values.shape == wanted.shape
        limit = 2e-6 * float(np.abs(wanted).max())
        np.testing.assert_allclose(values, wanted, rtol=0, atol=limit)


def refusal(kind: type[Exception], action: Callable[[], object]) -> str:
    with pytest.raises(kind) as caught:
        action()
    return str(caught.value)


def test_the_input_is_the_bytes_of_a_file(tmp_path: Path) -> None:
    path = compiled(tmp_path)
    (image,) = plain_session(path).get_inputs()
    assert (image.name, image.type, image.shape) == ("jpeg", "tensor(uint8)", ["bytes"])
    model = onnx.load(path)
    assert count_of(model, DECODE) == 1
    assert DECODE not in {function.name for function in model.functions}
    assert jpegcompile.load(path).info.input_mode == "jpeg"


def count_of(model: onnx.ModelProto, op: str) -> int:
    return sum(node.op_type == op for node in model.graph.node)


@pytest.mark.parametrize("domain", ["jpeg", "auto"])
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_plain_onnx_runtime_gives_the_answers_of_the_original(
    subsampling: str, domain: Any, tmp_path: Path
) -> None:
    path = compiled(tmp_path, subsampling=subsampling, domain=domain)
    sampling = SAMPLINGS["gray" if subsampling == "gray" else subsampling]
    files = [
        random_file(sampling, WIDTH, HEIGHT, extra=b"\xff\xfe\0\3" + b"%d" % i) for i in (1, 2)
    ]
    model = tiny_residual(height=HEIGHT, width=WIDTH)
    expected = spatial_outputs(model, files, 1 / 255, (0, 0, 0), (1, 1, 1))
    assert_close(by_plain_session(path, files), expected)


def test_it_is_what_coefficients_give(tmp_path: Path) -> None:
    """To the bit, since they are the same numbers in the same kernels."""
    path = compiled(tmp_path)
    coefficients = tmp_path / "coefficients.onnx"
    model = tiny_residual(height=HEIGHT, width=WIDTH)
    jpegcompile.compile(model, preprocess="unit").save(coefficients)
    expected = jpegcompile.load(coefficients).run(FILES + OTHERS)
    for values, wanted in zip(jpegcompile.load(path).run(FILES + OTHERS), expected, strict=True):
        np.testing.assert_array_equal(values, wanted)
    session = jpegcompile.load(coefficients)
    alone = [np.concatenate(v) for v in zip(*(session.run([f]) for f in FILES), strict=True)]
    for values, wanted in zip(by_plain_session(path, FILES), alone, strict=True):
        np.testing.assert_array_equal(values, wanted)


@pytest.mark.parametrize("native", [True, False])
def test_a_session_takes_every_sampling(native: bool, tmp_path: Path) -> None:
    session = jpegcompile.load(compiled(tmp_path), native=native)
    files = (FILES + OTHERS) * 2
    assert len(files) > session.batch_size
    images: list[Any] = list(files)
    for index in range(0, len(files), 3):
        images[index] = tmp_path / f"{index}.jpg"
        images[index].write_bytes(files[index])
    model = tiny_residual(height=HEIGHT, width=WIDTH)
    expected = spatial_outputs(model, files, 1 / 255, (0, 0, 0), (1, 1, 1))
    assert_close(session.run(images), expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_grey(channels: int, tmp_path: Path) -> None:
    model = tiny_residual(channels, HEIGHT, WIDTH)
    path = compiled(tmp_path, model, subsampling="gray")
    assert count_of(onnx.load(path), DECODE_GRAY) == 1
    # A network of one channel takes the luma of a color file.
    files = [make_jpeg(WIDTH, HEIGHT, "L"), *(FILES if channels == 1 else [])]
    color: Any = "L" if channels == 1 else "RGB"
    expected = spatial_outputs(model, files, 1 / 255, (0,) * channels, (1,) * channels, color)
    assert_close(by_plain_session(path, files), expected)
    if channels == 3:
        with pytest.raises(Exception, match="the file is 4:2:0 but the model is compiled for gray"):
            by_plain_session(path, FILES[:1])


@pytest.mark.parametrize("keep_ends", [False, True])
def test_float16_networks(keep_ends: bool, tmp_path: Path) -> None:
    """They are computed in float32, so kernels run them as others."""
    model = halved(tiny_residual(height=HEIGHT, width=WIDTH), keep_ends=keep_ends)
    path = compiled(tmp_path, model)
    opened = onnx.load(path)
    domains = {node.op_type: node.domain for node in opened.graph.node if node.domain}
    assert set(domains.values()) == {DOMAIN}
    execution = execution_of(opened)
    assert execution.native.keys() == domains.keys()
    assert not execution.bodies
    expected = jpegcompile.load(path).run(FILES)
    for values, wanted in zip(by_plain_session(path, FILES), expected, strict=True):
        np.testing.assert_allclose(values, wanted, rtol=0, atol=2e-3 * np.abs(wanted).max())


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_fixed_batch_of_one_and_layouts(layout: str, tmp_path: Path) -> None:
    model = tiny_residual(height=HEIGHT, width=WIDTH, layout=layout, batch=1, normalize=True)
    path = compiled(tmp_path, model, preprocess="none")
    expected = spatial_outputs(model, FILES, 1, (0, 0, 0), (1, 1, 1))
    assert_close(by_plain_session(path, FILES), expected)
    assert_close(jpegcompile.load(path).run(FILES), expected)


def test_what_cannot_be_compiled(tmp_path: Path) -> None:
    model = tiny_residual(height=HEIGHT, width=WIDTH, batch=4)
    with refused("jpeg-input-fixed-batch", UnsupportedModelError) as caught:
        compiled(tmp_path, model)
    assert "input 'image'" in str(caught.value)
    assert "batch size 4" in str(caught.value)
    model = tiny_residual(height=HEIGHT, width=WIDTH)
    model.graph.output[1].name = "jpeg"
    next(node for node in model.graph.node if node.output[0] == "logits").output[0] = "jpeg"
    model.graph.node[-1].input[0] = "jpeg"
    with refused("tensor-name-reserved", UnsupportedModelError) as caught:
        compiled(tmp_path, model)
    assert "'jpeg'" in str(caught.value)


def test_inputs_besides_the_image(tmp_path: Path) -> None:
    model = tiny_residual(height=HEIGHT, width=WIDTH, temperature=True)
    path = compiled(tmp_path, model, image_input="image")
    session, warm = jpegcompile.load(path), np.array(2, np.float32)
    names = [value.name for value in session.inference_session.get_inputs()]
    assert names == ["jpeg", "temperature"]
    expected = session.run(FILES, {"temperature": warm})
    for index, file in enumerate(FILES):
        feeds = {**session.feeds([file]), "temperature": warm}
        assert_close(
            session.inference_session.run(OUTPUTS, feeds), [v[index : index + 1] for v in expected]
        )


def test_feeds(tmp_path: Path) -> None:
    path = compiled(tmp_path)
    session = jpegcompile.load(path)
    file = tmp_path / "image.jpg"
    file.write_bytes(FILES[0])
    for image in (FILES[0], bytearray(FILES[0]), memoryview(FILES[0]), file, str(file)):
        (feeds,) = session.feeds([image]).items()
        assert feeds[0] == "jpeg"
        assert feeds[1].dtype == np.uint8
        assert feeds[1].tobytes() == FILES[0]
    outputs = session.inference_session.run(None, session.feeds([file]))
    assert_close(outputs, session.run([file]))
    assert_close(session.run_feeds(session.feeds([file])), session.run([file]))
    with refused("feeds-one-file-per-run", UsageError) as caught:
        session.feeds(FILES[:2])
    assert str(caught.value).startswith(f"{path}: ")
    missing = tmp_path / "missing.jpg"
    assert refusal(AccessError, lambda: session.feeds([missing])) == (
        f"{missing}: cannot read: No such file or directory; check the path"
    )


def test_without_native_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = compiled(tmp_path)
    expected = jpegcompile.load(path).run(FILES)
    message = refusal(Exception, lambda: ort.InferenceSession(str(path)))
    assert "JpegDecode" in message
    session = jpegcompile.load(path, native=False)
    monkeypatch.setattr(native, "custom_ops_library", lambda: None)
    for portable in (session, jpegcompile.load(path), pickle.loads(pickle.dumps(session))):
        assert_close(portable.run(FILES), expected)
        assert not portable.execution.native
        with pytest.raises(UsageError) as caught:
            _ = portable.inference_session
        assert caught.value.code == "native-kernels-required"
        assert str(caught.value).startswith(f"{path}: ")
    execution = jpegcompile.inspect(path).execution
    assert execution is not None
    assert execution.missing == {DECODE: 1}
    assert str(execution).endswith(
        "by function bodies; JpegDecode has no function body: without native kernels, only"
        " jpegcompile.load can run this model"
    )


def test_the_session_says_what_it_runs(tmp_path: Path) -> None:
    path = compiled(tmp_path)
    whole, session = execution_of(onnx.load(path)), jpegcompile.load(path)
    assert dict(whole.native) == {**session.execution.native, DECODE: 1}
    assert not whole.missing
    assert not whole.replaced
    assert session.execution.replaced == {DECODE: 1}
    nodes = whole.native_nodes
    assert str(whole) == f"jpegcompile nodes: {nodes} by native kernels, 0 by function bodies"
    assert str(session.execution) == (
        f"jpegcompile nodes: {nodes - 1} by native kernels, 0 by function bodies,"
        " 1 by jpegcompile itself (JpegDecode)"
    )
    assert DECODE not in {node.op_type for node in session.model.graph.node}


def test_a_file_that_has_lost_its_types(tmp_path: Path) -> None:
    path = compiled(tmp_path)
    model = onnx.load(path)
    del model.graph.value_info[:]
    onnx.save(model, path)
    with refused("compiled-model-lost-types", UnsupportedModelError) as caught:
        jpegcompile.load(path)
    assert "'luma'" in str(caught.value)


def test_external_weights(tmp_path: Path) -> None:
    path = tmp_path / "external.onnx"
    model = tiny_residual(height=HEIGHT, width=WIDTH)
    made = jpegcompile.compile(model, preprocess="unit", input="jpeg")
    made.save(path, external_data=True)
    expected = jpegcompile.load(compiled(tmp_path)).run(FILES[:1])
    session = jpegcompile.load(path)
    assert_close(session.run(FILES[:1]), expected)
    assert_close(session.run_feeds(session.feeds(FILES[:1])), expected)


def test_several_sessions_and_threads(tmp_path: Path) -> None:
    path = compiled(tmp_path)
    session, plain = jpegcompile.load(path), [plain_session(path) for _ in range(2)]
    expected = session.run(FILES)

    def work(turn: int) -> None:
        index = turn % len(FILES)
        wanted = [values[index : index + 1] for values in expected]
        if turn % 3 == 0:
            assert_close(session.run([FILES[index]]), wanted)
        else:
            feeds = session.feeds([FILES[index]])
            holder = session.inference_session if turn % 3 == 1 else plain[turn % 2]
            assert_close(holder.run(None, feeds), wanted)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(90)))


def test_verify_runs_the_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for index, file in enumerate([*FILES, OTHERS[0]]):
        (folder / f"{index}.jpg").write_bytes(file)
    source = tmp_path / "source.onnx"
    onnx.save(tiny_residual(height=HEIGHT, width=WIDTH), source)
    path = compiled(tmp_path, onnx.load(source))
    for portable in (False, True):
        result = jpegcompile.verify(source, path, folder, native=not portable)
        require_passed(result)
        assert (result.inputs, result.inputs_for_nodes) == (6, 5)

    def faulty(session: jpegcompile.Session, feeds: Any) -> list[Array]:
        assert list(feeds) == ["jpeg"]
        session.require_process()
        outputs = session.inference_session.run(session.output_names, feeds)
        return [values + np.float32(1e-3) for values in outputs]

    monkeypatch.setattr(jpegcompile.Session, "run_feeds", faulty)
    with refused("conversion-error-above-tolerance", CheckFailedError):
        require_passed(jpegcompile.verify(source, path, folder))


def test_planted_faults_are_seen(tmp_path: Path) -> None:
    """Another file, and another quantization table."""
    path = compiled(tmp_path)
    expected = jpegcompile.load(path).run(FILES)
    with pytest.raises(AssertionError, match="Mismatched elements"):
        assert_close(by_plain_session(path, FILES[::-1]), expected)
    start = FILES[2].index(b"\xff\xdb") + 5
    file = FILES[2][:start] + bytes([FILES[2][start] + 1]) + FILES[2][start + 1 :]
    with pytest.raises(AssertionError, match="Mismatched elements"):
        assert_close(by_plain_session(path, [file]), [values[2:3] for values in expected])
