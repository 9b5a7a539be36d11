"""`gir-join-dims`: what kernels fold away side by side is one dimension.

Rewrite:
    %0 = gir.kernel (%x : 32x64x56x56) { sum along 0, 2, 3 } -> (tensor<64xf32>)
  ⇒ %v = tensor.collapse_shape %x : 32x64x56x56 -> 32x64x3136
    %0 = gir.kernel (%v) { sum along 0, 2 } -> (tensor<64xf32>)

Loops and tiles are then as long as what lies in one piece: tiles of 32 elements leave no rest of 24 in each row. Two
dimensions are joined where each comes beside the other in every value of the kernel, and in all kernels that read
the same input: two that see it in other shapes couldn't become one. For the same reason what kernels give stays.

Nothing moves more: each value has the elements that it had, in the same order.

With `every`, on a machine whose units have no lanes and read through caches, all dimensions are joined that are side by
side in every value of a kernel, what it gives included, if the kernels that make or read these join them, too. Then
steps are chosen for rows that are as long as they can be: an image of 15 x 13 that is scaled is one row, and images of
7 x 5 that are normalised row by row are one matrix of 5 columns.

With `settled`, no kernel will become one with another any more: then all dimensions are joined that are side by side in
every value of a kernel that has no nest, and what it gives is expanded behind it. Rows of 17 elements that an operator
takes one by one are one row. Rows that tiles divide gain nothing, and stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from powerfusion.core._mlir import (
    DYNAMIC,
    create,
    defining_op,
    entry_block,
    i64_array,
    index_constant,
    integers,
    is_tensor,
    operations,
    segments,
)
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.core.statistics import count
from powerfusion.machines.model import Machine
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import Dim, Spaces, reduced_classes, spaces_of
from powerfusion.passes.fusion.rebuild import naive_kernels

REDUCES = "gir.reduce"
WHOLE = 32  # elements of a tile
RULES = ("gir.move", REDUCES, "gir.broadcast", "gir.permute", "gir.return", "arith.", "math.")


@register_pass
@dataclass(frozen=True)
class JoinDimsPass(Pass):
    """Joins dimensions that kernels fold away together."""

    name: ClassVar[str] = "gir-join-dims"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})
    machine: str = option("cpu", help="For which: a machine's name, or a .toml that describes one")
    every: bool = option(False, help="Whether dimensions needn't be folded, where a machine's units have no lanes")
    settled: bool = option(False, help="Whether kernels stay as many as they are: then dimensions needn't be folded")

    def run(self, op: ir.Operation) -> None:
        """Joins what can be, in every kernel of a module."""
        every = self.every and _reads_rows(find(self.machine))
        kernels = {kernel: _Joined.of(kernel, every=every or self.settled) for kernel in naive_kernels(op)}
        while not self.settled and any(
            [joined.drop(first) for joined in kernels.values() for first in joined.apart(kernels)]
        ):
            pass
        views: dict[tuple[ir.Value, ir.Type], ir.Value] = {}
        for joined in kernels.values():
            if joined.pairs:
                joined.apply(views)


def _reads_rows(machine: Machine) -> bool:
    """Whether a unit's vectors lie along rows that caches bring: the longer these are, the better."""
    return machine.space_of("sram").kind == "cache" and machine.scope("lane") is None


def _values(kernel: ir.Operation) -> list[ir.Value]:
    """The tensors in a kernel."""
    block = entry_block(kernel)
    found = [*block.arguments, *(result for op in operations(block) for result in op.results)]
    return [value for value in found if is_tensor(value)]


def _pairs(values: Sequence[ir.Value], spaces: Spaces) -> dict[Dim, Dim]:
    """Dimensions, and which comes behind each wherever either is."""
    behind: dict[Dim, Dim | None] = {}
    before: dict[Dim, Dim | None] = {}
    for value in values:
        classes: list[Dim | None] = list(spaces.classes(value))
        for at, c in enumerate(classes):
            assert c is not None, "expected a class per dimension"
            follows = classes[at + 1] if at + 1 < len(classes) else None
            leads = classes[at - 1] if at else None
            behind[c] = follows if behind.get(c, follows) == follows and classes.count(c) == 1 else None
            before[c] = leads if before.get(c, leads) == leads and classes.count(c) == 1 else None
    found = {first: second for first, second in behind.items() if second is not None and before[second] == first}
    return {first: second for first, second in found.items() if _size(first) > 1 and _size(second) > 1}


def _size(c: Dim) -> int:
    size = c[0].type.shape[c[1]]
    return 0 if size == DYNAMIC else size


