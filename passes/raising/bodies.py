"""The body of a `linalg.generic` as computation on tensors at `reg`.

A body computes on scalars, once per point of the iteration space. Here each of its values becomes
a tensor over just those dimensions of the space that it varies along (`Lifted.dims`); operands are
broadcast to their union only where an op needs it. A bias stays one-dimensional until it is added.

    %e: dims (0, 1)    %b: dims (1,)     addf %e, %b  =>  broadcast %b dims [0]; addf : dims (0, 1)
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from powerfusion.core._mlir import (
    DYNAMIC,
    attributes_of,
    create,
    defining_op,
    element_of,
    i64_array,
    operations,
    producer,
)
from powerfusion.dialects import gir
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.raising.kernels import Size, load, splat

ELEMENTWISE_DIALECTS = ("arith.", "math.")


@dataclass(frozen=True)
class Lifted:
    """A value of the body: a scalar (`dims` is None), or a tensor at `reg` over some dimensions."""

    value: ir.Value
    dims: tuple[int, ...] | None


@dataclass
class Body:
    """Lifts the ops of a body, in the kernel whose insertion point is current.

    Attributes:
        extents: The size of each dimension of the iteration space, as the kernel sees it.
        values: What each scalar of the body has become.
    """

    extents: Sequence[Size]
    values: dict[ir.Value, Lifted] = field(default_factory=dict)

    def value(self, value: ir.Value) -> Lifted:
        """What a scalar has become; a constant from around the op is made anew in the kernel."""
        if value not in self.values and is_scalar_constant(value):
            self.values[value] = Lifted(producer(value).clone().operation.result, None)
        return self.values[value]

    def shape(self, dims: Sequence[int]) -> list[int]:
        """Static shape over some dimensions."""
        return [self.extents[d] if isinstance(self.extents[d], int) else DYNAMIC for d in dims]

    def sizes(self, dims: Sequence[int]) -> list[ir.Value]:
        """The dynamic sizes over some dimensions."""
        return [self.extents[d] for d in dims if not isinstance(self.extents[d], int)]

    def spread(self, lifted: Lifted, dims: tuple[int, ...], loc: ir.Location) -> ir.Value:
        """A value over `dims`, broadcast along those that it lacks."""
        if lifted.dims is None:
            return splat(lifted.value, self.shape(dims), self.sizes(dims), loc)
        if lifted.dims == dims:
            return lifted.value
        new = [at for at, dim in enumerate(dims) if dim not in lifted.dims]
        type_ = gir.tensor_at("reg", self.shape(dims), element_of(lifted.value.type))
        sizes = self.sizes([dims[at] for at in new])
        return create("gir.broadcast", [lifted.value, *sizes], [type_], {"dims": i64_array(new)}, loc=loc).result

    def lift(self, op: ir.Operation) -> None:
        """Lifts one op of the body; its operands have been lifted before."""
        match op.name:
            case "linalg.index":
                self._lift_index(op)
            case "cf.assert":
                self._lift_assert(op)
            case "tensor.extract":
                self._lift_extract(op)
            case "arith.constant":
                self.values[op.result] = Lifted(op.clone().operation.result, None)
            case name if name.startswith(ELEMENTWISE_DIALECTS) and len(op.regions) == 0:
                self._lift_elementwise(op)
            case name:
                raise UnsupportedError(
                    f"'{name}' in the body of a linalg op isn't supported",
                    location=op.location,
                    help=_help_for(name),
                )

    def _lift_index(self, op: ir.Operation) -> None:
        dim = ir.IntegerAttr(op.attributes["dim"]).value
        type_ = gir.tensor_at("reg", self.shape([dim]), ir.IndexType.get())
        sizes = self.sizes([dim])
        attributes = {
            "dim": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), 0),
            "operandSegmentSizes": ir.DenseI32ArrayAttr.get([0, len(sizes)]),
        }
        self.values[op.result] = Lifted(create("gir.iota", sizes, [type_], attributes, loc=op.location).result, (dim,))

    def _lift_assert(self, op: ir.Operation) -> None:
        condition = self.value(op.operands[0])
        value = self.spread(condition, condition.dims or (), op.location)
        create("gir.assert", [value], attributes={"message": op.attributes["msg"]}, loc=op.location)

    def _lift_extract(self, op: ir.Operation) -> None:
        """Elements of a tensor from around the op: a gather, of a number a load."""
        table, *indices = (self.value(operand) for operand in op.operands)
        if not indices:
            self.values[op.result] = Lifted(load(table.value, op.location), ())
            return
        dims = tuple(sorted({dim for index in indices for dim in index.dims or ()}))
        tensors = [self.spread(index, dims, op.location) for index in indices]
        type_ = gir.tensor_at("reg", self.shape(dims), op.result.type)
        made = create("gir.gather", [table.value, *tensors], [type_], loc=op.location)
        self.values[op.result] = Lifted(made.result, dims)

    def _lift_elementwise(self, op: ir.Operation) -> None:
        operands = [self.value(operand) for operand in op.operands]
        attributes = attributes_of(op)
        if all(lifted.dims is None for lifted in operands):
            types = [result.type for result in op.results]
            made = create(op.name, [lifted.value for lifted in operands], types, attributes, loc=op.location)
            for old, new in zip(op.results, made.results, strict=True):
                self.values[old] = Lifted(new, None)
            return
        dims = tuple(sorted({dim for lifted in operands for dim in lifted.dims or ()}))
        tensors = [self.spread(lifted, dims, op.location) for lifted in operands]
        types = [gir.tensor_at("reg", self.shape(dims), result.type) for result in op.results]
        made = create(op.name, tensors, types, attributes, loc=op.location)
        for old, new in zip(op.results, made.results, strict=True):
            self.values[old] = Lifted(new, dims)


def _help_for(name: str) -> str:
    if name.startswith("linalg."):
        return "bodies are made of scalar ops: expected arith, math, linalg.index, tensor.extract, cf.assert"
    return "bodies are made of arith and math ops, linalg.index, tensor.extract and cf.assert"


def is_scalar_constant(value: ir.Value) -> bool:
    """True for an `arith.constant` that isn't shaped."""
    op = defining_op(value)
    return op is not None and op.name == "arith.constant" and not isinstance(value.type, ir.ShapedType)


def slice_of(block: ir.Block, roots: Sequence[ir.Value], stop: Collection[ir.Value]) -> list[ir.Operation]:
    """The ops of a block that `roots` need, in order, not going beyond values in `stop`."""
    needed = {root for root in roots if root not in stop}
    chosen: list[ir.Operation] = []
    for op in reversed(operations(block)):
        if any(result in needed for result in op.results):
            chosen.append(op)
            needed.update(operand for operand in op.operands if operand not in stop)
    return chosen[::-1]


def depends_on(block: ir.Block, value: ir.Value, sources: Collection[ir.Value]) -> bool:
    """True if a value of a body is computed from one of some others."""
    if value in sources:
        return True
    return any(operand in sources for op in slice_of(block, [value], sources) for operand in op.operands)
