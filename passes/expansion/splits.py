"""Split reductions: few rows of many elements become parts, each reduced for itself, and a reduction of the parts.

    %s = gir.kernel (%x : r x c) { sum over c of %x }
  ⇒ %p = gir.kernel (%x as r x 128 x (c / 128)) { sum over the last dimension }       r * 128 rows
    %s = gir.kernel (%p : r x 128) { sum over the second dimension }

A kernel is split if all it stores follows from reductions that fold one dimension in common, in any order. What is
folded is a view of the same bytes, so that the first kernel moves what the whole one moved, and its parts are few.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from powerfusion.core._mlir import (
    DYNAMIC,
    attributes_of,
    create,
    defining_op,
    element_of,
    entry_block,
    i64_array,
    integers,
    is_tensor,
    kind_name,
    operations,
    segments,
)
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import Dim, Spaces, reduced_classes, spaces_of
from powerfusion.passes.fusion.rebuild import copy_op, drop_unused_inputs, erase_unused, is_naive
from powerfusion.passes.lowering.elementwise import neutral

MOST_ROWS, FEWEST_ELEMENTS = 128, 4096  # beyond the former there is enough to do in parallel already
ROWS_WANTED, SHORTEST = 1024, 64  # rows of parts, and elements of each of them
LOADED = ("arith.", "math.", "tensor.splat", "gir.broadcast", "gir.permute", "gir.reduce", "gir.move", "gir.return")


@dataclass
class _Split:
    """How a kernel is split.

    Attributes:
        kernel: Which.
        spaces: Its dimensions.
        along: The dimension that is cut.
        parts: Into how many.
        late: What depends on reductions.
    """

    kernel: ir.Operation
    spaces: Spaces
    along: Dim
    parts: int
    late: set[ir.Value] = field(default_factory=set[ir.Value])

    def place(self, value: ir.Value) -> int | None:
        """Which dimension of a value is cut."""
        classes = self.spaces.classes(value) if is_tensor(value) else []
        return classes.index(self.along) if self.along in classes else None

    def cut(self, type_: ir.RankedTensorType, place: int | None) -> ir.RankedTensorType:
        """A type with two dimensions in place of the one that is cut."""
        if place is None:
            return type_
        shape = list(type_.shape)
        shape[place : place + 1] = [self.parts, shape[place] // self.parts]
        return ir.RankedTensorType.get(shape, type_.element_type, type_.encoding)


def can_split(kernel: ir.Operation) -> bool:
    """Whether a kernel can be split, and has reason to be."""
    return _read(kernel) is not None


def split(kernel: ir.Operation) -> bool:
    """Puts two kernels in the place of one; False, and nothing is changed, if that can't be."""
    found = _read(kernel)
    if found is None:
        return False
    with ir.InsertionPoint(kernel), kernel.location:
        partial = _parts(found)
        whole = _whole(found, partial)
    for old, new in zip(kernel.results, whole.results, strict=True):
        old.replace_all_uses_with(new)
    kernel.erase()
    for made in (partial, whole):
        erase_unused(made)
        drop_unused_inputs(made)
    return True


def _read(kernel: ir.Operation) -> _Split | None:
    """What there is to split in a kernel."""
    if not is_naive(kernel):
        return None
    body = operations(entry_block(kernel))
    folds = [op for op in body if op.name == "gir.reduce"]
    if not folds or not all(op.name.startswith(LOADED) for op in body):
        return None
    values = [value for op in body for value in op.results if is_tensor(value)]
    if any(size in (0, DYNAMIC) for value in values for size in value.type.shape):
        return None
    spaces = spaces_of(kernel)
    common = set[Dim].intersection(*(set(reduced_classes(spaces, op)) for op in folds))
    rows = max(math.prod(result.type.shape) for op in folds for result in op.results)
    long = [dim for dim in common if dim[0].type.shape[dim[1]] >= FEWEST_ELEMENTS]
    if rows > MOST_ROWS or len(long) != 1 or not all(map(_in_any_order, folds)):
        return None
    parts = _number_of_parts(long[0][0].type.shape[long[0][1]], rows)
    found = _Split(kernel, spaces, long[0], parts)
    return found if parts > 1 and _is_legal(found, body) else None


def _in_any_order(op: ir.Operation) -> bool:
    return "kinds" in op.attributes or "identity" in op.attributes


