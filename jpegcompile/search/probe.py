"""A model that runs every frequency plan: the bands of its nonlinearities are inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from jpegcompile.compiled_model import CompiledModel
from jpegcompile.compiler import ModelSource, compile
from jpegcompile.dct.frequencies import ALL, band_map, full, resolve
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.evaluation.stability import Stability, network_inputs, stability_of
from jpegcompile.frequency_plan import FrequencyPlan, Masking, NodeFrequencies
from jpegcompile.frontend.image import declared_image
from jpegcompile.frontend.load import load_source
from jpegcompile.interface import DOMAIN
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.pixel_fallback import Fallback, PixelFallback
from jpegcompile.jpeg.subsampling import subsampling_of
from jpegcompile.jpeg.unusable import ImageReader
from jpegcompile.messages import Message
from jpegcompile.operators.piecewise import TRUNCATE
from jpegcompile.operators.registry import OPERATORS
from jpegcompile.progress import Advance
from jpegcompile.runtime.cut import with_whole_tiles
from jpegcompile.runtime.session import Session
from jpegcompile.weights.read import fingerprint
from jpegcompile.weights.write import data_file, save

# Number of files that determine the most common subsampling.
_SAMPLE = 32
# For every tile of more than one pixel, these numbers are fewer than all frequencies.
FEWEST = NodeFrequencies(mask=1, keep=1)


@dataclass(frozen=True)
class Knob:
    """One number of a frequency plan.

    Attributes:
        node: name of the nonlinearity in the source.
        kind: "mask" or "keep", as in `NodeFrequencies`.
        block: block size of the map.
        size: height and width of the map.
    """

    node: str
    kind: Literal["mask", "keep"]
    block: int
    size: tuple[int, int]

    @property
    def levels(self) -> tuple[int, ...]:
        """Distinct numbers of frequencies at this block size, from all frequencies down."""
        smallest = {resolve(n, self.block): n for n in range(ALL, 0, -1)}
        return (
            ALL,
            *sorted((n for r, n in smallest.items() if r < full(self.block)), reverse=True),
        )

    def level(self, plan: FrequencyPlan) -> int:
        """Return the number that a plan has for this knob."""
        frequencies = plan.of(self.node)
        return frequencies.mask if self.kind == "mask" else frequencies.keep

    def band(self, level: int) -> NDArray[np.float32]:
        """Return the band [H, W] of a level."""
        count = resolve(level, self.block)
        return band_map(*self.size, self.block, count).astype(np.float32)


def open_bands(compiled: CompiledModel) -> tuple[onnx.ModelProto, dict[str, Knob]]:
    """Make every band of a compiled model an input instead of a constant.

    Args:
        compiled: a model with fewer than all frequencies in each nonlinearity.

    Returns:
        The model, and the knob of each new input.
    """
    model = onnx.ModelProto()
    model.CopyFrom(compiled.model)
    # The number of coefficients of a tile is unknown now, so no map can be compact.
    with_whole_tiles(model)
    graph = model.graph
    sizes = {tensor.name: tensor.dims for tensor in graph.initializer}
    maker = {name: node.name for node in graph.node for name in node.output}
    knobs: dict[str, Knob] = {}
    for node in graph.node:
        if not any(attribute.name == "frequencies" for attribute in node.attribute):
            continue
        operator = OPERATORS[node.op_type]
        kind: Literal["mask", "keep"] = "keep" if operator.truncates else "mask"
        name = maker[node.input[0]] if node.op_type == TRUNCATE else node.name
        report = compiled.report.node(name)
        block = report.output_block if kind == "keep" else report.input_block
        place = operator.position("band")
        height, width = sizes[node.input[place]]
        # No tensor of a source has a name that starts with the `jpegcompile` operator domain.
        band = f"{DOMAIN}.{kind}.{name}"
        node.input[place] = band
        graph.input.append(
            helper.make_tensor_value_info(band, onnx.TensorProto.FLOAT, [height, width])
        )
        knobs[band] = Knob(name, kind, block or 1, (height, width))
    read = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    return model, knobs


class Probe:
    """Runs a model under any frequency plan.

    Attributes:
        knobs: knobs by the input of the model for their band.
        session: session of the model.
        sha256: hash of the compiled file. Measurements depend only on it and on the images.
    """

    def __init__(
        self,
        model: ModelSource,
        folder: Path,
        masking: Masking,
        fewest: NodeFrequencies = FEWEST,
        tolerant: bool = False,
        fallback: Fallback = "none",
        **options: Any,
    ) -> None:
        """Compile a model with bands as inputs.

        Args:
            model: as for `compile`.
            folder: folder for the compiled file. It must exist as long as the probe is used.
            masking: "asm" or "apx".
            fewest: kinds of knobs. A kind with all frequencies has no knobs.
            tolerant: whether to use the readable part of damaged files.
            fallback: "pixels" to use Pillow for files whose coefficients cannot be read.
            options: further arguments of `compile`.

        Raises:
            UnsupportedModelError: if the model cannot be compiled or has no nonlinearity.
        """
        plan = FrequencyPlan(masking, fewest)
        compiled = compile(model, frequencies=plan, **options)
        opened, self.knobs = open_bands(compiled)
        if not self.knobs:
            raise UnsupportedModelError(
                Message(
                    "search-without-nonlinearity",
                    "the model has no nonlinearity on tiles, so there are no frequencies to choose;"
                    " omit the search",
                )
            )
        path = folder / f"probe.{masking}.onnx"
        save(opened, path, compiled.weights)
        locations = [data_file(path).name] if compiled.weights else []
        self.sha256 = fingerprint(path.read_bytes(), path, locations)
        self.session = Session(path, providers="cpu")
        self._taking: dict[str, Any] = {"tolerant": tolerant, "fallback": fallback}

    def scores(
        self,
        files: Sequence[Path],
        plan: FrequencyPlan,
        output: str,
        progress: Advance | None = None,
    ) -> NDArray[Any]:
        """Return an output for image files under a plan.

        Args:
            files: JPEG files.
            plan: a plan with the masking of the probe.
            output: name of the output.
            progress: called with the number of files done since the last call.

        Raises:
            ImageError, AccessError: if an image is damaged, of another size, or cannot be read.
        """
        bands = {name: knob.band(knob.level(plan)) for name, knob in self.knobs.items()}
        index = self.session.output_names.index(output)
        parts = []
        for start in range(0, len(files), self.session.batch_size):
            chunk = files[start : start + self.session.batch_size]
            parts.append(self.session.run(chunk, bands, **self._taking)[index])
            if progress is not None:
                progress(len(chunk))
        return np.concatenate(parts)

    def stability(
        self,
        files: Sequence[Path],
        plan: FrequencyPlan,
        output: str,
        progress: Advance | None = None,
    ) -> Stability:
        """Measure the effect of one unit in the last place of the input on an output.

        Args:
            files: JPEG files.
            plan: a plan with the masking of the probe.
            output: name of the output.
            progress: called with the number of files done since the last call.

        Raises:
            ImageError, AccessError: as `scores`.
        """
        bands = {name: knob.band(knob.level(plan)) for name, knob in self.knobs.items()}
        index = self.session.output_names.index(output)
        return stability_of(
            lambda image: [self.session.run_image(image, bands)[index]],
            network_inputs(self.session, files, **self._taking),
            progress,
        )


def common_subsampling(
    model: ModelSource,
    files: Sequence[Path],
    image_input: str | None,
    *,
    tolerant: bool = False,
    fallback: Fallback = "none",
) -> str | None:
    """Return the most common chroma subsampling of the first files.

    Files with another subsampling run too, but slower.

    Args:
        model: as for `compile`.
        files: JPEG files.
        image_input: as for `compile`.
        tolerant: whether to read damaged files.
        fallback: with "pixels", files whose coefficients cannot be read are ignored.

    Returns:
        The subsampling, such as "4:2:0"; None for a model of one channel.
    """
    source = load_source(model, image_input)
    if declared_image(source.model, image_input, source.name).channels == 1:
        return None
    reader = ImageReader(
        lambda image, name: None, tolerant=tolerant, fallback=PixelFallback(fallback, "RGB")
    )
    images = [item.image for item in reader.read(files[:_SAMPLE])]
    found = Counter(subsampling_of(i.frame) for i in images if isinstance(i, Coefficients))
    found.pop(None, None)
    return found.most_common(1)[0][0] if found else None
