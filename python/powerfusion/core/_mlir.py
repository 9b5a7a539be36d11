"""The shim around MLIR's Python bindings: whatever depends on their version stands here.

Ops are read and made by name where passes treat many alike; `create` is the one way to make such
an op. Values, types and attributes are the bindings' own.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from powerfusion.mlir import ir

DYNAMIC: int = ir.ShapedType.get_dynamic_size()


def create(
    name: str,
    operands: Sequence[ir.Value] = (),
    results: Sequence[ir.Type] = (),
    attributes: Mapping[str, ir.Attribute] | None = None,
    *,
    regions: int = 0,
    loc: ir.Location | None = None,
) -> ir.Operation:
    """Makes an op of that name at the current insertion point."""
    return ir.Operation.create(
        name,
        results=list(results),
        operands=list(operands),
        attributes=dict(attributes or {}),
        regions=regions,
        loc=loc,
    )


def attributes_of(op: ir.Operation) -> dict[str, ir.Attribute]:
    """All attributes of an op, inherent ones included, by name."""
    return {name: op.attributes[name] for name in op.attributes}


def shape_of(value: ir.Value) -> tuple[int, ...]:
    """The shape of a shaped value; dynamic sizes are `DYNAMIC`."""
    return tuple(value.type.shape)


def element_of(type_: ir.Type) -> Any:
    """The element type of a shaped type; of any other type, the type itself."""
    return type_.element_type if isinstance(type_, ir.ShapedType) else type_


def is_tensor(value: ir.Value) -> bool:
    """True for a ranked tensor."""
    return isinstance(value.type, ir.RankedTensorType)


def defining_op(value: ir.Value) -> ir.Operation | None:
    """The op that a value is a result of, None for a block argument."""
    owner = value.owner
    return None if isinstance(owner, ir.Block) else owner.operation


def is_made_in(value: ir.Value, block: ir.Block) -> bool:
    """True for a block's arguments, and for the results of ops right in it."""
    op = defining_op(value)
    return value.owner == block if op is None else op.block == block


def bits_of(element: ir.Type) -> int:
    """How many bits an element has; an index has 64."""
    return 64 if isinstance(element, ir.IndexType) else ir.IntegerType(element).width


def constant_of(value: ir.Value) -> ir.Attribute | None:
    """The attribute of the `arith.constant` that defines a value, if one does."""
    op = defining_op(value)
    return op.attributes["value"] if op is not None and op.name == "arith.constant" else None


def integer_of(value: ir.Value) -> int | None:
    """The constant that an index or integer value is, if it is one."""
    attribute = constant_of(value)
    return ir.IntegerAttr(attribute).value if isinstance(attribute, ir.IntegerAttr) else None


def constant_index(value: ir.Value) -> int:
    """The number that an index value must be."""
    known = integer_of(value)
    assert known is not None, f"expected a constant, got {value}"
    return known


def producer(value: ir.Value) -> ir.Operation:
    """The op that a value must be a result of."""
    op = defining_op(value)
    assert op is not None, f"expected a result, got {value}"
    return op


def integers(attribute: Any) -> list[int]:
    """The integers of a dense array or of an array of integer attributes."""
    if isinstance(attribute, ir.ArrayAttr):
        return [ir.IntegerAttr(item).value for item in attribute]
    return list(attribute)


def kind_name(attribute: ir.Attribute) -> str:
    """What a combining kind of the vector dialect is called, as `add`."""
    return str(attribute).removeprefix("#vector.kind<").removesuffix(">")


def i64_array(values: Sequence[int]) -> ir.Attribute:
    """A dense array of i64."""
    return ir.DenseI64ArrayAttr.get(list(values))


def i32_array(values: Sequence[int]) -> ir.Attribute:
    """A dense array of i32, as operand segment sizes are."""
    return ir.DenseI32ArrayAttr.get(list(values))


def index_constant(value: int, loc: ir.Location | None = None) -> ir.Value:
    """An `arith.constant` of type index at the insertion point."""
    index = ir.IndexType.get()
    return create(
        "arith.constant", results=[index], attributes={"value": ir.IntegerAttr.get(index, value)}, loc=loc
    ).result


def mixed(op: ir.Operation, dynamic: Sequence[ir.Value], static: str) -> list[int | ir.Value]:
    """A list of sizes that is partly attributes, partly operands, in one piece."""
    operands = iter(dynamic)
    return [next(operands) if size == DYNAMIC else size for size in integers(op.attributes[static])]


def split_mixed(values: Sequence[int | ir.Value]) -> tuple[list[ir.Value], list[int]]:
    """The reverse of `mixed`: the dynamic values, and the static list with holes."""
    dynamic = [value for value in values if not isinstance(value, int)]
    return dynamic, [value if isinstance(value, int) else DYNAMIC for value in values]


def segments(op: ir.Operation) -> list[list[ir.Value]]:
    """An op's operands, cut by its `operandSegmentSizes`."""
    operands = list(op.operands)
    cut: list[list[ir.Value]] = []
    for size in integers(op.attributes["operandSegmentSizes"]):
        cut.append(operands[:size])
        operands = operands[size:]
    return cut


def entry_block(op: ir.Operation) -> ir.Block:
    """The first block of an op's first region."""
    return op.regions[0].blocks[0]


def functions(module: ir.Operation) -> Iterator[ir.Operation]:
    """The functions of a module that have a body."""
    for op in list(module.regions[0].blocks[0].operations):
        if op.operation.name == "func.func" and len(op.operation.regions[0].blocks) > 0:
            yield op.operation


def operations(block: ir.Block) -> list[ir.Operation]:
    """A block's operations, as a list that survives rewriting."""
    return [op.operation for op in block.operations]


def has_uses(value: ir.Value) -> bool:
    """True if anything uses a value."""
    return next(iter(value.uses), None) is not None


def bytecode(op: ir.Operation) -> bytes:
    """An op as bytecode."""
    stream = io.BytesIO()
    op.write_bytecode(stream)
    return stream.getvalue()


def walk_numbered(op: ir.Operation) -> Iterator[tuple[int, ir.Operation]]:
    """Every op at or in an op, outermost first and in order, each with its number; the op itself is 0.

    The number is an instruction's name to the reference interpreter and to the ledger alike.
    """
    number = 0
    stack = [op]
    while stack:
        current = stack.pop()
        yield number, current
        number += 1
        inside = [operation.operation for region in current.regions for block in region for operation in block]
        stack.extend(reversed(inside))
