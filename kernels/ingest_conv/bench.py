"""How fast the stem of a ResNet runs on JPEG files, by quality: sparse, dense, and in ONNX Runtime.

    python kernels/ingest_conv/bench.py --images DIR [--quality N ...] [--rounds N] [--plot FILE]

The stem is a 7x7 convolution of stride 2 from 3 to 64 channels and a ReLU, at 224x224. Images are
resized to that and saved by Pillow at each quality, in 4:2:0. What is timed begins at the quantised
coefficients and ends at 64 maps of 112x112:

    sparse       one native operator, by the coefficients that are not zero
    dense        the same operator, by pixels
    chosen       the same operator, left to its own choice
    onnxruntime  the native ingest, then ONNX Runtime's own Conv and Relu

Results are checked against the float decode in float64 first; then all ways run in turn. With one
thread the processor time of the process is taken, which other processes disturb less.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from jpegcompile.dct.blocks import axis_dct, dc_map
from jpegcompile.dct.coefficients import Coefficients
from jpegcompile.dct.ingest import ChannelAffine, IngestOperators, ingest_operators
from jpegcompile.dct.windows import taps
from jpegcompile.interface import CHANNEL_GROUP, DOMAIN, DOMAIN_VERSION
from jpegcompile.kernels.conv.bench import machine, session_of
from jpegcompile.kernels.ingest.reference import jpeg_ingest
from jpegcompile.runtime.coefficients import read_coefficients
from jpegcompile.subsampling import geometry_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE, CHANNELS = 224, 64
QUALITIES = (25, 50, 75, 90, 95)
METHODS = ("sparse", "dense", "chosen")
RUNTIME = "onnxruntime"
# Pixels of the range 0 to 255 to the usual input of a network, about -2 to 2.
AFFINE = ChannelAffine(np.full(3, 1 / 57.0), np.full(3, -2.1))
GEOMETRY = geometry_of("4:2:0", SIZE, SIZE)
WINDOW = {"strides": [2, 2], "pads": [3] * 4, "dilations": [1, 1], "group": 1}

Feeds = dict[str, NDArray[Any]]


def weights() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Kernels and biases whose results are about as large as pixels."""
    generator = np.random.default_rng(0)
    kernels = generator.standard_normal((CHANNELS, 3, 7, 7), np.float32) / np.float32(12)
    return kernels, generator.standard_normal(CHANNELS, np.float32)


def constants() -> dict[str, NDArray[Any]]:
    """What both models hold: operators of the ingest that make pixels, and the convolution."""
    operators: IngestOperators = ingest_operators(GEOMETRY, "RGB", AFFINE)
    to_pixels = axis_dct(SIZE, operators.block).T
    kernels, bias = weights()
    values: dict[str, NDArray[Any]] = {}
    for name, index, count in (("luma", 0, 1), ("chroma", 1, 2)):
        rows, columns = (to_pixels @ m[index] for m in (operators.rows, operators.columns))
        blocks = rows.shape[1] // 8
        values |= {
            f"{name}_index": np.arange(index, index + count),
            f"{name}_table_shape": np.array([0, count, 1, 1, 8, 8]),
            f"{name}_shape": np.array([0, count, 8 * blocks, 8 * blocks]),
            f"{name}_rows": rows,
            f"{name}_columns": columns.T,
        }
    values |= {
        "mixing": operators.mixing[:, :, None, None],
        "offset": operators.offset[:, None, None],
        "dc": dc_map(SIZE, SIZE, 1),
        "weight": kernels,
        "bias": bias,
        "identity": np.eye(SIZE),
    }
    return {
        name: value.astype(np.float32) if value.dtype.kind == "f" else value
        for name, value in values.items()
    }


