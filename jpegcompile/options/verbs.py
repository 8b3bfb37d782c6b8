"""Every verb of the command line, and every Python function with options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from jpegcompile.options.compiling import (
    APPROXIMATION,
    DUMP_PASSES,
    EXTERNAL_DATA,
    IMAGE_INPUT,
    INPUT_SIZE,
    KERNELS,
    MODEL_INPUT,
    OUTPUT,
    PREPROCESS,
    SAVE_FREQUENCIES,
    STRICT,
    inspected,
)
from jpegcompile.options.gpus import (
    AGAIN,
    CHECKED_BATCH,
    CHECKED_MODEL,
    GPUS,
    KERNEL_FILE,
    TUNED_BATCH,
)
from jpegcompile.options.learning_verbs import CACHE_VERB, FINETUNE
from jpegcompile.options.option import Argument, Section, Verb
from jpegcompile.options.running import (
    ABSOLUTE,
    ALLOWED_DROP,
    BATCHES,
    BLOCK_SEED,
    BLOCKS,
    CHANGES,
    CLASS_NAMES,
    EXECUTION,
    FILES,
    IMAGES,
    JSON,
    LABELLED,
    LABELS,
    LIMIT,
    MARKDOWN,
    NODES,
    OUTPUT_NAME,
    PAPER_FOLDER,
    PER_OP,
    PORTABLE,
    PROVIDERS,
    RELATIVE,
    RIVALS,
    ROUNDS,
    SAMPLES,
    SECONDS,
    SEED,
    SHARD,
    THREADS,
    TOP,
    UNLABELLED,
)
from jpegcompile.options.searching import SEARCH

_PAIR = (Argument("original"), Argument("compiled"))

COMPILE = Verb(
    "compile",
    "Compile MODEL so that it runs on the DCT coefficients of JPEG files.",
    (Argument("model"),),
    (
        Section("Output", (OUTPUT, EXTERNAL_DATA, SAVE_FREQUENCIES, DUMP_PASSES, STRICT, JSON)),
        Section("Input of the model", MODEL_INPUT),
        Section("Target and kernels", KERNELS),
        Section("Approximation", APPROXIMATION),
        Section("Search (--frequencies auto, --truncate auto or --resolution auto)", SEARCH),
    ),
    ("compile",),
    (
        "By default the compiled model is exact: its outputs equal the outputs of MODEL, apart from"
        " rounding errors. --frequencies and --truncate trade accuracy for speed.",
        "A search finds how far that can go: --frequencies auto and --truncate auto choose numbers"
        " of frequencies for each node, and --resolution auto chooses an input size. A search needs"
        " --preprocess, --max-drop and --images.",
    ),
)
INSPECT = Verb(
    "inspect",
    "Show which nodes of MODEL are lowered, and which stay spatial and why.",
    (Argument("model"),),
    (
        Section("Output", (JSON, MARKDOWN)),
        Section("Input of the model", inspected(MODEL_INPUT)),
        Section("Target and kernels", inspected(KERNELS)),
        Section("Approximation", inspected(APPROXIMATION)),
    ),
    ("inspect",),
    (
        "MODEL is a source model or a compiled one. Nothing is written. For a source model, the"
        " options say how it would be compiled. They do not apply to a compiled model.",
    ),
)
VERIFY = Verb(
    "verify",
    "Check that COMPILED computes the same outputs as ORIGINAL, and compare all lowered nodes.",
    _PAIR,
    (
        Section("Inputs", (IMAGES, SAMPLES, SEED)),
        Section("Tolerance", (ABSOLUTE, RELATIVE)),
        Section("Files", (*FILES, SHARD)),
        Section("Execution", EXECUTION),
        Section("Output", (NODES, JSON, MARKDOWN)),
    ),
    ("verify",),
    (
        "The check fails (exit code 1) if an output error exceeds the tolerance, or if a top-1"
        " class differs and is not a near-tie. ORIGINAL gets the images decoded in the same way as"
        " COMPILED decodes them.",
        "The difference that Pillow's 8-bit decode makes is shown too, but not checked.",
    ),
)
COMPARE = Verb(
    "compare",
    "Compare the accuracy of COMPILED on JPEG files with ORIGINAL fed by Pillow.",
    _PAIR,
    (
        Section(
            "Images",
            (
                replace(
                    LABELLED,
                    help=f"{LABELLED.help} Files outside such folders have no labels; then only"
                    " predictions are compared.",
                    is_required=True,
                ),
                LABELS,
                OUTPUT_NAME,
                UNLABELLED,
            ),
        ),
        Section("Check", (ALLOWED_DROP,)),
        Section("Files", (*FILES, SHARD)),
        Section("Execution", EXECUTION),
        Section("Output", (CHANGES, JSON, MARKDOWN)),
    ),
    ("compare",),
)
BENCH = Verb(
    "bench",
    "Compare the speed of COMPILED with the speed of ORIGINAL fed by Pillow and NumPy.",
    _PAIR,
    (
        Section(
            "Inputs",
            (
                replace(
                    IMAGES,
                    default_text="generated files of quality 75 and 90; random tensors for a model"
                    " that accepts tensors",
                ),
                RIVALS,
            ),
        ),
        Section("Measurement", (BATCHES, THREADS, ROUNDS, SECONDS, PER_OP, PORTABLE)),
        Section("Files", FILES),
        Section("Execution", (PROVIDERS,)),
        Section("Output", (JSON, MARKDOWN)),
    ),
    ("bench",),
    (
        "Four steps are timed: decoding, preprocessing, the network, and the whole pipeline from"
        " the bytes of files to outputs. Each side runs in its own process, and the sides"
        " alternate.",
        "If COMPILED accepts images of any size, reading and network are timed one after the other"
        " and at the same time, and ORIGINAL is timed with several readers (--rivals).",
        "Before timing, bench checks that the outputs of both sides are equal. If they differ,"
        " nothing is timed and the exit code is 1.",
        "If COMPILED is the folder of a PyTorch module, a step ends when the GPU has finished, and"
        " --per-op and --portable are not available.",
    ),
)
RUN = Verb(
    "run",
    "Classify IMAGES (files or folders) with COMPILED and print the best classes.",
    (Argument("compiled"), Argument("images", is_many=True)),
    (
        Section("Output", (TOP, CLASS_NAMES, JSON)),
        Section("Files", FILES),
        Section("Execution", EXECUTION),
    ),
    ("run",),
)
MERGE = Verb(
    "merge",
    "Merge RESULTS, the --json outputs of verify, compare or bench, into one result.",
    (Argument("results", is_many=True),),
    (
        Section("Check", (ALLOWED_DROP,)),
        Section("Output", (NODES, CHANGES, JSON, MARKDOWN)),
    ),
    ("merge",),
    (
        "Results of verify or compare must be for parts of the same images (--shard). The merged"
        " result is for all images. Results of bench must be for different batch sizes or numbers"
        " of threads.",
        "The exit code is the same as for verify, compare or bench. --max-drop applies to results"
        " of compare.",
    ),
)
TUNE = Verb(
    "tune",
    "Measure tilings of the GPU kernels of MODEL and store the fastest ones.",
    (Argument("model"),),
    (Section("Measurement", (TUNED_BATCH, AGAIN)), Section("Output", (JSON,))),
    ("tune",),
    (
        "MODEL is the folder of a model for --target triton. Before a tiling is timed, its result"
        " is compared with the result of the default tiling.",
        "The fastest tilings are written to the manifest of the model after each kernel, and are"
        " used when the model is loaded. A second run on the same GPU measures only the missing"
        " kernels.",
    ),
)
GPU_CHECK = Verb(
    "gpu-check",
    "Check kernels and models on this machine's GPU, and measure how fast they are.",
    (),
    (
        Section(
            "Model",
            (
                CHECKED_MODEL,
                replace(IMAGES, help="Folder of JPEG files for --model."),
                replace(
                    PREPROCESS,
                    help="How images become the input of --model; see compile.",
                    recorded="",
                ),
            ),
        ),
        Section("Measurement", (CHECKED_BATCH,)),
        Section("Output", (JSON,)),
    ),
    ("gpu_check",),
    (
        "Kernels are compared with float64 references. The compiled demo network, and the compiled"
        " --model, are compared with their originals: directly, under torch.compile, in a CUDA"
        " graph and on two streams.",
        "Then the kernels of ResNet-50 and whole pipelines from bytes to outputs are timed. If a"
        " check fails, the exit code is 1.",
    ),
)
GPU_KERNELS = Verb(
    "gpu-kernels",
    "Compile the GPU kernels that ONNX Runtime's CUDA provider needs for compiled models.",
    (),
    (Section("Options", (GPUS, KERNEL_FILE, JSON)),),
    ("gpu_kernels",),
    ("Triton compiles the kernels. This needs no GPU, and takes minutes.",),
)
PAPER = Verb(
    "paper",
    "Repeat the experiments of the paper, and write tables, JSON and plots.",
    (Argument("model", is_required=False),),
    (
        Section("Output", (PAPER_FOLDER, JSON)),
        Section(
            "Model and images",
            (
                LABELLED,
                LABELS,
                OUTPUT_NAME,
                replace(PREPROCESS, help="How images become the input of MODEL; see compile."),
                IMAGE_INPUT,
                INPUT_SIZE,
                LIMIT,
            ),
        ),
        Section("Random blocks", (BLOCKS, BLOCK_SEED)),
    ),
    ("paper",),
    (
        "The experiments are: the RMSE of approximated ReLUs on random blocks, conversion to the"
        " JPEG domain, accuracy by number of frequencies without retraining, and throughput on this"
        " machine. They use MODEL and its images, or a small network that comes with jpegcompile.",
        "The paper is Ehrlich and Davis, Deep Residual Learning in the JPEG Transform Domain (ICCV"
        " 2019).",
    ),
)
DEMO = Verb(
    "demo",
    "Compile a small network that comes with jpegcompile, and compare it with the original.",
    (),
    (Section("Output", (JSON,)),),
    ("demo",),
)

VERBS: Mapping[str, Verb] = {
    verb.name: verb
    for verb in (
        BENCH,
        CACHE_VERB,
        COMPARE,
        COMPILE,
        DEMO,
        FINETUNE,
        GPU_CHECK,
        GPU_KERNELS,
        INSPECT,
        MERGE,
        PAPER,
        RUN,
        TUNE,
        VERIFY,
    )
}
