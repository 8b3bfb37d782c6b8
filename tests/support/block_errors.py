"""Mean RMSE of an approximated ReLU over a million random blocks, for 1 to 15 frequencies.

Uniform 4x4 blocks in [-1, 1], box-upscaled to 8x8; the mean over blocks of the RMSE of a block
(the experiment of Ehrlich and Davis, ICCV 2019, section 5.3). Computed without this project.
"""

from __future__ import annotations

import numpy as np

ASM = [0.34448, 0.29510, 0.23950, 0.17049, 0.12220, 0.07852, 0.04887, 0.03103, 0.01498, 0.00846,
       0.00447, 0.00184, 0.00042, 0.00005, 0.0]  # fmt: skip
APX = [0.36528, 0.33401, 0.29706, 0.25333, 0.21887, 0.18032, 0.14203, 0.10857, 0.07214, 0.05245,
       0.03685, 0.02290, 0.01031, 0.00306, 0.0]  # fmt: skip
MEANS = np.asarray([ASM, APX])
BLOCKS = 1_000_000
# Half a unit of the last digit that is given.
HALF_UNIT = 0.5e-5
# What a mean over other blocks, as many, may differ.
ALLOWED = np.maximum(0.01 * MEANS, 0.0001)
