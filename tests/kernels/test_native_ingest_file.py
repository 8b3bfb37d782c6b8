"""Errors of JpegIngestFile and JpegIngestIntegers in a model of one node."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from support.coefficient_files import random_file
from support.decode_cases import said
from support.images import make_jpeg
from support.native import library

from jpegcompile.dct.color import mixing_matrix
from jpegcompile.interface import DOMAIN, DOMAIN_VERSION, IR_VERSION
from jpegcompile.jpeg.frame import ColorSpace
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.operators.ingest import INGEST_FILE, INGEST_INTEGERS
from jpegcompile.preprocessing.geometry import Views
from jpegcompile.preprocessing.preprocess import Decoder
from jpegcompile.preprocessing.steps import Corner, Fit, Interpolation, Library, Rounding
from jpegcompile.runtime.native import register
from jpegcompile.target.base import CPU_PROVIDERS

Array = NDArray[Any]
SPACES: tuple[ColorSpace, ...] = ("gray", "ycbcr", "rgb")
KINDS = {
    "jpeg": (TensorProto.UINT8, 1),
    "luma": (TensorProto.INT16, 6),
    "chroma": (TensorProto.INT16, 6),
    "quantization": (TensorProto.UINT16, 4),
    "frame": (TensorProto.INT64, 1),
}
GIVEN: dict[str, Any] = {
    "height": 16,
    "width": 24,
    "block": 8,
    "color": "RGB",
    "fit": "short",
    "crop": "center",
}


def numbers(channels: int = 3) -> dict[str, Array]:
    mixing = {f"{space}_mixing": mixing_matrix(space, "RGB")[:channels] for space in SPACES}
    ones = np.ones(channels)
    return {**mixing, "scale": ones, "shift": 0 * ones, "fill": 0 * ones}


def session(
    op: str = INGEST_FILE,
    constants: dict[str, Array] | None = None,
    computed: str | None = None,
    **changed: Any,
) -> Any:
    """Create a session of one node called `node`; attributes that are None are left out.

    The input called `computed` is an input of the graph.
    """
    attributes = {name: v for name, v in {**GIVEN, **changed}.items() if v is not None}
    names = ["jpeg"] if op == INGEST_FILE else ["luma", "chroma", "quantization", "frame"]
    values = numbers() if constants is None else constants
    node = helper.make_node(op, [*names, *values], ["y"], "node", domain=DOMAIN, **attributes)
    graph = helper.make_graph(
        [node],
        "ingest",
        [
            helper.make_tensor_value_info(name, KINDS[name][0], [None] * KINDS[name][1])
            for name in names
        ]
        + [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [3])
            for name in values
            if name == computed
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(v.astype(np.float32), name)
            for name, v in values.items()
            if name != computed
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, DOMAIN_VERSION)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    register(options, library(), model)
    return ort.InferenceSession(model.SerializeToString(), options, providers=list(CPU_PROVIDERS))


# Values of attributes as Python lists them, in the order of the enumerations in C++.
KNOWN = {
    name: ", ".join(get_args(names))
    for name, names in (
        ("fit", Fit),
        ("crop", Corner),
        ("filter", Interpolation),
        ("library", Library),
        ("rounding", Rounding),
        ("views", Views),
        ("decoder", Decoder),
    )
}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"height": 0}, "height is 0;"),
        ({"width": 65536}, "width is 65536;"),
        ({"height": 12}, "block size 8 does not divide 24x12"),
        *(({name: "x"}, f"{name} is 'x'; it must be one of {all}") for name, all in KNOWN.items()),
        ({"short_side": -1}, "short_side is -1;"),
        (
            {"resized_height": 9},
            "resized_width is 0;",
        ),
        (
            {"crop": "given", "top": 2**62},
            f"top is {2**62};",
        ),
        (
            {"crop": "given", "left": -65536},
            "left is -65536;",
        ),
        *(({"crop_ratio": text}, f"crop_ratio is '{text}';") for text in ("1e-300", "2", "1.x")),
        (
            {"decoder": "libjpeg-turbo", "color": "YUV"},
            "color is 'YUV'; it must be one of RGB, BGR, L",
        ),
    ],
)
def test_attributes(changed: dict[str, Any], message: str) -> None:
    made = said(INGEST_FILE, lambda: session(**changed))
    assert message in made
    assert made.endswith("; compile the model again")
    # Errors of attributes are reported before errors of inputs.
    assert said(INGEST_FILE, lambda: session(constants=numbers(2), **changed)) == made


TURBO = {"decoder": "libjpeg-turbo"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        *(
            (
                {**TURBO, "library": library, "filter": filter},
                "requires a resize filter of library pillow",
            )
            for library, filter in (
                ("opencv", "bilinear"),
                ("opencv", "nearest"),
                ("opencv", "area"),
                ("onnxruntime", "bilinear"),
                ("jpegcompile", "dct"),
            )
        ),
        ({**TURBO, "filter": "area"}, "library pillow has no resize filter area"),
        ({**TURBO, "scaled_decoding": 1}, "does not support scaled_decoding"),
        *(
            (
                {"scaled_decoding": 1, **filter},
                "scaled_decoding requires an antialiasing",
            )
            for filter in (
                {"filter": "nearest"},
                {"library": "opencv"},
                {"library": "tensorflow"},
                {"library": "torchvision", "filter": "nearest-exact"},
                {"library": "torchvision", "antialias": 0},
            )
        ),
    ],
)
@pytest.mark.parametrize("op", [INGEST_FILE, INGEST_INTEGERS])
def test_attributes_that_do_not_go_together(op: str, changed: dict[str, Any], message: str) -> None:
    if op == INGEST_INTEGERS and changed.get("decoder") is None:
        message = "decoder is 'float'"
    made = said(op, lambda: session(op, **changed))
    assert message in made
    assert made.endswith("; compile the model again")


@pytest.mark.parametrize("name", ["float", None])
def test_integers_are_of_one_decoder(name: str | None) -> None:
    made = said(INGEST_INTEGERS, lambda: session(INGEST_INTEGERS, decoder=name))
    assert "decoder is 'float'" in made
    assert made.endswith("; compile the model again")


@pytest.mark.parametrize(
    "changed",
    [
        {**TURBO, "filter": "nearest"},
        {"library": "opencv", "filter": "area", "scaled_decoding": 1},
        {"library": "torchvision", "scaled_decoding": 1},
    ],
)
def test_attributes_that_go_together(changed: dict[str, Any]) -> None:
    session(**changed)


def test_order_of_errors() -> None:
    """The decoder comes first, then other attributes in order, then inputs in order."""
    faults: dict[str, Any] = {"decoder": "x", "width": 0, "filter": "x"}
    constants = {**numbers(), "ycbcr_mixing": np.zeros(1), "shift": np.zeros(1)}
    told = []
    for op in (INGEST_FILE, INGEST_INTEGERS):
        for start in range(len(faults) + 1):
            left = dict(list(faults.items())[start:])
            changed = {"decoder": "libjpeg-turbo", **left}
            words = said(op, lambda: session(op, constants, **changed)).split()  # noqa: B023
            told.append(words[1] if words[0] == "attribute" else words[0])
    assert told == 2 * ["decoder", "width", "filter", "input"]


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        (numbers(2), "input scale has 2 elements"),
        ({**numbers(), "shift": np.zeros(1)}, "input shift has shape [1]"),
        (
            {**numbers(), "ycbcr_mixing": np.zeros((3, 2))},
            "input ycbcr_mixing has shape [3,2]",
        ),
    ],
)
def test_constants(constants: dict[str, Array], message: str) -> None:
    made = said(INGEST_FILE, lambda: session(constants=constants))
    assert message in made
    assert made.endswith("; compile the model again")


def test_computed_constants() -> None:
    made = said(INGEST_FILE, lambda: session(computed="fill"))
    assert made.startswith("input fill is computed")
    assert made.endswith("; compile the model again")


def fed(file: bytes, **changed: Any) -> str:
    made = session(**changed)
    return said(INGEST_FILE, lambda: made.run(None, {"jpeg": np.frombuffer(file, np.uint8)}))


def test_files() -> None:
    whole = make_jpeg(40, 30)
    assert fed(b"nothing").endswith("; give the bytes of a whole JPEG file")
    assert fed(whole[: len(whole) // 2]).endswith("; give the bytes of a whole JPEG file")
    assert fed(random_file(((3, 2), (2, 1), (2, 1)), 20, 11)) == (
        "a component is subsampled by a fraction (2x1 of 3x2); save the image with whole sampling"
        " factors"
    )
    assert fed(random_file(((2, 2), (1, 2), (2, 1)), 20, 11)) == (
        "Cb and Cr are sampled differently (1x2 and 2x1); save the image with one chroma sampling"
    )
    made = fed(whole, crop=None)
    assert made.startswith("the image is 40x30")
    assert "24x16 of the model" in made
    assert "--preprocess" in made


@pytest.mark.parametrize("shape", [(), (1, 4)])
def test_other_ranks(shape: tuple[int, ...]) -> None:
    made = session()
    with pytest.raises(Exception, match=r"rank|shape"):
        made.run(None, {"jpeg": np.zeros(shape, np.uint8)})


def integer_feeds(file: bytes) -> dict[str, Array]:
    image = read_coefficients(file)
    frame = image.frame
    kind = [*frame.size, 1, 1, *frame.sampling[0], *frame.sampling[1]]
    return {
        "luma": image.planes[0][None, None],
        "chroma": np.stack(image.planes[1:])[None],
        "quantization": image.quantization[None],
        "frame": np.asarray(kind, np.int64),
    }


def with_number(place: int, value: int) -> dict[str, Array]:
    feeds = integer_feeds(make_jpeg(40, 30))
    feeds["frame"][place] = value
    return feeds


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        (with_number(0, 0), "frame has 0 for the height"),
        (with_number(1, 70000), "frame has 70000 for the width"),
        (with_number(2, 9), "frame has 9 for the orientation"),
        (with_number(3, 3), "frame has 3 for the color space"),
        (with_number(7, 5), "frame has 5 for a sampling factor"),
        (
            with_number(0, 64),
            "luma has shape [1,1,4,5,8,8]",
        ),
        (
            {**with_number(0, 30), "frame": np.ones(6, np.int64)},
            "frame has shape [6]",
        ),
        (
            {**with_number(0, 30), "quantization": np.ones((1, 1, 8, 8), np.uint16)},
            "quantization has shape [1,1,8,8]",
        ),
        (
            {**with_number(0, 30), "chroma": np.zeros((1, 2, 1, 1, 8, 8), np.int16)},
            "chroma has shape [1,2,1,1,8,8]",
        ),
    ],
)
def test_coefficients_that_are_no_files(feeds: dict[str, Array], message: str) -> None:
    made = session(INGEST_INTEGERS, decoder="libjpeg-turbo")
    assert message in said(INGEST_INTEGERS, lambda: made.run(None, feeds))


def test_frames_that_do_not_fit() -> None:
    made = session(INGEST_INTEGERS, decoder="libjpeg-turbo", crop=None)
    feeds = integer_feeds(make_jpeg(40, 30))
    message = said(INGEST_INTEGERS, lambda: made.run(None, feeds))
    assert message.startswith("files with this frame cannot be resized to the model's size")


@pytest.mark.parametrize(("views", "count"), [("one", 1), ("five", 5), ("ten", 10)])
def test_both_make_the_same(views: str, count: int) -> None:
    """A batch of files as coefficients: all views of the first file, then of the next."""
    files = [make_jpeg(40, 30, quality=quality) for quality in (60, 90)]
    by_file = session(decoder="libjpeg-turbo", views=views)
    by_coefficients = session(INGEST_INTEGERS, decoder="libjpeg-turbo", views=views)
    made = [by_file.run(None, {"jpeg": np.frombuffer(file, np.uint8)})[0] for file in files]
    assert [one.shape for one in made] == [(count, 3, 16, 24)] * 2
    feeds = [integer_feeds(file) for file in files]
    together = {name: np.concatenate([one[name] for one in feeds]) for name in feeds[0]}
    (second,) = by_coefficients.run(None, {**together, "frame": feeds[0]["frame"]})
    np.testing.assert_array_equal(np.concatenate(made), second)
    assert np.abs(made[0] - made[1]).max() > 1
    assert np.abs(second).max() > 100
