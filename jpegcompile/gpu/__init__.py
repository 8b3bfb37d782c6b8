"""What GPU kernels of all targets share: layouts, launches, matrices of tiles, programs."""
