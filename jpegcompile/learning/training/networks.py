"""The student and its teacher: PyTorch modules of ONNX models, with their images."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _NormBase

from jpegcompile.data.filling import Inputs
from jpegcompile.errors import UsageError
from jpegcompile.evaluation.compare import check_scores, score_output
from jpegcompile.frequency_plan import FrequencyPlan
from jpegcompile.frontend.image import declared_image
from jpegcompile.frontend.load import load_source, load_standard
from jpegcompile.frontend.preprocessing_nodes.read_nodes import read_preprocessing_nodes
from jpegcompile.learning.ingest import JpegIngest
from jpegcompile.learning.onnx.logits import logits_of
from jpegcompile.learning.onnx.prepared import prepared
from jpegcompile.learning.onnx.read import LearningDomain, from_onnx
from jpegcompile.learning.transforms import block_of
from jpegcompile.messages import Message
from jpegcompile.network_input import NetworkInput
from jpegcompile.options.recompiling import complete_from_model
from jpegcompile.options.requested import compile_options
from jpegcompile.preprocessing.preprocess import Preprocess


class Scores(nn.Module):
    """Maps the inputs of a batch to the scores of a network, before a softmax."""

    def __init__(self, network: nn.Module, block: int) -> None:
        """Put the ingest before a network.

        Args:
            network: maps images [N, C, H, W] to scores [N, classes].
            block: block size of the images; 1 for pixels.
        """
        super().__init__()
        self.network = network
        self.ingest = JpegIngest(block)

    def forward(self, inputs: Inputs) -> Tensor:
        """Return scores [N, classes].

        Args:
            inputs: images [N, C, H, W], or the coefficients of a batch of `ImageDataset`.
        """
        images = inputs if isinstance(inputs, Tensor) else self.ingest(inputs)  # type: ignore[arg-type]
        scores: Tensor = self.network(images)
        return scores


_NORMALIZATIONS = (_NormBase, nn.GroupNorm, nn.LayerNorm)


@dataclass(frozen=True)
class Network:
    """A network that learns or teaches.

    Attributes:
        module: module of `from_onnx`.
        scores: the same with its ingest, and without a softmax.
        image: image input of the network.
        preprocess: how images become the input.
        trained: (height, width) that the network was trained at.
        block: block size of the images that the network reads; 1 for pixels.
        classes: number of classes.
        output: name of the output with the scores.
        described: preprocessing as the user or the model describes it, for any resolution.
        plan: frequencies of its nonlinearities.
        sha256: hash of the model.
    """

    module: fx.GraphModule
    scores: Scores
    image: NetworkInput
    preprocess: Preprocess
    trained: tuple[int, int]
    block: int
    classes: int
    output: str
    described: Preprocess
    plan: FrequencyPlan
    sha256: str

    @property
    def is_normalized(self) -> bool:
        """Whether the network has normalization layers; files often have them folded."""
        return any(isinstance(one, _NORMALIZATIONS) for one in self.module.modules())


def network_of(
    model: str | os.PathLike[str],
    options: Mapping[str, Any],
    output_name: str | None,
    *,
    domain: LearningDomain,
    reads_pixels: bool,
) -> Network:
    """Return the network of an ONNX model.

    Args:
        model: path of the model.
        options: options of `from_onnx` that it shares with `compile`; `preprocess` is one of them.
            A model that was compiled before has defaults for them, as for `compile`.
        output_name: name of the output with the scores; None for the first output.
        domain: domain of the feature maps.
        reads_pixels: whether the network reads pixels, rather than an image in the JPEG domain.

    Raises:
        UsageError, UnsupportedModelError, AccessError: as `from_onnx`.
    """
    asked = compile_options(input="coefficients", **options)
    source = load_source(model, asked.image_input)
    asked, _ = complete_from_model(source, asked)
    if asked.preprocess is None:
        raise UsageError(
            Message(
                "finetune-preprocess-missing",
                f"{source.name}: does not say how images become its input; give --preprocess with"
                " the normalization that it was trained with: imagenet, cifar10, unit, none or a"
                " JSON file",
            )
        )
    ready = prepared(source, asked)
    image, preprocess = ready.module.image, ready.options.preprocess
    assert preprocess is not None
    module = from_onnx(
        model,
        domain=domain,
        input="spatial" if reads_pixels else "jpeg",
        **{**options, "preprocess": asked.preprocess, "image_input": asked.image_input},
    )
    outputs = [tensor.name for tensor in ready.module.graph.outputs]
    chosen = score_output(outputs, output_name)
    network = logits_of(_only(module, outputs.index(chosen)))
    block = 1 if reads_pixels else block_of(torch.empty(image.size))
    color = preprocess.color_for(image.channels)
    original = replace(asked, resolution=None)
    trained = image if asked.resolution is None else prepared(source, original).module.image
    return Network(
        module,
        Scores(network, block),
        image,
        replace(preprocess, color=color),
        trained.size,
        block,
        _classes(network, image, chosen),
        chosen,
        asked.preprocess,
        asked.frequencies,
        source.sha256,
    )


def options_of_teacher(
    teacher: str | os.PathLike[str], options: Mapping[str, Any], student: Network
) -> dict[str, Any]:
    """Return the options of the student that apply to its teacher, which is another model.

    Args:
        teacher: path of the teacher.
        options: `preprocess`, `image_input` and `input_size` of the student, as the user gives
            them. A teacher that was compiled before has its own preprocessing.
        student: the student. A teacher for any size runs at the size that the student was trained
            at.

    Raises:
        UnsupportedModelError, AccessError: as `load_source`.
    """
    inputs = {value.name for value in load_standard(teacher).model.graph.input}
    name = options["image_input"] if options["image_input"] in inputs else None
    source = load_source(teacher, name)
    image = declared_image(source.model, name, source.name)
    size = None
    if image.has_dynamic_size:
        nodes = read_preprocessing_nodes(source.model, image.name, image.layout)
        size = options["input_size"] or (student.trained if nodes.size is None else None)
    info = None if source.raised is None else source.raised.info
    has_own = info is not None and info.preprocessing is not None
    return {
        "preprocess": None if has_own else student.described,
        "image_input": name,
        "input_size": size,
    }


def _only(module: fx.GraphModule, index: int) -> fx.GraphModule:
    """Return a module that computes one of several outputs, with the same parameters."""
    output = next(node for node in reversed(module.graph.nodes) if node.op == "output")
    if not isinstance(output.args[0], tuple | list):
        return module
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    graph.graph_copy(module.graph, copies)
    wanted = output.args[0][index]
    assert isinstance(wanted, fx.Node)
    graph.output(copies[wanted])
    made = fx.GraphModule(module, graph)
    made.graph.eliminate_dead_code()
    made.delete_all_unused_submodules()
    made.recompile()
    made.train(module.training)
    return made


def _classes(network: nn.Module, image: NetworkInput, output: str) -> int:
    """Return the number of classes.

    Raises:
        UsageError: as `check_scores`.
    """
    was_training = network.training
    network.eval()
    with torch.no_grad():
        scores = network(torch.zeros(2, image.channels, *image.size))
    network.train(was_training)
    check_scores(scores.numpy(), output, 2, ())
    return int(scores.shape[1])
