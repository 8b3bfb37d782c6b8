"""Options of `compile`, most of which `inspect` shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegcompile.options.option import Option

if TYPE_CHECKING:
    from jpegcompile.frequency_plan import Frequencies, Masking
    from jpegcompile.input_size import InputSize
    from jpegcompile.ir.module import DomainChoice, InputMode
    from jpegcompile.preprocessing.preprocess import Decoder
    from jpegcompile.resolution_plan import Resolution

AUTO = "auto"
ARCHITECTURES = ("sm_80", "sm_90", "sm_100")
# The largest batch size that fits in 32 bits.
MOST_BATCH = 2**31 - 1

INPUT: Option[InputMode] = Option(
    "input",
    "coefficients",
    "What the compiled model accepts: the DCT coefficients of JPEG files, the bytes of one file"
    " (jpeg; native kernels only), or the tensor of the original model.",
    kind="choice",
    choices=("coefficients", "jpeg", "tensor"),
    recorded="input_mode",
)
PREPROCESS: Option[Any] = Option(
    "preprocess",
    None,
    "How images become the input of the network: a preset (imagenet, cifar10, unit, ...), a JSON"
    " file, or the configuration of a timm or Hugging Face model. Required unless --input is"
    " tensor. See docs/preprocessing.md.",
    metavar="PRESET|FILE",
    recorded="preprocess",
)
DECODER: Option[Decoder | None] = Option(
    "decoder",
    None,
    "Decode files to real numbers (float), or to the same 8-bit integers as libjpeg-turbo, which"
    " Pillow and OpenCV use.",
    kind="choice",
    choices=("float", "libjpeg-turbo"),
    default_text="float, or what --preprocess says",
)
SUBSAMPLING: Option[str | None] = Option(
    "subsampling",
    None,
    "Chroma subsampling of the JPEG files: 4:4:4, 4:2:2, 4:4:0, 4:2:0, 4:1:1 or gray.",
    metavar="S",
    default_text="4:2:0; gray for models of one channel",
)
IMAGE_INPUT: Option[str | None] = Option(
    "image_input",
    None,
    "Name of the model input that is the image, if the model has several inputs.",
    metavar="NAME",
)
INPUT_SIZE: Option[InputSize | None] = Option(
    "input_size",
    None,
    "Height and width of the image, if they are dynamic dimensions of the model.",
    metavar="HxW",
)
RESOLUTION: Option[Resolution | None] = Option(
    "resolution",
    None,
    "Run the network at this height and width instead of the size it was trained at. auto searches"
    " for the smallest size that loses at most --max-drop points of accuracy.",
    metavar="HxW|auto",
    default_text="the trained size",
)
DOMAIN: Option[DomainChoice | None] = Option(
    "domain",
    None,
    "Keep feature maps in the JPEG domain (jpeg), or use the faster domain (auto): the spatial"
    " domain on CPUs; on GPUs the cost model chooses for each feature map.",
    kind="choice",
    choices=("jpeg", "auto"),
    default_text="jpeg; auto for --target triton",
    recorded="domain",
)
LEAN: Option[bool] = Option(
    "lean",
    False,
    "Choose native kernels that need little memory beyond the weights of the model. They are"
    " slower.",
    kind="flag",
    recorded="lean",
)
BATCH: Option[int | None] = Option(
    "batch",
    None,
    "Batch size that native kernels are chosen for. The model runs other batch sizes too, unless"
    " its batch size is fixed.",
    kind="integer",
    most=MOST_BATCH,
    metavar="N",
    default_text="1, or the fixed batch size",
    recorded="batch",
)
STRICT: Option[bool] = Option(
    "strict", False, "Fail (exit code 3) if any node would stay spatial.", kind="flag"
)
TARGET: Option[str] = Option(
    "target",
    "ort",
    "What to write: jpegcompile operators with function bodies for ONNX Runtime (ort), standard"
    " operators only (onnx), or a folder with a PyTorch module that calls Triton kernels (triton).",
    kind="choice",
    choices=("ort", "onnx", "triton"),
    recorded="target",
)
PRECISION: Option[str | None] = Option(
    "precision",
    None,
    "Precision of feature maps and products; sums are always float32. tf32x3 is as exact as"
    " float32. Only --target triton has precisions other than float32.",
    kind="choice",
    choices=("float32", "tf32x3", "float16", "bfloat16"),
    default_text="float32; tf32x3 for --target triton",
    recorded="precision",
)
GPU: Option[str | None] = Option(
    "gpu",
    None,
    "GPU architecture that layouts are chosen for. Applies to --target triton.",
    kind="choice",
    choices=ARCHITECTURES,
    default_text="sm_90",
)
AOT: Option[Sequence[str]] = Option(
    "aot",
    (),
    "Compile the GPU kernels of the model ahead of time for these architectures"
    f" ({', '.join(ARCHITECTURES)}). --target triton stores them in the output folder, --target ort"
    " in OUTPUT.cubins next to the model.",
    kind="names",
    metavar="ARCH,...",
)
FREQUENCIES: Option[Frequencies | None] = Option(
    "frequencies",
    None,
    "How many spatial frequencies, 1 to 15, decide the masks of ReLU, PReLU, Clip and MaxPool; all"
    " 15 are exact. Or a JSON file with a number for each node. auto searches for a number for each"
    " node, and also for the numbers of --truncate.",
    kind="plan",
    choices=(AUTO,),
    metavar="N|FILE|auto",
    default_text="15, or the frequencies of a model that is compiled again",
    earlier={"--frequencies-file": "--frequencies"},
    recorded="frequencies",
)
TRUNCATE: Option[int | None] = Option(
    "truncate",
    None,
    "How many frequencies, 1 to 15, the results of ReLU, PReLU, Clip and MaxPool keep. Overrides"
    " the file of --frequencies. auto searches for a number for each node and keeps masks exact.",
    kind="frequencies",
    choices=(AUTO,),
    metavar="N|auto",
    default_text="all, or what the file says",
)
RELU: Option[Masking | None] = Option(
    "relu",
    None,
    "Apply approximate masks to the exact pixels (asm), or return the approximate pixels (apx).",
    kind="choice",
    choices=("asm", "apx"),
    default_text="asm, or what the file says",
)

OUTPUT: Option[Path | None] = Option(
    "output",
    None,
    "File to write; for --target triton, the folder.",
    kind="path",
    short="-o",
    is_required=True,
    place="command",
)
EXTERNAL_DATA: Option[bool] = Option(
    "external_data",
    False,
    "Write the weights to a separate file, OUTPUT.data. Models above 2 GB always do.",
    kind="flag",
)
SAVE_FREQUENCIES: Option[Path | None] = Option(
    "save_frequencies",
    None,
    "Write the frequencies of each node to this file, which --frequencies accepts.",
    kind="path",
    metavar="FILE",
    place="command",
)
DUMP_PASSES: Option[Path | None] = Option(
    "dump_passes",
    None,
    "Write the graph after each compiler pass to this folder.",
    kind="path",
    metavar="DIR",
)

# What the model is compiled for, and how. `CompileOptions` has a field for each.
MODEL_INPUT: tuple[Option[Any], ...] = (
    INPUT,
    PREPROCESS,
    DECODER,
    SUBSAMPLING,
    IMAGE_INPUT,
    INPUT_SIZE,
    RESOLUTION,
)
KERNELS: tuple[Option[Any], ...] = (TARGET, DOMAIN, BATCH, LEAN, PRECISION, GPU, AOT)
APPROXIMATION: tuple[Option[Any], ...] = (FREQUENCIES, TRUNCATE, RELU)
MODEL: tuple[Option[Any], ...] = (*MODEL_INPUT, *KERNELS, *APPROXIMATION)

# `inspect` writes nothing and searches nothing.
_INSPECTED: dict[str, Option[Any]] = {
    "preprocess": replace(
        PREPROCESS,
        default="none",
        help="How images become the input of the network; see compile. Which nodes are lowered does"
        " not depend on it.",
    ),
    "resolution": replace(
        RESOLUTION,
        help="Run the network at this height and width instead of the size it was trained at.",
        metavar="HxW",
    ),
    "target": replace(TARGET, help="What compile would write; see compile."),
    "frequencies": replace(
        FREQUENCIES,
        help="How many spatial frequencies, 1 to 15, decide the masks of ReLU, PReLU, Clip and"
        " MaxPool; all 15 are exact. Or a JSON file with a number for each node.",
        choices=(),
        metavar="N|FILE",
    ),
    "truncate": replace(
        TRUNCATE,
        help="How many frequencies, 1 to 15, the results of ReLU, PReLU, Clip and MaxPool keep."
        " Overrides the file of --frequencies.",
        choices=(),
        metavar="N",
    ),
}


def inspected(options: tuple[Option[Any], ...]) -> tuple[Option[Any], ...]:
    """Return options as `inspect` has them, without the options that it cannot use."""
    return tuple(_INSPECTED.get(option.name, option) for option in options if option is not AOT)
