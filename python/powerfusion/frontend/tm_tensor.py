"""What torch-mlir says in its dialect `tm_tensor`, in words that others know.

    tm_tensor.scan dimension(d) ins(%x) outs(%y, %a) { f }
  ⇒ linalg.generic ins(%x) outs(%y, %a)      a reduction along d that gives its running value, too

    tm_tensor.scatter ins(%updates, %indices) outs(%x) { f }
  ⇒ "pf.scatter"(%updates, %x, %indices)     of which raising knows: MLIR has no scatter whose elements may meet

    tm_tensor.sort                           see `sorting`

Attention has no other words, and stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from powerfusion.frontend.sorting import restate_sort
from powerfusion.passes.raising.reductions import KINDS


def restate(op: Any, ir: Any) -> bool:
    """Says an operation in other words, in its place.

    Args:
        op: Of any dialect, in torch-mlir's bindings.
        ir: Those bindings.

    Returns:
        Whether there are others; it is erased then.
    """
    restated = RESTATED.get(op.name)
    if restated is None:
        return False
    with op.context, op.location, ir.InsertionPoint(op):
        made = restated(op, ir)
    if made is None:
        return False
    for old, new in zip(op.results, made, strict=True):
        old.replace_all_uses_with(new)
    op.erase()
    return True


def _step(op: Any) -> Any:
    """The one operation of a body that combines its two arguments; None if there is more to it."""
    block = op.regions[0].blocks[0]
    inner = [each.operation for each in block.operations]
    arguments = list(block.arguments)
    is_step = len(inner) == 2 and inner[0].name in KINDS and _are(inner[0].operands, arguments)
    return inner[0] if is_step and inner[1].operands[0] == inner[0].result else None


def _are(operands: Any, arguments: list[Any]) -> bool:
    """Whether operands are some values, in any order."""
    given = list(operands)
    return given in (arguments, arguments[::-1])


def _restate_scan(op: Any, ir: Any) -> Sequence[Any] | None:
    step = _step(op)
    if step is None:
        return None
    x, y, accumulator = op.operands
    dimension, rank = op.attributes["dimension"].value, ir.RankedTensorType(x.type).rank
    space = ir.AffineMap.get_identity(rank)
    folded = space.get_submap([dim for dim in range(rank) if dim != dimension])
    maps = ir.ArrayAttr.get([ir.AffineMapAttr.get(each) for each in (space, space, folded)])
    kinds = ["reduction" if dim == dimension else "parallel" for dim in range(rank)]
    made = ir.Operation.create(
        "linalg.generic",
        results=[y.type, accumulator.type],
        operands=[x, y, accumulator],
        attributes={
            "indexing_maps": maps,
            "iterator_types": ir.ArrayAttr.get(
                [ir.Attribute.parse(f"#linalg.iterator_type<{kind}>") for kind in kinds]
            ),
            "operandSegmentSizes": ir.DenseI32ArrayAttr.get([1, 2]),
        },
        regions=1,
    )
    elements = [ir.RankedTensorType(value.type).element_type for value in (x, y, accumulator)]
    block = made.regions[0].blocks.append(*elements, arg_locs=[op.location] * len(elements))
    element, _, running = block.arguments
    with ir.InsertionPoint(block):
        new = step.clone()
        new.operands[0], new.operands[1] = running, element
        given = new.result if op.attributes["inclusive"].value else running
        ir.Operation.create("linalg.yield", operands=[given, new.result])
    return list(made.results)


def _restate_scatter(op: Any, ir: Any) -> Sequence[Any] | None:
    """A body that gives its first argument writes the update; another combines it with what is there."""
    updates, indices, table = op.operands
    block = op.regions[0].blocks[0]
    attributes = {"scatter_dims": op.attributes["dimension_map"]}
    yielded = block.operations[len(block.operations) - 1].operands[0]
    if yielded != block.arguments[0]:
        step = _step(op)
        if step is None:
            return None
        attributes["kind"] = ir.StringAttr.get(KINDS[step.name])
    made = ir.Operation.create(
        "pf.scatter", results=[table.type], operands=[updates, table, indices], attributes=attributes
    )
    return list(made.results)


RESTATED = {
    "tm_tensor.scan": _restate_scan,
    "tm_tensor.scatter": _restate_scatter,
    "tm_tensor.sort": restate_sort,
}
