"""Queries about the definitions of operators."""

from __future__ import annotations

import pytest

from jpegcompile.operators.queries import (
    COMPACT_ATTRIBUTES,
    GROUP_ATTRIBUTES,
    approximation_of,
    convolution_in,
    ingest_in,
    is_decode,
    is_ingest,
    is_piecewise_linear,
    joined,
)
from jpegcompile.operators.registry import OPERATORS


def test_names_of_layouts() -> None:
    assert GROUP_ATTRIBUTES == ("x_group", "residual_group", "y_group")
    assert COMPACT_ATTRIBUTES == ("x_frequencies", "residual_frequencies", "y_frequencies")


@pytest.mark.parametrize(
    ("exact", "asm", "apx"),
    [
        ("JpegRelu", "JpegAsmRelu", "JpegApxRelu"),
        ("JpegPRelu", "JpegAsmPRelu", "JpegApxPRelu"),
        ("JpegClip", "JpegAsmClip", "JpegApxClip"),
        # An operator that takes positions has no APX approximation.
        ("JpegMaxPool", "JpegAsmMaxPool", "JpegAsmMaxPool"),
        ("JpegDilatedMaxPool", "JpegAsmDilatedMaxPool", "JpegAsmDilatedMaxPool"),
    ],
)
def test_approximations(exact: str, asm: str, apx: str) -> None:
    found = [approximation_of(OPERATORS[exact], masking) for masking in ("asm", "apx")]
    assert found == [OPERATORS[asm], OPERATORS[apx]]
    assert all(is_piecewise_linear(OPERATORS[name]) for name in (exact, asm, apx))


def test_others_have_no_approximation() -> None:
    for name in ("JpegAsmRelu", "JpegSigmoid", "JpegTruncate", "JpegConvRelu", "SpatialMaxPool"):
        assert approximation_of(OPERATORS[name], "asm") is None
    for name in ("JpegSigmoid", "JpegTruncate", "JpegConvRelu", "SpatialMaxPool"):
        assert not is_piecewise_linear(OPERATORS[name])


def test_first_convolutions() -> None:
    first = [operator for operator in OPERATORS.values() if operator.ingest]
    assert len(first) == 22
    for operator in first:
        ingest, convolution = ingest_in(operator), convolution_in(operator)
        assert is_ingest(ingest)
        assert not is_ingest(operator)
        assert joined(ingest, convolution) is operator
        kept = [o for o in convolution.inputs if o.name != "x"]
        assert list(operator.inputs[: len(ingest.inputs) + len(kept)]) == [*ingest.inputs, *kept]
    ingest = OPERATORS["JpegIngest"]
    assert joined(ingest, OPERATORS["JpegConvAdd"]) is None
    assert joined(ingest, OPERATORS["JpegPointwiseConv"]) is None
    with pytest.raises(KeyError):
        ingest_in(OPERATORS["JpegConv"])
    with pytest.raises(KeyError):
        convolution_in(ingest)


def test_decodes() -> None:
    reading = ["JpegDecode", "JpegDecodeGray", "JpegIngestFile"]
    assert [name for name in OPERATORS if is_decode(name)] == reading
    assert not is_decode("JpegNothing")
