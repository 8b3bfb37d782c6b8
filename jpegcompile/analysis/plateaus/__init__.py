"""Where a tensor may hold one value exactly at many places, and which operators would notice.

A transform and back adds rounding, of about 1e-7 of a tile's largest value. A continuous operator
makes no more of it; a discontinuous one (a step, a pole, the position of a maximum) makes a wrong
answer of it where its operand lies *exactly* on the discontinuity at many pixels. `continuity.py`
lists what is known to be continuous, `demands.py` says what every other operator reads exactly,
`forward.py` finds where values may be flat, tied or cancelled, and `backward.py` what must stay on
pixels for it.
"""