def _can_join(kernel: ir.Operation, spaces: Spaces, pair: tuple[Dim, Dim]) -> bool:
    """Whether every op that has two dimensions has a rule for them as one."""
    if any(len(region.blocks) for op in operations(entry_block(kernel)) for region in op.regions):
        return False  # what is inside may say something of any dimension
    for op in operations(entry_block(kernel)):
        tensors = [value for value in (*op.operands, *op.results) if is_tensor(value)]
        if not any(c in pair for value in tensors for c in spaces.classes(value)):
            continue
        if not op.name.startswith(RULES) or (op.name == REDUCES and not _is_plain(op)):
            return False
        if op.name == "arith.constant" and not ir.DenseElementsAttr(op.attributes["value"]).is_splat:
            return False
    return True


def _is_plain(op: ir.Operation) -> bool:
    """Whether a reduction has no payload, and counts no valid extents."""
    inputs, _, valid = segments(op)
    return not valid and len({value.type.rank for value in inputs}) == 1


@dataclass(frozen=True)
class _Joined:
    """What of a kernel's dimensions is joined.

    Attributes:
        kernel: In graph form.
        spaces: Its dimensions, before.
        pairs: A dimension, and the one behind it that it takes in.
    """

    kernel: ir.Operation
    spaces: Spaces
    pairs: dict[Dim, Dim]

    @classmethod
    def of(cls, kernel: ir.Operation, *, every: bool) -> _Joined:
        """What may be joined as far as a kernel alone goes: what is folded, side by side everywhere; or all of that."""
        spaces = spaces_of(kernel)
        folded = [
            c for op in operations(entry_block(kernel)) if op.name == REDUCES for c in reduced_classes(spaces, op)
        ]
        given = {c for value in operations(entry_block(kernel))[-1].operands for c in spaces.classes(value)}
        pairs = _pairs(_values(kernel), spaces)
        if every:
            pairs = {first: second for first, second in pairs.items() if _size(second) % WHOLE}
        else:
            pairs = {first: second for first, second in pairs.items() if first in folded and first not in given}
        return cls(kernel, spaces, {pair[0]: pair[1] for pair in pairs.items() if _can_join(kernel, spaces, pair)})

    def inputs(self) -> list[tuple[ir.Value, ir.Value]]:
        """What the kernel takes, each with what it is inside."""
        return list(zip(segments(self.kernel)[0], entry_block(self.kernel).arguments, strict=True))

    def places(self, value: ir.Value) -> list[Sequence[int]]:
        """Which dimensions of an input stay the first of two, each time that the kernel takes it."""
        taken = [inside for given, inside in self.inputs() if given == value]
        return [[dim for dim, c in enumerate(self.spaces.classes(inside)) if c in self.pairs] for inside in taken]

    def apart(self, kernels: Mapping[ir.Operation, _Joined]) -> list[Dim]:
        """Dimensions that can't be joined since another kernel makes or reads a value, and keeps them apart."""
        found: list[Dim] = []
        for value, inside in self.inputs():
            if not is_tensor(value):
                continue
            op = defining_op(value)
            users = {use.owner.operation for use in value.uses}
            others = [kernels[user].places(value) if user in kernels else [[]] for user in users]
            if op is not None and op.name == "gir.kernel":
                others.append([kernels[op].places_given(value) if op in kernels else []])
            found += self._apart(inside, others)
        for result, given in zip(self.kernel.results, operations(entry_block(self.kernel))[-1].operands, strict=True):
            readers = [use.owner.operation for use in result.uses if use.owner.name != "func.return"]
            found += self._apart(given, [kernels[user].places(result) if user in kernels else [[]] for user in readers])
        return found

    def _apart(self, value: ir.Value, others: Sequence[Sequence[Sequence[int]]]) -> list[Dim]:
        """Of a value's dimensions those that others, who have it too, don't join."""
        classes = enumerate(self.spaces.classes(value))
        return [c for dim, c in classes if c in self.pairs and not all(dim in dims for each in others for dims in each)]

    def places_given(self, value: ir.Value) -> Sequence[int]:
        """Which dimensions of a result stay the first of two."""
        given = operations(entry_block(self.kernel))[-1].operands[ir.OpResult(value).result_number]
        return [dim for dim, c in enumerate(self.spaces.classes(given)) if c in self.pairs]

    def drop(self, first: Dim) -> bool:
        """Leaves two dimensions apart; gives whether they were to be joined."""
        return self.pairs.pop(first, None) is not None

    def apply(self, views: dict[tuple[ir.Value, ir.Type], ir.Value]) -> None:
        """Joins them, in place; what kernels take is reshaped once for all of them."""
        types = {value: self.type(value) for value in _values(self.kernel)}
        groups = [self.groups(inside) if is_tensor(inside) else [] for _, inside in self.inputs()]
        for op in operations(entry_block(self.kernel)):
            self.rewrite(op)
        with ir.InsertionPoint(self.kernel), self.kernel.location:
            for at, (value, inside) in enumerate(self.inputs()):
                if is_tensor(inside) and types[inside] != inside.type:
                    if (value, types[inside]) not in views:
                        views[value, types[inside]] = _collapsed(value, types[inside], groups[at])
                    self.kernel.operands[at] = views[value, types[inside]]
        for value, type_ in types.items():
            value.set_type(type_)
        self.expand_results()
        count("kernels with joined dimensions")

    def expand_results(self) -> None:
        """What the kernel gives has the shapes that it had, behind it."""
        for result, given in zip(self.kernel.results, operations(entry_block(self.kernel))[-1].operands, strict=True):
            old = result.type
            plain = ir.RankedTensorType.get(given.type.shape, given.type.element_type)
            if plain == old:
                continue
            uses = [(use.owner, use.operand_number) for use in result.uses]
            result.set_type(plain)
            with ir.InsertionPoint.after(self.kernel), self.kernel.location:
                groups = _split(old, plain)
                open_dims = [at for at, group in enumerate(groups) if old.shape[group[0]] == DYNAMIC]
                sizes = [_dim(result, at) for at in open_dims]  # which nothing is joined with
                shape = {"static_output_shape": i64_array(old.shape), "reassociation": _array(groups)}
                made = create("tensor.expand_shape", [result, *sizes], [old], shape).result
            for owner, number in uses:
                owner.operands[number] = made

    def groups(self, value: ir.Value) -> list[list[int]]:
        """The dimensions of a value that each new one is."""
        groups: list[list[int]] = []
        classes = self.spaces.classes(value)
        for dim, c in enumerate(classes):
            if groups and self.pairs.get(classes[dim - 1]) == c:
                groups[-1].append(dim)
            else:
                groups.append([dim])
        return groups

    def type(self, value: ir.Value) -> ir.RankedTensorType:
        """The type of a value with dimensions joined."""
        shape = [
            value.type.shape[group[0]] if len(group) == 1 else prod(value.type.shape[dim] for dim in group)
            for group in self.groups(value)
        ]
        return ir.RankedTensorType.get(shape, value.type.element_type, value.type.encoding)

    def dims(self, value: ir.Value, dims: Sequence[int]) -> list[int]:
        """Which new dimensions some of a value's are."""
        return [at for at, group in enumerate(self.groups(value)) if group[0] in dims]

    def rewrite(self, op: ir.Operation) -> None:
        """Changes what an op says about dimensions."""
        match op.name:
            case "arith.constant" if is_tensor(op.result):
                splat = ir.DenseElementsAttr(op.attributes["value"])
                if self.type(op.result) != op.result.type:
                    op.attributes["value"] = ir.DenseElementsAttr.get_splat(
                        self.type(op.result), splat.get_splat_value()
                    )
            case "gir.reduce":
                dims = self.dims(segments(op)[0][0], integers(op.attributes["dims"]))
                op.attributes["dims"] = i64_array(dims)
            case "gir.broadcast":
                op.attributes["dims"] = i64_array(self.dims(op.result, integers(op.attributes["dims"])))
            case "gir.permute":
                perm = integers(op.attributes["perm"])
                sources = [group[0] for group in self.groups(op.operands[0])]
                op.attributes["perm"] = i64_array([sources.index(perm[group[0]]) for group in self.groups(op.result)])
            case _:
                pass


