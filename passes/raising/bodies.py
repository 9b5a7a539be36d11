"""The body of a `linalg.generic` as computation on tensors at `reg`.

A body computes on scalars, once per point of the iteration space. Here each of its values becomes
a tensor over just those dimensions of the space that it varies along (`Lifted.dims`); operands are
broadcast to their union only where an op needs it. A bias stays one-dimensional until it is added.

    %e: dims (0, 1)    %b: dims (1,)     addf %e, %b  =>  broadcast %b dims [0]; addf : dims (0, 1)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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
    """A value of the body: a scalar (`dims` is None), or a tensor at `reg` over dimensions in that order."""

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
        """A value over `dims`, in their order, broadcast along those that it lacks."""
        if lifted.dims is None:
            return splat(lifted.value, self.shape(dims), self.sizes(dims), loc)
        if lifted.dims == dims:
            return lifted.value
        own = [dim for dim in dims if dim in lifted.dims]
        value = permute(lifted.value, [lifted.dims.index(dim) for dim in own], loc)
        new = [at for at, dim in enumerate(dims) if dim not in lifted.dims]
        if not new:
            return value
        type_ = gir.tensor_at("reg", self.shape(dims), element_of(lifted.value.type))
        sizes = self.sizes([dims[at] for at in new])
        return create("gir.broadcast", [value, *sizes], [type_], {"dims": i64_array(new)}, loc=loc).result

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
        self.values[op.result] = self.iota(ir.IntegerAttr(op.attributes["dim"]).value, op.location)

    def iota(self, dim: int, loc: ir.Location) -> Lifted:
        """The index along a dimension of the space."""
        sizes = self.sizes([dim])
        attributes = {
            "dim": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), 0),
            "operandSegmentSizes": ir.DenseI32ArrayAttr.get([0, len(sizes)]),
        }
        type_ = gir.tensor_at("reg", self.shape([dim]), ir.IndexType.get())
        return Lifted(create("gir.iota", sizes, [type_], attributes, loc=loc).result, (dim,))

    def _lift_assert(self, op: ir.Operation) -> None:
        condition = self.value(op.operands[0])
        value = self.spread(condition, condition.dims or (), op.location)
        create("gir.assert", [value], attributes={"message": op.attributes["msg"]}, loc=op.location)

    def _lift_extract(self, op: ir.Operation) -> None:
        """Elements of a tensor from around the op: a gather, of a number a load."""
        table, *indices = (self.value(operand) for operand in op.operands)
        self.values[op.result] = self.gather(table.value, indices, op.result.type, op.location)

    def gather(self, table: ir.Value, indices: Sequence[Lifted], element: ir.Type, loc: ir.Location) -> Lifted:
        """Elements of a tensor at `dram`, one index per dimension of it."""
        if not indices:
            return Lifted(load(table, loc), ())
        dims = _union(indices)
        tensors = [self.spread(index, dims, loc) for index in indices]
        type_ = gir.tensor_at("reg", self.shape(dims), element)
        return Lifted(create("gir.gather", [table, *tensors], [type_], loc=loc).result, dims)

    def _lift_elementwise(self, op: ir.Operation) -> None:
        operands = [self.value(operand) for operand in op.operands]
        types = [result.type for result in op.results]
        made = self._apply(op.name, operands, types, attributes_of(op), op.location)
        self.values |= dict(zip(op.results, made, strict=True))

    def elementwise(self, name: str, lhs: Lifted, rhs: Lifted, loc: ir.Location) -> Lifted:
        """An op whose result has its operands' element type."""
        (made,) = self._apply(name, [lhs, rhs], [element_of(lhs.value.type)], {}, loc)
        return made

    def _apply(
        self,
        name: str,
        operands: Sequence[Lifted],
        elements: Sequence[ir.Type],
        attributes: Mapping[str, ir.Attribute],
        loc: ir.Location,
    ) -> list[Lifted]:
        """Makes an elementwise op over the dimensions of its operands; over scalars, on them."""
        if all(lifted.dims is None for lifted in operands):
            made = create(name, [lifted.value for lifted in operands], elements, attributes, loc=loc)
            return [Lifted(result, None) for result in made.results]
        dims = _union(operands)
        tensors = [self.spread(lifted, dims, loc) for lifted in operands]
        types = [gir.tensor_at("reg", self.shape(dims), element) for element in elements]
        made = create(name, tensors, types, attributes, loc=loc)
        return [Lifted(result, dims) for result in made.results]


def _union(values: Sequence[Lifted]) -> tuple[int, ...]:
    """The dimensions of some values: in the order of those that have any, if they agree, else sorted."""
    orders = {lifted.dims for lifted in values if lifted.dims is not None}
    return orders.pop() if len(orders) == 1 else tuple(sorted({dim for dims in orders for dim in dims}))


def permute(value: ir.Value, perm: Sequence[int], loc: ir.Location) -> ir.Value:
    """Reorders dimensions where there is anything to reorder."""
    if list(perm) == list(range(len(perm))):
        return value
    type_ = ir.RankedTensorType.get([value.type.shape[p] for p in perm], value.type.element_type, value.type.encoding)
    return create("gir.permute", [value], [type_], {"perm": i64_array(perm)}, loc=loc).result


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
