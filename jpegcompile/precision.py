"""Precisions that a model can be computed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jpegcompile.errors import UsageError

PrecisionName = Literal["float32", "tf32x3", "float16", "bfloat16"]


@dataclass(frozen=True)
class Precision:
    """How numbers are stored and multiplied; sums are always float32.

    Attributes:
        name: as users and compiled files call it.
        storage: type of maps and weights in memory.
        product: how matrix units multiply, as Triton calls it: "ieee" rounds nothing but the
            storage, "tf32x3" makes a float32 product of three TF32 ones.
        roundoff: unit roundoff of what is stored.
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
    """The precision of that name.

    Raises:
        UsageError: if there is none.
    """
    if name not in PRECISIONS:
        raise UsageError(f"precision is '{name}'; use {', '.join(PRECISIONS)}")
    return PRECISIONS[name]
