"""The way from the bytes of JPEG files to their DCT coefficients.

The reader is C++ on libjpeg (`reader.h`); `read.py` is its Python face, `bindings.cc` what joins them.
`bench.py` compares it with a plain C loop over libjpeg.
"""
