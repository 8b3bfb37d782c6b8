"""What kernels cost: a model fitted to measurements, by which the compiler chooses among them.

`gpu.py` predicts GPU kernels, from data sheets alone.
"""
