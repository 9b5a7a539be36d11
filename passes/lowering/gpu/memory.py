"""How tiles are loaded and stored: a row of a fragment per access, guarded where elements may not be there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from powerfusion.core._mlir import DYNAMIC, create, element_of, index_constant, integer_of, segments
from powerfusion.mlir import ir
from powerfusion.passes.lowering.expansions import compare, zero
from powerfusion.passes.lowering.extents import Flag, both
from powerfusion.passes.lowering.gpu.fragments import (
    Fragment,
    elements_of,
    extracted,
    joined,
    row_places,
    row_type,
    width_of,
)
from powerfusion.passes.lowering.gpu.lanes import Layout
from powerfusion.passes.lowering.gpu.lowering import TARGET, GpuLowering, plus, sum_of
from powerfusion.passes.lowering.gpu.valid import Valid
from powerfusion.passes.lowering.memory import SGE, SLT, to_register, to_storage
from powerfusion.passes.lowering.registers import element_bytes
from powerfusion.passes.lowering.registry import lowers
from powerfusion.passes.scheduling.contiguity import counted_along


class Access:
    """Where the rows of a tile lie in a memref, and which of them are there.

    Args:
        lowering: The function.
        layout: The tile's.
        memref: What is accessed.
        indices: Where the tile begins.
        valid: How many elements are there per dimension; empty where all are.
        clip: Whether only what is inside of the memref is there.
        width: How many elements one access takes at most.
    """

    def __init__(
        self,
        lowering: GpuLowering,
        layout: Layout,
        memref: ir.Value,
        indices: Sequence[ir.Value],
        valid: Sequence[ir.Value],
        *,
        clip: bool = False,
        width: int = 1,
    ) -> None:
        self.layout, self.memref = layout, memref
        self.bases = [
            index if start is None else plus(index, start)
            for index, start in zip(indices, lowering.starts(layout), strict=True)
        ]
        self.valid = Valid(lowering, layout, valid)
        self.sizes = [dim_of(memref, dim) for dim in range(len(indices))] if clip else []
        self.width = min(width, width_of(layout)) if _is_contiguous(memref.type) else 1

    def at(self, place: Sequence[int], shift: int = 0) -> list[ir.Value]:
        """The indices of an element that the lane holds, or of one so much further along the last dimension."""
        return [sum_of(base, offset) for base, offset in zip(self.bases, self._offsets(place, shift), strict=True)]

    def is_there(self, place: Sequence[int], shift: int = 0, count: int = 1) -> Flag:
        """Whether some neighbours along the last dimension are all there."""
        flag = self.valid.is_there(place, last=shift + count - 1)
        if not self.sizes:
            return flag
        for dim, offset in enumerate(self._offsets(place, shift)):
            flag = both(flag, self._is_inside(dim, offset, count if dim == len(self.layout) - 1 else 1))
        return flag

    def _offsets(self, place: Sequence[int], shift: int) -> list[int]:
        offsets = [dim.place(held) for dim, held in zip(self.layout, place, strict=True)]
        return [*offsets[:-1], offsets[-1] + shift] if offsets else []

    def _is_inside(self, dim: int, offset: int, length: int) -> Flag:
        first = sum_of(self.bases[dim], offset)
        low = compare("arith.cmpi", SGE, first, index_constant(0))
        return both(low, compare("arith.cmpi", SLT, sum_of(self.bases[dim], offset + length - 1), self.sizes[dim]))

    # -- rows --------------------------------------------------------------------------------------

    def load(self, place: Sequence[int], type_: ir.Type, element: ir.Type) -> ir.Value:
        """Reads a row; elements that aren't there are zero."""
        width = width_of(self.layout)
        pieces = [self._load_piece(place, at, min(self.width, width)) for at in range(0, width, self.width)]
        if len(pieces) == 1:
            return to_register(pieces[0], element)
        row = joined([part for piece in pieces for part in elements_of(piece)])
        assert row.type == type_ or element_of(row.type) != element_of(type_), f"expected a row of {type_}"
        return to_register(row, element)

    def _load_piece(self, place: Sequence[int], shift: int, count: int) -> ir.Value:
        return when(
            self.is_there(place, shift, count),
            self._type(count),
            lambda: self._read(place, shift, count),
            (lambda: self._load_singly(place, shift, count))
            if self._may_be_cut(count)
            else (lambda: zero(self._type(count))),
        )

    def _may_be_cut(self, count: int) -> bool:
        """Whether some of a piece may be there and some not; it begins at a multiple of its length in the tile."""
        if count == 1:
            return False
        along = self.valid.counts[-1]
        known = None if along is None else integer_of(along)
        return bool(self.sizes) or (along is not None and (known is None or known % count != 0))

    def _load_singly(self, place: Sequence[int], shift: int, count: int) -> ir.Value:
        """A piece of which some elements may be there."""
        return joined([self._load_piece(place, shift + at, 1) for at in range(count)])

    def _type(self, count: int) -> ir.Type:
        return _piece(self.memref.type.element_type, count)

    def _read(self, place: Sequence[int], shift: int, count: int) -> ir.Value:
        return _read(self.memref, self.at(place, shift), count)

    def store(self, place: Sequence[int], row: ir.Value, element: ir.Type, flag: Flag) -> None:
        """Writes what is there of a row, if a flag holds."""
        row = to_storage(row, element)
        width = width_of(self.layout)
        count = min(self.width, width)
        parts = [row] if count == width else elements_of(row)
        for number, at in enumerate(range(0, width, count)):
            piece = row if count == width else joined(parts[number * count : (number + 1) * count])
            self._store_piece(place, at, piece, count, flag)

    def _store_piece(self, place: Sequence[int], shift: int, piece: ir.Value, count: int, flag: Flag) -> None:
        there = both(flag, self.is_there(place, shift, count))

        def write() -> None:
            name = "memref.store" if count == 1 else "vector.store"
            create(name, [piece, self.memref, *self.at(place, shift)], attributes=_aligned(self.memref, count))

        def singly() -> None:
            for at in range(count):
                self._store_piece(place, shift + at, extracted(piece, at), 1, flag)

        do_when(there, write, singly if self._may_be_cut(count) else None)


