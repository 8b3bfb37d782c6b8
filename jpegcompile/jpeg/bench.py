"""How fast coefficients are read, against a plain C loop over libjpeg.

    python jpegcompile/jpeg/bench.py DIR [--rounds N] [--json]

Compiles bench_libjpeg.c with `cc` and the system's libjpeg, checks that both read the same
integers, then times them in turn, one pass over all files at a time, so that both see the same
state of the machine. What has one thread is measured in processor time, which others who use the
machine change less. Contract for photographs: `read_coefficients` takes at most 0.62 of the C loop,
from paths and from bytes, and two threads are at least 1.85 times as fast as one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from jpegcompile.jpeg.read import ImageSource, read_coefficients, read_coefficients_many

MOST_OF_C = 0.62
LEAST_SPEEDUP = 1.85
C_PROGRAM = Path(__file__).with_name("bench_libjpeg.c")


@contextmanager
def plain_c_loop(paths: list[str]) -> Iterator[Callable[[], float]]:
    """A function that runs one pass of the C program and returns its seconds of processor time.

    Raises:
        AssertionError: the C program and `read_coefficients` read different integers.
    """
    with tempfile.TemporaryDirectory() as folder:
        program, dump = f"{folder}/bench_libjpeg", f"{folder}/coefficients"
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, "-O2", str(C_PROGRAM), "-o", program, "-ljpeg"], check=True)
        with subprocess.Popen(
            [program, dump, *paths], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            requests, answers = process.stdin, process.stdout
            assert requests is not None
            assert answers is not None
            if answers.readline() != "ready\n":
                raise RuntimeError("the C program failed")
            check_equal(paths, np.fromfile(dump, np.int16))

            def one_pass() -> float:
                requests.write("\n")
                requests.flush()
                return float(answers.readline())

            yield one_pass
            requests.close()


def check_equal(paths: list[str], expected: np.ndarray[tuple[int], np.dtype[np.int16]]) -> None:
    """Compare what we read with the dump of the C program, file by file."""
    position = 0
    for path in paths:
        for plane in read_coefficients(path).planes:
            same = np.array_equal(expected[position : position + plane.size], plane.ravel())
            assert same, f"{path}: the C program reads other coefficients"
            position += plane.size
    assert position == expected.size, "the C program reads more coefficients"


def seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """The time that one call takes."""
    start = clock()
    work()
    return clock() - start


def measure(paths: list[str], rounds: int) -> dict[str, float]:
    """Medians in seconds a pass, and their ratios."""
    contents = [Path(path).read_bytes() for path in paths]

    def one_by_one(sources: Sequence[ImageSource]) -> None:
        for source in sources:
            read_coefficients(source)

    def in_threads(threads: int) -> None:
        read_coefficients_many(paths, threads=threads)

    wall, processor = time.perf_counter, time.process_time
    tasks: dict[str, tuple[Callable[[], object], Callable[[], float]]] = {
        "paths": (lambda: one_by_one(paths), processor),
        "bytes": (lambda: one_by_one(contents), processor),
        "one_thread": (lambda: in_threads(1), wall),
        "two_threads": (lambda: in_threads(2), wall),
    }
    times: dict[str, list[float]] = {"c": [], **{name: [] for name in tasks}}
    with plain_c_loop(paths) as c_pass:
        for _ in range(rounds + 1):
            times["c"].append(c_pass())
            for name, (work, clock) in tasks.items():
                times[name].append(seconds(work, clock))
    # The first round warms the caches.
    medians = {name: statistics.median(values[1:]) for name, values in times.items()}
    return medians | {
        "paths_to_c": medians["paths"] / medians["c"],
        "bytes_to_c": medians["bytes"] / medians["c"],
        "two_threads_speedup": medians["one_thread"] / medians["two_threads"],
    }


def main() -> None:
    """Measure a folder and print the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="a folder of JPEG files")
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    suffixes = {".jpg", ".jpeg"}
    paths = [str(p) for p in sorted(arguments.folder.iterdir()) if p.suffix.lower() in suffixes]
    if not paths:
        sys.exit(f"{arguments.folder}: holds no .jpg or .jpeg files")
    result = measure(paths, arguments.rounds)
    if arguments.json:
        print(json.dumps({"files": len(paths), "rounds": arguments.rounds, **result}))
        return
    milliseconds = {name: f"{value * 1e3:.1f} ms" for name, value in result.items()}
    print(f"{len(paths)} files, {arguments.rounds} rounds, coefficients equal; medians of a pass:")
    print(f"plain C loop of libjpeg {milliseconds['c']}")
    for name in ("paths", "bytes"):
        ratio = result[f"{name}_to_c"]
        print(f"{name} {milliseconds[name]}: {ratio:.3f} of it (at most {MOST_OF_C})")
    print(f"one thread {milliseconds['one_thread']}, two threads {milliseconds['two_threads']}:")
    print(f"    speedup = {result['two_threads_speedup']:.3f} (at least {LEAST_SPEEDUP})")


if __name__ == "__main__":
    main()
