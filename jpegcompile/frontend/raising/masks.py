"""The frequency plan that the masks and truncations of a model amount to."""

from __future__ import annotations

import onnx

from jpegcompile.dct.frequencies import ALL, full, resolve
from jpegcompile.frequency_plan import (
    PIECEWISE_LINEAR,
    FrequencyPlan,
    Masking,
    NodeFrequencies,
    frequency_plan,
)
from jpegcompile.frontend.raising.state import Mask, State
from jpegcompile.messages import Message
from jpegcompile.operators.definition import Operator
from jpegcompile.operators.piecewise import TRUNCATE
from jpegcompile.operators.queries import is_piecewise_linear

_PLAN_NAME = "the frequencies of the compiled model"


def note_mask(
    state: State,
    node: onnx.NodeProto,
    operator: Operator,
    blocks: tuple[int, int],
    frequencies: int | None,
) -> None:
    """Record the frequencies of a nonlinearity, or of a truncation after one.

    Raises:
        UnsupportedModelError: if a truncation does not follow a nonlinearity that only it reads, or
            ASM and APX are in one model.
    """
    if operator.name == TRUNCATE:
        _note_truncation(state, node, frequencies)
        return
    if not is_piecewise_linear(operator) and not operator.activation and not operator.truncates:
        return
    masking = "" if operator.takes_positions else operator.masking
    used = {mask.masking for mask in state.masks.values() if mask.masking}
    if masking and used - {masking}:
        raise state.refusal(
            node,
            Message(
                "own-maskings-mixed",
                "has another masking than earlier nodes, and a model can use either ASM or APX;"
                " compile its source model",
            ),
        )
    if operator.activation or operator.truncates:
        # The input block of a fused convolution is not that of its nonlinearity.
        blocks = (blocks[1], blocks[1])
    kept = frequencies if operator.truncates else None
    masked = frequencies if operator.masking else None
    state.masks[node.name] = Mask(*blocks, masking, masked, kept)
    state.nonlinearities[node.output[0]] = node.name


def _note_truncation(state: State, node: onnx.NodeProto, frequencies: int | None) -> None:
    maker = state.nonlinearities.get(node.input[0]) or _standard_maker(state, node)
    if maker is None or state.readers[node.input[0]] != 1:
        raise state.refusal(
            node,
            Message(
                "own-truncation-apart",
                "truncates a map that is not the output of a nonlinearity, or that other nodes read"
                " whole, which no frequency plan describes; compile its source model",
            ),
        )
    state.masks[maker].truncate = frequencies


def _standard_maker(state: State, node: onnx.NodeProto) -> str | None:
    """Return the name of the standard nonlinearity whose output a node truncates, if any."""
    value = state.values[node.input[0]]
    last = next((n for n in state.nodes if value.pixels in n.output), None)
    if last is None or last.op_type not in PIECEWISE_LINEAR:
        return None
    state.masks.setdefault(last.name, Mask(value.block, value.block))
    return last.name


def plan_of(state: State) -> FrequencyPlan | None:
    """Return the plan of the model; None if all its operators are exact.

    The plan in the metadata is returned if the nodes agree with it.
    """
    masks = state.masks
    if all(m.frequencies is None and m.truncate is None for m in masks.values()):
        return None
    recorded = None if state.info is None else state.info.frequencies
    if recorded is not None:
        plan = frequency_plan(recorded)
        names = {node.name for node in state.model.graph.node}
        if names >= set(plan.nodes) and all(
            _agrees(plan.of(name), mask) for name, mask in masks.items()
        ):
            return plan
    maskings: list[Masking] = [m.masking for m in masks.values() if m.masking]  # type: ignore[misc]
    nodes = {name: _numbers(mask) for name, mask in masks.items() if max(_blocks(mask)) > 1}
    exact = {name for name, numbers in nodes.items() if numbers == NodeFrequencies()}
    return FrequencyPlan(
        maskings[0] if maskings else "asm",
        NodeFrequencies(),
        {name: numbers for name, numbers in nodes.items() if name not in exact},
        _PLAN_NAME,
    )


def _blocks(mask: Mask) -> tuple[int, int]:
    return mask.input_block, mask.output_block


def _agrees(numbers: NodeFrequencies, mask: Mask) -> bool:
    wanted = (numbers.mask, numbers.keep)
    counts = (mask.frequencies, mask.truncate)
    return all(
        resolve(number, block) == (full(block) if count is None else count)
        for number, block, count in zip(wanted, _blocks(mask), counts, strict=True)
    )


def _numbers(mask: Mask) -> NodeFrequencies:
    counts = (mask.frequencies, mask.truncate)
    return NodeFrequencies(*map(_for_8x8, counts, _blocks(mask)))


def _for_8x8(count: int | None, block: int) -> int:
    """Return a number of frequencies of 8x8 tiles that `resolve` converts to a given one."""
    if count is None:
        return ALL
    return next(n for n in range(1, ALL + 1) if resolve(n, block) == count)
