"""What a kernel stores and loads again through views at dram stays at reg, in the same views.

    %d = gir.concat (gir.move %a), (gir.move %b) dim 0 : dram
    %s = gir.slice %d [0] [n]                                   a box of the first part alone ...
    %x = gir.move %s : dram -> reg                        ⇒     %x = gir.slice %a [0] [n] : reg

A box is found in a concatenation or an insertion by its offsets: within a part it is of that part; beside
what was inserted it is of what was there before; partly in both, the store and the load stay.

Views of a concatenation are made of its parts, and where it is only stored, the parts are: at dram they
are side by side without anyone choosing between them.
"""

from __future__ import annotations

from collections.abc import Sequence

from powerfusion.core._mlir import (
    DYNAMIC,
    create,
    defining_op,
    entry_block,
    has_uses,
    i32_array,
    i64_array,
    integers,
    is_tensor,
    operations,
    shape_of,
)
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.fusion.rebuild import erase_unused

UNARY = ("gir.permute", "gir.slice", "gir.reshape")


def sort_parts(kernel: ir.Operation) -> None:
    """Makes views of concatenations of their parts, and stores them part by part."""
    for op in operations(entry_block(kernel)):
        if op.name in ("gir.permute", "gir.reshape") and gir.is_at(op.result, "reg"):
            _push_into_parts(op)
    erase_unused(kernel)
    for op in operations(entry_block(kernel)):
        if op.name == "gir.move" and gir.is_at(op.result, "dram"):
            _store_parts(op)
    erase_unused(kernel)


def cancel(load: ir.Operation) -> bool:
    """Replaces a load of what the same kernel stored, if all of it was and its place is known; says whether it did."""
    with ir.InsertionPoint(load), load.location:
        if not is_stored(load.operands[0]):
            return False
        load.result.replace_all_uses_with(at_reg(load.operands[0]))
    load.erase()
    return True


def is_stored(value: ir.Value) -> bool:
    """Whether every element of a value at dram was stored from reg in the same kernel, in places that are known."""
    op = defining_op(value)
    if op is None:
        return False
    match op.name:
        case "gir.move":
            return gir.is_at(op.operands[0], "reg")
        case "gir.slice":
            source = boxed_source(op)
            return is_stored(op.operands[0]) if source is None else is_stored(source[0])
        case "gir.permute" | "gir.reshape":
            return is_stored(op.operands[0])
        case "gir.concat":
            return all(is_stored(operand) for operand in op.operands)
        case _:
            return False


def at_reg(value: ir.Value) -> ir.Value:
    """What was stored, in the views in which it is read; made at the insertion point."""
    op = defining_op(value)
    assert op is not None, "what is stored"
    if op.name == "gir.move":
        return op.operands[0]
    if op.name == "gir.slice" and (source := boxed_source(op)) is not None:
        return slice_of(at_reg(source[0]), source[1], op)
    operands = [at_reg(operand) if is_tensor(operand) else operand for operand in op.operands]
    made = op.clone().operation
    for at, operand in enumerate(operands):
        made.operands[at] = operand
    made.result.set_type(gir.tensor_at("reg", value.type.shape, value.type.element_type))
    return made.result


def boxed_source(op: ir.Operation) -> tuple[ir.Value, list[int]] | None:
    """The part that a static slice lies in, and its offsets there; None where that isn't known, or is the whole."""
    source = defining_op(op.operands[0])
    if source is None or len(op.operands) > 1 or source.name not in ("gir.concat", "gir.insert"):
        return None
    found = _in_concat(op, source) if source.name == "gir.concat" else _in_insert(op, source)
    return found


def _in_concat(op: ir.Operation, source: ir.Operation) -> tuple[ir.Value, list[int]] | None:
    dim = ir.IntegerAttr(source.attributes["dim"]).value
    offsets, first, last = _reach(op, dim)
    start = 0
    for part in source.operands:
        size = shape_of(part)[dim]
        if size == DYNAMIC:
            return None
        if start <= first and last < start + size:
            return part, [offset - start * (at == dim) for at, offset in enumerate(offsets)]
        start += size
    return None


def _in_insert(op: ir.Operation, source: ir.Operation) -> tuple[ir.Value, list[int]] | None:
    """The value inserted where the box is within, what was there before where it is beside."""
    if len(source.operands) > 2:
        return None
    starts, sizes, steps = (integers(source.attributes[f"static_{name}"]) for name in ("offsets", "sizes", "strides"))
    value, dest = source.operands[0], source.operands[1]
    within = not integers(source.attributes["drop"]) and all(step == 1 for step in steps)
    offsets = integers(op.attributes["static_offsets"])
    for dim, (start, size, step) in enumerate(zip(starts, sizes, steps, strict=True)):
        _, first, last = _reach(op, dim)
        end = start + (size - 1) * step
        if last < start or first > end:
            return dest, offsets
        within &= start <= first and last <= end
    return (value, [offset - start for offset, start in zip(offsets, starts, strict=True)]) if within else None


