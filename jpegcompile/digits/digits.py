"""The demo's data: scikit-learn's 8x8 gray digits, drawn as 32x32 color JPEG files.

Each digit of the source is drawn a few times with random positions, sizes, angles and colors. The
split depends on the index of the digit in the source, so all drawings of a digit are on one side.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from sklearn.datasets import load_digits

IMAGE_SIZE: Final = 32
CLASS_COUNT: Final = 10
JPEG_QUALITY: Final = 75

SOURCE_MARGIN: Final = 2  # Strokes touch the border, but bicubic needs zeros around them.
TEST_STRIDE: Final = 5  # Every fifth digit is a test digit.
LUMA_WEIGHTS: Final = np.array([0.299, 0.587, 0.114])  # ITU-T T.871, section 7
LEAST_CONTRAST: Final = 40.0  # luma levels between foreground and background
NOISE_DEVIATION: Final = 18.0  # gray levels


@dataclass(frozen=True)
class LabelledJpeg:
    """A JPEG file in memory, and its digit."""

    data: bytes
    digit: int


def make_digits(variants: int, test: bool, seed: int) -> list[LabelledJpeg]:
    """Draw every digit of one side of the split, in the order of the source.

    Args:
        variants: number of drawings of each digit.
        test: whether to draw the test side instead of the training side.
        seed: seed of the drawings.
    """
    source = load_digits()
    result = []
    for index, (gray, digit) in enumerate(zip(source.images, source.target, strict=True)):
        if (index % TEST_STRIDE == 0) != test:
            continue
        for variant in range(variants):
            # With a separate generator, a drawing does not depend on the drawings before it.
            generator = np.random.default_rng([seed, index, variant])
            pixels = draw_digit(gray / 16.0, generator)
            result.append(LabelledJpeg(encode_jpeg(pixels), int(digit)))
    return result


def draw_digit(
    strokes: npt.NDArray[np.float64], generator: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Convert strokes [8, 8] in 0..1 to a colored, noisy picture [32, 32, 3]."""
    mask = place_strokes(strokes, generator)[:, :, np.newaxis]
    background, foreground = pick_colors(generator)
    picture = background + mask * (foreground - background)
    picture += generator.normal(0.0, NOISE_DEVIATION, picture.shape)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def place_strokes(
    strokes: npt.NDArray[np.float64], generator: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Enlarge strokes [8, 8] to [32, 32], with small random shift, scale and rotation."""
    padded = np.pad(strokes, SOURCE_MARGIN).astype(np.float32)
    angle = math.radians(generator.uniform(-15.0, 15.0))
    zoom = generator.uniform(2.7, 3.7)
    shift_x, shift_y = generator.uniform(-2.5, 2.5, 2)
    # Pillow requires the map from output to input: (x, y) -> (a x + b y + c, d x + e y + f).
    cosine, sine = math.cos(angle) / zoom, math.sin(angle) / zoom
    middle_x, middle_y = IMAGE_SIZE / 2 + shift_x, IMAGE_SIZE / 2 + shift_y
    middle = padded.shape[0] / 2
    placed = Image.fromarray(padded).transform(
        (IMAGE_SIZE, IMAGE_SIZE),
        Image.Transform.AFFINE,
        (
            cosine,
            sine,
            middle - cosine * middle_x - sine * middle_y,
            -sine,
            cosine,
            middle + sine * middle_x - cosine * middle_y,
        ),
        resample=Image.Resampling.BICUBIC,
    )
    return np.clip(np.asarray(placed, dtype=np.float64), 0.0, 1.0)


def pick_colors(
    generator: np.random.Generator,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return two RGB colors [3] in 0..255 with a readable luma contrast."""
    while True:
        background, foreground = generator.uniform(0.0, 255.0, (2, 3))
        # Chroma has half the resolution, so thin strokes need a contrast in luma.
        if abs(LUMA_WEIGHTS @ (foreground - background)) >= LEAST_CONTRAST:
            return background, foreground


def encode_jpeg(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Encode RGB pixels [height, width, 3] as a baseline JPEG file with 4:2:0 subsampling."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=JPEG_QUALITY, subsampling="4:2:0")
    return stream.getvalue()


def decode_jpeg(data: bytes) -> npt.NDArray[np.uint8]:
    """Decode a JPEG file to RGB pixels [height, width, 3]."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))
