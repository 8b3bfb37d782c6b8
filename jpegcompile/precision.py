"""Precisions that a compiled model can compute in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jpegcompile.errors import UsageError
from jpegcompile.messages import Message

PrecisionName = Literal["float32", "tf32x3", "float16", "bfloat16"]


@dataclass(frozen=True)
class Precision:
    """How numbers are stored and multiplied. Sums are always float32.

    Attributes:
        name: name in options and compiled files.
        storage: type of feature maps and weights in memory.
        product: how matrix units multiply, in Triton's terms: "ieee" multiplies the stored values
            without further rounding, "tf32x3" computes a float32 product from three TF32 products.
        roundoff: unit roundoff of stored values.
    """

    name: PrecisionName
    storage: Literal["float32", "float16", "bfloat16"]
    product: Literal["ieee", "tf32x3"]
    roundoff: float


FLOAT32 = Precision("float32", "float32", "ieee", 2.0**-24)
# Three products of 11-bit parts leave an error of about 2^-22.
TF32X3 = Precision("tf32x3", "float32", "tf32x3", 2.0**-22)
FLOAT16 = Precision("float16", "float16", "ieee", 2.0**-11)
BFLOAT16 = Precision("bfloat16", "bfloat16", "ieee", 2.0**-8)
PRECISIONS: dict[str, Precision] = {p.name: p for p in (FLOAT32, TF32X3, FLOAT16, BFLOAT16)}


def precision_of(name: str) -> Precision:
    """Return the precision with this name.

    Raises:
        UsageError: if there is no such precision.
    """
    if name not in PRECISIONS:
        raise UsageError(
            Message("precision-unknown", f"precision is '{name}'; use {', '.join(PRECISIONS)}")
        )
    return PRECISIONS[name]
