"""The subject of the experiments: a model, labelled images, and the exactly compiled model."""

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
from jpegcompile.messages import Message
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
    """A model with its images and preprocessing.

    Attributes:
        model: as for `compile`.
        images: folder with a folder of JPEG files for each class.
        preprocess: preprocessing from pixels to the network's input.
    """

    model: ModelSource
    images: PathLike
    preprocess: PreprocessSource


@dataclass(frozen=True)
class Subject:
    """A model, the same model compiled with all frequencies, and labelled images.

    Attributes:
        model: as for `compile`.
        source: the model after reading.
        network: the source without its own preprocessing nodes, which the ingest replaces.
        session: session of the compiled model.
        images: labelled images.
        output: name of the output with the scores.
        options: options of `compile`, for other versions of the compiled model.
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
        """Return the file name of the model."""
        return Path(self.source.name).name

    @property
    def fixed_batch(self) -> int | None:
        """Return the fixed batch size of the original or compiled model, None if it is dynamic."""
        name = self.session.info.input.name
        image = next(value for value in self.source.model.graph.input if value.name == name)
        return image.type.tensor_type.shape.dim[0].dim_value or self.session.fixed_batch


def material(
    model: ModelSource | None, images: PathLike | None, preprocess: PreprocessSource | None
) -> Material:
    """Return the given model, images and preprocessing, or those of the demo if none is given.

    Raises:
        UsageError: if only some of the three are given.
        AccessError: if the files of the demo are missing.
    """
    if model is None:
        for option, value in (("--images", images), ("--preprocess", preprocess)):
            if value is not None:
                text = f"{option} requires a model; give MODEL, or leave {option} out"
                raise UsageError(Message("paper-model-missing", text))
        return Material(model_path(), images_path(), preprocess_path())
    if images is None:
        text = "--images is missing; give a folder with a folder of JPEG files for each class"
        raise UsageError(Message("paper-images-missing", text))
    if preprocess is None:
        text = (
            "--preprocess is missing; give the normalization of the training: imagenet, cifar10,"
            " unit, none or a JSON file"
        )
        raise UsageError(Message("paper-preprocess-missing", text))
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
    """Compile a model with all frequencies, for the subsampling of its images.

    Args:
        given: model, images and preprocessing.
        folder: folder for the compiled file, which must exist as long as the subject is used.
        labels: as for `compare`.
        output: name of the output with the scores, as for `compare`.
        image_input: as for `compile`.
        input_size: as for `compile`.
        limit: largest number of images, chosen evenly from first to last.
        threads: threads of ONNX Runtime for the compiled model.

    Raises:
        UsageError: if the arguments do not fit the model.
        UnsupportedModelError: if the model cannot be compiled.
        AccessError: if a file is missing.
    """
    if limit is not None and limit < 1:
        raise UsageError(Message("paper-limit-out-of-range", f"limit is {limit}; give 1 or more"))
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
