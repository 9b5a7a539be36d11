"""`gir-merge-kernels`: operators with the same parallel decomposition become one kernel.

A kernel merges with one that reads its result, or with one that reads the same input, if both run
over the same space in the same way, so that one pass over it serves both:

- the dimensions that they run in parallel are the same, or a producer without reductions runs
  over all that its consumer sweeps;
- nothing that depends on a reduction is spread again over what was reduced, which would take a
  second pass (that is a choice, and `place` makes it);
- no third operator stands between them.

Loads that both make are shared, and stores that only the other read cancel (`forward_stores`), so
bytes at every level and the number of launches only fall.

    %1 = gir.kernel (%x) { max(%x, 0) }       ⇒   %2 = gir.kernel (%x, %y) { max(%x, 0) + %y }
    %2 = gir.kernel (%1, %y) { %1 + %y }
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import create, defining_op, entry_block, functions, operations, segments
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.core.statistics import count
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.fusion.clusters import Plan
from powerfusion.passes.fusion.forward_stores import forward_stores
from powerfusion.passes.fusion.rebuild import copy_op, drop_unused_inputs, sort_block, unique

LONGEST_NAME = 5  # ops that the name of a merged kernel lists
ELLIPSIS = "_etc"


@register_pass
@dataclass(frozen=True)
class MergeKernelsPass(Pass):
    """Merges kernels that run over the same space in the same way."""

    name: ClassVar[str] = "gir-merge-kernels"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})
    invalidates: ClassVar[frozenset[str]] = frozenset({"naive"})
    max_ops: int = option(256, help="Ops in a kernel, movements aside, beyond which it is merged no further")

    def run(self, op: ir.Operation) -> None:
        """Merges what a plan of each block says."""
        for function in functions(op):
            for block in function.regions[0].blocks:
                clusters = [cluster.members for cluster in Plan(block, self.max_ops).clusters()]
                for kernels in clusters:
                    if len(kernels) > 1:
                        merge(kernels)
                sort_block(block)


def merge(kernels: Sequence[ir.Operation]) -> ir.Operation:
    """Makes one kernel of several, in the last one's place, and cancels stores between them.

    Ops that use a result of the others may then stand before it: `sort_block` puts them in order.
    """
    inside = set(kernels)
    cut = [segments(kernel) for kernel in kernels]
    taken = unique([v for inputs, _ in cut for v in inputs if defining_op(v) not in inside])
    results = [r for kernel in kernels for r in kernel.results if any(u.owner.operation not in inside for u in r.uses)]
    sizes = [size for kernel, (_, own) in zip(kernels, cut, strict=True) for size in result_sizes(kernel, own, results)]
    name = joined_name([ir.StringAttr(kernel.attributes["kernel_name"]).value for kernel in kernels])
    location = ir.Location.fused([kernel.location for kernel in kernels])
    with ir.InsertionPoint(kernels[-1]), location:
        made = gir.kernel(name, taken, sizes, [result.type for result in results], location).operation
        known: dict[ir.Value, ir.Value] = dict(zip(taken, entry_block(made).arguments, strict=True))
        with ir.InsertionPoint(entry_block(made)):
            for kernel in kernels:
                _copy_body(kernel, known)
            create("gir.return", [known[result] for result in results])
    for old, new in zip(results, made.results, strict=True):
        old.replace_all_uses_with(new)
    for kernel in reversed(kernels):
        kernel.erase()
    count("kernels merged", len(kernels) - 1)
    forward_stores(made)
    share_loads(made)
    return drop_unused_inputs(made)


def _copy_body(kernel: ir.Operation, known: dict[ir.Value, ir.Value]) -> None:
    """Copies a kernel's ops; `known` has its inputs in the new kernel, and then its results."""
    block = entry_block(kernel)
    known |= {argument: known[v] for v, argument in zip(segments(kernel)[0], block.arguments, strict=True)}
    *body, end = operations(block)
    for op in body:
        copy_op(op, known)
    known |= {result: known[value] for result, value in zip(kernel.results, end.operands, strict=True)}


def joined_name(names: list[str]) -> str:
    """A name for several kernels: what they do, the first few ops of it."""
    parts = "_".join(names).removesuffix(ELLIPSIS).split("_")
    distinct = list(dict.fromkeys(parts))
    return "_".join(distinct[:LONGEST_NAME]) + (ELLIPSIS if len(distinct) > LONGEST_NAME else "")


def result_sizes(kernel: ir.Operation, sizes: Sequence[ir.Value], kept: Sequence[ir.Value]) -> list[ir.Value]:
    """The dynamic sizes of those results that are kept."""
    found: list[ir.Value] = []
    remaining = list(sizes)
    for result in kernel.results:
        dynamic = sum(result.type.is_dynamic_dim(dim) for dim in range(result.type.rank))
        if result in kept:
            found += remaining[:dynamic]
        remaining = remaining[dynamic:]
    return found


def share_loads(kernel: ir.Operation) -> None:
    """Loads of one value, and equal views of it, are made once."""
    seen: dict[tuple[ir.Value, str], ir.Operation] = {}
    for op in operations(entry_block(kernel)):
        if op.name not in ("gir.move", "gir.slice", "gir.permute"):
            continue
        key = (op.operands[0], f"{op.name} {op.result.type} {_options(op)}")
        if key not in seen:
            seen[key] = op
            continue
        if list(seen[key].operands) != list(op.operands):
            continue
        op.result.replace_all_uses_with(seen[key].result)
        count("loads shared", op.name == "gir.move")
        op.erase()


def _options(op: ir.Operation) -> str:
    return " ".join(f"{name}={op.attributes[name]}" for name in op.attributes)
