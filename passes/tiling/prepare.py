"""Preparing: a kernel in graph form without what tiling has no rule for, in terms of what it has.

A placed kernel stays as it is, but for alternatives, where tiling can keep its nest (see `placed_plan`).

- The first of several alternatives is taken, a library operator's body is its kernel.
- On the CPU `sram` is the core's cache: what rests there is read where it came from, or computed
  again; nests, passes and movements within a place go.
- A contraction is a reduction of products, which are never stored.
- What is stored and loaded again stays at reg.
- What can't be had window by window is stored and loaded again (see `storing`).
"""

from __future__ import annotations

from collections.abc import Sequence

from powerfusion.core._mlir import (
    DYNAMIC,
    create,
    defining_op,
    element_of,
    entry_block,
    has_uses,
    i64_array,
    index_constant,
    operations,
)
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import loops_of
from powerfusion.passes.tiling.kernels import is_stored, root_of
from powerfusion.passes.tiling.placed_obstacles import keeps_nest
from powerfusion.passes.tiling.storing import load, retyped, store, store_what_must_be

KERNELS = ("gir.kernel", "gir.extern")


def prepare(function: ir.Operation) -> None:
    """Prepares all kernels of a function."""
    _take_first(entry_block(function))
    for op in operations(entry_block(function)):
        if op.name in KERNELS and not keeps_nest(op):
            prepare_kernel(op)


def prepare_kernel(kernel: ir.Operation) -> None:
    """Prepares one kernel in graph form."""
    for op in operations(entry_block(kernel)):
        _flatten(op)
    for op in operations(entry_block(kernel)):
        if op.name == "gir.contract":
            _multiply_and_add(op)
    for op in operations(entry_block(kernel)):
        if op.name == "gir.move" and gir.is_at(op.result, "reg"):
            _forward(op)
    _erase_unused(kernel)
    store_what_must_be(kernel)
    _erase_unused(kernel)


def _erase_unused(kernel: ir.Operation) -> None:
    for op in reversed(operations(entry_block(kernel))):
        if op.name not in ("gir.return", "gir.assert") and not any(has_uses(result) for result in op.results):
            op.erase()


# -- alternatives ----------------------------------------------------------------------------


def _take_first(block: ir.Block) -> None:
    """Puts the first region of each alternative in its place, in a block and in the kernels of it."""
    for op in operations(block):
        if op.name in KERNELS:
            _take_first(entry_block(op))
        if op.name != "gir.alternatives":
            continue
        first = op.regions[0].blocks[0]
        _take_first(first)
        *body, end = operations(first)
        for inner in body:
            inner.move_before(op)
        for result, value in zip(op.results, end.operands, strict=True):
            result.replace_all_uses_with(value)
        op.erase()


# -- places ----------------------------------------------------------------------------------


def _flatten(op: ir.Operation) -> None:
    """Leaves of an op at sram, or of a movement within reg, what it is without its place."""
    if op.name == "gir.move":
        _flatten_move(op)
    elif op.name == "gir.gather" and not gir.is_at(op.operands[0], "dram"):
        with ir.InsertionPoint(op), op.location:
            op.operands[0] = store(op.operands[0])
    elif op.name.startswith("gir.") and len(op.results) == 1 and gir.is_at(op.results[0], "sram"):
        _flatten_view(op)


def _flatten_move(op: ir.Operation) -> None:
    source, result = op.operands[0], op.result
    if gir.is_at(result, "sram") or (gir.is_at(result, "reg") and gir.is_at(source, "reg")):
        result.replace_all_uses_with(source)
        op.erase()
    elif gir.is_at(result, "dram") and gir.is_at(source, "dram"):
        with ir.InsertionPoint(op), op.location:
            op.operands[0] = load(source)


def _flatten_view(op: ir.Operation) -> None:
    """A view at sram is one of where its operands came from; of several places, at reg."""
    levels = {gir.level_of(value.type) for value in op.operands if isinstance(value.type, ir.RankedTensorType)}
    level = "dram" if levels == {"dram"} else "reg"
    with ir.InsertionPoint(op), op.location:
        for at, value in enumerate(op.operands):
            if isinstance(value.type, ir.RankedTensorType) and gir.level_of(value.type) != level:
                op.operands[at] = load(value)
    op.result.set_type(retyped(op.result.type, level))


# -- stores and loads ------------------------------------------------------------------------

VIEWS = ("gir.permute", "gir.slice", "gir.window", "gir.broadcast", "gir.reshape")


