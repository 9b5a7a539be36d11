"""`gir-call-libraries`: products of matrices become a library's work, where that is asked for.

Rewrite:
    %c = gir.kernel "matmul" (%a, %b, %d) {        ⇒  %p = gir.extern "sgemm" (%a, %b) {
      gir.contract %a, %b into spread of %d             gir.contract %a, %b into 0
    }                                                 }
                                                      %c = gir.kernel "matmul" (%p, %d) { %p + spread of %d }

The option is `libraries`, and off: then nothing happens. With it a contraction of f32 or f64 is a library's, if BLAS
has it (`gemm`) and a call is worth it. What it adds to is added behind it, by a kernel that merges with what follows;
where it adds to 0, and that is all, nothing is left. A library sums in its own order.

Factors that BLAS can't read as they are, windows of a convolution and what the kernel computes, are copied to a tensor
of their own, by a kernel that can be one with what is before it; windows of single elements need no copy.

A contraction stays where what it makes needn't be stored: where another one, at the end of kernels that don't reduce
its size, folds it again, it is larger than what it is made of, and made of so few products that storing and loading it
would take as long (attention's scores). Placing may make one kernel of both.

It runs before kernels merge: a contraction alone is what a library knows. It runs again behind placing, with
`streamed`, for what stayed and wasn't placed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import ClassVar

from powerfusion.core._mlir import (
    DYNAMIC,
    attributes_of,
    constant_of,
    create,
    defining_op,
    element_of,
    entry_block,
    functions,
    i64_array,
    integers,
    is_tensor,
    operations,
    segments,
)
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.core.statistics import count
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.gemm import ATTRIBUTE, FACTORS, ROUTINES, Gemm, gemm_of, is_packed
from powerfusion.passes.analysis.spaces import loops_of
from powerfusion.passes.fusion.rebuild import KernelCopy, copy_op, drop_unused_inputs, erase_unused, is_naive

LEAST_MULTIPLICATIONS = 32 * 32 * 32  # of a call; see decision 0063
MOST_STREAMED = 256  # products in each element of a result that isn't stored; see decision 0063
RENAMING = ("tensor.expand_shape", "tensor.collapse_shape", "tensor.cast")


@register_pass
@dataclass(frozen=True)
class CallLibrariesPass(Pass):
    """Leaves products of matrices to a library."""

    name: ClassVar[str] = "gir-call-libraries"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})
    invalidates: ClassVar[frozenset[str]] = frozenset({"naive"})
    libraries: bool = option(False, help="Whether products of matrices are a library's")
    streamed: bool = option(False, help="Those as well whose result needn't be stored: placing has left them")

    def run(self, op: ir.Operation) -> None:
        """Takes the products of every block apart from their kernels."""
        if not self.libraries:
            return
        for function in functions(op):
            for block in function.regions[0].blocks:
                call_libraries(block, streamed=self.streamed)


def call_libraries(block: ir.Block, *, streamed: bool) -> None:
    """Takes the products of a block apart from their kernels; those that needn't be stored where that is asked for."""
    found = [kernel for kernel in operations(block) if is_naive(kernel) and _contraction_in(kernel) is not None]
    for kernel in found:
        _turn_result(kernel)
    kept = set() if streamed else {kernel for first in found for kernel in _streamed(first)}
    for kernel in found:
        if kernel not in kept:
            _try(kernel)


def _try(kernel: ir.Operation) -> None:
    """Leaves a kernel's contraction to the library, if that has it; windows are copied out of their tensor first."""
    contraction = _contraction_in(kernel)
    assert contraction is not None, "expected a contraction"
    gemm = gemm_of(contraction)
    packing = _packing(contraction) if gemm is None or gemm.adds else {}
    if packing:
        kernel = _pack(kernel, contraction, packing)
        contraction = _contraction_in(kernel)
        gemm = None if contraction is None else gemm_of(contraction)
    if contraction is not None and gemm is not None and gemm.multiplications >= LEAST_MULTIPLICATIONS:
        _call(kernel, contraction, gemm)
        count("products left to a library")


