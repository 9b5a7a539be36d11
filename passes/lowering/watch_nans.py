"""`gir-watch-nans`: where a loop keeps the largest of each lane, whether there was a NaN is kept beside it.

Rewrite:
    %r = scf.for (%m = -inf)                      %r, %s = scf.for (%m = -inf, %n = no)
      yield arith.maximumf %m, %x          ⇒        yield vrangeps of %m and %x, %n or NaN in %x
    vector.reduction <maximumf>, %r               any of %s ? NaN : vrangeps of %r and itself turned by 8, 4, 2, 1 lanes

As a NaN must stay, `maximumf` takes four instructions of x86 each of which waits for the one before, and the first for
the last of the step before. AVX-512's `vrangeps` is one: the larger of two numbers, 0 of 0 and -0, and of a NaN and a
number the number. NaNs of 32 lanes are looked for at once, and nothing waits for that. So with the least, `minimumf`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from math import nan
from typing import ClassVar

from powerfusion.core._mlir import (
    attributes_of,
    create,
    defining_op,
    entry_block,
    i64_array,
    kind_name,
    operations,
    walk_numbered,
)
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.core.statistics import count
from powerfusion.machines.host import has_avx512
from powerfusion.mlir import ir
from powerfusion.passes.lowering.expansions import UNO, compare, constant
from powerfusion.passes.lowering.functions.instructions import LANES, extreme, in_pieces
from powerfusion.passes.lowering.functions.lanes import Real
from powerfusion.passes.lowering.intrinsics import has_instructions, number
from powerfusion.passes.lowering.memory import NE
from powerfusion.passes.lowering.shuffles import shuffle

FOLDS = {"arith.maximumf": True, "arith.minimumf": False}


@register_pass
@dataclass(frozen=True)
class WatchNansPass(Pass):
    """Keeps NaNs apart from the extremes that loops carry."""

    name: ClassVar[str] = "gir-watch-nans"
    instructions: str = option(
        "host",
        help="Beyond what any machine has: none, avx512 (F and DQ), or what the machine that this runs on has: host",
    )

    def run(self, op: ir.Operation) -> None:
        """Rewrites every loop of a module."""
        if not has_instructions(self.instructions, "avx512", has_avx512, op.location):
            return
        for loop in [each for _, each in walk_numbered(op) if each.name == "scf.for"]:
            found = {at: fold for at in range(len(loop.results)) if (fold := _fold_of(loop, at)) is not None}
            if found:
                _rewrite(loop, found)
                count("extremes carried apart from NaNs", len(found))
        for across in [each for _, each in walk_numbered(op) if _is_extreme(each)]:
            _fold_across(across)
            count("extremes across lanes apart from NaNs")


def _fold_of(loop: ir.Operation, at: int) -> ir.Operation | None:
    """The op that is all a loop does with an argument, if it takes an extreme that is folded across lanes next."""
    argument = entry_block(loop).arguments[at + 1]
    uses, ends = list(argument.uses), list(loop.results[at].uses)
    if len(uses) != 1 or len(ends) != 1:
        return None
    fold, across = uses[0].owner.operation, ends[0].owner.operation
    type_ = argument.type
    whole = isinstance(type_, ir.VectorType) and type_.rank == 1 and type_.shape[0] % LANES == 0
    if fold.name not in FOLDS or not whole or type_.element_type != ir.F32Type.get():
        return None
    end = operations(entry_block(loop))[-1]
    folded = across.name == "vector.reduction" and _kind(across) == fold.name
    return fold if folded and defining_op(end.operands[at]) == fold else None


def _is_extreme(op: ir.Operation) -> bool:
    """Whether an op folds registers of f32 to an extreme."""
    if op.name != "vector.reduction" or len(list(op.operands)) != 1 or _kind(op) not in FOLDS:
        return False
    type_ = op.operands[0].type
    return type_.shape[0] % LANES == 0 and type_.element_type == ir.F32Type.get()


def _kind(op: ir.Operation) -> str:
    return f"arith.{kind_name(op.attributes['kind'])}"


def _fold_across(op: ir.Operation) -> None:
    """Folds registers into one and that in four steps, in each of which a lane meets one that is half as far."""
    value, largest = op.operands[0], FOLDS[_kind(op)]
    with ir.InsertionPoint(op), op.location:
        starts = range(0, value.type.shape[0], LANES)
        pieces = [Real(shuffle(value, value, range(start, start + LANES))) for start in starts]
        best = reduce(lambda one, other: extreme(one, other, largest), pieces)
        for distance in (8, 4, 2, 1):
            turned = shuffle(best.value, best.value, [(lane + distance) % LANES for lane in range(LANES)])
            best = extreme(best, Real(turned), largest)
        first = create("vector.extract", [best.value], [op.result.type], {"static_position": i64_array([0])}).result
        made = _or_nan(_nans(value), first)
    op.result.replace_all_uses_with(made)
    op.erase()


def _rewrite(loop: ir.Operation, found: dict[int, ir.Operation]) -> None:
    flags = ir.VectorType.get([LANES], ir.IntegerType.get_signless(1))
    with ir.InsertionPoint(loop), loop.location:
        inits = [constant(flags, ir.BoolAttr.get(False)) for _ in found]
        types = [*(result.type for result in loop.results), *(flags for _ in found)]
        new = create("scf.for", [*loop.operands, *inits], types, attributes_of(loop), regions=1)
    old = entry_block(loop)
    arguments = [*(argument.type for argument in old.arguments), *(flags for _ in found)]
    block = new.regions[0].blocks.append(*arguments, arg_locs=[loop.location] * len(arguments))
    for one, other in zip(old.arguments, block.arguments, strict=False):
        one.replace_all_uses_with(other)
    *body, end = operations(old)
    for op in body:
        block.append(op)
    seen: list[ir.Value] = []
    for flag, (at, fold) in zip(list(block.arguments)[len(old.arguments) :], found.items(), strict=True):
        carried = block.arguments[at + 1]
        other = next(operand for operand in fold.operands if operand != carried)
        with ir.InsertionPoint(fold), fold.location:
            made = in_pieces(lambda m, x, largest=FOLDS[fold.name]: extreme(m, x, largest), Real(carried), Real(other))
            seen.append(create("arith.ori", [flag, _nans(other)], [flags]).result)
        fold.result.replace_all_uses_with(made.value)
        fold.erase()
    with ir.InsertionPoint(block), loop.location:
        create("scf.yield", [*end.operands, *seen])
    for at, (result, changed) in enumerate(zip(loop.results, new.results, strict=False)):
        result.replace_all_uses_with(changed)
        if at in found:
            _end(changed, new.results[len(loop.results) + list(found).index(at)])
    loop.erase()


def _nans(value: ir.Value) -> ir.Value:
    """Per lane of 16, whether one of those that are so many lanes apart is a NaN."""
    count = value.type.shape[0]
    pieces = [shuffle(value, value, range(start, start + LANES)) for start in range(0, count, LANES)]
    pairs = [(pieces[at], pieces[min(at + 1, len(pieces) - 1)]) for at in range(0, len(pieces), 2)]
    flags = [compare("arith.cmpf", UNO, left, right) for left, right in pairs]
    return reduce(lambda left, right: create("arith.ori", [left, right], [left.type]).result, flags)


def _end(result: ir.Value, flags: ir.Value) -> None:
    """Makes a NaN of what a loop found, where one was seen."""
    across = next(iter(result.uses)).owner.operation
    with ir.InsertionPoint(across), across.location:
        across.operands[0] = _or_nan(flags, result)


def _or_nan(flags: ir.Value, value: ir.Value) -> ir.Value:
    """A value, or NaNs where a flag is set."""
    i16 = ir.IntegerType.get_signless(LANES)
    word = create("vector.bitcast", [flags], [ir.VectorType.get([1], i16)]).result
    bits = create("vector.extract", [word], [i16], {"static_position": i64_array([0])}).result
    seen = compare("arith.cmpi", NE, bits, number(LANES, 0))
    none = constant(value.type, ir.FloatAttr.get(ir.F32Type.get(), nan))
    return create("arith.select", [seen, none, value], [value.type]).result
