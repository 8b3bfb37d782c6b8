"""Create the demo: draw digits, train the network, write model, preprocessing and test images.

    python -m jpegcompile.digits.train [--epochs 14] [--seed 0] [--output DIR]

The script requires torch, scikit-learn, pillow and onnx, and takes about two minutes on two cores.
Another run with the same seed, packages and machine writes the same files, byte for byte.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jpegcompile.digits import IMAGES_NAME, MODEL_NAME, PREPROCESS_NAME
from jpegcompile.errors import AccessError, JpegCompileError
from jpegcompile.messages import Message

if TYPE_CHECKING:
    from jpegcompile.digits.digits import LabelledJpeg

TRAIN_VARIANTS = 4
SHIPPED_PER_DIGIT = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script and return its exit code."""
    options = parse_arguments(arguments)
    try:
        make_demo(options.epochs, options.seed, options.output)
    except JpegCompileError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options: epochs (int), seed (int) and output (Path)."""
    parser = argparse.ArgumentParser(
        prog="python -m jpegcompile.digits.train", description="Train the demo's network."
    )
    parser.add_argument("--epochs", type=int, default=14, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent, help="default: the folder of the demo"
    )
    options = parser.parse_args(arguments)
    if options.epochs < 1:
        parser.error("--epochs must be at least 1")
    if options.seed < 0:
        parser.error("--seed must not be negative")
    return options


def make_demo(epochs: int, seed: int, output: Path) -> None:
    """Train the network and write all files of the demo to a folder.

    Args:
        epochs: number of epochs.
        seed: seed of all random numbers.
        output: folder to write to.

    Raises:
        AccessError: if a package is missing, or the folder cannot be written.
    """
    try:
        from jpegcompile.digits import digits, export, network
    except ModuleNotFoundError as error:
        text = (
            f"the module {error.name}, which the training requires, is not installed; pip install"
            " torch scikit-learn pillow onnx"
        )
        raise AccessError(Message("demo-training-module-missing", text)) from error

    trained = network.fit(digits.make_digits(TRAIN_VARIANTS, test=False, seed=seed), epochs, seed)
    test_images = digits.make_digits(variants=1, test=True, seed=seed)
    shipped = first_of_each_digit(test_images, SHIPPED_PER_DIGIT)
    for name, images in (("test", test_images), ("shipped", shipped)):
        print(f"{name}: {len(images)} images, accuracy {network.accuracy(trained, images):.4f}")
    preprocess = {
        "scale": network.PIXEL_SCALE,
        "mean": [network.PIXEL_MEAN] * 3,
        "std": [network.PIXEL_DEVIATION] * 3,
        "color": "RGB",
    }
    model = export.to_onnx(trained).SerializeToString(deterministic=True)
    try:
        write_images(shipped, output / IMAGES_NAME)
        (output / PREPROCESS_NAME).write_text(json.dumps(preprocess, indent=2) + "\n")
        (output / MODEL_NAME).write_bytes(model)
    except OSError as error:
        text = f"{output}: cannot write the demo: {error}; give another --output"
        raise AccessError(Message("demo-not-written", text)) from error


def first_of_each_digit(images: Sequence[LabelledJpeg], count: int) -> list[LabelledJpeg]:
    """Return the first `count` images of every digit, ordered by digit."""
    by_digit: dict[int, list[LabelledJpeg]] = {}
    for image in images:
        by_digit.setdefault(image.digit, []).append(image)
    return [image for digit in sorted(by_digit) for image in by_digit[digit][:count]]


def write_images(images: Sequence[LabelledJpeg], folder: Path) -> None:
    """Write `<digit>/<number>.jpg`; the numbers of each digit start at 00."""
    counts: dict[int, int] = {}
    for image in images:
        number = counts.get(image.digit, 0)
        counts[image.digit] = number + 1
        path = folder / str(image.digit) / f"{number:02}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image.data)


if __name__ == "__main__":
    sys.exit(main())
