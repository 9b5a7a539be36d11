"""`gir-turn-windows`: of a few long neighbourhoods, many short ones are made.

Rewrite:
    %w = gir.window %x dims [0] sizes [56] : 62 -> 7x56        7 neighbourhoods of 56 elements
  ⇒ %v = gir.window %x dims [0] sizes [7] : 62 -> 56x7         56 neighbourhoods of 7
    %w = gir.permute %v [1, 0] : 56x7 -> 7x56

Where `o` counts neighbourhoods and `w` elements of one, what is taken is `x[o * stride + w * dilation]`: the two change
places with stride and dilation. An unfolded image may come either way; as many short neighbourhoods it can be cut
along its pixels, each part with a narrow halo. Nothing moves, before and after.

A neighbourhood is turned if it is longer than there are of them and all elements are in one: if some were left over
at the end, there would be more neighbourhoods than before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import DYNAMIC, create, entry_block, functions, i64_array, integers, operations, shape_of
from powerfusion.core.passes import Pass, register_pass
from powerfusion.core.statistics import count
from powerfusion.mlir import ir
from powerfusion.passes.fusion.rebuild import is_naive

LISTS = ("dims", "sizes", "strides", "dilations")


@register_pass
@dataclass(frozen=True)
class TurnWindowsPass(Pass):
    """Makes long neighbourhoods short ones."""

    name: ClassVar[str] = "gir-turn-windows"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})

    def run(self, op: ir.Operation) -> None:
        """Turns windows in every kernel of a module that nobody has placed."""
        for function in functions(op):
            for block in function.regions[0].blocks:
                for kernel in filter(is_naive, operations(block)):
                    for window in operations(entry_block(kernel)):
                        if window.name == "gir.window":
                            turn(window)


def turn(op: ir.Operation) -> None:
    """Turns those neighbourhoods of one op that are longer than there are of them."""
    source, result = op.operands[0], op.result
    dims, sizes, strides, dilations = (integers(op.attributes[name]) for name in LISTS)
    shape, rank = list(shape_of(result)), source.type.rank
    perm = list(range(len(shape)))
    for at, dim in enumerate(dims):
        here, extent = shape[dim], shape_of(source)[dim]
        if DYNAMIC in (here, extent) or here >= sizes[at]:
            continue
        if extent != (here - 1) * strides[at] + (sizes[at] - 1) * dilations[at] + 1:
            continue
        shape[dim], shape[rank + at], sizes[at] = sizes[at], here, here
        strides[at], dilations[at] = dilations[at], strides[at]
        perm[dim], perm[rank + at] = rank + at, dim
    if perm == sorted(perm):
        return
    with ir.InsertionPoint(op), op.location:
        type_ = ir.RankedTensorType.get(shape, result.type.element_type, result.type.encoding)
        attributes = {n: i64_array(v) for n, v in zip(LISTS, (dims, sizes, strides, dilations), strict=True)}
        turned = create("gir.window", [source], [type_], attributes).result
        made = create("gir.permute", [turned], [result.type], {"perm": i64_array(perm)}).result
    result.replace_all_uses_with(made)
    op.erase()
    count("windows turned")