def _number_of_parts(size: int, rows: int) -> int:
    """A divisor near what is wanted: enough rows of parts, each long enough; 1 if there is none."""
    wanted = max(2, min(ROWS_WANTED // max(rows, 1), size // SHORTEST))
    divisors = [d for d in range(2, size // SHORTEST + 1) if size % d == 0]
    return min(divisors, key=lambda d: abs(math.log(d / wanted)), default=1)


def _is_legal(found: _Split, body: Sequence[ir.Operation]) -> bool:
    """Whether values run over what is cut at most once, and not again once it is folded, nor are they stored."""
    for op in body:
        for value in op.results:
            if is_tensor(value) and found.spaces.classes(value).count(found.along) > 1:
                return False
        if op.name == "gir.reduce" or any(value in found.late for value in op.operands):
            found.late.update(op.results)
            if any(found.place(value) is not None for value in op.results):
                return False
        if op.name == "gir.reduce" and any(value in found.late for value in op.operands):
            return False
        if op.name == "gir.move":
            loads = gir.is_at(op.result, "reg") and defining_op(op.operands[0]) is None
            stores = gir.is_at(op.result, "dram") and found.place(op.operands[0]) is None
            if not loads and not stores:
                return False
    return all(found.place(value) is None for value in body[-1].operands)


# -- the parts -----------------------------------------------------------------------------------------


def _parts(found: _Split) -> ir.Operation:
    """The kernel that reduces each part."""
    kernel = found.kernel
    block = entry_block(kernel)
    inputs = segments(kernel)[0]
    taken = [_viewed(found, value, argument) for value, argument in zip(inputs, block.arguments, strict=True)]
    folds = [op for op in operations(block) if op.name == "gir.reduce"]
    types = [_plain(_partial_type(found, op, at)) for op in folds for at in range(len(op.results))]
    name = ir.StringAttr(kernel.attributes["kernel_name"]).value
    made = gir.kernel(f"{name}_parts", taken, [], types, kernel.location).operation
    known: dict[ir.Value, ir.Value] = dict(zip(block.arguments, entry_block(made).arguments, strict=True))
    with ir.InsertionPoint(entry_block(made)):
        given: list[ir.Value] = []
        for op in operations(block):
            if op.name == "gir.reduce":
                given += _reduced_parts(found, op, known)
            elif not any(value in found.late for value in op.results) and not _is_store(op):
                _cut_op(found, op, known)
        create("gir.return", [_stored(value) for value in given], loc=kernel.location)
    return made


def _is_store(op: ir.Operation) -> bool:
    return op.name == "gir.return" or (op.name == "gir.move" and gir.is_at(op.result, "dram"))


def _viewed(found: _Split, value: ir.Value, argument: ir.Value) -> ir.Value:
    """An input of the kernel with two dimensions in place of the one that is cut."""
    place = found.place(argument)
    if place is None:
        return value
    type_ = found.cut(value.type, place)
    groups = [[dim + (dim > place)] if dim != place else [dim, dim + 1] for dim in range(value.type.rank)]
    index = ir.IntegerType.get_signless(64)
    entries = [ir.ArrayAttr.get([ir.IntegerAttr.get(index, dim) for dim in group]) for group in groups]
    attributes = {"reassociation": ir.ArrayAttr.get(entries), "static_output_shape": i64_array(type_.shape)}
    return create("tensor.expand_shape", [value], [type_], attributes).result


def _cut_op(found: _Split, op: ir.Operation, known: dict[ir.Value, ir.Value]) -> None:
    """An op on values that are cut."""
    places = [found.place(value) for value in op.results]
    if all(place is None for place in places) and not any(found.place(value) is not None for value in op.operands):
        copy_op(op, known)
        return
    attributes = attributes_of(op)
    (place,) = places
    assert place is not None, "what runs over what is cut stays so until it is folded"
    type_ = found.cut(op.result.type, place)
    if op.name == "gir.broadcast":
        new = integers(attributes["dims"])
        attributes["dims"] = i64_array(sorted(_moved(new, place)))
    elif op.name == "gir.permute":
        perm = integers(attributes["perm"])
        source = perm[place]
        attributes["perm"] = i64_array([d for p in perm for d in _moved([p], source)])
    elif op.name == "arith.constant":
        splat = ir.DenseElementsAttr(attributes["value"]).get_splat_value()
        attributes["value"] = ir.DenseElementsAttr.get_splat(type_, splat)
    operands = [known.get(value, value) for value in op.operands]
    known[op.result] = create(op.name, operands, [type_], attributes, loc=op.location).result


def _moved(dims: Sequence[int], place: int) -> list[int]:
    """Dimensions once one of them is two."""
    return [d for dim in dims for d in ([dim, dim + 1] if dim == place else [dim + (dim > place)])]


def _place_in(found: _Split, op: ir.Operation) -> tuple[int, int]:
    """Which dimension of a reduction's inputs is cut, and where its parts stand in the results."""
    place = found.place(segments(op)[0][0])
    assert place is not None, "it folds what is cut"
    return place, place - sum(dim < place for dim in integers(op.attributes["dims"]))


def _partial_type(found: _Split, op: ir.Operation, at: int) -> ir.RankedTensorType:
    _, place = _place_in(found, op)
    type_ = op.results[at].type
    shape = list(type_.shape)
    shape.insert(place, found.parts)
    return ir.RankedTensorType.get(shape, type_.element_type, type_.encoding)


def _reduced_parts(found: _Split, op: ir.Operation, known: dict[ir.Value, ir.Value]) -> list[ir.Value]:
    place, _ = _place_in(found, op)
    inputs = [known[value] for value in segments(op)[0]]
    types = [_partial_type(found, op, at) for at in range(len(op.results))]
    inits = [_neutral(op, at, type_) for at, type_ in enumerate(types)]
    dims = [dim + (dim >= place) for dim in integers(op.attributes["dims"])]
    return _reduction(op, inputs, inits, dims)


def _neutral(op: ir.Operation, at: int, type_: ir.RankedTensorType) -> ir.Value:
    """What a part starts from."""
    if "kinds" in op.attributes:
        kind = kind_name(op.attributes["kinds"][at])
        element = neutral(kind, element_of(type_))
    else:
        element = op.attributes["identity"][at]
    attributes = {"value": ir.DenseElementsAttr.get_splat(type_, element)}
    return create("arith.constant", results=[type_], attributes=attributes).result


def _reduction(
    op: ir.Operation, inputs: Sequence[ir.Value], inits: Sequence[ir.Value], dims: Sequence[int]
) -> list[ir.Value]:
    """The same reduction of other values."""
    made = op.clone().operation
    for at, value in enumerate([*inputs, *inits]):
        made.operands[at] = value
    made.attributes["dims"] = i64_array(dims)
    for result, init in zip(made.results, inits, strict=True):
        result.set_type(init.type)
    return list(made.results)


# -- the whole -----------------------------------------------------------------------------------------


def _whole(found: _Split, partial: ir.Operation) -> ir.Operation:
    """The kernel that reduces the parts, and does what follows."""
    kernel = found.kernel
    block = entry_block(kernel)
    inputs, sizes = segments(kernel)
    types = [result.type for result in kernel.results]
    name = ir.StringAttr(kernel.attributes["kernel_name"]).value
    made = gir.kernel(name, [*inputs, *partial.results], sizes, types, kernel.location).operation
    arguments = list(entry_block(made).arguments)
    known: dict[ir.Value, ir.Value] = dict(zip(block.arguments, arguments, strict=False))
    parts = iter(arguments[len(inputs) :])
    with ir.InsertionPoint(entry_block(made)):
        for op in operations(block):
            if op.name == "gir.reduce":
                types = [_partial_type(found, op, at) for at in range(len(op.results))]
                loads = [create("gir.move", [next(parts)], [type_], loc=op.location).result for type_ in types]
                inits = [known[value] for value in segments(op)[1]]
                known.update(zip(op.results, _reduction(op, loads, inits, [_place_in(found, op)[1]]), strict=True))
            elif all(found.place(value) is None for value in (*op.operands, *op.results)):
                copy_op(op, known)
    return made


def _stored(value: ir.Value) -> ir.Value:
    type_ = gir.tensor_at("dram", value.type.shape, value.type.element_type)
    return create("gir.move", [value], [type_]).result


def _plain(type_: ir.RankedTensorType) -> ir.RankedTensorType:
    return ir.RankedTensorType.get(type_.shape, type_.element_type)