def model_of(method: str) -> onnx.ModelProto:
    """The stem by a method; its native forms hand their map on in groups of channels."""
    kinds = ("index", "table_shape", "shape")
    inputs = ["luma", "chroma", "quantization"]
    inputs += [f"{plane}_{kind}" for plane in ("luma", "chroma") for kind in kinds]
    inputs += [f"{plane}_{kind}" for plane in ("luma", "chroma") for kind in ("rows", "columns")]
    inputs += ["mixing", "offset", "dc"]
    to: dict[str, Any] = {"to": TensorProto.FLOAT, "block": 1}
    if method == RUNTIME:
        nodes = [
            helper.make_node("JpegIngest", inputs, ["image"], domain=DOMAIN, **to),
            helper.make_node("Conv", ["image", "weight", "bias"], ["sums"], **WINDOW),
            helper.make_node("Relu", ["sums"], ["y"]),
        ]
    else:
        inputs += ["weight", "bias", "identity", "identity"]
        chosen = "" if method == "chosen" else method
        further = {"output_block": 1, "y_group": CHANNEL_GROUP, "method": chosen}
        op = "JpegIngestSpatialConvRelu"
        nodes = [helper.make_node(op, inputs, ["y"], domain=DOMAIN, **to, **WINDOW, **further)]
    shapes: dict[str, tuple[int, list[Any]]] = {
        "luma": (TensorProto.INT16, ["N", 1, 28, 28, 8, 8]),
        "chroma": (TensorProto.INT16, ["N", 2, 14, 14, 8, 8]),
        "quantization": (TensorProto.UINT16, ["N", 3, 8, 8]),
    }
    values = {n: v for n, v in constants().items() if any(n in node.input for node in nodes)}
    graph = helper.make_graph(
        nodes,
        "stem",
        [helper.make_tensor_value_info(n, kind, shape) for n, (kind, shape) in shapes.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", CHANNELS, 112, 112])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, DOMAIN_VERSION)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def encoded(path: Path, quality: int) -> Coefficients:
    """An image at the network's size, as a file of that quality holds it."""
    stream = io.BytesIO()
    with Image.open(path) as image:
        small = image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        small.save(stream, "JPEG", quality=quality, subsampling="4:2:0")
    return read_coefficients(stream.getvalue())


def feeds_of(images: Sequence[Coefficients]) -> Feeds:
    """The inputs of a batch."""
    return {
        "luma": np.stack([image.planes[0][None] for image in images]),
        "chroma": np.stack([np.stack(image.planes[1:]) for image in images]),
        "quantization": np.stack([image.quantization for image in images]),
    }


def expected(feeds: Feeds) -> NDArray[np.float64]:
    """The stem of the float decode, in float64."""
    image = jpeg_ingest(
        feeds["luma"],
        feeds["chroma"],
        feeds["quantization"],
        geometry=GEOMETRY,
        color="RGB",
        affine=AFFINE,
        block=1,
    )
    kernels, bias = weights()
    sums = np.zeros((len(image), CHANNELS, 112, 112)) + bias[:, None, None].astype(np.float64)
    for (row, column), seen in taps(image, (7, 7), (2, 2), (3, 3, 3, 3), (1, 1)):
        sums += np.einsum("nchw,mc->nmhw", seen, kernels[..., row, column])
    return np.maximum(sums, 0)


def check_equal(way: str, actual: NDArray[Any], wanted: NDArray[np.float64]) -> None:
    """Compare a result with that in float64.

    An output is a sum of some hundred products, of magnitudes up to ten times the largest output
    where coefficients cancel: 100 u times that, with u = 6e-8, is 6e-5.

    Raises:
        AssertionError: if the largest difference is beyond that.
    """
    if way != RUNTIME:
        batch, groups = len(actual), CHANNELS // CHANNEL_GROUP
        grouped = actual.reshape(batch, groups, *wanted.shape[2:], CHANNEL_GROUP)
        actual = grouped.transpose(0, 1, 4, 2, 3).reshape(wanted.shape)
    allowed = 6e-5 * float(np.abs(wanted).max())
    difference = float(np.abs(actual - wanted).max())
    assert difference <= allowed, f"{way}: is off by {difference:g}, {allowed:g} is rounding"


def measure(
    sessions: dict[str, ort.InferenceSession],
    images: Sequence[Coefficients],
    rounds: int,
    cpu: bool,
) -> Any:
    """Median seconds an image by each way, for one batch."""
    feeds, count = feeds_of(images), len(images)
    wanted = expected(feeds)
    for way, session in sessions.items():
        check_equal(way, session.run(None, feeds)[0], wanted)
    clock = time.process_time if cpu else time.perf_counter
    times: dict[str, list[float]] = {way: [] for way in sessions}
    for _ in range(rounds):
        for way, session in sessions.items():
            start = clock()
            session.run(None, feeds)
            times[way].append((clock() - start) / count)
    nonzeros = [int(np.count_nonzero(feeds[plane])) / count for plane in ("luma", "chroma")]
    return {
        "luma_nonzeros": nonzeros[0],
        "chroma_nonzeros": nonzeros[1],
        "seconds": {way: statistics.median(values) for way, values in times.items()},
    }


def measured(arguments: argparse.Namespace) -> list[Any]:
    """A row for each quality and file."""
    ways = (*METHODS, RUNTIME)
    sessions = {way: session_of(model_of(way), arguments.threads) for way in ways}
    paths = sorted(p for p in arguments.images.iterdir() if p.suffix.lower() in (".jpeg", ".jpg"))
    rows = []
    for quality in arguments.quality:
        for path in paths[: arguments.most]:
            images = [encoded(path, quality)] * arguments.batch
            row = measure(sessions, images, arguments.rounds, arguments.threads == 1)
            rows.append({"file": path.name, "quality": quality, **row})
    return rows


def by_quality(rows: list[Any]) -> list[Any]:
    """Means over the files of a quality."""
    result = []
    for quality in sorted({row["quality"] for row in rows}):
        of = [row for row in rows if row["quality"] == quality]
        seconds = {
            way: statistics.fmean(row["seconds"][way] for row in of) for way in of[0]["seconds"]
        }
        counts = {
            name: statistics.fmean(row[name] for row in of)
            for name in ("luma_nonzeros", "chroma_nonzeros")
        }
        result.append({"quality": quality, **counts, "seconds": seconds})
    return result


def print_table(rows: list[Any]) -> None:
    """Milliseconds an image, and their ratios to ONNX Runtime's, as a Markdown table."""
    ways = (*METHODS, RUNTIME)
    print("| quality | coefficients not zero | " + " | ".join(ways) + " | sparse / onnxruntime |")
    print("|---" * (len(ways) + 3) + "|")
    for row in by_quality(rows):
        seconds = row["seconds"]
        cells = " | ".join(f"{seconds[way] * 1e3:.2f}" for way in ways)
        counts = f"{row['luma_nonzeros']:,.0f} + {row['chroma_nonzeros']:,.0f}"
        ratio = seconds["sparse"] / seconds[RUNTIME]
        print(f"| {row['quality']} | {counts} | {cells} | {ratio:.2f} |")


def draw(rows: list[Any], path: Path) -> None:
    """Time by quality, a line for each way."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes: Axes = figure.add_subplot()
    means = by_quality(rows)
    qualities = [row["quality"] for row in means]
    labels = {
        "sparse": "by coefficients",
        "dense": "by pixels, native",
        RUNTIME: "native ingest, then ONNX Runtime",
    }
    for way, marker in (("sparse", "o"), ("dense", "s"), (RUNTIME, "^")):
        values = [row["seconds"][way] * 1e3 for row in means]
        axes.plot(qualities, values, marker=marker, label=labels[way])
    axes.set_xlabel("quality of the JPEG files")
    axes.set_ylabel("ms an image, one core")
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> None:
    """Check, measure and print the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=Path, required=True, help="folder of JPEG files")
    parser.add_argument("--most", type=int, default=4, help="of the files, so many are taken")
    parser.add_argument("--quality", type=int, nargs="+", default=QUALITIES)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--plot", type=Path, help="write a plot to this file, SVG or PNG")
    arguments = parser.parse_args()
    rows = measured(arguments)
    if arguments.json:
        print(json.dumps({"machine": machine(), "threads": arguments.threads, "rows": rows}))
    else:
        print_table(rows)
    if arguments.plot is not None:
        draw(rows, arguments.plot)


if __name__ == "__main__":
    main()
