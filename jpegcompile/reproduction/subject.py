"""What the experiments are made on: a model, labelled images, and the model compiled exactly."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from jpegcompile.compiler import ModelSource, compile
from jpegcompile.digits import images_path, model_path, preprocess_path
from jpegcompile.errors import UsageError
from jpegcompile.evaluation.dataset import labelled_images
from jpegcompile.evaluation.spatial import score_count
from jpegcompile.evaluation.verify import require_same_source
from jpegcompile.frontend.load import Source, load_source
from jpegcompile.frontend.preprocessing_nodes.extract import extract_preprocessing
from jpegcompile.input_size import InputSize, input_size_of
from jpegcompile.options.fitted import image_of
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.runtime.session import Session
from jpegcompile.search.images import source_output
from jpegcompile.search.probe import common_subsampling
from jpegcompile.search.splits import Split

PathLike = str | os.PathLike[str]
PreprocessSource = PathLike | Mapping[str, Any] | Preprocess


@dataclass(frozen=True)
class Material:
    """A model and what it is measured on.

    Attributes:
        model: as `compile` takes it.
        images: folder with one folder of JPEG files a class.
        preprocess: how pixels became the network's input.
    """

    model: ModelSource
    images: PathLike
    preprocess: PreprocessSource


@dataclass(frozen=True)
class Subject:
    """A model compiled at all frequencies, with its images.

    Attributes:
        model: as `compile` takes it.
        source: the same, read.
        network: the source behind the preprocessing of its own whose work the ingest does.
        session: of the compiled model.
        images: labelled.
        output: that holds the scores.
        options: of `compile`, to compile it otherwise.
    """

    model: ModelSource
    source: Source
    network: Source
    session: Session
    images: Split
    output: str
    options: Mapping[str, Any]

    @property
    def model_name(self) -> str:
        """File name of the model."""
        return Path(self.source.name).name

    @property
    def fixed_batch(self) -> int | None:
        """The batch that the original or the compiled model is bound to, None if any will do."""
        name = self.session.info.input.name
        image = next(value for value in self.source.model.graph.input if value.name == name)
        return image.type.tensor_type.shape.dim[0].dim_value or self.session.fixed_batch


def material(
    model: ModelSource | None, images: PathLike | None, preprocess: PreprocessSource | None
) -> Material:
    """The model, images and preprocessing that are given, or those of the demo.

    Raises:
        UsageError: if only some of the three are given.
        AccessError: if the demo's files are missing.
    """
    if model is None:
        for option, value in (("--images", images), ("--preprocess", preprocess)):
            if value is not None:
                raise UsageError(
                    f"{option} is for a model of your own; give the model too, or leave it out"
                )
        return Material(model_path(), images_path(), preprocess_path())
    if images is None:
        raise UsageError(
            "a model needs --images DIR, a folder with one folder of JPEG files a class"
        )
    if preprocess is None:
        raise UsageError(
            "a model needs --preprocess, the normalisation that it was trained with: imagenet,"
            " cifar10, unit, none or a JSON file"
        )
    return Material(model, images, preprocess)


def prepare(
    given: Material,
    folder: Path,
    *,
    labels: PathLike | None = None,
    output: str | None = None,
    image_input: str | None = None,
    input_size: InputSize | None = None,
    limit: int | None = None,
    threads: int | None = None,
) -> Subject:
    """Compile a model exactly, for the subsampling that its images have.

    Args:
        given: model, images and preprocessing.
        folder: that holds the compiled file while the subject is used.
        labels: as for `compare`, and so is `output`.
        output: which output holds the scores.
        image_input: as for `compile`.
        input_size: as for `compile`.
        limit: at most so many images, evenly from first to last.
        threads: of ONNX Runtime for the compiled model.

    Raises:
        UsageError: if the arguments do not fit the model.
        UnsupportedModelError: if the model cannot be compiled.
        AccessError: if a file is missing.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"limit is {limit}; give 1 or more images")
    source = load_source(given.model, image_input)
    size = input_size_of(input_size)
    described = preprocess_of(given.preprocess)
    network = extract_preprocessing(source, image_input, size, described).source
    taken, name = image_of(network, image_input, size), source_output(source, output)
    data = labelled_images(given.images, labels, partial(score_count, network, taken, name))
    images = Split("images", data.files, data.labels)
    if limit is not None:
        images = images.spread("images", limit)
    options: dict[str, Any] = {
        "preprocess": described,
        "image_input": image_input,
        "input_size": size,
        "subsampling": common_subsampling(given.model, images.files, image_input),
    }
    compile(given.model, **options).save(folder / "exact.onnx")
    session = Session(folder / "exact.onnx", threads, providers="cpu")
    require_same_source(source, session)
    return Subject(given.model, source, network, session, images, name, options)
