"""One of several processes that wait for the first one, as torchrun starts it: FILE."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from pathlib import Path

from torch import distributed

from jpegcompile.learning.training.distributed import process_group

# Seconds that a process of the group waits for another, and that the first one works.
LIMIT, WORK = 10.0, 12.0


def main() -> None:
    """Work longer in the first process than the group waits."""
    file = Path(sys.argv[1])
    distributed.init_process_group("gloo", timeout=timedelta(seconds=LIMIT))
    with process_group("cpu") as group:

        def work() -> None:
            time.sleep(WORK)
            file.write_text("done")

        group.do_in_first(work)
        assert file.read_text() == "done"
        assert group.total([1]) == [group.ranks]
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
