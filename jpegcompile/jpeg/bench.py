"""Time the reading of coefficients against a plain C loop over libjpeg.

    python jpegcompile/jpeg/bench.py DIR [--rounds N] [--json FILE]

The benchmark compiles bench_libjpeg.c with `cc` and the system's libjpeg. It checks that both read
the same integers, then times passes over all files in interleaved rounds. Pipelines with one thread
are measured in processor time, which other processes disturb less. The contract for photographs:
`read_coefficients` needs at most 0.62 of the time of the C loop, from paths and from bytes, and two
threads are at least 1.85 times as fast as one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from jpegcompile.evaluation.benchmark.record import Record, parser_for
from jpegcompile.evaluation.benchmark.rounds import Rounds, interleaved, timed
from jpegcompile.jpeg.read import ImageSource, read_coefficients, read_coefficients_many

MOST_OF_C = 0.62
LEAST_SPEEDUP = 1.85
C_LOOP, ONE_THREAD, TWO_THREADS = "C loop", "one thread", "two threads"
C_PROGRAM = Path(__file__).with_name("bench_libjpeg.c")


@contextmanager
def plain_c_loop(paths: list[str]) -> Iterator[Callable[[], float]]:
    """Yield a function that runs one pass of the C program and returns its processor time in s.

    Raises:
        AssertionError: if the C program and `read_coefficients` read different integers.
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
    """Compare `read_coefficients` with the dump of the C program, file by file.

    Raises:
        AssertionError: if they differ.
    """
    position = 0
    for path in paths:
        for plane in read_coefficients(path).planes:
            same = np.array_equal(expected[position : position + plane.size], plane.ravel())
            assert same, f"{path}: the C program reads other coefficients"
            position += plane.size
    assert position == expected.size, "the C program reads more coefficients"


def measure(paths: list[str], rounds: int) -> Rounds:
    """Return the seconds of a pass by each pipeline."""
    contents = [Path(path).read_bytes() for path in paths]

    def one_by_one(sources: Sequence[ImageSource]) -> None:
        for source in sources:
            read_coefficients(source)

    processor = time.process_time
    with plain_c_loop(paths) as c_pass:
        ways = {
            C_LOOP: c_pass,
            "paths": timed(lambda: one_by_one(paths), processor),
            "bytes": timed(lambda: one_by_one(contents), processor),
            ONE_THREAD: timed(partial(read_coefficients_many, paths, threads=1)),
            TWO_THREADS: timed(partial(read_coefficients_many, paths, threads=2)),
        }
        return interleaved(ways, rounds, warm_up=1)


def main() -> None:
    """Measure a folder and print the result."""
    parser = parser_for(__doc__, rounds=31)
    parser.add_argument("folder", type=Path, help="folder of JPEG files")
    arguments = parser.parse_args()
    suffixes = {".jpg", ".jpeg"}
    paths = [str(p) for p in sorted(arguments.folder.iterdir()) if p.suffix.lower() in suffixes]
    if not paths:
        sys.exit(f"{arguments.folder}: contains no .jpg or .jpeg files")
    found = measure(paths, arguments.rounds)
    speedup = found.ratio(ONE_THREAD, TWO_THREADS)
    if arguments.json:
        rows = [
            {"way": name, "seconds": median, "ratio": found.ratio(name, C_LOOP)}
            for name, median in found.medians().items()
        ]
        settings = {"files": len(paths), "rounds": arguments.rounds, "speedup": speedup}
        Record("jpeg", rows, settings).write(arguments.json)
    milliseconds = {name: f"{value * 1e3:.1f} ms" for name, value in found.medians().items()}
    print(f"{len(paths)} files, {arguments.rounds} rounds, coefficients equal; medians of a pass:")
    print(f"plain C loop of libjpeg {milliseconds[C_LOOP]}")
    for name in ("paths", "bytes"):
        ratio = found.ratio(name, C_LOOP)
        print(f"{name} {milliseconds[name]}: {ratio:.3f} of the C loop (at most {MOST_OF_C})")
    print(f"one thread {milliseconds[ONE_THREAD]}, two threads {milliseconds[TWO_THREADS]}:")
    print(f"    speedup = {speedup:.3f} (at least {LEAST_SPEEDUP})")


if __name__ == "__main__":
    main()
