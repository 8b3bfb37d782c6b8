"""Read the DCT coefficients of JPEG files.

The reader is C++ (`coefficients.h`). `read.py` is its Python interface, and `bindings.cc` connects
the two. `packed.py` packs coefficients for the transfer to a GPU (`packing.h`). `bench.py` compares
the reader with a plain C loop over libjpeg.
"""
