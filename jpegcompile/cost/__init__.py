"""Cost models of kernels, with which the compiler chooses kernels.

The models of native kernels are fitted to measurements. `gpu.py` predicts the time of GPU kernels
from data sheets alone.
"""
