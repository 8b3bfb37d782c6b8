"""Options of verbs that run models on files or read images: verify, compare, bench, run, cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegcompile.options.option import Option

if TYPE_CHECKING:
    from jpegcompile.jpeg.pixel_fallback import Fallback
    from jpegcompile.jpeg.unusable import OnError
    from jpegcompile.runtime.providers import Asked

# Larger numbers are typing errors: days of preparing files, or threads that no machine has.
MOST_IMAGES, MOST_THREADS = 65536, 1024

JSON: Option[bool] = Option(
    "json", False, "Print JSON instead of tables.", kind="flag", place="command"
)
MARKDOWN: Option[bool] = Option(
    "markdown", False, "Print the tables as Markdown.", kind="flag", place="command"
)
PROGRESS: Option[Any] = Option(
    "progress", None, "Callback, called with (done, total).", place="python"
)

ON_ERROR: Option[OnError] = Option(
    "on_error",
    "stop",
    "What to do with an unusable file: end the command (stop), or skip and list the file (skip,"
    " report). With report, the exit code is 4 if a file was skipped.",
    kind="choice",
    choices=("stop", "skip", "report"),
)
TOLERANT: Option[bool] = Option(
    "tolerant",
    False,
    "Read as much as possible of damaged files; missing coefficients become zeros.",
    kind="flag",
)
FALLBACK: Option[Fallback] = Option(
    "fallback",
    "none",
    "What to do with files that have no usable coefficients (PNG, WebP, CMYK JPEG, ...): treat them"
    " as unusable (none), or decode them with Pillow (pixels). With pixels, folders are searched"
    " for all image formats.",
    kind="choice",
    choices=("none", "pixels"),
)
NATIVE: Option[bool] = Option(
    "native",
    True,
    "Run the native kernels, or only the function bodies in the file.",
    kind="flag",
    default_text="native",
    earlier={"--portable": "--no-native"},
)
PROVIDERS: Option[Asked] = Option(
    "providers",
    "auto",
    "What runs the compiled model: the GPU (cuda; an error if there is none), the CPU (cpu), or the"
    " GPU if possible (auto).",
    kind="choice",
    choices=("auto", "cuda", "cpu"),
    earlier={"--provider": "--providers"},
)
FILES: tuple[Option[Any], ...] = (ON_ERROR, FALLBACK, TOLERANT)
EXECUTION: tuple[Option[Any], ...] = (NATIVE, PROVIDERS)

IMAGES: Option[Path | None] = Option(
    "images", None, "Folder of JPEG files.", kind="path", metavar="DIR"
)
LABELLED: Option[Path | None] = replace(
    IMAGES, help="Folder of JPEG files, with one folder for each class. Hidden folders are ignored."
)
LABELS: Option[Path | None] = Option(
    "labels",
    None,
    'JSON file that maps folder names to class indices, such as {"cat": 0, "dog": 1}.',
    kind="path",
    metavar="FILE",
    default_text="classes are numbered in the sorted order of the folder names",
)
OUTPUT_NAME: Option[str | None] = Option(
    "output_name",
    None,
    "Name of the model output that contains the scores.",
    metavar="NAME",
    default_text="the first output",
    earlier_names=("output",),
)

SAMPLES: Option[int] = Option(
    "samples",
    64,
    "Number of random tensors to use where no images are given.",
    kind="integer",
    metavar="N",
)
SEED: Option[int] = Option(
    "seed", 0, "Seed of the random tensors.", kind="integer", least=0, metavar="N"
)
NODE_INPUTS: Option[int] = Option(
    "node_inputs", 16, "How many inputs the nodes are compared on.", place="python"
)
ABSOLUTE: Option[float | None] = Option(
    "absolute",
    None,
    "Largest error allowed at an output.",
    kind="number",
    metavar="X",
    default_text="a multiple of the measured rounding error of the original",
)
RELATIVE: Option[float | None] = Option(
    "relative",
    None,
    "Largest error allowed, as a fraction of the largest magnitude of the output. If --absolute is"
    " set too, the larger tolerance applies.",
    kind="number",
    metavar="X",
)
NODES: Option[int] = Option(
    "nodes",
    10,
    "How many of the nodes with the largest errors to list.",
    kind="integer",
    least=0,
    metavar="N",
    place="command",
)

SHARD: Option[Any] = Option(
    "shard",
    None,
    "Use only part I of N of the sorted files; jpegcompile merge puts the --json outputs of all"
    " parts together.",
    metavar="I/N",
)
CHOSEN_FILES: Option[Any] = Option(
    "files", None, "Files of the folder to use; all if not given.", place="python"
)

UNLABELLED: Option[bool] = Option(
    "unlabelled",
    False,
    "Ignore the folder names: compare predictions only, not accuracy.",
    kind="flag",
)
ALLOWED_DROP: Option[float | None] = Option(
    "max_drop",
    None,
    "Fail (exit code 1) if top-1 accuracy drops by more percentage points than this.",
    kind="number",
    metavar="POINTS",
    place="command",
)
CHANGES: Option[int] = Option(
    "changes",
    10,
    "How many changed predictions to list.",
    kind="integer",
    least=0,
    metavar="N",
    place="command",
)

RIVALS: Option[Sequence[str] | None] = Option(
    "rivals",
    None,
    "Readers for the original model where images may have any size: pillow, pillow-box,"
    " simplejpeg+opencv, torchvision.",
    kind="names",
    metavar="NAME,...",
    default_text="all that are installed",
)
BATCHES: Option[Sequence[int] | None] = Option(
    "batches",
    None,
    "Batch sizes to time.",
    kind="integers",
    most=MOST_IMAGES,
    metavar="N,...",
    default_text="1,8, or the fixed batch size",
    earlier={"--batch": "--batches"},
)
THREADS: Option[Sequence[int]] = Option(
    "threads",
    (1, 2),
    "Numbers of threads to time, for the runtimes and for decoding.",
    kind="integers",
    most=MOST_THREADS,
    metavar="N,...",
)
ROUNDS: Option[int] = Option(
    "rounds",
    5,
    "Number of rounds; results are medians over the rounds.",
    kind="integer",
    metavar="N",
    earlier={"--repeats": "--rounds"},
)
SECONDS: Option[float] = Option(
    "seconds",
    0.25,
    "How long each step runs in a round; it runs at least once.",
    kind="number",
    metavar="X",
)
PER_OP: Option[bool] = Option(
    "per_op", False, "Also time every node, and list the slowest nodes.", kind="flag"
)
PORTABLE: Option[bool] = Option(
    "portable",
    False,
    "Also time the function bodies of the compiled model, without native kernels.",
    kind="flag",
)

TOP: Option[int] = Option(
    "top", 5, "How many classes to print for each image.", kind="integer", metavar="N"
)
CLASS_NAMES: Option[Path | None] = Option(
    "labels",
    None,
    'JSON file that maps class names to class indices, such as {"cat": 0}; the names are printed.',
    kind="path",
    metavar="FILE",
    place="command",
)

CACHE_FILE: Option[Path | None] = Option(
    "output", None, "Cache to write.", kind="path", short="-o", metavar="FILE"
)
CHECKED_CACHE: Option[Path | None] = Option(
    "check",
    None,
    "Cache to check: every byte, and whether its images have changed. Nothing is written.",
    kind="path",
    metavar="FILE",
    place="command",
)
CACHE_THREADS: Option[int | None] = Option(
    "threads",
    None,
    "How many threads pack images. The cache does not depend on it.",
    kind="integer",
    most=MOST_THREADS,
    metavar="N",
    default_text="one per processor",
)

PAPER_FOLDER: Option[Path | None] = Option(
    "output",
    None,
    "Folder for paper.json and the plots; created if it does not exist.",
    kind="path",
    short="-o",
    metavar="DIR",
    is_required=True,
    place="command",
)
BLOCKS: Option[int] = Option(
    "blocks", 1_000_000, "Number of random blocks.", kind="integer", least=2, metavar="N"
)
BLOCK_SEED: Option[int] = replace(SEED, help="Seed of the random blocks.")
LIMIT: Option[int | None] = Option(
    "limit",
    None,
    "Use only N of the images, evenly spaced from the first to the last.",
    kind="integer",
    metavar="N",
    default_text="all images",
)

SESSION_THREADS: Option[int | None] = Option(
    "threads", None, "Threads of the session.", place="python", default_text="all processors"
)
ARENA: Option[bool] = Option(
    "arena", True, "Whether ONNX Runtime keeps freed memory.", place="python"
)
