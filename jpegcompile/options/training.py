"""Options of `finetune`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegcompile.options.compiling import (
    DOMAIN,
    FREQUENCIES,
    IMAGE_INPUT,
    INPUT_SIZE,
    PREPROCESS,
    RELU,
    RESOLUTION,
    TRUNCATE,
)
from jpegcompile.options.option import Option
from jpegcompile.options.running import (
    FILES,
    IMAGES,
    LABELS,
    MOST_IMAGES,
    MOST_THREADS,
    OUTPUT_NAME,
)

if TYPE_CHECKING:
    from jpegcompile.ir.module import DomainChoice
    from jpegcompile.results.finetuning import Amp, Decay, Keep, Optimizer, Schedule

# Larger numbers are typing errors.
MOST_EPOCHS, MOST_WORKERS = 100_000, 1024

LEARNED_OUTPUT: Option[Any] = Option(
    "output",
    None,
    "File to write: an ONNX model like MODEL, with the learned weights.",
    kind="path",
    short="-o",
    metavar="FILE",
    is_required=True,
)
COMPILED: Option[Path | None] = Option(
    "compiled",
    None,
    "Also compile the learned model, with the same --preprocess, --frequencies, --truncate, --relu,"
    " --resolution and --domain, to this file.",
    kind="path",
    metavar="FILE",
)
TRAINING_IMAGES: Option[Any] = replace(
    IMAGES,
    help="Folder of JPEG files, with one folder for each class or without labels; or WebDataset"
    " shards, such as train-{000..099}.tar.",
    metavar="DIR|SHARDS",
    is_required=True,
)
VALIDATION: Option[Any] = Option(
    "validation",
    0.1,
    "Share of the images that is held out to evaluate each epoch, chosen by the names of the files;"
    " 0 evaluates nothing. Or a folder or shards of other images.",
    kind="share",
    metavar="X|DIR",
)
DISTILL: Option[Any] = Option(
    "distill",
    None,
    "Learn from the scores of MODEL as it is, at its own resolution and with all frequencies, or of"
    " another ONNX model. Images need no labels then.",
    kind="optional",
    choices=("original",),
    metavar="[FILE]",
)
TEMPERATURE: Option[float] = Option(
    "temperature", 4.0, "Temperature of the distillation.", kind="number", metavar="X"
)
DISTILL_WEIGHT: Option[float] = Option(
    "distill_weight",
    0.7,
    "Share of the distillation in the loss of an image with a label, 0 to 1.",
    kind="number",
    metavar="X",
)
EPOCHS: Option[int] = Option(
    "epochs",
    3,
    "How often each image is used.",
    kind="integer",
    most=MOST_EPOCHS,
    metavar="N",
)
BATCH: Option[int] = Option(
    "batch",
    128,
    "Images per step, of all processes together.",
    kind="integer",
    most=MOST_IMAGES,
    metavar="N",
)
SEED: Option[int] = Option(
    "seed",
    0,
    "Seed of the order of the images, of --augment, and of the images that --validation holds out.",
    kind="integer",
    least=0,
    metavar="N",
)
OPTIMIZER: Option[Optimizer] = Option(
    "optimizer", "sgd", "Optimizer.", kind="choice", choices=("sgd", "adamw")
)
LEARNING_RATE: Option[float | None] = Option(
    "learning_rate",
    None,
    "Largest learning rate.",
    kind="number",
    metavar="X",
    default_text="0.01; 0.001 for adamw, or if MODEL has no normalization layers",
)
MOMENTUM: Option[float] = Option("momentum", 0.9, "Momentum of sgd.", kind="number", metavar="X")
NESTEROV: Option[bool] = Option("nesterov", False, "Use Nesterov's momentum in sgd.", kind="flag")
WEIGHT_DECAY: Option[float] = Option(
    "weight_decay", 1e-4, "Weight decay.", kind="number", metavar="X"
)
DECAY: Option[Decay] = Option(
    "decay",
    "all",
    "Parameters that decay: all, or weights without biases and scales of normalizations.",
    kind="choice",
    choices=("all", "weights"),
)
SCHEDULE: Option[Schedule] = Option(
    "schedule",
    "cosine",
    "Course of the learning rate: a cosine to 0, a tenth after each of --milestones, or constant.",
    kind="choice",
    choices=("cosine", "step", "constant"),
)
WARMUP: Option[float] = Option(
    "warmup",
    0.0,
    "Epochs in which the learning rate rises to its largest value.",
    kind="number",
    metavar="X",
)
MILESTONES: Option[Sequence[int] | None] = Option(
    "milestones",
    None,
    "Epochs after which --schedule step divides the learning rate by 10.",
    kind="integers",
    most=MOST_EPOCHS,
    metavar="N,...",
    default_text="a half and three quarters of --epochs",
)
CLIP: Option[float | None] = Option(
    "clip",
    None,
    "Largest norm of the gradients.",
    kind="number",
    metavar="X",
    default_text="no limit",
)
LABEL_SMOOTHING: Option[float] = Option(
    "label_smoothing",
    0.0,
    "Share of each label that is spread over all classes.",
    kind="number",
    metavar="X",
)
KEEP: Option[Keep] = Option(
    "keep",
    "best",
    "Write the weights of the epoch that is best on the validation images, or of the last epoch.",
    kind="choice",
    choices=("best", "last"),
)
PATIENCE: Option[int | None] = Option(
    "patience",
    None,
    "Stop after this number of epochs without improvement on the validation images.",
    kind="integer",
    most=MOST_EPOCHS,
    metavar="N",
    default_text="never",
)
EVALUATE_ORIGINAL: Option[bool] = Option(
    "evaluate_original",
    False,
    "Also evaluate MODEL as it is on the validation images, at its own resolution and with all"
    " frequencies.",
    kind="flag",
)
AUGMENT: Option[str] = Option(
    "augment",
    "flip",
    "Random changes of the training images: none, cifar, imagenet, or items such as flip,crop=4."
    " See docs/augmentation.md.",
    metavar="TEXT",
)
CACHE: Option[Path | None] = Option(
    "cache",
    None,
    "File of the coefficients of the training images. It is written if it does not exist or the"
    " images have changed, and then read in place of --images.",
    kind="path",
    metavar="FILE",
)
LEARNED_DOMAIN: Option[DomainChoice | None] = replace(
    DOMAIN,
    default="auto",
    help="Learn with feature maps in the JPEG domain (jpeg), or in the faster domain (auto). Both"
    " compute the same function.",
    default_text="",
    recorded="",
)
AMP: Option[Amp | None] = Option(
    "amp",
    None,
    "Compute in mixed precision.",
    kind="choice",
    choices=("bfloat16", "float16"),
    default_text="float32",
)
DEVICE: Option[str | None] = Option(
    "device",
    None,
    "Device that computes: cpu, cuda or cuda:N.",
    metavar="DEVICE",
    default_text="cuda if there is a GPU",
)
WORKERS: Option[int] = Option(
    "workers",
    0,
    "Number of processes that read images; 0 reads in threads.",
    kind="integer",
    least=0,
    most=MOST_WORKERS,
    metavar="N",
)
READING_THREADS: Option[int | None] = Option(
    "threads",
    None,
    "Number of threads that read images.",
    kind="integer",
    most=MOST_THREADS,
    metavar="N",
    default_text="all processors; one in each of --workers",
)
CHECKPOINT: Option[Path | None] = Option(
    "checkpoint",
    None,
    "File that lets the command continue after it was stopped. It is written at the end of each"
    " epoch.",
    kind="path",
    metavar="FILE",
)
CHECKPOINT_EVERY: Option[int | None] = Option(
    "checkpoint_every",
    None,
    "Also write --checkpoint every N steps.",
    kind="integer",
    metavar="N",
)
RESUME: Option[bool] = Option(
    "resume",
    False,
    "Continue from --checkpoint, if the file exists. The weights will be the same as without the"
    " interruption.",
    kind="flag",
)
METRICS: Option[Path | None] = Option(
    "metrics", None, "CSV file with a row for each epoch.", kind="path", metavar="FILE"
)
TENSORBOARD: Option[Path | None] = Option(
    "tensorboard", None, "Folder of event files for TensorBoard.", kind="path", metavar="DIR"
)
ON_EPOCH: Option[Any] = Option(
    "on_epoch", None, "Callback, called with an `EpochResult` after each epoch.", place="python"
)

LEARNED_INPUT: tuple[Option[Any], ...] = (
    replace(
        PREPROCESS,
        help="How images become the input of the network; see compile.",
        default_text="that of MODEL, if it was compiled before",
        recorded="",
    ),
    IMAGE_INPUT,
    INPUT_SIZE,
    # In this function `output` is the path of the learned model.
    replace(OUTPUT_NAME, earlier_names=()),
)
LESS: tuple[Option[Any], ...] = (
    replace(
        FREQUENCIES,
        help="How many spatial frequencies, 1 to 15, decide the masks while learning; or a file."
        " See compile.",
        choices=(),
        metavar="N|FILE",
        earlier={},
        recorded="",
    ),
    replace(
        TRUNCATE,
        help="How many frequencies, 1 to 15, the results of ReLU, PReLU, Clip and MaxPool keep"
        " while learning.",
        choices=(),
        metavar="N",
        recorded="",
    ),
    replace(RELU, recorded=""),
    replace(
        RESOLUTION,
        help="Learn for this height and width instead of the size that the network was trained at.",
        metavar="HxW",
    ),
    LEARNED_DOMAIN,
)
LEARNING: tuple[Option[Any], ...] = (
    *(EPOCHS, BATCH, OPTIMIZER, LEARNING_RATE, SCHEDULE, WARMUP, MILESTONES, MOMENTUM, NESTEROV),
    *(WEIGHT_DECAY, DECAY, CLIP, LABEL_SMOOTHING, SEED, KEEP, PATIENCE),
)
DISTILLATION: tuple[Option[Any], ...] = (DISTILL, TEMPERATURE, DISTILL_WEIGHT)
DATA: tuple[Option[Any], ...] = (
    *(TRAINING_IMAGES, LABELS, VALIDATION, EVALUATE_ORIGINAL, AUGMENT, CACHE),
)
LEARNING_FILES: tuple[Option[Any], ...] = FILES
RUNNING: tuple[Option[Any], ...] = (AMP, DEVICE, WORKERS, READING_THREADS)
RECORDS: tuple[Option[Any], ...] = (*(CHECKPOINT, CHECKPOINT_EVERY, RESUME, METRICS, TENSORBOARD),)
