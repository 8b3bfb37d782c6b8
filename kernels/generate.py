"""Generate C++ from the definitions of operators and the programs of GPU kernels.

python -I kernels/generate.py FOLDER [KERNEL...]

Operators of the named kernels are left out. The script uses only the standard library, because the
build environment contains neither the package nor its dependencies.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType


def main(folder: str, *left_out: str) -> None:
    """Write the generated files to a folder, without the kernels in `left_out`."""
    # The package cannot be imported before it is built, but its modules can.
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
