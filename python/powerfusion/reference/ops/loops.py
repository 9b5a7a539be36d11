"""Control flow and affine arithmetic: what stands between GIR's ops in tile form."""

from __future__ import annotations

from typing import Any

import numpy as np

from powerfusion.reference.program import Instruction, integer
from powerfusion.reference.registry import meaning
from powerfusion.reference.stream import Here, Running
from powerfusion.reference.values import Tile, scalar


@meaning("scf.for")
def loop(here: Here, op: Instruction, lower: Tile, upper: Tile, step: Tile, *initial: Any) -> Running:
    """Runs the body for each index; what it yields is carried to the next iteration, at last to the results."""
    carried = list(initial)
    body = op.blocks[0]
    for number in op.operands[3:]:
        if number in op.dying:
            here.release(number)  # The loop's own value takes its registers.
    for index in range(integer(lower), integer(upper), integer(step)):
        for number, type_, value in zip(body.arguments[1:], body.argument_types[1:], carried, strict=True):
            if type_.level == "reg":
                here.hold(number, type_, value.data.size * type_.dtype.itemsize, op.name)
        carried = yield from here.run(body, [scalar(index, lower.data.dtype), *carried])
        for number in (*body.arguments, *body.instructions[-1].dying):
            here.release(number)
    return tuple(carried)


@meaning("scf.if")
def branch(here: Here, op: Instruction, condition: Tile) -> Running:
    """Runs the first region if the condition holds, else the second if there is one."""
    chosen = 0 if condition.data else 1
    if chosen >= len(op.blocks):
        return ()
    made = yield from here.run(op.blocks[chosen], [])
    for number in op.blocks[chosen].instructions[-1].dying:
        here.release(number)  # The result takes its registers.
    return tuple(made)


@meaning("scf.while")
def repeat(here: Here, op: Instruction, *initial: Any) -> Running:
    """Runs the first region, and while it says so the second, each on what the other gave."""
    carried = list(initial)
    while True:
        condition, *carried = yield from here.run(op.blocks[0], carried)
        if not condition.data:
            return tuple(carried)
        carried = yield from here.run(op.blocks[1], carried)


@meaning("scf.execute_region")
def region(here: Here, op: Instruction) -> Running:
    """Runs the region."""
    return tuple((yield from here.run(op.blocks[0], [])))


@meaning("affine.apply")
def apply(op: Instruction, *operands: Tile) -> Tile:
    """The map's result."""
    return scalar(op.attributes["map"]([integer(x) for x in operands])[0])


@meaning("affine.min")
def least(op: Instruction, *operands: Tile) -> Tile:
    """The least of the map's results."""
    return scalar(min(op.attributes["map"]([integer(x) for x in operands])))


@meaning("affine.max")
def greatest(op: Instruction, *operands: Tile) -> Tile:
    """The greatest of the map's results."""
    return scalar(max(op.attributes["map"]([integer(x) for x in operands])))


@meaning("tensor.splat")
def splat(op: Instruction, x: Tile, *sizes: Tile) -> Tile:
    """One number in every place."""
    rest = iter(sizes)
    shape = tuple(integer(next(rest)) if size is None else size for size in op.type.shape)
    wider = x.data.reshape(x.data.shape + (1,) * len(shape))
    return Tile(np.broadcast_to(wider, x.data.shape + shape))
