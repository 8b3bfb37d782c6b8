"""Between maps as standard operators have them and as GPU kernels have them."""