@lowers("gir.load", to=TARGET)
def lower_load(lowering: GpuLowering, op: ir.Operation) -> None:
    """Each lane reads its rows, up to 128 bits at a time; copies of a lane read the same, which memory gives once."""
    (memref,), indices, valid = segments(op)
    lowering.waiting.before(lowering.scalar(memref))
    layout = lowering.lanes.layout(op.result)
    access = Access(
        lowering,
        layout,
        lowering.scalar(memref),
        lowering.scalars(indices),
        lowering.scalars(valid),
        clip="clip" in op.attributes,
        width=_width(op),
    )
    element = op.result.type.element_type
    type_ = row_type(layout, element)
    rows = tuple(access.load(place, type_, element) for place in row_places(layout))
    lowering.waiting.after(access.memref)
    lowering.bind([op.result], [Fragment(layout, rows)])


@lowers("gir.store", to=TARGET)
def lower_store(lowering: GpuLowering, op: ir.Operation) -> None:
    """Each lane writes its rows, up to 128 bits at a time; of copies of a lane the first one does."""
    (tile,), (memref,), indices, valid = segments(op)
    lowering.waiting.before(lowering.scalar(memref), fills=True)
    fragment = lowering.fragment(tile)
    access = Access(
        lowering,
        fragment.layout,
        lowering.scalar(memref),
        lowering.scalars(indices),
        lowering.scalars(valid),
        width=_width(op),
    )
    flag = lowering.is_first_copy(fragment.layout)
    for place, row in zip(row_places(fragment.layout), fragment.rows, strict=True):
        access.store(place, row, tile.type.element_type, flag)
    lowering.waiting.after(access.memref)


