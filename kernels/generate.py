"""Write the C++ that follows from the definitions of operators and the programs of GPU kernels.

python -I kernels/generate.py FOLDER [KERNEL...]

Leaves out operators of the kernels named. Needs the standard library alone: what builds the package
has neither the package nor what it depends on.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType


def main(folder: str, *left_out: str) -> None:
    """Write the files into a folder."""
    # The package itself cannot be imported before it is built; its modules can.
    package = ModuleType("jpegcompile")
    package.__path__ = [str(Path(__file__).resolve().parents[1] / "jpegcompile")]
    sys.modules["jpegcompile"] = package
    from jpegcompile.gpu.header import programs_header
    from jpegcompile.operators.header import write, write_file
    from jpegcompile.operators.registry import OPERATORS

    write(Path(folder), (one for one in OPERATORS.values() if one.kernel not in left_out))
    write_file(Path(folder) / "programs.h", programs_header())


if __name__ == "__main__":
    main(*sys.argv[1:])
