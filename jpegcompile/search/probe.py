"""One model for every frequency plan: the bands of its nonlinearities are inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
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
from jpegcompile.operators.piecewise import TRUNCATE
from jpegcompile.operators.registry import OPERATORS
from jpegcompile.runtime.cut import with_whole_tiles
from jpegcompile.runtime.session import Session
from jpegcompile.weights.read import fingerprint
from jpegcompile.weights.write import data_file, save

# Files that tell which subsampling is common.
_SAMPLE = 32
# Any number that every tile of more than one pixel resolves to less than all of its frequencies.
FEWEST = NodeFrequencies(mask=1, keep=1)


@dataclass(frozen=True)
class Knob:
    """One number of a plan.

    Attributes:
        node: nonlinearity, by its name in the source.
        kind: "mask" or "keep", as in `NodeFrequencies`.
        block: block size at which it is resolved.
        size: height and width of the map.
    """

    node: str
    kind: Literal["mask", "keep"]
    block: int
    size: tuple[int, int]

    @property
    def levels(self) -> tuple[int, ...]:
        """Numbers of a plan that differ for this block size, from all frequencies down."""
        smallest = {resolve(n, self.block): n for n in range(ALL, 0, -1)}
        return (
            ALL,
            *sorted((n for r, n in smallest.items() if r < full(self.block)), reverse=True),
        )

    def level(self, plan: FrequencyPlan) -> int:
        """What a plan says of it."""
        frequencies = plan.of(self.node)
        return frequencies.mask if self.kind == "mask" else frequencies.keep

    def band(self, level: int) -> NDArray[np.float32]:
        """The band [H, W] of a level."""
        count = resolve(level, self.block)
        return band_map(*self.size, self.block, count).astype(np.float32)


def open_bands(compiled: CompiledModel) -> tuple[onnx.ModelProto, dict[str, Knob]]:
    """The model with every band an input instead of a constant, and what these inputs are.

    Args:
        compiled: with fewer than all frequencies in each nonlinearity.
    """
    model = onnx.ModelProto()
    model.CopyFrom(compiled.model)
    # What a tile holds is not known any more.
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
        # Tensors of a source may be called anything but this: the name of our domain stands first.
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
    """Scores of a model under any plan.

    Attributes:
        knobs: numbers of the plan, by the input of the model that holds their band.
        session: of the model.
        sha256: of the compiled file: what is measured depends on it and on the images alone.
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
        """Compile a model with open bands, by a file in `folder`.

        Args:
            model: as for `compile`.
            folder: that holds the compiled file while the probe is used.
            masking: "asm" or "apx".
            fewest: what is open: numbers that are all frequencies stay so.
            tolerant: whether to take what can be read of damaged files.
            fallback: "pixels" also takes files of which no coefficients are read.
            options: further arguments of `compile`.

        Raises:
            UnsupportedModelError: if the model cannot be compiled or has no nonlinearity.
        """
        plan = FrequencyPlan(masking, fewest)
        compiled = compile(model, frequencies=plan, **options)
        opened, self.knobs = open_bands(compiled)
        if not self.knobs:
            raise UnsupportedModelError(
                "the model has no nonlinearity on tiles of pixels, so there is nothing to choose"
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
        progress: Callable[[int], None] | None = None,
    ) -> NDArray[Any]:
        """An output for image files, under a plan.

        Args:
            files: JPEG files.
            plan: frequencies of every nonlinearity; its masking is that of the probe.
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
        progress: Callable[[int], None] | None = None,
    ) -> Stability:
        """What one unit in the last place of the image does to an output, under a plan.

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
    """The subsampling that most of the first files have; None for a model of one channel.

    Files of another one are run too, but slower. Damaged files are read if `tolerant`, and files of
    which no coefficients are read have no say with the fallback "pixels".
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
