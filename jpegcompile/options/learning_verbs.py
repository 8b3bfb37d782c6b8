"""The verbs of learning: `finetune` and `cache`."""

from __future__ import annotations

from jpegcompile.options.option import Argument, Section, Verb
from jpegcompile.options.running import (
    CACHE_FILE,
    CACHE_THREADS,
    CHECKED_CACHE,
    FILES,
    JSON,
    LABELS,
    MARKDOWN,
    ON_ERROR,
    TOLERANT,
)
from jpegcompile.options.training import (
    COMPILED,
    DATA,
    DISTILLATION,
    LEARNED_INPUT,
    LEARNED_OUTPUT,
    LEARNING,
    LESS,
    RECORDS,
)
from jpegcompile.options.training import RUNNING as LEARNING_ON

FINETUNE = Verb(
    "finetune",
    "Learn the weights of MODEL on JPEG files, also for few frequencies or a lower resolution.",
    (Argument("model"),),
    (
        Section("Output", (LEARNED_OUTPUT, COMPILED, JSON, MARKDOWN)),
        Section("Images", DATA),
        Section("Input of the model", LEARNED_INPUT),
        Section("Learning", LEARNING),
        Section("Distillation", DISTILLATION),
        Section("Approximation", LESS),
        Section("Files", FILES),
        Section("Execution", LEARNING_ON),
        Section("Checkpoints and metrics", RECORDS),
    ),
    ("finetune",),
    (
        "The result is an ordinary ONNX model. With --frequencies, --truncate or --resolution, its"
        " weights suit a model that is compiled with the same options.",
        "With --distill, the network also learns from the scores of the original, which needs no"
        " labels. Several processes learn together if torchrun starts them.",
    ),
)
CACHE_VERB = Verb(
    "cache",
    "Store the coefficients of IMAGES (a folder or tar shards) in one file, for learning.",
    (Argument("images", is_required=False, is_many=True),),
    (
        Section("Output", (CACHE_FILE, JSON)),
        Section("Images", (LABELS, ON_ERROR, TOLERANT, CACHE_THREADS)),
        Section("Check", (CHECKED_CACHE,)),
    ),
    ("build_cache", "check_cache"),
    (
        "jpegcompile.ImageDataset reads a cache in place of the images, with the same batches and"
        " without decoding JPEG files. The classes are those of compare.",
        "A build that was killed continues when the command is repeated. A cache that is up to date"
        " stays as it is.",
    ),
)
