"""`tensor.gather` and `tensor.scatter`: elements or boxes at indices that a tensor holds.

    tensor.gather %x[%i] gather_dims([1])   ⇒   y[l.., a, c] = x[a, i[l.., 0], c]

`pf.scatter` is an op that importers of models make: a scatter whose elements may meet. Its `kind`, where it has one,
says how they and what was there combine; elsewhere any one of them stays.

Dimensions of the result: those of the index tensor but its last, then those of the source, where
the gathered ones are left out or of size 1. The same holds for what is scattered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from powerfusion.core._mlir import DYNAMIC, create, element_of, i32_array, i64_array, integers
from powerfusion.dialects import gir
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.raising.bodies import Body, Lifted
from powerfusion.passes.raising.kernels import KernelBuilder, Size, load, size_of, store
from powerfusion.passes.raising.operands import slice_view
from powerfusion.passes.raising.registry import raises


@dataclass(frozen=True)
class Coordinates:
    """How elements of a table are found: its gathered dimensions, and the tensor of indices.

    Attributes:
        table: The tensor read or written, at function level.
        indices: The tensor of indices.
        dims: The dimensions of the table that are indexed, in the order of the last dimension of `indices`.
    """

    table: ir.Value
    indices: ir.Value
    dims: tuple[int, ...]

    @property
    def leading(self) -> int:
        """How many dimensions come from the tensor of indices."""
        return self.indices.type.rank - 1

    @property
    def kept(self) -> list[int]:
        """The dimensions of the table that are taken as a whole."""
        return [dim for dim in range(self.table.type.rank) if dim not in self.dims]

    def extents(self) -> list[Size]:
        """The sizes of the space: leading dimensions, then those taken as a whole."""
        leading: list[Size] = [size_of(self.indices, at) for at in range(self.leading)]
        return [*leading, *(size_of(self.table, dim) for dim in self.kept)]

    def units(self, rank: int) -> list[int]:
        """The dimensions of size 1 that a value of that rank has for the gathered dimensions."""
        return [] if rank == self.leading + len(self.kept) else [self.leading + dim for dim in sorted(self.dims)]

    def lifted(self, kernel: KernelBuilder, body: Body) -> list[Lifted]:
        """The index along each dimension of the table, in the kernel."""
        found = {dim: self._read(kernel, body, number) for number, dim in enumerate(self.dims)}
        found |= {dim: body.iota(self.leading + at, kernel.loc) for at, dim in enumerate(self.kept)}
        return [found[dim] for dim in range(self.table.type.rank)]

    def _read(self, kernel: KernelBuilder, body: Body, number: int) -> Lifted:
        source = kernel.inside(self.indices)
        shape = list(source.type.shape)[:-1]
        type_ = gir.tensor_at("dram", shape, element_of(source.type))
        sizes, rank = body.extents[: self.leading], self.leading + 1
        view = slice_view(source, [0] * (rank - 1) + [number], [*sizes, 1], [1] * rank, [rank - 1], type_, kernel.loc)
        value = load(view, kernel.loc)
        if not isinstance(element_of(value.type), ir.IndexType):
            indexed = gir.tensor_at("reg", shape, ir.IndexType.get())
            value = create("arith.index_cast", [value], [indexed], loc=kernel.loc).result
        return Lifted(value, tuple(range(self.leading)))


@raises("tensor.gather")
def raise_gather(op: ir.Operation) -> None:
    """Boxes of a tensor, one per index."""
    found = Coordinates(op.operands[0], op.operands[1], tuple(integers(op.attributes["gather_dims"])))
    type_ = op.result.type
    extents = found.extents()
    kernel = _kernel("gather", op, found, extents)
    units = found.units(type_.rank)
    sizes = [size for size in extents if not isinstance(size, int)]
    shape = [size if isinstance(size, int) else DYNAMIC for size in extents]
    for at in units:
        shape.insert(at, 1)
    refined = ir.RankedTensorType.get(shape, type_.element_type)
    with kernel.open([refined], sizes):
        body = Body([kernel.size_inside(size) for size in extents])
        lifted = body.gather(kernel.inside(found.table), found.lifted(kernel, body), type_.element_type, op.location)
        value = body.spread(lifted, tuple(range(len(extents))), op.location)
        if units:
            made = gir.tensor_at("reg", refined.shape, type_.element_type)
            value = create("gir.broadcast", [value], [made], {"dims": i64_array(units)}, loc=op.location).result
        values = kernel.close([value])
    _replace(op, values[0])


@raises("pf.scatter")
@raises("tensor.scatter")
def raise_scatter(op: ir.Operation) -> None:
    """Boxes stored into a tensor, one per index."""
    source, dest, indices = op.operands
    found = Coordinates(dest, indices, tuple(integers(op.attributes["scatter_dims"])))
    type_ = op.result.type
    extents = found.extents()
    kernel = _kernel("scatter", op, found, extents)
    kernel.add(source)
    sizes = [size_of(dest, at) for at in range(type_.rank) if type_.is_dynamic_dim(at)]
    kernel.add_sizes(sizes)
    if any(isinstance(size, int) for size in sizes):
        raise UnsupportedError(
            f"'{op.name}' of {dest.type} that gives {type_} isn't supported",
            location=op.location,
            help="cast its result by tensor.cast instead",
        )
    with kernel.open([type_], [size for size in sizes if not isinstance(size, int)]):
        body = Body([kernel.size_inside(size) for size in extents])
        full = tuple(range(len(extents)))
        value = _compact(kernel, source, found, body)
        places = [body.spread(index, full, op.location) for index in found.lifted(kernel, body)]
        base = store(load(kernel.inside(dest), op.location), op.location)
        attributes: dict[str, ir.Attribute] = {"operandSegmentSizes": i32_array([1, 1, len(places), 0])}
        if "unique" in op.attributes:
            attributes["unique"] = ir.UnitAttr.get()
        if "kind" in op.attributes:
            kind = ir.StringAttr(op.attributes["kind"]).value
            attributes["kind"] = ir.Attribute.parse(f"#vector.kind<{kind}>")
        made = create("gir.scatter", [value, base, *places], [base.type], attributes, loc=op.location)
        values = kernel.close([made.result])
    _replace(op, values[0])


def _compact(kernel: KernelBuilder, source: ir.Value, found: Coordinates, body: Body) -> ir.Value:
    """What is scattered, at `reg`, without its dimensions of size 1."""
    inside = kernel.inside(source)
    units = found.units(source.type.rank)
    if not units:
        return load(inside, kernel.loc)
    extents = list(body.extents)
    shape = body.shape(range(len(extents)))
    sizes: list[Size] = extents.copy()
    for at in units:
        sizes.insert(at, 1)
    rank = len(sizes)
    type_ = gir.tensor_at("dram", shape, element_of(source.type))
    return load(slice_view(inside, [0] * rank, sizes, [1] * rank, units, type_, kernel.loc), kernel.loc)


def _kernel(name: str, op: ir.Operation, found: Coordinates, extents: Sequence[Size]) -> KernelBuilder:
    kernel = KernelBuilder(name, op.location)
    kernel.add(found.table)
    kernel.add(found.indices)
    kernel.add_sizes(extents)
    return kernel


def _replace(op: ir.Operation, value: ir.Value) -> None:
    wanted = op.result.type
    cast = value if value.type == wanted else create("tensor.cast", [value], [wanted]).result
    op.result.replace_all_uses_with(cast)