def _contraction_in(kernel: ir.Operation) -> ir.Operation | None:
    """The only contraction of a kernel."""
    found = [op for op in operations(entry_block(kernel)) if op.name == "gir.contract"]
    return found[0] if len(found) == 1 else None


def _turn_result(kernel: ir.Operation) -> None:
    """Has a contraction give its result as it is stored, rather than turned afterwards."""
    contraction = _contraction_in(kernel)
    uses = [] if contraction is None else list(contraction.result.uses)
    turn = uses[0].owner.operation if len(uses) == 1 else None
    if contraction is None or turn is None or turn.name != "gir.permute":
        return
    perm = integers(turn.attributes["perm"])
    lhs, rhs, start = contraction.operands
    maps = list(contraction.attributes["maps"])
    kept = ir.AffineMapAttr(maps[2]).value
    maps[2] = ir.AffineMapAttr.get(ir.AffineMap.get(kept.n_dims, 0, [kept.results[dim] for dim in perm]))
    attributes = attributes_of(contraction) | {"maps": ir.ArrayAttr.get(maps)}
    with ir.InsertionPoint(contraction), contraction.location:
        turned = _turned(start, perm, turn.result.type)
        made = create("gir.contract", [lhs, rhs, turned], [turned.type], attributes)
    turn.result.replace_all_uses_with(made.result)
    turn.erase()
    contraction.erase()


def _turned(value: ir.Value, perm: list[int], type_: ir.RankedTensorType) -> ir.Value:
    """A value, its dimensions in another order; without an op where it was turned the other way, or is one number."""
    op, constant = defining_op(value), constant_of(value)
    if op is not None and op.name == "gir.permute" and op.operands[0].type == type_:
        before = integers(op.attributes["perm"])
        if [before[dim] for dim in perm] == sorted(perm):
            return op.operands[0]
    if isinstance(constant, ir.DenseElementsAttr) and constant.is_splat:
        splat = ir.DenseElementsAttr.get_splat(type_, constant.get_splat_value())
        return create("arith.constant", results=[type_], attributes={"value": splat}).result
    return create("gir.permute", [value], [type_], {"perm": i64_array(perm)}).result


# -- what stays --------------------------------------------------------------------------------------


def _streamed(kernel: ir.Operation) -> Iterator[ir.Operation]:
    """A contraction's kernel and those that fold its result again, where that result needn't be stored."""
    contraction = _contraction_in(kernel)
    gemm = None if contraction is None else gemm_of(contraction)
    if contraction is None or gemm is None or gemm.sizes[2] > MOST_STREAMED:
        return
    lhs, rhs, into = (prod(value.type.shape) for value in contraction.operands)
    ends = [end for result in kernel.results for end in _folding(result, into)] if into > lhs + rhs else []
    yield from [kernel, *ends] if ends else []


def _folding(value: ir.Value, least: int) -> Iterator[ir.Operation]:
    """The kernels that contract a value, or what kernels in between make of it that isn't smaller."""
    pending, seen = [value], {value}
    while pending:
        for use in pending.pop().uses:
            op, at = use.owner.operation, use.operand_number
            if is_naive(op) and (contraction := _contraction_in(op)) is not None:
                if at < len(segments(op)[0]) and _is_factor(entry_block(op).arguments[at], contraction):
                    yield op
            elif is_naive(op) or op.name in RENAMING:
                fresh = [each for each in op.results if each not in seen and _is_as_large(each, least)]
                seen.update(fresh)
                pending += fresh


def _is_as_large(value: ir.Value, least: int) -> bool:
    """Whether a tensor is known to have so many elements."""
    return is_tensor(value) and DYNAMIC not in list(value.type.shape) and prod(value.type.shape) >= least


