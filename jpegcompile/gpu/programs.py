"""Programs of GPU kernels: per-pixel functions as steps; see `kernels/pixelwise/triton.py`."""

from __future__ import annotations

from dataclasses import dataclass

# Name, three operands and two numbers.
Step = tuple[str, int, int, int, float, float]
# Indices of the first values; constants follow.
PIXEL, APPROXIMATION, OTHER, CONSTANTS = 0, 1, 2, 3


@dataclass(frozen=True)
class Program:
    """A per-pixel function.

    Attributes:
        steps: the steps in order. The last step computes the result. Without steps, the result is
            the pixel.
        constants: number of constants for each channel.
        approximates: whether the program reads the approximation by few frequencies.
    """

    steps: tuple[Step, ...] = ()
    constants: int = 0
    approximates: bool = False

    @property
    def first_step(self) -> int:
        """Index of the result of the first step."""
        return CONSTANTS + self.constants


def step(name: str, *operands: int, numbers: tuple[float, ...] = ()) -> Step:
    """Create a step; operands and numbers that its function does not use are zero."""
    a, b, c = (*operands, 0, 0, 0)[:3]
    p, q = (*numbers, 0.0, 0.0)[:2]
    return name, a, b, c, p, q


NOTHING = Program()
RELU = Program((step("Relu", PIXEL),))
PRELU = Program((step("PRelu", PIXEL, CONSTANTS),), 1)
# Lower bound, upper bound.
CLIP = Program((step("Max", PIXEL, CONSTANTS), step("Min", CONSTANTS + 2, CONSTANTS + 1)), 2)
ASM_RELU = Program(
    (
        step("Greater", APPROXIMATION, CONSTANTS),
        step("Where", CONSTANTS + 1, PIXEL, CONSTANTS),
    ),
    1,
    True,
)
"""The constant is zero."""
ASM_PRELU = Program(
    (
        step("Greater", APPROXIMATION, CONSTANTS + 1),
        step("Mul", PIXEL, CONSTANTS),
        step("Where", CONSTANTS + 2, PIXEL, CONSTANTS + 3),
    ),
    2,
    True,
)
"""The constants are the slope and zero."""
ASM_CLIP = Program(
    (
        step("Greater", APPROXIMATION, CONSTANTS),
        step("Greater", APPROXIMATION, CONSTANTS + 1),
        step("Where", CONSTANTS + 2, PIXEL, CONSTANTS),
        step("Where", CONSTANTS + 3, CONSTANTS + 1, CONSTANTS + 4),
    ),
    2,
    True,
)
"""The constants are the lower and the upper bound."""
# A linear program reads a map of ones at the index of the approximation.
ONES = APPROXIMATION
# The numbers for each channel are constants, or the vector of a launch at the same index.
SCALE = Program((step("Mul", PIXEL, CONSTANTS),), 1)
ADD = Program((step("Mul", ONES, CONSTANTS), step("Add", PIXEL, CONSTANTS + 1)), 1)
SUBTRACT = Program((step("Mul", ONES, CONSTANTS), step("Sub", PIXEL, CONSTANTS + 1)), 1)
AFFINE = Program(
    (
        step("Mul", PIXEL, CONSTANTS),
        step("Mul", ONES, CONSTANTS + 1),
        step("Add", CONSTANTS + 2, CONSTANTS + 3),
    ),
    2,
)
"""The constants are the factor and the summand."""
SCALE_ADD_RELU = Program(
    (
        step("Mul", PIXEL, CONSTANTS),
        step("Add", CONSTANTS + 1, OTHER),
        step("Relu", CONSTANTS + 2),
    ),
    1,
)
MULTIPLY, LARGER, SMALLER = (Program((step(name, PIXEL, OTHER),)) for name in ("Mul", "Max", "Min"))
SPREAD = Program((step("Max", OTHER, OTHER),))
"""The result is the pixel of the other map, which has one channel."""


def of_approximation(program: Program) -> Program:
    """Return a program that reads the approximation instead of the pixel: the paper's APX.

    Unused operands of a step are zero, which is also the index of the pixel. They are replaced too,
    but stay unused.
    """

    def replaced(place: int) -> int:
        return APPROXIMATION if place == PIXEL else place

    steps = tuple(
        (n, replaced(a), replaced(b), replaced(c), p, q) for n, a, b, c, p, q in program.steps
    )
    return Program(steps, program.constants, True)


def guarded(program: Program) -> Program:
    """Return a program that outputs zero for padded channels if it contains a division.

    The program has one more constant, which is 1 for each real channel. An infinite number in the
    padding would spread to all channels in the next convolution.
    """
    if all(name != "Div" for name, *_ in program.steps):
        return program
    first, guard = program.first_step, program.first_step

    def moved(place: int) -> int:
        return place + 1 if place >= first else place

    steps = [(n, moved(a), moved(b), moved(c), p, q) for n, a, b, c, p, q in program.steps]
    last = first + len(steps)
    steps.append(step("Where", guard, last, guard))
    return Program(tuple(steps), program.constants + 1, program.approximates)


def parse(text: str, constants: int) -> Program:
    """Parse a program from a compiled file (`kernels/pixelwise/reference.py`).

    Args:
        text: the program, one step a line.
        constants: number of constants for each channel.
    """
    places = {"x": PIXEL} | {f"c{i}": CONSTANTS + i for i in range(constants)}
    steps = []
    for number, line in enumerate(text.splitlines()):
        name, *tokens = line.split()
        operands = [places[token] for token in tokens if token in places]
        numbers = tuple(float(token) for token in tokens if token not in places)
        steps.append(step(name, *operands, numbers=numbers))
        places[f"v{number}"] = CONSTANTS + constants + number
    return Program(tuple(steps), constants)