def _reach(op: ir.Operation, dim: int) -> tuple[list[int], int, int]:
    """A static slice's offsets, and the first and last index that it reads of a dimension."""
    offsets, sizes, steps = (integers(op.attributes[f"static_{name}"]) for name in ("offsets", "sizes", "strides"))
    return offsets, offsets[dim], offsets[dim] + (sizes[dim] - 1) * steps[dim]


def slice_of(value: ir.Value, offsets: Sequence[int], like: ir.Operation) -> ir.Value:
    """A slice like another, of another value at other offsets."""
    attributes = {name: like.attributes[name] for name in ("static_sizes", "static_strides", "drop")}
    attributes |= {"static_offsets": i64_array(offsets), "operandSegmentSizes": i32_array([1, 0, 0, 0])}
    type_ = gir.tensor_at(gir.level_of(value.type) or "dram", like.result.type.shape, like.result.type.element_type)
    return create("gir.slice", [value], [type_], attributes).result


def _push_into_parts(op: ir.Operation) -> None:
    """Makes a view of a concatenation that nobody else reads a concatenation of views."""
    source = defining_op(op.operands[0])
    if source is None or source.name != "gir.concat" or sum(1 for _ in source.result.uses) > 1:
        return
    dim = ir.IntegerAttr(source.attributes["dim"]).value
    shapes = _part_shapes(op, source, dim)
    if shapes is None:
        return
    along, parts = shapes
    with ir.InsertionPoint(op), op.location:
        views: list[ir.Value] = []
        for part, shape in zip(source.operands, parts, strict=True):
            type_ = gir.tensor_at("reg", shape, part.type.element_type)
            attributes = {"perm": op.attributes["perm"]} if op.name == "gir.permute" else {}
            views.append(create(op.name, [part], [type_], attributes).result)
        attributes = {"dim": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), along)}
        made = create("gir.concat", views, [op.result.type], attributes).result
    op.result.replace_all_uses_with(made)
    op.erase()


def _part_shapes(op: ir.Operation, concat: ir.Operation, dim: int) -> tuple[int, list[list[int]]] | None:
    """The dimension along which a view's parts are, and their shapes; None where parts are no boxes of it."""
    shapes = [list(shape_of(part)) for part in concat.operands]
    if op.name == "gir.permute":
        perm = integers(op.attributes["perm"])
        return perm.index(dim), [[shape[p] for p in perm] for shape in shapes]
    result, whole = list(shape_of(op.result)), list(shape_of(concat.result))
    sizes = [shape[dim] for shape in shapes]
    if DYNAMIC in (*result, *whole, *sizes) or 0 in result:
        return None
    return _reshaped_parts(whole, result, dim, sizes)


def _reshaped_parts(
    whole: list[int], result: list[int], dim: int, sizes: Sequence[int]
) -> tuple[int, list[list[int]]] | None:
    """The same for a reshape: one that leaves what is around a dimension and splits it where parts begin."""
    for along in range(len(result)):
        if _product(result[:along]) != _product(whole[:dim]) or result[along] == 1:
            continue
        inner = _product(whole[dim:]) // result[along]  # elements of one step along the result's dimension
        row = _product(whole[dim + 1 :])
        if any(size * row % inner for size in sizes):
            return None
        return along, [[*result[:along], size * row // inner, *result[along + 1 :]] for size in sizes]
    return None


def _product(sizes: Sequence[int]) -> int:
    total = 1
    for size in sizes:
        total *= size
    return total


def _store_parts(store: ir.Operation) -> None:
    """Stores a concatenation that is only stored part by part."""
    source = defining_op(store.operands[0])
    if source is None or source.name != "gir.concat" or not gir.is_at(source.result, "reg"):
        return
    if sum(1 for _ in source.result.uses) > 1 or "over" in store.attributes:
        return
    with ir.InsertionPoint(store), store.location:
        parts = [
            create("gir.move", [part], [gir.tensor_at("dram", part.type.shape, part.type.element_type)]).result
            for part in source.operands
        ]
        made = create("gir.concat", parts, [store.result.type], {"dim": source.attributes["dim"]}).result
    store.result.replace_all_uses_with(made)
    store.erase()
    if not has_uses(source.result):
        source.erase()
