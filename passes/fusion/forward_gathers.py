"""`gir-forward-gathers`: what is read at computed places, and nowhere else, is computed there only.

Rewrite:
    %0 = gir.kernel (%x, %m) { %x - spread of %m }       ⇒   %1 = gir.kernel (%x, %m, %i) {
    %1 = gir.kernel (%0, %i) { gir.gather %0[rows, %i] }        gir.gather %x[rows, %i] - %m }

A tensor that kernels only gather from, and that is computed element by element, isn't made: each gather takes from what
the tensor is made of the elements that it needs, and computes with these. That is done where all gathers together take
no more elements than the tensor has, so that nothing is loaded or computed more often. Where others read the tensor
too it is made all the same, and gathers go to what it is made of only if that has fewer bytes. What runs over rows that
the gather goes through in order is loaded instead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from powerfusion.core._mlir import (
    DYNAMIC,
    attributes_of,
    constant_of,
    create,
    defining_op,
    entry_block,
    functions,
    has_uses,
    i64_array,
    integers,
    is_tensor,
    operations,
    segments,
)
from powerfusion.core.passes import Pass, register_pass
from powerfusion.core.statistics import count
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.fusion.drop_results import drop_results
from powerfusion.passes.fusion.rebuild import KernelCopy, is_naive, sort_block

SCALARS = ("arith.", "math.")
MOST_OPS = 64  # ops that are made for a gather


@register_pass
@dataclass(frozen=True)
class ForwardGathersPass(Pass):
    """Computes what is gathered where it is gathered."""

    name: ClassVar[str] = "gir-forward-gathers"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})
    invalidates: ClassVar[frozenset[str]] = frozenset({"naive"})

    def run(self, op: ir.Operation) -> None:
        """Rewrites the kernels of each block, those that read before those that they read."""
        for function in functions(op):
            for block in function.regions[0].blocks:
                for kernel in reversed(operations(block)):
                    if is_naive(kernel):
                        _forward(kernel)
                sort_block(block)


def _forward(producer: ir.Operation) -> None:
    """Lets the readers of a kernel's results gather from what these are made of."""
    returned = operations(entry_block(producer))[-1].operands
    done = False
    for result, value in zip(producer.results, returned, strict=True):
        gathers, others = _gathers(result)
        if not gathers or not _is_worth(result, gathers):
            continue
        tree = _Tree(producer)
        if not tree.read(value) or (others and sum(map(element_bytes, tree.inputs)) >= element_bytes(result)):
            continue
        readers = list(dict.fromkeys(op.parent.operation for op in gathers))
        for reader in readers:
            _rebuild(reader, result, tree)
        count("gathers forwarded", len(gathers))
        done = True
    if not done:
        return
    if any(has_uses(result) for result in producer.results) or _asserts(producer):
        drop_results(producer)
    else:
        producer.erase()


def _asserts(kernel: ir.Operation) -> bool:
    return any(op.name == "gir.assert" for op in operations(entry_block(kernel)))


def _gathers(result: ir.Value) -> tuple[list[ir.Operation], bool]:
    """The gathers that read a kernel's result, and whether something else does."""
    found: list[ir.Operation] = []
    others = False
    for use in result.uses:
        reader = use.owner.operation
        if not is_naive(reader):
            others = True
            continue
        argument = entry_block(reader).arguments[use.operand_number]
        for inner in argument.uses:
            op = inner.owner.operation
            if op.name == "gir.gather" and inner.operand_number == 0:
                found.append(op)
            else:
                others = True
    return found, others


def _is_worth(result: ir.Value, gathers: Sequence[ir.Operation]) -> bool:
    shapes = [list(result.type.shape), *(list(op.result.type.shape) for op in gathers)]
    if any(DYNAMIC in shape for shape in shapes):
        return False
    return sum(map(math.prod, shapes[1:])) <= math.prod(shapes[0])


@dataclass
class _Tree:
    """What an element of a kernel's result is computed from.

    Attributes:
        producer: The kernel.
        ops: The ops that compute it.
        inputs: The function's tensors that it is loaded from.
    """

    producer: ir.Operation
    ops: dict[ir.Operation, None] = field(default_factory=dict)
    inputs: list[ir.Value] = field(default_factory=list)

    def read(self, stored: ir.Value) -> bool:
        """Reads what a stored value is computed from; says whether that goes element by element."""
        arguments = list(entry_block(self.producer).arguments)
        self.outer = dict(zip(arguments, segments(self.producer)[0], strict=True))
        self.value = stored
        stack = [stored]
        while stack:
            value = stack.pop()
            op = defining_op(value)
            if op is None or op in self.ops:
                if op is None and value not in self.outer:
                    return False
                continue
            self.ops[op] = None
            if len(self.ops) > MOST_OPS or not _is_pointwise(op):
                return False
            if op.name == "gir.move" and gir.is_at(op.operands[0], "dram"):
                source = self.outer.get(op.operands[0])
                if source is None:
                    return False
                self.inputs.append(source)
                continue
            stack += [operand for operand in op.operands if is_tensor(operand)]
            if any(not is_tensor(operand) and constant_of(operand) is None for operand in op.operands):
                return False
        return bool(self.inputs)


