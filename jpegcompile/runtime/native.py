"""The native kernels: the library that ONNX Runtime loads, and which nodes of a file it runs."""

from __future__ import annotations

import ctypes
import os
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import onnx
import onnxruntime as ort

from jpegcompile import _core
from jpegcompile.errors import AccessError, one_line
from jpegcompile.interface import DOMAIN
from jpegcompile.operators.constants import CUDA_KERNELS
from jpegcompile.operators.queries import has_body
from jpegcompile.operators.registry import OPERATORS

# As CMake calls a module on Linux and macOS, and on Windows.
_FILES = ("libjpegcompile_ort.so", "jpegcompile_ort.dll")


@dataclass(frozen=True)
class Execution:
    """What runs the nodes of a compiled file that are not standard operators.

    Attributes:
        library: of the native kernels that are registered, None if none are.
        native: number of nodes that they run, by operator.
        bodies: number of nodes that run by their function bodies, by operator.
        missing: number of nodes that nothing runs, by operator: they have no function bodies.
        replaced: number of nodes that a `Session` does itself, by operator: it reads files.
        for_cuda: number of nodes among `native` that have a kernel for CUDA, by operator. The
            others run on the CPU in a session on CUDA, too.
        is_on_cuda: whether the session runs on CUDA.
    """

    library: str | None
    native: Mapping[str, int]
    bodies: Mapping[str, int]
    missing: Mapping[str, int] = field(default_factory=dict)
    replaced: Mapping[str, int] = field(default_factory=dict)
    for_cuda: Mapping[str, int] = field(default_factory=dict)
    is_on_cuda: bool = False

    @property
    def native_nodes(self) -> int:
        """How many nodes native kernels run."""
        return sum(self.native.values())

    @property
    def body_nodes(self) -> int:
        """How many nodes run by their function bodies."""
        return sum(self.bodies.values())

    def in_a_session(self) -> Execution:
        """What runs the nodes of such a file in a `Session`, which reads files itself."""
        parts = [dict(part) for part in (self.native, self.missing)]
        replaced = {op: part.pop(op) for part in parts for op in list(part) if not has_body(op)}
        return replace(self, native=parts[0], missing=parts[1], replaced=replaced)

    def on_cuda(self, operators: frozenset[str]) -> Execution:
        """What runs the nodes in a session on CUDA.

        Args:
            operators: that the library runs there.
        """
        found = {op: count for op, count in self.native.items() if op in operators}
        return replace(self, for_cuda=found, is_on_cuda=True)

    @property
    def cuda_text(self) -> str:
        """One line for people: what would run on CUDA, and what beside it on the CPU."""
        count = sum(self.for_cuda.values())
        others = {op: n for op, n in self.native.items() if op not in self.for_cuda}
        text = f"{count} of {self.native_nodes} native kernels on CUDA"
        if others:
            named = ", ".join(op if n == 1 else f"{n} {op}" for op, n in others.items())
            text += f"; on the CPU: {named}"
        return text

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        return {**asdict(self), "native_nodes": self.native_nodes, "body_nodes": self.body_nodes}

    def __str__(self) -> str:
        """One line for people."""
        if not self.native and not self.bodies and not self.missing and not self.replaced:
            return "standard operators only"
        natively = f"{self.native_nodes} by native kernels"
        if self.is_on_cuda:
            natively += f" ({sum(self.for_cuda.values())} of them on CUDA)"
        counts = f"{natively}, {self.body_nodes} by function bodies"
        text = f"jpegcompile nodes: {counts}"
        if self.replaced:
            count = sum(self.replaced.values())
            text += f", {count} by jpegcompile itself ({', '.join(self.replaced)})"
        if self.missing:
            text += (
                f"; {', '.join(self.missing)} has no function body: without the native kernels"
                " jpegcompile.load alone runs this model, since it reads the files itself"
            )
        return text


def custom_ops_library() -> Path | None:
    """The library of native kernels for ONNX Runtime, None where none is installed.

    `jpegcompile.load` registers it by itself; any other session takes it by
    `SessionOptions.register_custom_ops_library`.
    """
    folder = Path(_core.__file__).resolve().parent
    return next((folder / name for name in _FILES if (folder / name).is_file()), None)