@lowers("gir.gather", to=TARGET)
def lower_gather(lowering: GpuLowering, op: ir.Operation) -> None:
    """Each lane reads what is inside of the table: up to 128 bits of a row at a time, else elements one by one."""
    table = lowering.scalar(op.operands[0])
    lowering.waiting.before(table)
    layout = lowering.lanes.layout(op.result)
    columns = [lowering.fragment(index).rows for index in list(op.operands)[1:]]
    sizes = [dim_of(table, dim) for dim in range(len(columns))]
    element = op.result.type.element_type
    lies_along_rows = counted_along(op.operands[len(columns)]) == len(layout) - 1
    width = min(_width(op), width_of(layout)) if lies_along_rows else 1
    rows: list[ir.Value] = []
    for places in zip(*columns, strict=True):
        at = list(zip(*map(elements_of, places), strict=True))
        pieces = [_gathered(table, at[first], sizes, width) for first in range(0, len(at), width)]
        row = pieces[0] if len(pieces) == 1 else joined([part for piece in pieces for part in elements_of(piece)])
        rows.append(to_register(row, element))
    lowering.waiting.after(table)
    lowering.bind([op.result], [Fragment(layout, tuple(rows))])


def _gathered(table: ir.Value, at: Sequence[ir.Value], sizes: Sequence[ir.Value], count: int) -> ir.Value:
    """Some neighbours in a row, all of them inside of the table or none."""
    flag: Flag = True
    for index, size in zip(at, sizes, strict=True):
        low = compare("arith.cmpi", SGE, index, index_constant(0))
        flag = both(flag, both(low, compare("arith.cmpi", SLT, index, size)))
    type_ = _piece(table.type.element_type, count)
    return when(flag, type_, lambda: _read(table, at, count), lambda: zero(type_))


# -- what they share -------------------------------------------------------------------------------


def _width(op: ir.Operation) -> int:
    """How many elements one access of a lane may take, as scheduling found addresses to be aligned for."""
    return ir.IntegerAttr(op.attributes["gir.vector_width"]).value if "gir.vector_width" in op.attributes else 1


def _piece(element: ir.Type, count: int) -> ir.Type:
    """The type of some neighbours."""
    return element if count == 1 else ir.VectorType.get([count], element)


def _read(memref: ir.Value, at: Sequence[ir.Value], count: int) -> ir.Value:
    """Some neighbours, by one access."""
    name = "memref.load" if count == 1 else "vector.load"
    return create(name, [memref, *at], [_piece(memref.type.element_type, count)], _aligned(memref, count)).result


def _aligned(memref: ir.Value, count: int) -> dict[str, ir.Attribute]:
    """What an access of neighbours says of its address."""
    if count == 1:
        return {}
    size = count * element_bytes(memref.type.element_type)
    return {"alignment": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), size)}


def _is_contiguous(type_: ir.MemRefType) -> bool:
    """Whether neighbours along the last dimension are neighbours in memory."""
    strides, _ = type_.get_strides_and_offset()
    return bool(strides) and strides[-1] == 1


def dim_of(memref: ir.Value, dim: int) -> ir.Value:
    """How long a memref is along a dimension."""
    size = memref.type.shape[dim]
    if size != DYNAMIC:
        return index_constant(size)
    return create("memref.dim", [memref, index_constant(dim)], [ir.IndexType.get()]).result


def when(flag: Flag, type_: ir.Type, true: Callable[[], ir.Value], false: Callable[[], ir.Value]) -> ir.Value:
    """One of two values of a type, of which only that one is computed."""
    if isinstance(flag, bool):
        return true() if flag else false()
    branch = create("scf.if", [flag], [type_], regions=2)
    for region, make in zip(branch.regions, (true, false), strict=True):
        with ir.InsertionPoint(region.blocks.append()):
            create("scf.yield", [make()])
    return branch.result


def do_when(flag: Flag, true: Callable[[], None], false: Callable[[], None] | None = None) -> None:
    """Does one of two things."""
    if isinstance(flag, bool):
        chosen = true if flag else false
        if chosen is not None:
            chosen()
        return
    branch = create("scf.if", [flag], regions=2)
    for region, do in zip(branch.regions, (true, false), strict=True):
        if do is None:
            continue
        with ir.InsertionPoint(region.blocks.append()):
            do()
            create("scf.yield")
