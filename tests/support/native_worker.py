"""Runs models that arrive on the standard input, with the library that the argument names."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import onnx
import onnxruntime

from jpegcompile.runtime.native import register
from jpegcompile.target.base import CPU_PROVIDERS


def _run(model: bytes, feeds: list[dict[str, Any]], threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    # Each tensor has memory of its own, so that a sanitizer sees its ends.
    options.enable_cpu_mem_arena = False
    try:
        register(options, Path(sys.argv[1]), onnx.load_model_from_string(model))
        session = onnxruntime.InferenceSession(model, options, providers=list(CPU_PROVIDERS))
        return [session.run(None, feed)[0] for feed in feeds]
    except Exception as error:
        return str(error)


if __name__ == "__main__":
    while True:
        try:
            request = pickle.load(sys.stdin.buffer)
        except EOFError:
            break
        pickle.dump(_run(*request), sys.stdout.buffer)
        sys.stdout.flush()