def _dim(value: ir.Value, dim: int) -> ir.Value:
    """The size of a tensor's dimension."""
    return create("tensor.dim", [value, index_constant(dim)], [ir.IndexType.get()]).result


def _collapsed(value: ir.Value, type_: ir.RankedTensorType, groups: Sequence[Sequence[int]]) -> ir.Value:
    plain = ir.RankedTensorType.get(type_.shape, type_.element_type)
    return create("tensor.collapse_shape", [value], [plain], {"reassociation": _array(groups)}).result


def _split(old: ir.RankedTensorType, new: ir.RankedTensorType) -> list[list[int]]:
    """The dimensions of a shape that each of a joined one is."""
    groups: list[list[int]] = []
    at = 0
    for size in new.shape:
        groups.append([at])
        while prod(old.shape[dim] for dim in groups[-1]) != size:
            groups[-1].append(groups[-1][-1] + 1)
        at = groups[-1][-1] + 1
    groups[-1] += range(at, len(old.shape))  # behind them ones
    return groups


def _array(groups: Sequence[Sequence[int]]) -> ir.ArrayAttr:
    i64 = ir.IntegerType.get_signless(64)
    return ir.ArrayAttr.get([ir.ArrayAttr.get([ir.IntegerAttr.get(i64, dim) for dim in group]) for group in groups])
