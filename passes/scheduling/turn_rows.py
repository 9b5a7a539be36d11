"""`gir-turn-rows`: rows that are shorter than a register are turned, so that lanes lie along many of them.

Rewrite:
    %t = gir.load %x[%i, 0]                  ⇒   %v = memref.collapse_shape %x
         -> tensor<16x5xf32>                     %a = gir.load %v[5 * %i] -> tensor<80xf32>
    %s = gir.reduce %t .. dims [1]               %b = gir.reshape %a      -> tensor<16x5xf32>
    %b = gir.broadcast %s dims [1]               %t = gir.permute %b [1, 0] -> tensor<5x16xf32>
    %y = arith.divf %t, %b                       %s = gir.reduce %t .. dims [0]
    gir.store %y, %z[%i, 0]                      ..  and back, in front of the store

A tile's lanes lie along its last dimension: rows of 5 floats leave most of a register empty, and are folded lane by
lane. Turned, a fold is four additions of whole registers for 16 rows. Memory is read and written as it lies, register
by register. A kernel is turned as a whole, if all that it does with tiles is element by element, or folds and spreads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import (
    create,
    defining_op,
    element_of,
    i32_array,
    i64_array,
    integer_of,
    integers,
    is_tensor,
    segments,
)
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.core.statistics import count
from powerfusion.machines.model import Machine
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.analysis.spaces import Spaces
from powerfusion.passes.placement.nests import turned_rows
from powerfusion.passes.scheduling.kernels import ops_in, tiled_kernels
from powerfusion.passes.tiling.memrefs import is_contiguous
from powerfusion.passes.tiling.windows import affine_apply, affine_map, index_op

PLAIN = ("arith.", "math.", "gir.load", "gir.store", "gir.broadcast", "gir.reduce", "tensor.splat")


@register_pass
@dataclass(frozen=True)
class TurnRowsPass(Pass):
    """Turns tiles of short rows in registers."""

    name: ClassVar[str] = "gir-turn-rows"
    requires: ClassVar[frozenset[str]] = frozenset({"tile-form"})
    machine: str = option("cpu", help="For which: a machine's name, or a .toml that describes one")

    def run(self, op: ir.Operation) -> None:
        """Does it in every kernel."""
        machine = find(self.machine)
        if machine.scope("lane") is not None:
            return
        for kernel in tiled_kernels(op):
            found = _Turned.of(kernel, machine)
            if found is not None:
                found.apply()
                count("kernels with turned rows")


@dataclass(frozen=True)
class _Turned:
    """What of a kernel is turned.

    Attributes:
        ops: All ops on tiles.
        swapped: Of each tile that is turned, which two dimensions change places.
    """

    ops: list[ir.Operation]
    swapped: dict[ir.Value, tuple[int, int]]

    @classmethod
    def of(cls, kernel: ir.Operation, machine: Machine) -> _Turned | None:
        """Where rows are short, and nothing that is done with them asks how they lie."""
        ops = [op for op in ops_in(kernel) if any(is_tensor(value) for value in (*op.operands, *op.results))]
        moved = [op for op in ops if op.name in ("gir.load", "gir.store")]
        wide = [tile for op in moved if (tile := _tile(op)).type.rank > 1 and _is_short(tile, machine)]
        if not wide or not all(op.name.startswith(PLAIN) and _is_plain(op) for op in ops):
            return None
        spaces = Spaces()
        for op in ops:
            spaces.read(op)
        rows, columns = ({spaces.find((tile, tile.type.rank - at)) for tile in wide} for at in (2, 1))
        if rows & columns:
            return None
        swapped: dict[ir.Value, tuple[int, int]] = {}
        for value in dict.fromkeys(value for op in ops for value in (*op.operands, *op.results) if is_tensor(value)):
            classes = spaces.classes(value)
            of_rows = [dim for dim, each in enumerate(classes) if each in rows]
            of_columns = [dim for dim, each in enumerate(classes) if each in columns]
            if len(of_rows) > 1 or len(of_columns) > 1:
                return None
            if of_rows and of_columns:
                if of_rows[0] > of_columns[0]:
                    return None
                swapped[value] = of_rows[0], of_columns[0]
        if any(_tile(op) in swapped and not _is_flat(op) for op in moved):
            return None
        return cls(ops, swapped)

    def apply(self) -> None:
        """Swaps the dimensions of all tiles, but in memory."""
        for op in self.ops:
            match op.name:
                case "gir.broadcast" if op.result in self.swapped:
                    self._renumber(op, op.result)
                case "gir.reduce" if segments(op)[0][0] in self.swapped:
                    self._reduce(op)
                case "arith.constant" if op.result in self.swapped:
                    type_, value = self._type(op.result), ir.DenseElementsAttr(op.attributes["value"])
                    op.attributes["value"] = ir.DenseElementsAttr.get_splat(type_, value.get_splat_value())
                case _:
                    pass
        moved = [op for op in self.ops if op.name in ("gir.load", "gir.store") and _tile(op) in self.swapped]
        loaded = {op.result for op in moved if op.name == "gir.load"}
        for value in self.swapped:
            if value not in loaded:
                value.set_type(self._type(value))
        for op in sorted(moved, key=lambda op: op.name, reverse=True):  # Stores first: they know the tiles.
            (self._load if op.name == "gir.load" else self._store)(op)
            op.erase()

    def _swap(self, value: ir.Value, items: Sequence[int]) -> list[int]:
        """Items, one for each dimension of a value, with two of them swapped."""
        one, other = self.swapped[value]
        made = list(items)
        made[one], made[other] = made[other], made[one]
        return made

    def _type(self, value: ir.Value) -> ir.RankedTensorType:
        type_ = value.type
        return ir.RankedTensorType.get(self._swap(value, type_.shape), type_.element_type, type_.encoding)

    def _renumber(self, op: ir.Operation, value: ir.Value) -> None:
        places = self._swap(value, range(value.type.rank))
        op.attributes["dims"] = i64_array(sorted(places.index(dim) for dim in integers(op.attributes["dims"])))

    def _reduce(self, op: ir.Operation) -> None:
        inputs, inits, valid = segments(op)
        self._renumber(op, inputs[0])
        if valid:
            places = self._swap(inputs[0], range(inputs[0].type.rank))
            for at, place in enumerate(places):
                op.operands[len(inputs) + len(inits) + at] = valid[place]

    # -- memory ------------------------------------------------------------------------------

    def _load(self, op: ir.Operation) -> None:
        type_ = op.result.type
        view, (*indices, start), valid = _flat(op)
        flat = ir.RankedTensorType.get(_flat_shape(type_.shape), element_of(type_), type_.encoding)
        attributes = {"operandSegmentSizes": i32_array([1, len(indices) + 1, len(valid)])}
        with ir.InsertionPoint(op), op.location:
            loaded = create("gir.load", [view, *indices, start, *valid], [flat], attributes).result
            rows = create("gir.reshape", [loaded], [type_]).result
            perm = i64_array(self._swap(op.result, range(type_.rank)))
            turned = create("gir.permute", [rows], [self._type(op.result)], {"perm": perm}).result
        op.result.replace_all_uses_with(turned)

    def _store(self, op: ir.Operation) -> None:
        tile = op.operands[0]
        is_turned = tile.owner.name != "gir.load"  # What is loaded and stored as it is turns in front of the store.
        type_ = self._type(tile) if is_turned else tile.type
        view, indices, valid = _flat(op)
        flat = ir.RankedTensorType.get(_flat_shape(type_.shape), element_of(type_), type_.encoding)
        kept = {name: op.attributes[name] for name in op.attributes if name != "operandSegmentSizes"}
        kept["operandSegmentSizes"] = i32_array([1, 1, len(indices), len(valid)])
        with ir.InsertionPoint(op), op.location:
            perm = i64_array(self._swap(tile, range(type_.rank)))
            rows = create("gir.permute", [tile], [type_], {"perm": perm}).result
            stored = create("gir.reshape", [rows], [flat]).result
            create("gir.store", [stored, view, *indices, *valid], attributes=kept)


def _tile(op: ir.Operation) -> ir.Value:
    """What a load or store moves."""
    return op.result if op.name == "gir.load" else op.operands[0]


def _is_short(tile: ir.Value, machine: Machine) -> bool:
    """Whether a tile has as many rows as registers turn at once, that are short."""
    *_, rows, columns = tile.type.shape
    return rows == turned_rows(machine, columns, element_bytes(tile))


def _is_plain(op: ir.Operation) -> bool:
    """Whether an op can be turned: folds by kinds, and of constants those of one value."""
    if op.name == "gir.reduce":
        return "kinds" in op.attributes and len({value.type.rank for value in segments(op)[0]}) == 1
    if op.name == "arith.constant":
        return not is_tensor(op.result) or ir.DenseElementsAttr(op.attributes["value"]).is_splat
    return "clip" not in op.attributes


def _flat_shape(shape: Sequence[int]) -> list[int]:
    return [*shape[:-2], shape[-2] * shape[-1]]


def _window(op: ir.Operation) -> tuple[ir.Value, list[ir.Value], list[ir.Value]]:
    """The memref, indices and extents of a load or store."""
    (memref,), indices, valid = segments(op)[-3:]
    return memref, indices, valid


def _staged(memref: ir.Value) -> tuple[ir.Value, list[ir.Value]]:
    """What a window in a cache is one of, and where it begins; any other memref is itself."""
    stage = defining_op(memref)
    if stage is None or stage.name != "gir.stage":
        return memref, []
    (source,), starts, _ = segments(stage)
    return source, starts


def _is_flat(op: ir.Operation) -> bool:
    """Whether a load or store moves whole rows, that lie one behind the other."""
    window, indices, valid = _window(op)
    memref, starts = _staged(window)
    if starts and integer_of(starts[-1]) != 0:
        return False
    columns = _tile(op).type.shape[-1]
    is_argument = defining_op(memref) is None and memref.owner.owner.name == "gir.kernel"
    is_whole = is_argument and memref.type.shape[-1] == columns and integer_of(indices[-1]) == 0
    return is_whole and (not valid or integer_of(valid[-1]) == columns) and is_contiguous(memref)


def _flat(op: ir.Operation) -> tuple[ir.Value, list[ir.Value], list[ir.Value]]:
    """The window of such a movement in a memref whose last two dimensions are one."""
    window, places, valid = _window(op)
    memref, starts = _staged(window)
    with ir.InsertionPoint(op), op.location:
        sums = [index_op("arith.addi", list(pair)) for pair in zip(starts, places, strict=True)] if starts else places
    *indices, row, _ = sums
    type_, rank = memref.type, memref.type.rank
    columns = type_.shape[-1]
    groups = [[dim] for dim in range(rank - 2)] + [[rank - 2, rank - 1]]
    rows = type_.shape[-2]
    shape = [*type_.shape[:-2], rows if type_.is_dynamic_dim(rank - 2) else rows * columns]
    made = ir.MemRefType.get(shape, type_.element_type, None, type_.memory_space)
    scale = affine_map(1, lambda d: d * columns)
    with ir.InsertionPoint.at_block_begin(memref.owner), op.location:
        view = create("memref.collapse_shape", [memref], [made], {"reassociation": _array(groups)}).result
    with ir.InsertionPoint(op), op.location:
        start = affine_apply(scale, [row])
        if valid:
            valid = [*valid[:-2], affine_apply(scale, [valid[-2]])]
    return view, [*indices, start], valid


def _array(groups: Sequence[Sequence[int]]) -> ir.ArrayAttr:
    i64 = ir.IntegerType.get_signless(64)
    return ir.ArrayAttr.get([ir.ArrayAttr.get([ir.IntegerAttr.get(i64, dim) for dim in group]) for group in groups])
