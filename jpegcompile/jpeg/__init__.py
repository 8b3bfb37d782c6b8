"""The way from the bytes of JPEG files to their DCT coefficients.

The reader is C++ on libjpeg (`reader.h`). `read.py` is its Python face, and `bindings.cc` joins the
two. `packed.py` packs coefficients for their way to a GPU (`packing.h`). `bench.py` compares the
reader with a plain C loop over libjpeg.
"""