def _forward(op: ir.Operation) -> None:
    """Replaces the load of what was stored from reg by what was stored, views made at reg."""
    root = root_of(op.operands[0])
    source = defining_op(root)
    if source is None or source.name != "gir.move" or not is_stored(root):
        return
    with ir.InsertionPoint(op), op.location:
        value = _at_reg(op.operands[0], root, source.operands[0])
    op.result.replace_all_uses_with(value)
    op.erase()


def _at_reg(value: ir.Value, root: ir.Value, stored: ir.Value) -> ir.Value:
    """A view of `root` as one of `stored`."""
    if value == root:
        return stored
    op = defining_op(value)
    assert op is not None, "a view of the root"
    source = _at_reg(op.operands[0], root, stored)
    made = op.clone().operation
    made.operands[0] = source
    made.result.set_type(retyped(value.type, "reg"))
    return made.result


# -- contractions ----------------------------------------------------------------------------


def _multiply_and_add(op: ir.Operation) -> None:
    """Makes a contraction a reduction of products over all its iteration dimensions."""
    lhs, rhs, acc = list(op.operands)[:3]
    left, right, kept = (loops_of(map_) for map_ in op.attributes["maps"])
    with ir.InsertionPoint(op), op.location:
        count = len(set(left) | set(right))
        owners = [(lhs, left.index(loop)) if loop in left else (rhs, right.index(loop)) for loop in range(count)]
        wide = [_over_loops(_widened(v, acc, op), loops, owners) for v, loops in ((lhs, left), (rhs, right))]
        floats = isinstance(element_of(acc.type), ir.FloatType)
        product = create("arith.mulf" if floats else "arith.muli", wide, [wide[0].type]).result
        start, order = _sorted(acc, kept)
        folded = [loop for loop in range(count) if loop not in kept]
        attributes = {
            "dims": i64_array(folded),
            "kinds": ir.ArrayAttr.get([ir.Attribute.parse("#vector.kind<add>")]),
            "operandSegmentSizes": ir.DenseI32ArrayAttr.get([1, 1, 0]),
        }
        made = create("gir.reduce", [product, start], [start.type], attributes, regions=1).result
        result = _permuted(made, order, inverse=True)
    op.result.replace_all_uses_with(result)
    op.erase()


def _widened(value: ir.Value, acc: ir.Value, op: ir.Operation) -> ir.Value:
    """A value in the accumulator's element type, without its place's space."""
    element = element_of(acc.type)
    if element_of(value.type) == element:
        return value
    type_ = gir.tensor_at("reg", value.type.shape, element)
    if isinstance(element, ir.FloatType):
        name = "arith.extf"
    elif isinstance(element, ir.IndexType):
        name = "arith.index_castui" if "is_unsigned" in op.attributes else "arith.index_cast"
    else:
        name = "arith.extui" if "is_unsigned" in op.attributes else "arith.extsi"
    return create(name, [value], [type_]).result


def _sorted(value: ir.Value, loops: Sequence[int]) -> tuple[ir.Value, list[int]]:
    """A value whose dimensions are in the order of the loops, and how they were reordered."""
    order = sorted(range(len(loops)), key=lambda dim: loops[dim])
    return _permuted(value, order), order


def _permuted(value: ir.Value, perm: Sequence[int], *, inverse: bool = False) -> ir.Value:
    if list(perm) == sorted(perm):
        return value
    perm = [list(perm).index(dim) for dim in range(len(perm))] if inverse else list(perm)
    type_ = gir.tensor_at("reg", [value.type.shape[p] for p in perm], element_of(value.type))
    return create("gir.permute", [value], [type_], {"perm": i64_array(perm)}).result


def _over_loops(value: ir.Value, loops: Sequence[int], owners: Sequence[tuple[ir.Value, int]]) -> ir.Value:
    """A value repeated along the iteration dimensions that it lacks."""
    value, _ = _sorted(value, loops)
    new = [loop for loop in range(len(owners)) if loop not in loops]
    shape = [owner.type.shape[dim] for owner, dim in owners]
    sizes = [
        create("tensor.dim", [owners[loop][0], index_constant(owners[loop][1])], [ir.IndexType.get()]).result
        for loop in new
        if shape[loop] == DYNAMIC
    ]
    if not new:
        return value
    type_ = gir.tensor_at("reg", shape, element_of(value.type))
    return create("gir.broadcast", [value, *sizes], [type_], {"dims": i64_array(new)}).result
