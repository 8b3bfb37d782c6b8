"""Per-pixel functions on GPUs: functions such as JpegSigmoid's, and programs of several steps.

A program is a compile-time constant of a kernel: a tuple of steps. A step is a tuple of the name of
a function, three operands and two numbers. An operand is the index of a value. Value 0 is the
pixel, value 1 its approximation from few frequencies, and value 2 the pixel of another map. The
constants of the channel and the results of previous steps follow. `gpu/programs.py` creates
programs.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _sigmoid(x):
    e = tl.exp(-tl.abs(x))
    return tl.where(x >= 0, 1.0, e) / (1.0 + e)


@triton.jit
def _tanh(x):
    return 2.0 * _sigmoid(2.0 * x) - 1.0


@triton.jit
def _softplus(x):
    return tl.maximum(x, 0.0) + tl.log(1.0 + tl.exp(-tl.abs(x)))


@triton.jit
def _atan(x):
    # Reduce the argument to [0, tan(pi / 8)]: atan(x) = pi/2 - atan(1/x), and
    # atan(x) = pi/4 + atan((x - 1) / (x + 1)). Then apply the Taylor series up to x^15, whose
    # error is below 2e-8 there.
    a = tl.abs(x)
    far = a > 1.0
    a = tl.where(far, 1.0 / tl.maximum(a, 1.0), a)
    middle = a > 0.41421356237
    t = tl.where(middle, (a - 1.0) / (a + 1.0), a)
    s = t * t
    series = 1.0 / 13.0 - s * (1.0 / 15.0)
    series = 1.0 / 9.0 - s * (1.0 / 11.0 - s * series)
    series = 1.0 / 5.0 - s * (1.0 / 7.0 - s * series)
    r = t * (1.0 - s * (1.0 / 3.0 - s * series))
    r = tl.where(middle, 0.78539816339 + r, r)
    r = tl.where(far, 1.57079632679 - r, r)
    return tl.where(x < 0, -r, r)


@triton.jit
def _sine(x, QUARTERS: tl.constexpr):
    # sin(x + QUARTERS pi / 2). The nearest quarter turn is taken off in double precision, which
    # leaves an angle within [-pi / 4, pi / 4] that errs by 1e-8 where x is 1e8. Taylor series up to
    # t^9 and t^8 err by 3e-8 there.
    turns = x.to(tl.float64) * 0.63661977236758134
    nearest = tl.floor(turns + 0.5)
    t = ((turns - nearest) * 1.5707963267948966).to(tl.float32)
    s = t * t
    sine = t * (1.0 - s / 6.0 * (1.0 - s / 20.0 * (1.0 - s / 42.0 * (1.0 - s / 72.0))))
    cosine = 1.0 - s / 2.0 * (1.0 - s / 12.0 * (1.0 - s / 30.0 * (1.0 - s / 56.0)))
    quarters = nearest + QUARTERS
    halves = tl.floor(quarters * 0.5)
    is_odd = quarters != 2.0 * halves
    is_back = halves != 2.0 * tl.floor(halves * 0.5)
    r = tl.where(is_odd, cosine, sine)
    return tl.where(is_back, -r, r)


@triton.jit
def _number(condition):
    return tl.where(condition, 1.0, 0.0)


@triton.jit
def _step(NAME: tl.constexpr, a, b, c, p, q):
    """Compute one step: function NAME of values a, b, c and numbers p, q.

    A function ignores the arguments that it does not have.
    """
    if NAME == "Add":
        r = a + b
    elif NAME == "Sub":
        r = a - b
    elif NAME == "Mul" or NAME == "And":
        r = a * b
    elif NAME == "Div":
        r = a / b
    elif NAME == "Max" or NAME == "Or":
        r = tl.maximum(a, b)
    elif NAME == "Min":
        r = tl.minimum(a, b)
    elif NAME == "Neg":
        r = -a
    elif NAME == "Not":
        r = 1.0 - a
    elif NAME == "Equal":
        r = _number(a == b)
    elif NAME == "Greater":
        r = _number(a > b)
    elif NAME == "GreaterOrEqual":
        r = _number(a >= b)
    elif NAME == "Less":
        r = _number(a < b)
    elif NAME == "LessOrEqual":
        r = _number(a <= b)
    elif NAME == "Where":
        r = tl.where(a != 0.0, b, c)
    elif NAME == "Relu":
        r = tl.maximum(a, 0.0)
    elif NAME == "PRelu":
        r = tl.where(a < 0.0, a * b, a)
    elif NAME == "Abs":
        r = tl.abs(a)
    elif NAME == "Atan":
        r = _atan(a)
    elif NAME == "Celu":
        r = tl.maximum(a, 0.0) + p * (tl.exp(tl.minimum(a / p, 0.0)) - 1.0)
    elif NAME == "Cos":
        r = _sine(a, 1)
    elif NAME == "Elu":
        r = tl.where(a > 0.0, a, p * (tl.exp(tl.minimum(a, 0.0)) - 1.0))
    elif NAME == "Erf":
        r = tl.erf(a)
    elif NAME == "Exp":
        r = tl.exp(a)
    elif NAME == "Gelu":
        r = 0.5 * a * (1.0 + tl.erf(a * 0.70710678118654752))
    elif NAME == "GeluTanh":
        r = 0.5 * a * (1.0 + _tanh(0.79788456080286536 * (a + 0.044715 * a * a * a)))
    elif NAME == "HardSigmoid":
        r = tl.minimum(tl.maximum(p * a + q, 0.0), 1.0)
    elif NAME == "HardSwish":
        r = a * tl.minimum(tl.maximum(a * (1.0 / 6.0) + 0.5, 0.0), 1.0)
    elif NAME == "Mish":
        r = a * _tanh(_softplus(a))
    elif NAME == "Selu":
        r = q * tl.where(a > 0.0, a, p * (tl.exp(tl.minimum(a, 0.0)) - 1.0))
    elif NAME == "Sigmoid":
        r = _sigmoid(a)
    elif NAME == "Silu":
        r = a * _sigmoid(a)
    elif NAME == "Sin":
        r = _sine(a, 0)
    elif NAME == "Softplus":
        r = _softplus(a)
    elif NAME == "Softsign":
        r = a / (1.0 + tl.abs(a))
    elif NAME == "Tanh":
        r = _tanh(a)
    else:
        tl.static_assert(False, "a program has an unknown step")
    return r


@triton.jit
def constants_of(COUNT: tl.constexpr, constants, c, channels):
    """Return a tuple of the constants of channels `c`, each [1, BN].

    `constants` is float32 [COUNT, channels].
    """
    values = ()
    for i in tl.static_range(COUNT):
        constant = tl.load(constants + i * channels + c, mask=c < channels, other=0.0)
        values = values + (constant[None, :],)
    return values


@triton.jit
def evaluate(PROGRAM: tl.constexpr, values):
    """Return the result of a program for each element; the first of `values` without steps."""
    GIVEN: tl.constexpr = len(values)
    for i in tl.static_range(len(PROGRAM)):
        values = values + (
            _step(
                PROGRAM[i][0],
                values[PROGRAM[i][1]],
                values[PROGRAM[i][2]],
                values[PROGRAM[i][3]],
                PROGRAM[i][4],
                PROGRAM[i][5],
            ),
        )
    if len(PROGRAM) == 0:
        result = values[0]
    else:
        # The result has one row if a program only reads constants; broadcast it.
        result = values[GIVEN + len(PROGRAM) - 1] + tl.zeros_like(values[0])
    return result
