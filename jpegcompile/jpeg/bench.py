"""How fast coefficients are read, against a plain C loop over libjpeg.

    python jpegcompile/jpeg/bench.py DIR [--rounds N] [--json]

Compiles bench_libjpeg.c with `cc` and the system's libjpeg, checks that both read the same
integers, then times them in turn, one pass over all files at a time, so that both see the same
state of the machine. Contract: `read_coefficients` takes at most 1.15 times the C loop, and two
threads are at least 1.8 times as fast as one.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from jpegcompile.jpeg.read import read_coefficients, read_coefficients_many

C_PROGRAM = Path(__file__).with_name("bench_libjpeg.c")


@contextmanager
def plain_c_loop(paths: list[str]) -> Iterator[Callable[[], float]]:
    """A function that runs one pass of the C program and returns its seconds.

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


def seconds(work: Callable[[], object]) -> float:
    """The time that one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(paths: list[str], rounds: int) -> dict[str, float]:
    """Medians in seconds a pass, and their ratios."""

    def one_by_one() -> None:
        for path in paths:
            read_coefficients(path)

    times: dict[str, list[float]] = {"c": [], "python": [], "one_thread": [], "two_threads": []}
    with plain_c_loop(paths) as c_pass:
        for _ in range(rounds + 1):
            times["c"].append(c_pass())
            times["python"].append(seconds(one_by_one))
            for name, threads in (("one_thread", 1), ("two_threads", 2)):
                times[name].append(
                    seconds(lambda n=threads: read_coefficients_many(paths, threads=n))  # type: ignore[misc]
                )
    # The first round warms the caches.
    medians = {name: statistics.median(values[1:]) for name, values in times.items()}
    return medians | {
        "python_to_c": medians["python"] / medians["c"],
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
    print(f"{len(paths)} files, {arguments.rounds} rounds, coefficients equal; medians of a pass:")
    print(f"plain C loop {result['c'] * 1e3:.1f} ms, python {result['python'] * 1e3:.1f} ms:")
    print(f"    python / C = {result['python_to_c']:.3f} (at most 1.15)")
    print(
        f"one thread {result['one_thread'] * 1e3:.1f} ms, "
        f"two threads {result['two_threads'] * 1e3:.1f} ms:"
    )
    print(f"    speedup = {result['two_threads_speedup']:.3f} (at least 1.8)")


if __name__ == "__main__":
    main()