def library_for(model: onnx.ModelProto, native: bool = True) -> Path | None:
    """The library that a session of the model registers; None if it needs none, or none is there.

    Args:
        model: the model.
        native: whether native kernels are wanted.
    """
    needs = native and any(opset.domain == DOMAIN for opset in model.opset_import)
    return custom_ops_library() if needs else None


def register(options: ort.SessionOptions, library: Path) -> None:
    """Have sessions of these options run nodes by the kernels of a library.

    Raises:
        AccessError: if it cannot be loaded.
    """
    # Loaded here first: ONNX Runtime says in several lines what the system says in one.
    operators_of(library)
    try:
        options.register_custom_ops_library(str(library))
    except Exception as error:
        raise _refusal(library, error) from error


@cache
def operators_of(library: Path) -> frozenset[str]:
    """Names of the operators, in the domain `jpegcompile`, that a library has kernels for.

    Raises:
        AccessError: if it cannot be loaded.
    """
    return frozenset(told(library, "JpegcompileOperators").split())


def told(library: Path, function: str, *arguments: str) -> str:
    """What a function of the library answers.

    Raises:
        AccessError: if the library cannot be loaded.
    """
    try:
        _require_whole(library)
        call = getattr(ctypes.CDLL(str(library)), function)
    except (OSError, AttributeError) as error:
        raise _refusal(library, error) from error
    call.argtypes, call.restype = [ctypes.c_char_p] * len(arguments), ctypes.c_char_p
    answer: bytes | None = call(*(os.fsencode(argument) for argument in arguments))
    return os.fsdecode(answer or b"")


def execution_of(model: onnx.ModelProto, native: bool = True) -> Execution:
    """What runs the nodes of a compiled model in a session that `library_for` is registered with.

    Raises:
        AccessError: if the library cannot be loaded.
    """
    library = library_for(model, native)
    known: frozenset[str] = frozenset() if library is None else operators_of(library)
    native_nodes, bodies, missing = Counter[str](), Counter[str](), Counter[str]()
    for node in _nodes(model.graph):
        # Domains below ours are for nodes that no library claims.
        if node.domain == DOMAIN or node.domain.startswith(f"{DOMAIN}."):
            is_native = node.domain == DOMAIN and node.op_type in known
            portable = bodies if has_body(node.op_type) else missing
            count = native_nodes if is_native else portable
            count[node.op_type] += 1
    return Execution(
        None if library is None else str(library),
        _sorted(native_nodes),
        _sorted(bodies),
        _sorted(missing),
        for_cuda=_sorted({op: n for op, n in native_nodes.items() if _has_cuda_kernel(op)}),
    )


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))


def _has_cuda_kernel(op: str) -> bool:
    return op in OPERATORS and OPERATORS[op].kernel in CUDA_KERNELS


def _require_whole(library: Path) -> None:
    """Refuse an ELF file that is cut short: the system's loader would end the process.

    Raises:
        OSError: if it is, or cannot be read.
    """
    with library.open("rb") as stream:
        header = stream.read(64)
        size = stream.seek(0, 2)
    # Its section table ends the file (ELF-64 header, little endian: e_shoff, e_shentsize, e_shnum).
    if header[:6] == b"\x7fELF\x02\x01" and len(header) == 64:
        (table,) = struct.unpack_from("<Q", header, 0x28)
        entry, count = struct.unpack_from("<HH", header, 0x3A)
        if size < table + entry * count:
            raise OSError("the file is cut short")


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """All nodes of a graph and of the graphs within them."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)


def _refusal(library: Path, error: BaseException) -> AccessError:
    # What opening the file says names the file behind the cause, what the loader says before it.
    cause = error.strerror if isinstance(error, OSError) and error.strerror else one_line(error)
    cause = cause.removeprefix(f"{library}: ")
    return AccessError(
        f"{library}: cannot load the native kernels: {cause}; install jpegcompile again, or run"
        " without them (--no-native, native=False)"
    )
