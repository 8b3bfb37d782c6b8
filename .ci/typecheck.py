"""Run mypy on the package as it is installed.

    python .ci/typecheck.py [MYPY OPTION...]

`passes/` and `kernels/` are installed as `jpegcompile.passes` and `jpegcompile.kernels`, and
imported by those names, which mypy cannot find in the source tree. So it checks a folder of
symbolic links that is laid out as the installed package.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TREE = ROOT / "build" / "typecheck"


def main() -> int:
    """Make the links anew and run mypy among them."""
    shutil.rmtree(TREE, ignore_errors=True)
    package = TREE / "jpegcompile"
    package.mkdir(parents=True)
    entries = [path for path in (ROOT / "jpegcompile").iterdir() if path.name != "__pycache__"]
    for target in (*entries, ROOT / "passes", ROOT / "kernels"):
        (package / target.name).symlink_to(target)
    (TREE / "tests").symlink_to(ROOT / "tests")
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml")]
    command += ["--cache-dir", str(ROOT / ".mypy_cache")]
    return subprocess.run([*command, *sys.argv[1:]], cwd=TREE, env=os.environ).returncode


if __name__ == "__main__":
    sys.exit(main())