def _is_factor(argument: ir.Value, contraction: ir.Operation) -> bool:
    """Whether a kernel's input is what its contraction multiplies."""
    loads = [defining_op(value) for value in list(contraction.operands)[:2]]
    return any(load is not None and load.operands[0] == argument for load in loads)


# -- what is copied first ----------------------------------------------------------------------------


def _packing(contraction: ir.Operation) -> dict[int, list[int]]:
    """The factors that a library can't read as they are, and the order of dimensions in which it knows them best."""
    packed = [at for at in range(FACTORS) if is_packed(contraction.operands[at])]
    ways = [dict(zip(packed, orders, strict=True)) for orders in product(*(_orders(contraction, at) for at in packed))]
    found = [(gemm.multiplications, way) for way in ways if (gemm := gemm_of(contraction, way)) is not None]
    most, way = max(found, key=lambda each: each[0], default=(0, {}))
    return way if most >= LEAST_MULTIPLICATIONS else {}


def _orders(contraction: ir.Operation, at: int) -> Iterator[list[int]]:
    """Orders of a factor's dimensions: those that are summed as in the other one, the others as in the result."""
    own, other, kept = (loops_of(contraction.attributes["maps"][each]) for each in (at, 1 - at, FACTORS))
    summed = [own.index(loop) for loop in other if loop in own and loop not in kept]
    rest = [own.index(loop) for loop in kept if loop in own]
    return ([*rest[:cut], *summed, *rest[cut:]] for cut in range(len(rest) + 1))


def _pack(kernel: ir.Operation, contraction: ir.Operation, packing: Mapping[int, list[int]]) -> ir.Operation:
    """Makes a kernel for each of some factors that stores it; gives the contraction's own anew, which loads them."""
    made: dict[int, ir.Value] = {}
    maps = [ir.AffineMapAttr(each).value for each in contraction.attributes["maps"]]
    with ir.InsertionPoint(kernel), contraction.location:
        for at, order in packing.items():
            made[at] = _stored(kernel, contraction.operands[at], order)
            maps[at] = ir.AffineMap.get(maps[at].n_dims, 0, [maps[at].results[dim] for dim in order])
    attributes = {"maps": ir.ArrayAttr.get([ir.AffineMapAttr.get(each) for each in maps])}

    def replace(op: ir.Operation, copy: KernelCopy) -> bool:
        if op != contraction:
            return False
        operands = [copy.known[operand] for operand in op.operands]
        for at, tensor in made.items():
            type_ = gir.tensor_at("reg", tensor.type.shape, tensor.type.element_type)
            operands[at] = create("gir.move", [copy.inside(tensor)], [type_], loc=op.location).result
        copy.known[op.result] = create("gir.contract", operands, [op.result.type], attributes, loc=op.location).result
        return True

    return _copied(KernelCopy(kernel, list(made.values()), replace))


def _stored(kernel: ir.Operation, factor: ir.Value, order: list[int]) -> ir.Value:
    """The result of a kernel of its own that stores a factor, its dimensions in some order."""
    given = dict(zip(entry_block(kernel).arguments, segments(kernel)[0], strict=True))
    ops = _behind(factor)
    taken = list(dict.fromkeys(operand for op in ops for operand in op.operands if operand in given))
    shape, element = [factor.type.shape[dim] for dim in order], element_of(factor.type)
    name = "windows" if any(op.name == "gir.window" for op in ops) else "factor"
    made = gir.kernel(name, [given[value] for value in taken], [], [ir.RankedTensorType.get(shape, element)])
    with ir.InsertionPoint(made.entry):
        known: dict[ir.Value, ir.Value] = dict(zip(taken, made.entry.arguments, strict=True))
        for op in ops:
            copy_op(op, known)
        perm = {"perm": i64_array(order)}
        turned = create("gir.permute", [known[factor]], [gir.tensor_at("reg", shape, element)], perm).result
        create("gir.return", [create("gir.move", [turned], [gir.tensor_at("dram", shape, element)]).result])
    return made.operation.results[0]


# -- what goes ---------------------------------------------------------------------------------------


