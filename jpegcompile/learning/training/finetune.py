"""`finetune`: learn the weights of an ONNX model on JPEG files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from jpegcompile.data.found import Images
from jpegcompile.frequency_plan import Frequencies, Masking
from jpegcompile.input_size import InputSize
from jpegcompile.ir.module import DomainChoice
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.jpeg.unusable import OnError
from jpegcompile.learning.export import to_onnx
from jpegcompile.learning.training.distributed import process_group
from jpegcompile.learning.training.failures import naming_failures
from jpegcompile.learning.training.run import Run
from jpegcompile.options import compiling
from jpegcompile.options import training as option
from jpegcompile.options.running import FALLBACK, LABELS, ON_ERROR, OUTPUT_NAME, TOLERANT
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.progress import Progress, no_progress
from jpegcompile.resolution_plan import Resolution
from jpegcompile.results.finetuning import (
    Amp,
    Decay,
    EpochResult,
    Finetuning,
    Keep,
    Optimizer,
    Schedule,
)


def finetune(
    model: str | os.PathLike[str],
    images: Images,
    output: str | os.PathLike[str],
    *,
    preprocess: str | os.PathLike[str] | Mapping[str, Any] | Preprocess | None = None,
    compiled: str | os.PathLike[str] | None = option.COMPILED.default,
    labels: str | os.PathLike[str] | None = LABELS.default,
    validation: float | str | os.PathLike[str] = option.VALIDATION.default,
    evaluate_original: bool = option.EVALUATE_ORIGINAL.default,
    augment: str = option.AUGMENT.default,
    cache: str | os.PathLike[str] | None = option.CACHE.default,
    image_input: str | None = compiling.IMAGE_INPUT.default,
    input_size: InputSize | None = compiling.INPUT_SIZE.default,
    output_name: str | None = OUTPUT_NAME.default,
    epochs: int = option.EPOCHS.default,
    batch: int = option.BATCH.default,
    optimizer: Optimizer = option.OPTIMIZER.default,
    learning_rate: float | None = option.LEARNING_RATE.default,
    schedule: Schedule = option.SCHEDULE.default,
    warmup: float = option.WARMUP.default,
    milestones: Sequence[int] | None = option.MILESTONES.default,
    momentum: float = option.MOMENTUM.default,
    nesterov: bool = option.NESTEROV.default,
    weight_decay: float = option.WEIGHT_DECAY.default,
    decay: Decay = option.DECAY.default,
    clip: float | None = option.CLIP.default,
    label_smoothing: float = option.LABEL_SMOOTHING.default,
    seed: int = option.SEED.default,
    keep: Keep = option.KEEP.default,
    patience: int | None = option.PATIENCE.default,
    distill: str | os.PathLike[str] | None = option.DISTILL.default,
    temperature: float = option.TEMPERATURE.default,
    distill_weight: float = option.DISTILL_WEIGHT.default,
    frequencies: Frequencies | None = compiling.FREQUENCIES.default,
    truncate: int | None = compiling.TRUNCATE.default,
    relu: Masking | None = compiling.RELU.default,
    resolution: Resolution | None = compiling.RESOLUTION.default,
    domain: DomainChoice | None = option.LEARNED_DOMAIN.default,
    on_error: OnError = ON_ERROR.default,
    fallback: Fallback = FALLBACK.default,
    tolerant: bool = TOLERANT.default,
    amp: Amp | None = option.AMP.default,
    device: str | None = option.DEVICE.default,
    workers: int = option.WORKERS.default,
    threads: int | None = option.READING_THREADS.default,
    checkpoint: str | os.PathLike[str] | None = option.CHECKPOINT.default,
    checkpoint_every: int | None = option.CHECKPOINT_EVERY.default,
    resume: bool = option.RESUME.default,
    metrics: str | os.PathLike[str] | None = option.METRICS.default,
    tensorboard: str | os.PathLike[str] | None = option.TENSORBOARD.default,
    on_epoch: Callable[[EpochResult], None] | None = None,
    progress: Progress | None = None,
) -> Finetuning:
    """Learn the weights of an ONNX model on JPEG files, and write the model with them.

    docs/options.md lists the same options for the command line, docs/finetune.md explains them.

    Args:
        model: path of an ONNX model.
        images: folder with one folder for each class or without labels; a list of files; or
            WebDataset shards, as for `ImageDataset`.
        output: path of the learned model, an ordinary ONNX model like `model`.
        preprocess: how images become the network's input, as for `compile`. Default: that of
            `model`, if it was compiled before.
        compiled: path for the learned model after compilation with the same approximations.
        labels: JSON file that maps folder names to class indices.
        validation: share of the images that is held out to evaluate each epoch; or the path of
            other images. 0 evaluates nothing.
        evaluate_original: whether to evaluate the original too, at its own resolution and with all
            frequencies.
        augment: random changes of the training images (docs/augmentation.md).
        cache: file of the coefficients of the training images, written if it does not exist.
        image_input: as for `compile`.
        input_size: as for `compile`.
        output_name: name of the output with the scores. Default: the first output.
        epochs: how often each image is used.
        batch: images per step, of all processes together.
        optimizer: "sgd" or "adamw".
        learning_rate: largest learning rate. Default: 0.01, or 0.001 for "adamw" and for networks
            without normalization layers.
        schedule: "cosine", "step" or "constant".
        warmup: epochs in which the learning rate rises to its largest value.
        milestones: epochs after which "step" divides the learning rate by 10.
        momentum: momentum of "sgd".
        nesterov: whether "sgd" uses Nesterov's momentum.
        weight_decay: weight decay.
        decay: parameters that decay, "all" or "weights".
        clip: largest norm of the gradients.
        label_smoothing: share of each label that is spread over all classes.
        seed: seed of the order of the images, of `augment`, and of the images that are held out.
        keep: "best" to write the weights of the best epoch, "last" for the last epoch.
        patience: epochs without improvement after which learning stops.
        distill: "original" to learn from the scores of `model`, or the path of another ONNX model.
        temperature: temperature of the distillation.
        distill_weight: share of the distillation in the loss of an image with a label.
        frequencies: mask frequencies while learning, as for `compile`.
        truncate: kept frequencies while learning, as for `compile`.
        relu: masking while learning, as for `compile`.
        resolution: size of the network's input while learning, as for `compile`.
        domain: domain of the feature maps while learning, "jpeg" or "auto".
        on_error: what to do with unusable files, as for `compare`.
        fallback: as for `compare`.
        tolerant: as for `compare`.
        amp: "bfloat16" or "float16" for mixed precision.
        device: "cpu", "cuda" or "cuda:N". Default: "cuda" if there is a GPU.
        workers: number of processes that read images; 0 to read in threads.
        threads: number of threads that read images.
        checkpoint: file from which an interrupted run continues.
        checkpoint_every: number of steps between checkpoints within an epoch.
        resume: whether to continue from `checkpoint`, if the file exists.
        metrics: CSV file with a row for each epoch.
        tensorboard: folder of event files for TensorBoard.
        on_epoch: called after each epoch.
        progress: called with (steps done, steps in all).

    Returns:
        The course of learning, and the accuracy before and after. With `torchrun`, every process
        returns it, and the first one writes the files.

    Raises:
        UsageError: if options are invalid or do not fit the model, the images or the checkpoint.
        UnsupportedModelError: if the model cannot be a PyTorch module.
        ImageError: if an image is unusable and `on_error` is "stop", or if no image is usable.
        AccessError: if a file cannot be read or written, or a package is missing.
        CheckFailedError: if the loss is not finite.
        KeyboardInterrupt: if the user interrupts; the checkpoint is written before.
    """
    given = dict(locals())
    with (
        naming_failures(batch),
        process_group(device) as group,
        torch.random.fork_rng(_devices(group.device)),
    ):
        run = Run(given, group)
        loop = run.learned(progress or no_progress, on_epoch)
        if group.is_first:
            to_onnx(run.student.module, output, **run.compiling())
        return run.result(loop)


def _devices(device: torch.device) -> list[torch.device]:
    return [device] if device.type == "cuda" else []
