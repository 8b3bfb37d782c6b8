"""PyTorch expressions of ONNX operators that change shapes or select elements."""

from __future__ import annotations

from collections.abc import Mapping

from jpegcompile.backends.triton.standard_node import (
    NotWrittenError,
    Standard,
    Writer,
    method,
    text_of,
)
from jpegcompile.messages import Message

# Exporters write this end, or a larger one, for a Slice up to the end of an axis.
_END_OF_AXIS = 2**31 - 1


def _flatten(node: Standard) -> str:
    axis = int(node.attrs.get("axis", 1))
    x = node.inputs[0]
    if axis == 1:
        return f"{x}.flatten(1)"
    if axis == 0:
        return f"{x}.reshape(1, -1)"
    return f"{x}.reshape({x}.shape[:{axis}].numel(), -1)"


def _reshape(node: Standard) -> str:
    shape = node.value(1)
    x = node.inputs[0]
    if shape is None:
        return f"{x}.reshape(tuple({node.inputs[1]}.tolist()))"
    dims = [int(v) for v in shape.reshape(-1)]
    copied = not node.attrs.get("allowzero")
    written = [f"{x}.shape[{i}]" if d == 0 and copied else str(d) for i, d in enumerate(dims)]
    return f"{x}.reshape({', '.join(written) or '()'})"


def _transpose(node: Standard) -> str:
    x = node.inputs[0]
    axes = node.attrs.get("perm")
    if axes is None:
        return f"{x}.permute(*reversed(range({x}.ndim)))"
    return f"{x}.permute({', '.join(str(int(a)) for a in axes)})"


def _squeeze(node: Standard) -> str:
    axes = node.integers(1, "axes")
    return f"{node.inputs[0]}.squeeze({'' if axes is None else tuple(axes)})"


def _unsqueeze(node: Standard) -> str:
    written = node.inputs[0]
    axes = node.integers(1, "axes")
    assert axes is not None
    if any(axis < 0 for axis in axes) and len(axes) > 1:
        raise NotWrittenError(
            Message("torch-unsqueeze-negative-axes", "it has several negative axes")
        )
    for axis in sorted(axes):
        written = f"{written}.unsqueeze({axis})"
    return written


def _concat(node: Standard) -> str:
    return f"torch.cat([{', '.join(node.inputs)}], dim={int(node.attrs['axis'])})"


def _split(node: Standard) -> str:
    axis = int(node.attrs.get("axis", 0))
    sizes = node.integers(1, "split")
    if sizes is None:
        x = node.inputs[0]
        part = f"-(-{x}.shape[{axis}] // {node.outputs})"
        return f"torch.split({x}, {part}, dim={axis})"
    return f"torch.split({node.inputs[0]}, {sizes}, dim={axis})"


def _gather(node: Standard) -> str:
    axis = int(node.attrs.get("axis", 0))
    x, picked = node.inputs[0], node.value(1)
    before = ":, " * axis
    if axis < 0:
        raise NotWrittenError(Message("torch-gather-negative-axis", "its axis is negative"))
    if picked is None:
        return f"{x}[{before}{node.inputs[1]}]"
    return f"{x}[{before}{picked.tolist()}]"


def _slice(node: Standard) -> str:
    starts, ends = node.integers(1, "starts"), node.integers(2, "ends")
    assert starts is not None
    assert ends is not None
    axes = node.integers(3, "axes") or list(range(len(starts)))
    steps = node.integers(4, "steps") or [1] * len(starts)
    if any(step < 1 for step in steps) or any(axis < 0 for axis in axes):
        raise NotWrittenError(
            Message("torch-slice-form", "it has a negative step or a negative axis")
        )
    parts = [":"] * (max(axes) + 1)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        stop = "" if end >= _END_OF_AXIS else str(end)
        parts[axis] = f"{start or ''}:{stop}{f':{step}' if step > 1 else ''}"
    return f"{node.inputs[0]}[{', '.join(parts)}]"


def _shape(node: Standard) -> str:
    x = node.inputs[0]
    start, end = node.attrs.get("start", 0), node.attrs.get("end")
    picked = f"[{start}:{'' if end is None else end}]" if start or end is not None else ""
    return f"torch.tensor({x}.shape{picked}, device={x}.device)"


def _pad(node: Standard) -> str:
    mode = text_of(node.attrs.get("mode", "constant"))
    pads = node.integers(1, "pads")
    value = node.value(2)
    filled = float(node.attrs.get("value", 0.0)) if value is None else float(value.reshape(-1)[0])
    if mode != "constant" or pads is None or node.given(3):
        raise NotWrittenError(
            Message(
                "torch-pad-form", f"it pads in mode '{mode}', by computed pads or along given axes"
            )
        )
    half = len(pads) // 2
    pairs = [(pads[i], pads[i + half]) for i in reversed(range(half))]
    flat = tuple(side for pair in pairs for side in pair)
    return f"functional.pad({node.inputs[0]}, {flat}, value={filled!r})"


SHAPES: Mapping[str, Writer] = {
    "Concat": _concat,
    "Dropout": method("clone()"),
    "Flatten": _flatten,
    "Gather": _gather,
    "Identity": lambda n: n.inputs[0],
    "Pad": _pad,
    "Reshape": _reshape,
    "Shape": _shape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