def _call(kernel: ir.Operation, contraction: ir.Operation, gemm: Gemm) -> None:
    """Puts a library's operator in front of a contraction's kernel, which adds to it, or goes."""
    result = contraction.result
    with ir.InsertionPoint(kernel), contraction.location:
        made = _extern(kernel, contraction, gemm)
    is_zero = _is_zero(contraction.operands[2])
    if is_zero and _is_all(kernel, contraction):
        kernel.result.replace_all_uses_with(made)
        kernel.erase()
        return

    def replace(op: ir.Operation, copy: KernelCopy) -> bool:
        if op != contraction:
            return False
        loaded = create("gir.move", [copy.inside(made)], [result.type], loc=op.location).result
        start = copy.known[op.operands[2]]
        added = loaded if is_zero else create("arith.addf", [start, loaded], [result.type], loc=op.location).result
        copy.known[result] = added
        return True

    _copied(KernelCopy(kernel, [made], replace))


def _copied(copy: KernelCopy) -> ir.Operation:
    """A copy of a kernel, without what nothing in it uses any more."""
    made = copy.run()
    erase_unused(made)
    return drop_unused_inputs(made)


def _extern(kernel: ir.Operation, contraction: ir.Operation, gemm: Gemm) -> ir.Value:
    """The library's operator: loads, the contraction into zeros, a store."""
    type_ = contraction.result.type
    element = element_of(type_)
    given = dict(zip(entry_block(kernel).arguments, segments(kernel)[0], strict=True))
    chains = [_behind(factor) for factor in list(contraction.operands)[:FACTORS]]
    inputs = [given[chain[0].operands[0]] for chain in chains]
    plain = ir.RankedTensorType.get(type_.shape, element)
    made = gir.ExternOp(ROUTINES[str(element)], inputs, [], [plain])
    made.operation.attributes[ATTRIBUTE] = gemm.to_attribute()
    with ir.InsertionPoint(made.entry):
        factors: list[ir.Value] = []
        for chain, argument in zip(chains, made.entry.arguments, strict=True):
            known: dict[ir.Value, ir.Value] = {chain[0].operands[0]: argument}
            for op in chain:
                copy_op(op, known)
            factors.append(known[chain[-1].result])
        zeros = ir.DenseElementsAttr.get_splat(type_, ir.FloatAttr.get(element, 0.0))
        start = create("arith.constant", results=[type_], attributes={"value": zeros}).result
        attributes = {"maps": contraction.attributes["maps"]}
        summed = create("gir.contract", [*factors, start], [type_], attributes).result
        stored = create("gir.move", [summed], [gir.tensor_at("dram", type_.shape, element)]).result
        create("gir.return", [stored])
    return made.operation.results[0]


def _behind(factor: ir.Value) -> list[ir.Operation]:
    """What a factor is computed from in its kernel, in order: of an input, views and a load."""
    found: set[ir.Operation] = set()
    pending = [factor]
    while pending:
        op = defining_op(pending.pop())
        if op is not None and op not in found:
            found.add(op)
            pending += op.operands
    source = defining_op(factor)
    return [] if source is None else [op for op in operations(source.block) if op in found]


def _is_zero(value: ir.Value) -> bool:
    """Whether a contraction adds to nothing."""
    op = defining_op(value)
    if op is not None and op.name == "tensor.splat":
        value = op.operands[0]
    found = constant_of(value)
    if isinstance(found, ir.DenseElementsAttr):
        found = found.get_splat_value() if found.is_splat else None
    return isinstance(found, ir.FloatAttr) and found.value == 0


def _is_all(kernel: ir.Operation, contraction: ir.Operation) -> bool:
    """Whether a kernel stores its contraction as it is, and gives nothing else."""
    returned = list(operations(entry_block(kernel))[-1].operands)
    store = defining_op(returned[0]) if len(returned) == 1 and is_tensor(returned[0]) else None
    return store is not None and store.name == "gir.move" and store.operands[0] == contraction.result
