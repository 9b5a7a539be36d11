"""What stands between kernels: tensors and numbers of the function around them."""

from __future__ import annotations

import numpy as np

from powerfusion.errors import AssertionFailedError, OutOfBounds
from powerfusion.reference.ops.views import shape_of
from powerfusion.reference.program import Instruction, integer
from powerfusion.reference.registry import meaning
from powerfusion.reference.stream import Here
from powerfusion.reference.values import Tile, scalar


@meaning("cf.assert")
def check(op: Instruction, condition: Tile) -> None:
    """Ends the program unless the condition holds."""
    if not condition.data:
        raise AssertionFailedError(op.attributes["msg"])


@meaning("tensor.empty")
def empty(here: Here, op: Instruction, *sizes: Tile) -> Tile:
    """A tensor in which nothing was written."""
    shape = shape_of(op.type, sizes)
    return Tile(here.state.garbage(shape, op.type), np.zeros(shape, np.bool_))


@meaning("tensor.dim")
def dim(op: Instruction, x: Tile, position: Tile) -> Tile:
    """The size of a dimension."""
    return scalar(x.shape[integer(position)])


@meaning("tensor.cast")
def cast(op: Instruction, x: Tile) -> Tile:
    """The same tensor, more or less of its shape known.

    Raises:
        OutOfBounds: It hasn't the sizes that the result is said to have.
    """
    for position, (size, known) in enumerate(zip(x.shape, op.type.shape, strict=True)):
        if known not in (None, size):
            raise OutOfBounds(f"expected {known} elements in dimension {position}, got {size}")
    return x


@meaning("tensor.collapse_shape")
def collapse_shape(op: Instruction, x: Tile) -> Tile:
    """Neighbouring dimensions as one."""
    shape = [int(np.prod([x.shape[d] for d in group])) for group in op.attributes["reassociation"]]
    return x.view(lambda a: a.reshape(shape))


@meaning("tensor.expand_shape")
def expand_shape(op: Instruction, x: Tile, *sizes: Tile) -> Tile:
    """One dimension as several."""
    shape = op.mixed("static_output_shape", sizes)
    return x.view(lambda a: a.reshape(shape))


@meaning("tensor.extract")
def extract(op: Instruction, x: Tile, *indices: Tile) -> Tile:
    """One element."""
    index = _inside(x.shape, indices)
    return Tile(np.asarray(x.data[index]), None if x.real is None else np.asarray(x.real[index]))


@meaning("tensor.from_elements")
def from_elements(op: Instruction, *elements: Tile) -> Tile:
    """A tensor of these numbers, in row-major order."""
    shape = [size or 0 for size in op.type.shape]
    return Tile(np.asarray([x.data for x in elements], op.type.dtype).reshape(shape))


def _inside(shape: tuple[int, ...], indices: tuple[Tile, ...]) -> tuple[int, ...]:
    """Indices as integers.

    Raises:
        OutOfBounds: One is outside.
    """
    index = tuple(integer(i) for i in indices)
    for position, (i, size) in enumerate(zip(index, shape, strict=True)):
        if not 0 <= i < size:
            raise OutOfBounds(f"the index {i} in dimension {position} is outside of its {size} elements")
    return index
