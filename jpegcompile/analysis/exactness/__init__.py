"""Find the nodes that must be computed exactly because a discontinuous operator reads them.

A DCT followed by its inverse adds rounding errors of about 1e-7 of the largest value in a tile. A
continuous operator does not amplify them. A discontinuous operator, such as Floor, Sqrt or ArgMax,
returns a wrong answer where its operand lies *exactly* on the discontinuity. In a network, this can
happen at many pixels at once.

- `continuity.py` lists the operators that are known to be continuous.
- `requirements.py` states what every other operator must read exactly.
- `forward.py` finds which tensors may contain exactly equal values, ties or cancellations.
- `backward.py` collects the nodes that must therefore stay on pixels.
"""
