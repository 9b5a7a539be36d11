"""`gir-split-vectors`: long vectors become vectors of 16 lanes, unless LLVM splits them well itself.

Rewrite:
    %a = vector.load %x[%i] : vector<58xf32>        ⇒   %a0 = vector.load %x[%i]      : vector<16xf32>    (and two more)
    %b = arith.addf %a, %a : vector<58xf32>             %a3 = vector.maskedload %x[%i + 48], 10 lanes : vector<16xf32>
                                                        %b0 = arith.addf %a0, %a0  ..  %b3

LLVM takes a vector of 64 lanes apart into registers, and its operations with it. Where lengths are no powers of two, it
builds vectors and masks lane by lane, and where a shuffle gives fewer lanes than it takes, too. So vectors of more than
16 lanes are taken apart here if their length is no power of two; the last part is as long as the next power of two.
What is in its lanes beyond the vector comes from operations on the like; it isn't loaded, stored or folded. Shuffles of
long vectors are put together from shuffles of two parts each. What has no rule is given its vectors whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from powerfusion.core._mlir import attributes_of, create, functions, integers, operations
from powerfusion.core.passes import Pass, register_pass
from powerfusion.core.statistics import count
from powerfusion.mlir import ir
from powerfusion.passes.lowering.registers import element_bytes
from powerfusion.passes.lowering.shuffles import ANY, shuffle, side_by_side
from powerfusion.passes.lowering.vector_parts import (
    LANES,
    RULES,
    Parts,
    elementwise,
    lengths,
    longer,
    taken_apart,
    types_of,
)

ELEMENTWISE = ("arith.", "math.")


@register_pass
@dataclass(frozen=True)
class SplitVectorsPass(Pass):
    """Takes long vectors apart."""

    name: ClassVar[str] = "gir-split-vectors"
    requires: ClassVar[frozenset[str]] = frozenset({"host-form"})

    def run(self, op: ir.Operation) -> None:
        """Rewrites every function."""
        for function in functions(op):
            if any(_is_concerned(inner) for inner in _all(function)):
                splitter = _Splitter()
                for region in function.regions:
                    for block in region.blocks:
                        splitter.block(block)
                splitter.erase()


def _all(op: ir.Operation) -> list[ir.Operation]:
    """The ops within one, in order."""
    found: list[ir.Operation] = []
    for region in op.regions:
        for block in region.blocks:
            for inner in operations(block):
                found += [inner, *_all(inner)]
    return found


def _is_concerned(op: ir.Operation) -> bool:
    """Whether an op takes or gives a vector that is taken apart, or is a long shuffle."""
    return any(lengths(value.type) for value in (*op.operands, *op.results)) or _is_long_shuffle(op)


def _is_long_shuffle(op: ir.Operation) -> bool:
    """Whether a shuffle does more than put registers side by side, or exchange lanes of two."""
    if op.name != "vector.shuffle":
        return False
    given, made = op.operands[0].type.shape[0], op.result.type.shape[0]
    if max(given, made) <= LANES or (given == made and _is_register(op.result.type)):
        return False
    mask = integers(op.attributes["mask"])
    return any(lane not in (ANY, at) for at, lane in enumerate(mask)) or made < given


def _is_register(type_: ir.VectorType) -> bool:
    """Whether a vector is as long as 16 lanes of f32, or shorter; bytes and flags are taken for f16."""
    return type_.shape[0] * max(element_bytes(type_.element_type), 2) <= LANES * 4


@dataclass
class _Splitter:
    """Rewrites a function.

    Attributes:
        parts: What values have become that were taken apart.
        dead: Ops that others stand for now.
    """

    parts: dict[ir.Value, Parts] = field(default_factory=dict)
    dead: list[ir.Operation] = field(default_factory=list)

    def block(self, block: ir.Block) -> None:
        """Rewrites the ops of a block, in order."""
        for op in operations(block):
            with ir.InsertionPoint(op), op.location:
                self._op(op)

    def erase(self) -> None:
        """Takes away what nobody needs any more."""
        for op in reversed(self.dead):
            op.erase()

    def _op(self, op: ir.Operation) -> None:
        if not _is_concerned(op):
            self._inside(op)
            return
        if op.name in ("scf.for", "scf.if") and any(lengths(value.type) for value in op.results):
            (self._for if op.name == "scf.for" else self._if)(op)
            return
        if op.name == "scf.yield":
            create("scf.yield", self._flat(op.operands))
            self.dead.append(op)
            return
        rule = RULES.get(op.name)
        if rule is None and op.name.startswith(ELEMENTWISE) and not op.regions:
            rule = elementwise
        made = None if rule is None else rule(self.parts, op)
        if made is None:
            self._whole(op)
            return
        self.dead.append(op)
        count("vector ops taken apart")
        for result in op.results:
            self._bind(result, made)

    def _bind(self, result: ir.Value, made: Parts) -> None:
        if lengths(result.type):
            self.parts[result] = made
        else:
            result.replace_all_uses_with(made[0])

    def _inside(self, op: ir.Operation) -> None:
        for region in op.regions:
            for block in region.blocks:
                self.block(block)

    def _flat(self, values: Sequence[ir.Value]) -> Parts:
        return [part for value in values for part in self.parts.get(value, [value])]

    def whole(self, value: ir.Value) -> ir.Value:
        """A value that was taken apart, put together."""
        if value not in self.parts:
            return value
        parts = list(self.parts[value])
        parts[-1] = longer(parts[-1], parts[0].type.shape[0])
        made = side_by_side(parts)
        return shuffle(made, made, list(range(value.type.shape[0])))

    def _whole(self, op: ir.Operation) -> None:
        """Gives an op its operands whole, and takes apart what it gives."""
        for at, operand in enumerate(op.operands):
            if operand in self.parts:
                op.operands[at] = self.whole(operand)
        self._inside(op)
        with ir.InsertionPoint.after(op):
            for result in op.results:
                if lengths(result.type):
                    self.parts[result] = taken_apart(result)

    # -- control flow --------------------------------------------------------------------------

    def _for(self, op: ir.Operation) -> None:
        index, *arguments = op.regions[0].blocks[0].arguments
        bounds, inits = list(op.operands)[:3], list(op.operands)[3:]
        carried = self._flat(inits)
        new = create("scf.for", [*bounds, *carried], [value.type for value in carried], attributes_of(op), regions=1)
        types = [index.type, *(value.type for value in carried)]
        block = new.regions[0].blocks.append(*types, arg_locs=[op.location] * len(types))
        new_index, *rest = block.arguments
        index.replace_all_uses_with(new_index)
        self._regrouped([self._stand_in(argument) for argument in arguments], rest)
        self._moved(op.regions[0].blocks[0], block)
        self._regrouped(op.results, list(new.results))
        self.dead.append(op)

    def _stand_in(self, argument: ir.Value) -> ir.Value:
        """What the ops of a loop use instead of an argument until they are taken apart, so that it can go."""
        value = create("ub.poison", [], [argument.type]).result
        argument.replace_all_uses_with(value)
        self.dead.append(value.owner)
        return value

    def _if(self, op: ir.Operation) -> None:
        types = [type_ for result in op.results for type_ in types_of(result.type)]
        new = create("scf.if", [op.operands[0]], types, attributes_of(op), regions=2)
        for old, region in zip(op.regions, new.regions, strict=True):
            if len(old.blocks):
                self._moved(old.blocks[0], region.blocks.append())
        self._regrouped(op.results, list(new.results))
        self.dead.append(op)

    def _regrouped(self, old: Sequence[ir.Value], new: Sequence[ir.Value]) -> None:
        rest = list(new)
        for value in old:
            taken = len(types_of(value.type))
            self._bind(value, rest[:taken])
            rest = rest[taken:]

    def _moved(self, old: ir.Block, new: ir.Block) -> None:
        for op in operations(old):
            new.append(op)
        self.block(new)
