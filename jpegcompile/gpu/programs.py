"""Programs of GPU kernels: functions of each pixel as steps; see `kernels/pixelwise/triton.py`."""

from __future__ import annotations

from dataclasses import dataclass

# The name, three operands and two numbers.
Step = tuple[str, int, int, int, float, float]
# Places of the first values; constants follow.
PIXEL, APPROXIMATION, OTHER, CONSTANTS = 0, 1, 2, 3


@dataclass(frozen=True)
class Program:
    """A function of each pixel.

    Attributes:
        steps: in order; the last one makes the result. Without any, the result is the pixel.
        constants: how many numbers it reads for each channel.
        approximates: whether it reads the approximation by few frequencies.
    """

    steps: tuple[Step, ...] = ()
    constants: int = 0
    approximates: bool = False

    @property
    def first_step(self) -> int:
        """The place of what the first step makes."""
        return CONSTANTS + self.constants


def step(name: str, *operands: int, numbers: tuple[float, ...] = ()) -> Step:
    """A step; operands and numbers that its function does not take are zero."""
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
"""Its constant is zero."""
ASM_PRELU = Program(
    (
        step("Greater", APPROXIMATION, CONSTANTS + 1),
        step("Mul", PIXEL, CONSTANTS),
        step("Where", CONSTANTS + 2, PIXEL, CONSTANTS + 3),
    ),
    2,
    True,
)
"""Its constants are the slope and zero."""
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
"""Its constants are the lower and the upper bound."""
# A linear program reads a map of ones where others read the approximation.
ONES = APPROXIMATION
# The numbers of channels are constants, or the vector of a launch, which takes the same place.
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
"""Its constants are the factor and what is added."""
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
"""The pixel of the other map: one number for all channels."""


def of_approximation(program: Program) -> Program:
    """The program applied to the approximation in place of the pixel: APX, the paper's baseline.

    Of steps that read fewer than three operands the others are zero, too: they are replaced with
    the rest, and ignored as before.
    """

    def replaced(place: int) -> int:
        return APPROXIMATION if place == PIXEL else place

    steps = tuple(
        (n, replaced(a), replaced(b), replaced(c), p, q) for n, a, b, c, p, q in program.steps
    )
    return Program(steps, program.constants, True)


def guarded(program: Program) -> Program:
    """The program with zero for padded channels, where it might divide by zero.

    It has one constant more, which is 1 for each channel that there is. An infinite number in the
    padding would spread over all channels in the next convolution.
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
    """A program as compiled files record it (`kernels/pixelwise/reference.py`).

    Args:
        text: one step a line.
        constants: how many the program has for each channel.
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
