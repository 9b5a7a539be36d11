"""Which dimensions of a block's kernels are split, and where: what makes two shapes of one array the same.

An array of the function is seen by kernels through *ports*: the kernel that makes it, those that read it,
each in a shape of its own, as reshapes of the function say. A *cut* is a place between two elements' strides
at which a shape begins a new dimension:

    [2, 320, 64, 64]      cuts 64, 4096,        1310720, ...
    [2, 32, 40960]        cuts           40960, 1310720, ...
    together              [2, 32, 10, 64, 64]

Ports that are *linked* have all cuts of the array. A cut of an array is one of a dimension of each of its
ports, so of a class of dimensions of a kernel (`Spaces`), so of other arrays of that kernel, and so on. Links
between equal shapes come first, so that none is lost; then those that a reshape stands between, one by one, and
one that asks for what isn't possible is given up: a cut in a class that an op needs whole, or cuts that don't
divide each other. Arguments that several kernels read don't begin anything, they follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from powerfusion.core._mlir import DYNAMIC, defining_op, entry_block, is_tensor, operations, segments, shape_of
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import Dim, Spaces
from powerfusion.passes.fusion.rebuild import is_naive
from powerfusion.passes.fusion.split_rules import tie_more, whole_dims

Place = tuple[int, int]
"""A stride: how many dynamic dimensions lie within, and the product of the static ones since the last."""
VIEWS = ("tensor.expand_shape", "tensor.collapse_shape")


@dataclass(eq=False)
class Array:
    """An array of the function, or one that a kernel reshapes.

    Attributes:
        ports: How it is seen, that of the kernel which makes it first.
        made: Whether a kernel makes it.
        linked: The ports that have all its cuts.
        cuts: Where its linked ports begin dimensions.
    """

    ports: list[ir.Value] = field(default_factory=list)
    made: bool = False
    linked: list[ir.Value] = field(default_factory=list)
    cuts: set[Place] = field(default_factory=set)


class Plan:
    """The cuts of one block's dimensions."""

    def __init__(self, block: ir.Block) -> None:
        self.spaces = Spaces()
        self.cuts: dict[Dim, set[int]] = {}
        self.runs: dict[Dim, list[tuple[Array, Place]]] = {}
        self.arrays: list[Array] = []
        kernels = [op for op in operations(block) if op.name == "gir.kernel"]
        whole = [dim for kernel in kernels for dim in self._read(kernel)]
        self._find_arrays(kernels)
        self.whole = {self.spaces.find(dim) for dim in whole}
        self.whole |= {found for kernel in kernels for found in self._half_known(kernel)}
        self._link_all()

    def parts(self, value: ir.Value, dim: int) -> list[int]:
        """The sizes that a dimension is split into, outermost first; its own where it isn't."""
        size = value.type.shape[dim]
        inner = [1, *sorted(self.cuts.get(self.spaces.find((value, dim)), ()))]
        outer = size if size == DYNAMIC else size // inner[-1]
        return [outer, *(high // low for low, high in reversed(list(pairwise(inner))))]

    def all_parts(self, value: ir.Value) -> list[list[int]]:
        """The same of each dimension of a value."""
        return [self.parts(value, dim) for dim in range(value.type.rank)]

    def splits(self, value: ir.Value) -> bool:
        """Whether a value has a dimension that is split."""
        return is_tensor(value) and any(self.cuts.get(found) for found in self.spaces.classes(value))

    # -- reading -----------------------------------------------------------------------------

    def _read(self, kernel: ir.Operation) -> Iterator[Dim]:
        """Ties a kernel's dimensions; gives those that can't be split."""
        block = entry_block(kernel)
        for op in operations(block):
            self.spaces.read(op)
            tie_more(self.spaces, op)
            yield from whole_dims(op)
        outside = [*zip(segments(kernel)[0], block.arguments, strict=True)]
        outside += zip(kernel.results, _returned(kernel), strict=True)
        for value, inside in outside:
            if is_tensor(inside) and (value.type.encoding is not None or not is_naive(kernel)):
                yield from ((inside, dim) for dim in range(inside.type.rank))

    def _half_known(self, kernel: ir.Operation) -> Iterator[Dim]:
        """Classes whose size is static in one place and dynamic in another."""
        for value in filter(is_tensor, values_of(kernel)):
            for found, size in zip(self.spaces.classes(value), shape_of(value), strict=True):
                if size == DYNAMIC != found[0].type.shape[found[1]]:
                    yield found

    def _find_arrays(self, kernels: Sequence[ir.Operation]) -> None:
        """The arrays that kernels make and read, in program order."""
        found: dict[ir.Value, Array] = {}
        for kernel in kernels:
            for value, argument in zip(segments(kernel)[0], entry_block(kernel).arguments, strict=True):
                if is_tensor(argument) and 0 not in shape_of(argument):
                    found.setdefault(array_of(value), Array()).ports.append(argument)
            for op in operations(entry_block(kernel)):
                if op.name == "gir.reshape" and not {0, DYNAMIC} & {*shape_of(op.result), *shape_of(op.operands[0])}:
                    found[op.result] = Array([op.operands[0], op.result], made=True)
            for result, inside in zip(kernel.results, _returned(kernel), strict=True):
                if is_tensor(inside) and 0 not in shape_of(inside):
                    found[result] = Array([inside], made=True)
        self.arrays = [array for array in found.values() if len(array.ports) > 1]

    # -- linking -----------------------------------------------------------------------------

    def _link_all(self) -> None:
        made = [array for array in self.arrays if array.made]
        for array in made:
            for port in array.ports:
                if shape_of(port) == shape_of(array.ports[0]):
                    self._link(array, port)
        for array in made:
            for port in array.ports:
                if shape_of(port) != shape_of(array.ports[0]):
                    self._link(array, port)
        waiting, count = [array for array in self.arrays if not array.made], -1
        while len(waiting) != count:
            count, rest = len(waiting), list[Array]()
            for array in waiting:
                if any(map(self.splits, array.ports)):
                    for port in array.ports:
                        self._link(array, port)
                else:
                    rest.append(array)
            waiting = rest

    def _link(self, array: Array, port: ir.Value) -> bool:
        """Gives a port all cuts of an array and the array all of the port, if that is possible."""
        self.journal: list[tuple[set[int] | set[Place], int | Place]] = []
        array.linked.append(port)
        starts = starts_of(port)
        classes = self.spaces.classes(port)
        for found, start in zip(classes, starts, strict=True):
            self.runs.setdefault(found, []).append((array, start))
        work = [(array, start) for start in starts]
        for found, (within, step) in zip(classes, starts, strict=True):
            work += [(array, (within, step * cut)) for cut in self.cuts.get(found, ())]
        possible = all(self._cut_port(port, place, work) for place in array.cuts) and self._settle(work)
        if not possible:
            for where, what in reversed(self.journal):
                where.discard(what)  # pyright: ignore[reportArgumentType]  of one type by how it is filled
            for found in reversed(classes):
                self.runs[found].pop()
            array.linked.pop()
        return possible

    def _settle(self, work: list[tuple[Array, Place]]) -> bool:
        """Makes cuts of arrays, and those that follow from them."""
        while work:
            array, place = work.pop()
            if place in array.cuts:
                continue
            array.cuts.add(place)
            self.journal.append((array.cuts, place))
            if not all(self._cut_port(port, place, work) for port in array.linked):
                return False
        return True

    def _cut_port(self, port: ir.Value, place: Place, work: list[tuple[Array, Place]]) -> bool:
        """Makes a cut of an array one of a port of it; puts what follows on the list."""
        for dim, (start, size) in enumerate(zip(starts_of(port), shape_of(port), strict=True)):
            if start[0] != place[0] or place[1] <= start[1] or size == 1:
                continue
            if size != DYNAMIC and place[1] >= start[1] * size:
                continue
            if place[1] % start[1]:
                return False
            return self._cut_class(self.spaces.find((port, dim)), place[1] // start[1], work)
        return True

    def _cut_class(self, found: Dim, inner: int, work: list[tuple[Array, Place]]) -> bool:
        cuts = self.cuts.setdefault(found, set())
        if inner in cuts:
            return True
        size = found[0].type.shape[found[1]]
        if found in self.whole or (size != DYNAMIC and size % inner):
            return False
        if any(inner % other and other % inner for other in cuts):
            return False
        cuts.add(inner)
        self.journal.append((cuts, inner))
        work += [(array, (within, step * inner)) for array, (within, step) in self.runs.get(found, ())]
        return True


def values_of(kernel: ir.Operation) -> list[ir.Value]:
    """The values in a kernel."""
    block = entry_block(kernel)
    return [*block.arguments, *(result for op in operations(block) for result in op.results)]


def _returned(kernel: ir.Operation) -> list[ir.Value]:
    return list(operations(entry_block(kernel))[-1].operands)


def starts_of(value: ir.Value) -> list[Place]:
    """The stride of each dimension of a value."""
    place, starts = (0, 1), list[Place]()
    for size in reversed(shape_of(value)):
        starts.append(place)
        place = (place[0] + 1, 1) if size == DYNAMIC else (place[0], place[1] * size)
    return starts[::-1]


def array_of(value: ir.Value) -> ir.Value:
    """The array that a tensor of the function is, or that reshapes which keep track of its places are of."""
    op = defining_op(value)
    while op is not None and _keeps_places(op):
        value = op.operands[0]
        op = defining_op(value)
    return value


def _keeps_places(op: ir.Operation) -> bool:
    """Whether a dynamic size that a reshape splits or makes is the outermost of its group."""
    if op.name not in VIEWS:
        return False
    fine = shape_of(op.result if op.name == VIEWS[0] else op.operands[0])
    groups = [[ir.IntegerAttr(dim).value for dim in group] for group in op.attributes["reassociation"]]
    sizes = [[fine[dim] for dim in group if fine[dim] != 1] for group in groups]
    return all(DYNAMIC not in group[1:] and 0 not in group for group in sizes)
