"""The library of native kernels for ONNX Runtime, and the nodes of a file that it runs."""

from __future__ import annotations

import ctypes
import os
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import onnx
import onnxruntime as ort

from jpegcompile import _core
from jpegcompile.errors import AccessError, one_line
from jpegcompile.interface import DOMAIN
from jpegcompile.messages import Message
from jpegcompile.operators.constants import CUDA_KERNELS
from jpegcompile.operators.queries import has_body
from jpegcompile.operators.registry import OPERATORS

# Names of a CMake module on Linux and macOS, and on Windows.
_FILES = ("libjpegcompile_ort.so", "jpegcompile_ort.dll")

# ONNX Runtime refuses longer values of session entries.
_MOST_CHARACTERS = 2000


@dataclass(frozen=True)
class Execution:
    """How the nodes of a compiled file run, except for standard operators.

    Attributes:
        library: path of the library of native kernels; None if no library is registered.
        native: number of nodes that native kernels run, by operator.
        bodies: number of nodes that run by their function bodies, by operator.
        missing: number of nodes that cannot run, by operator, because they have neither a native
            kernel nor a function body.
        replaced: number of nodes that a `Session` replaces, by operator, because it reads files
            itself.
        for_cuda: number of nodes in `native` that have a kernel for CUDA, by operator. The other
            nodes run on the CPU, even in a session on CUDA.
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
        """Number of nodes that native kernels run."""
        return sum(self.native.values())

    @property
    def body_nodes(self) -> int:
        """Number of nodes that run by their function bodies."""
        return sum(self.bodies.values())

    def in_a_session(self) -> Execution:
        """Return the execution in a `Session`, which replaces nodes that read files."""
        parts = [dict(part) for part in (self.native, self.missing)]
        replaced = {op: part.pop(op) for part in parts for op in list(part) if not has_body(op)}
        return replace(self, native=parts[0], missing=parts[1], replaced=replaced)

    def on_cuda(self, operators: frozenset[str]) -> Execution:
        """Return the execution in a session on CUDA.

        Args:
            operators: names of the operators that the library runs on CUDA.
        """
        found = {op: count for op, count in self.native.items() if op in operators}
        return replace(self, for_cuda=found, is_on_cuda=True)

    @property
    def cuda_text(self) -> str:
        """One line for people: the native kernels on CUDA, and the native kernels on the CPU."""
        count = sum(self.for_cuda.values())
        others = {op: n for op, n in self.native.items() if op not in self.for_cuda}
        text = f"{count} of {self.native_nodes} native kernels on CUDA"
        if others:
            named = ", ".join(op if n == 1 else f"{n} {op}" for op, n in others.items())
            text += f"; on the CPU: {named}"
        return text

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {**asdict(self), "native_nodes": self.native_nodes, "body_nodes": self.body_nodes}

    def __str__(self) -> str:
        """Return one line for people."""
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
                f"; {', '.join(self.missing)} has no function body: without native kernels, only"
                " jpegcompile.load can run this model"
            )
        return text


def custom_ops_library() -> Path | None:
    """Return the path of the library of native kernels for ONNX Runtime.

    `jpegcompile.load` registers the library. For other sessions, call
    `SessionOptions.register_custom_ops_library` with this path.

    Returns:
        The path; None if the library is not installed.
    """
    folder = Path(_core.__file__).resolve().parent
    return next((folder / name for name in _FILES if (folder / name).is_file()), None)


def library_for(model: onnx.ModelProto, native: bool = True) -> Path | None:
    """Return the library that a session of a model registers.

    Args:
        model: the model.
        native: whether to use native kernels.

    Returns:
        The path; None if the model needs no library, or the library is not installed.
    """
    needs = native and any(opset.domain == DOMAIN for opset in model.opset_import)
    return custom_ops_library() if needs else None


def register(
    options: ort.SessionOptions, library: Path, model: onnx.ModelProto | None = None
) -> None:
    """Register a library of native kernels.

    Args:
        options: options of the sessions.
        library: path of the library.
        model: the model of the sessions. Only its operators are registered, which makes a session
            in 10 ms less.

    Raises:
        AccessError: if the library cannot be loaded.
    """
    names = "" if model is None else ":".join(sorted(_operators_in(model)))
    if 0 < len(names) <= _MOST_CHARACTERS:
        options.add_session_config_entry("jpegcompile.operators", names)
    # Load it first, because the system's error message is shorter than ONNX Runtime's.
    operators_of(library)
    try:
        options.register_custom_ops_library(str(library))
    except Exception as error:
        raise _refusal(library, error) from error


@cache
def operators_of(library: Path) -> frozenset[str]:
    """Return the names of the `jpegcompile` operators that a library has kernels for.

    Args:
        library: path of the library.

    Raises:
        AccessError: if the library cannot be loaded.
    """
    return frozenset(told(library, "JpegcompileOperators").split())


def told(library: Path, function: str, *arguments: str) -> str:
    """Call a function of the library that returns text.

    Args:
        library: path of the library.
        function: name of the function.
        arguments: arguments of the function.

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
    """Return how the nodes of a compiled model run in a session with its library.

    Args:
        model: the model.
        native: whether to use native kernels.

    Raises:
        AccessError: if the library cannot be loaded.
    """
    library = library_for(model, native)
    known: frozenset[str] = frozenset() if library is None else operators_of(library)
    native_nodes, bodies, missing = Counter[str](), Counter[str](), Counter[str]()
    for node in _nodes_of(model.graph.node):
        # The library has no kernels for subdomains such as `jpegcompile.portable`.
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
    """Raise an error if an ELF file is truncated, because the system's loader would crash.

    Raises:
        OSError: if the file is truncated or cannot be read.
    """
    with library.open("rb") as stream:
        header = stream.read(64)
        size = stream.seek(0, 2)
    # The section table is at the end (ELF-64 header, little endian: e_shoff, e_shentsize, e_shnum).
    if header[:6] == b"\x7fELF\x02\x01" and len(header) == 64:
        (table,) = struct.unpack_from("<Q", header, 0x28)
        entry, count = struct.unpack_from("<HH", header, 0x3A)
        if size < table + entry * count:
            raise OSError("the file is truncated")


def _nodes_of(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """Yield nodes and the nodes of their subgraphs."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes_of(inner.node)


def _operators_in(model: onnx.ModelProto) -> set[str]:
    """Return the names of the `jpegcompile` operators of a model and of its function bodies."""
    bodies = (_nodes_of(function.node) for function in model.functions)
    nodes = chain(_nodes_of(model.graph.node), *bodies)
    return {node.op_type for node in nodes if node.domain == DOMAIN}


def _refusal(library: Path, error: BaseException) -> AccessError:
    # Errors of opening have the cause in `strerror`; errors of loading begin with the file's name.
    cause = error.strerror if isinstance(error, OSError) and error.strerror else one_line(error)
    cause = cause.removeprefix(f"{library}: ")
    return AccessError(
        Message(
            "native-kernels-not-loaded",
            f"{library}: cannot load the native kernels: {cause}; install jpegcompile again, or run"
            " without them (--no-native, native=False)",
        )
    )