def _is_pointwise(op: ir.Operation) -> bool:
    """Whether an element of what an op gives is computed from one of each operand, at a place known from its own."""
    if op.name == "arith.constant":
        attribute = op.attributes["value"]
        return not is_tensor(op.result) or (isinstance(attribute, ir.DenseElementsAttr) and attribute.is_splat)
    plain = ("gir.move", "gir.permute", "gir.broadcast", "gir.iota")
    return op.name in plain or op.name.startswith(SCALARS)


def _rebuild(reader: ir.Operation, result: ir.Value, tree: _Tree) -> None:
    """Makes a reader anew that gathers from what a result is made of."""
    at = segments(reader)[0].index(result)
    table = entry_block(reader).arguments[at]

    def replace(op: ir.Operation, copy: KernelCopy) -> bool:
        if op.name != "gir.gather" or op.operands[0] != table:
            return False
        with op.location:
            indices = [copy.known[index] for index in list(op.operands)[1:]]
            copy.known[op.result] = _Elements(tree, copy, list(op.result.type.shape)).at(tree.value, indices)
        return True

    KernelCopy(reader, tree.inputs, replace).run()


@dataclass
class _Elements:
    """Elements of a kernel's values at given indices, made in another kernel.

    Attributes:
        tree: What they are computed from.
        copy: The kernel that is being made.
        shape: How many there are.
    """

    tree: _Tree
    copy: KernelCopy
    shape: Sequence[int]
    made: dict[tuple[ir.Value, tuple[ir.Value, ...]], ir.Value] = field(default_factory=dict)

    def at(self, value: ir.Value, indices: Sequence[ir.Value]) -> ir.Value:
        """The elements of a value at some indices, one tensor of them per dimension."""
        key = (value, tuple(indices))
        if key not in self.made:
            self.made[key] = self._at(value, indices)
        return self.made[key]

    def _at(self, value: ir.Value, indices: Sequence[ir.Value]) -> ir.Value:
        op = defining_op(value)
        assert op is not None, "only loads read arguments"
        type_ = gir.tensor_at("reg", list(self.shape), value.type.element_type)
        match op.name:
            case "gir.move" if gir.is_at(op.operands[0], "dram"):
                return self._load(self.copy.inside(self.tree.outer[op.operands[0]]), indices, type_)
            case "gir.move":
                return self.at(op.operands[0], indices)
            case "gir.permute":
                perm = integers(op.attributes["perm"])
                return self.at(op.operands[0], [indices[perm.index(dim)] for dim in range(len(perm))])
            case "gir.broadcast":
                new = integers(op.attributes["dims"])
                return self.at(op.operands[0], [index for dim, index in enumerate(indices) if dim not in new])
            case "gir.iota":
                return indices[ir.IntegerAttr(op.attributes["dim"]).value]
            case "arith.constant":
                element = ir.DenseElementsAttr(op.attributes["value"]).get_splat_value()
                return create(
                    "arith.constant", [], [type_], {"value": ir.DenseElementsAttr.get_splat(type_, element)}
                ).result
            case _:
                operands = [
                    self.at(operand, indices) if is_tensor(operand) else self._scalar(operand)
                    for operand in op.operands
                ]
                return create(op.name, operands, [type_], attributes_of(op)).result

    def _scalar(self, value: ir.Value) -> ir.Value:
        op = defining_op(value)
        assert op is not None, "a constant, as was checked"
        return create("arith.constant", [], [value.type], attributes_of(op)).result

    def _load(self, table: ir.Value, indices: Sequence[ir.Value], type_: ir.Type) -> ir.Value:
        """What an input has at some indices: loaded where they go through one dimension in order, else gathered."""
        along = [self._in_order(index) for index in indices]
        sizes = list(table.type.shape)
        dims = [dim for dim in along if dim is not None]
        whole = len(dims) == len(along) == len(set(dims)) and sizes == [self.shape[dim] for dim in dims]
        if not whole or dims != sorted(dims):
            if not indices:
                return self._spread(self._moved(table), [], type_)
            return create("gir.gather", [table, *indices], [type_], {"pass": _i64(0)}).result
        return self._spread(self._moved(table), dims, type_)

    def _moved(self, table: ir.Value) -> ir.Value:
        type_ = gir.tensor_at("reg", list(table.type.shape), table.type.element_type)
        return create("gir.move", [table], [type_]).result

    def _spread(self, value: ir.Value, dims: Sequence[int], type_: ir.Type) -> ir.Value:
        new = [dim for dim in range(len(self.shape)) if dim not in dims]
        if not new:
            return value
        attributes: dict[str, ir.Attribute] = {"dims": i64_array(new), "pass": _i64(0)}
        return create("gir.broadcast", [value], [type_], attributes).result

    def _in_order(self, index: ir.Value) -> int | None:
        """The dimension of the result that indices count, through what repeats them; None where they don't."""
        op = defining_op(index)
        if op is not None and op.name == "gir.iota":
            return ir.IntegerAttr(op.attributes["dim"]).value
        if op is None or op.name != "gir.broadcast":
            return None
        inner = self._in_order(op.operands[0])
        new = integers(op.attributes["dims"])
        kept = [dim for dim in range(op.result.type.rank) if dim not in new]
        return None if inner is None else kept[inner]


def _i64(number: int) -> ir.Attribute:
    return ir.IntegerAttr.get(ir.IntegerType.get_signless(64), number)
