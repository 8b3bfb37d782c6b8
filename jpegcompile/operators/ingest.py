"""Decode and ingest operators: from a file or its coefficients to the network's input."""

from __future__ import annotations

from dataclasses import replace

from jpegcompile.operators.definition import Attribute, Operand, Operator
from jpegcompile.operators.fragments import BLOCK, PRECISION, always, result

INGEST, INGEST_GRAY = "JpegIngest", "JpegIngestGray"
DECODE, DECODE_GRAY = "JpegDecode", "JpegDecodeGray"
INGEST_FILE, INGEST_INTEGERS = "JpegIngestFile", "JpegIngestIntegers"
# Coefficient planes of each ingest, and their numbers of components.
_PLANES = {INGEST: {"luma": 1, "chroma": 2}, INGEST_GRAY: {"luma": 1}}

# {name}_index, {name}_table_shape and {name}_shape are integer inputs, since Constant does not
# support integers below opset 9.
_DEQUANTIZE = """
        {name}_table = Gather <axis = 1> (table, {name}_index)
        {name}_steps = Reshape({name}_table, {name}_table_shape)
        {name}_values = Cast <to: int = @to> ({name})
        {name}_coefficients = Mul({name}_values, {name}_steps)
        {name}_in_place = Transpose <perm = [0, 1, 2, 4, 3, 5]> ({name}_coefficients)
        {name}_plane = Reshape({name}_in_place, {name}_shape)
        {name}_left = MatMul({name}_rows, {name}_plane)
        {name}_map = MatMul({name}_left, {name}_columns)
"""
_JOINED = {
    INGEST: "Concat <axis = 1> (luma_map, chroma_map)",
    INGEST_GRAY: "Identity(luma_map)",
}


def _blocks(plane: str, components: int) -> Operand:
    """Return quantized coefficients [N, components, block rows, block columns, 8, 8]."""
    return Operand(plane, "bytes", f"N {components} ? ? 8 8", "int16")


def _tables(components: int) -> Operand:
    return Operand("quantization", "bytes", f"N {components} 8 8", "uint16")


def _indices(plane: str, components: int) -> tuple[Operand, ...]:
    """Return the indices of a plane's quantization tables, and the shapes for its Reshape nodes."""
    lengths = {"index": components, "table_shape": 6, "shape": 4}
    return tuple(
        Operand(f"{plane}_{part}", "index", str(length), "int64")
        for part, length in lengths.items()
    )


def _ingest(name: str, summary: str) -> Operator:
    planes = _PLANES[name]
    return Operator(
        name,
        summary,
        (
            *(_blocks(plane, components) for plane, components in planes.items()),
            _tables(sum(planes.values())),
            *(index for plane in planes.items() for index in _indices(*plane)),
            *(
                Operand(f"{plane}_{side}", "matrix", shape)
                for plane in planes
                for side, shape in (("rows", "H ?"), ("columns", "? W"))
            ),
            Operand("mixing", "weights", f"C {sum(planes.values())} 1 1"),
            Operand("offset", "weights", "C 1 1"),
            Operand("dc", "plane", "H W"),
        ),
        result(is_grouped=False),
        (PRECISION, BLOCK),
        always(f"""
        table = Cast <to: int = @to> (quantization)
        {"".join(_DEQUANTIZE.format(name=plane) for plane in planes)}
        components = {_JOINED[name]}
        mixed = Conv (components, mixing)
        on_dc = Mul(offset, dc)
        y = Add(mixed, on_dc)"""),
        reference="ingest.reference:jpeg_ingest",
        kernel="ingest",
        raising="ingest",
    )


INGESTS: tuple[Operator, ...] = (
    _ingest(
        INGEST, "the network's input from the coefficients and quantization tables of color files"
    ),
    _ingest(
        INGEST_GRAY,
        "the network's input from the luma coefficients and quantization table of files",
    ),
)

_BYTES = (Operand("jpeg", "bytes", "?", "uint8"),)
_SIZE = (Attribute("height", "int"), Attribute("width", "int"))
# No standard operator reads a file, so these operators have no function bodies.
DECODES: tuple[Operator, ...] = (
    Operator(
        DECODE,
        "the coefficients and quantization tables in the bytes of a color file",
        _BYTES,
        (_blocks("luma", 1), _blocks("chroma", 2), _tables(3)),
        (*_SIZE, Attribute("subsampling", "string")),
        kernel="decode",
        raising="ingest",
    ),
    Operator(
        DECODE_GRAY,
        "the luma coefficients and quantization table in the bytes of a file",
        _BYTES,
        (_blocks("luma", 1), _tables(1)),
        (*_SIZE, Attribute("takes_color", "int", 0)),
        kernel="decode",
        raising="ingest",
    ),
)

# Preprocessing of images of any size: the fields of `preprocessing.geometry.Geometry`.
_GEOMETRY = (
    Attribute("fit", "string", ""),
    Attribute("short_side", "int", 0),
    Attribute("resized_height", "int", 0),
    Attribute("resized_width", "int", 0),
    # A number as text, since a float attribute of ONNX would round it to float32.
    Attribute("crop_ratio", "string", "1.0"),
    Attribute("filter", "string", "bilinear"),
    Attribute("library", "string", "pillow"),
    Attribute("antialias", "int", 1),
    Attribute("scaled_decoding", "int", 0),
    Attribute("crop", "string", ""),
    Attribute("top", "int", 0),
    Attribute("left", "int", 0),
    Attribute("rounding", "string", "even"),
    Attribute("orientation", "int", 0),
    Attribute("mirror", "int", 0),
    Attribute("flip", "int", 0),
    Attribute("views", "string", "one"),
)
_NUMBERS = (
    *(
        Operand(f"{space}_mixing", "weights", f"C {components}")
        for space, components in (("gray", 1), ("ycbcr", 3), ("rgb", 3))
    ),
    *(Operand(name, "weights", "C") for name in ("scale", "shift", "fill")),
)
_PREPROCESSED = (
    *_SIZE,
    BLOCK,
    Attribute("color", "string"),
    Attribute("decoder", "string", "float"),
    *_GEOMETRY,
)
# Standard operators cannot read files or reproduce the integer arithmetic of libjpeg-turbo.
PREPROCESSING: tuple[Operator, ...] = (
    Operator(
        INGEST_FILE,
        "the network's input from the bytes of a file of any size",
        (*_BYTES, *_NUMBERS),
        (Operand("y", "map", "N C H W", block="block"),),
        _PREPROCESSED,
        kernel="ingest_file",
        raising="ingest",
    ),
    Operator(
        INGEST_INTEGERS,
        "the network's input from coefficients, with the integer decode of libjpeg-turbo",
        (
            _blocks("luma", 1),
            replace(_blocks("chroma", 2), is_optional=True),
            Operand("quantization", "bytes", "N ? 8 8", "uint16"),
            # Height, width, EXIF orientation, color space (0 gray, 1 YCbCr, 2 RGB), and the
            # horizontal and vertical sampling factors of the first component and of the others.
            Operand("frame", "bytes", "8", "int64"),
            *_NUMBERS,
        ),
        (Operand("y", "map", "N C H W", block="block"),),
        _PREPROCESSED,
        kernel="ingest_integers",
        raising="ingest",
    ),
)
