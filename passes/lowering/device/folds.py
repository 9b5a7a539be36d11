"""Reductions on tiles by a machine's intrinsics: along rows by those that combine a run, across rows by elements.

    rows:     fill what is behind the row's end with what changes nothing;  t = reduce row;  acc[i] = acc[i] + t[0] ..
    columns:  acc = acc + row, for each row, as an elementwise intrinsic

Others, and those that combine by a region, are loops over elements, as on any processor.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from powerfusion.core._mlir import integers, segments
from powerfusion.machines.emission import Intrinsic
from powerfusion.mlir import ir
from powerfusion.passes.lowering.device.calls import emit_call
from powerfusion.passes.lowering.device.layouts import Layout, layout_of
from powerfusion.passes.lowering.device.lowering import DEVICE, DeviceLowering
from powerfusion.passes.lowering.device.transfers import linear, typed
from powerfusion.passes.lowering.device.ways import RUN, Step, way_of
from powerfusion.passes.lowering.emitc import code
from powerfusion.passes.lowering.emitc.arithmetic import combined
from powerfusion.passes.lowering.emitc.carries import Carry, accumulator
from powerfusion.passes.lowering.emitc.code import Number, plus
from powerfusion.passes.lowering.emitc.combining import lower_reduce
from powerfusion.passes.lowering.emitc.lanes import kind_of, neutral_of
from powerfusion.passes.lowering.emitc.scalars import computed, stored_bytes
from powerfusion.passes.lowering.emitc.tiles import Tile, squeezed
from powerfusion.passes.lowering.registry import lowers

ELEMENTWISE_OF = {"add": ("arith.addf", "arith.addi"), "mul": ("arith.mulf", "arith.muli")}


@lowers("gir.reduce", to=DEVICE)
def lower_fold(lowering: DeviceLowering, op: ir.Operation) -> None:
    """Runs, by an intrinsic of the kind; else loops over elements."""
    fold = fold_of(lowering, op)
    if fold is None:
        lower_reduce(lowering, op)
        return
    lowering.group.flush()
    lowering.arrive_loads()
    carry = accumulator(lowering, op, segments(op)[1][0])
    assert fold.layout.held is not None
    lowering.compute(fold.layout.held, carry.held)
    if fold.intrinsic is not None:
        fold.rows(carry)
    else:
        fold.columns(carry)
    lowering.bind(op.results, [carry])


@dataclass(frozen=True)
class Fold:
    """A reduction by intrinsics.

    Attributes:
        lowering: What it is part of.
        op: The reduction.
        tile: What it takes.
        layout: Where that is.
        sizes: Valid extents, of the dimensions that aren't 1.
        dims: Which of these are folded.
        intrinsic: What folds a run; none where runs are folded onto one another.
        steps: What combines two runs.
    """

    lowering: DeviceLowering
    op: ir.Operation
    tile: Tile
    layout: Layout
    sizes: tuple[Number, ...]
    dims: frozenset[int]
    intrinsic: Intrinsic | None
    steps: tuple[Step, ...] = ()

    @property
    def kind(self) -> str:
        """Of the combination."""
        return kind_of(self.op, 0)

    @property
    def dtype(self) -> str:
        """Of the elements."""
        return str(self.tile.element)

    def _kept(self, index: Sequence[Number]) -> tuple[Number, ...]:
        """An index into the accumulator's squeezed shape."""
        return tuple(at for dim, at in enumerate(index) if dim not in self.dims)

    def rows(self, carry: Carry) -> None:
        """Each row by itself."""
        lowering, held, intrinsic = self.lowering, self.layout.held, self.intrinsic
        assert held is not None
        assert intrinsic is not None
        lanes = lowering.lanes
        count = self.sizes[-1]
        padded = _rounded(count, lanes)
        row_room = -(-squeezed(self.tile.shape)[-1] // lanes) * lanes
        group = (intrinsic.group_bytes or row_room * stored_bytes(self.tile.element)) // stored_bytes(self.tile.element)
        work = lowering.temporary(row_room, self.tile.element, self.op)
        with ExitStack() as nest:
            index = [nest.enter_context(code.loop(0, size)) for size in self.sizes[:-1]]
            begin = plus(self.layout.offset, linear(index, self.layout.strides[:-1]))
            self._fill(begin, count, padded)
            given: dict[str, Number] = {
                "dst": typed(lowering, work.held, 0, self.dtype),
                "a": typed(lowering, held, begin, self.dtype),
                "count": padded,
            }
            if intrinsic.group_bytes and isinstance(padded, int):
                padded = given["count"] = self._halved(given, padded)
            emit_call(intrinsic.parsed, intrinsic.callee(self.dtype), given, self.op)
            place = carry.held.place(self._kept([*index, 0]))
            pieces = nest.enter_context(code.loop(0, padded, group)) if intrinsic.group_bytes else 0
            value = code.load(code.element(_array(work.held.array), [pieces], computed(self.tile.element)))
            made = combined(self.kind, code.load(place), value, self.tile.element, lowering.helper)
            code.assign(made, place)
        lowering.drop(work)

    def _halved(self, given: dict[str, Number], count: int) -> int:
        """Adds a row's upper half to its lower one, and so on, until a group is left or halves end within granules.

        The first sum goes to where the reduction's result will be, which is then what is read. Gives how many are left.
        """
        lanes, steps = self.lowering.lanes, _combining(self.lowering, self.kind, self.dtype)
        if steps is None or len(steps) != 1:
            return count
        call, callee = steps[0].intrinsic.parsed, steps[0].intrinsic.callee(self.dtype)
        while count > lanes and count % (2 * lanes) == 0:
            count //= 2
            upper = code.binary("add", code.value_of(given["a"]), code.value_of(count))
            emit_call(call, callee, {**given, "b": upper, "count": count}, self.op)
            given["a"] = given["dst"]
        return count

    def _fill(self, begin: Number, count: Number, padded: Number) -> None:
        """Writes what changes nothing behind a row's end."""
        if isinstance(count, int) and count == padded:
            return
        held = self.layout.held
        assert held is not None
        element = self.tile.element
        with code.loop(count, padded) as at:
            place = code.element(_array(held.array), [plus(begin, at)], computed(element))
            code.assign(neutral_of(self.kind, element, computed(element)), place)

    def columns(self, carry: Carry) -> None:
        """One row onto the other."""
        lowering, held = self.lowering, self.layout.held
        assert held is not None
        assert carry.held.strides is not None
        lanes = lowering.lanes
        count = -(-squeezed(self.tile.shape)[-1] // lanes) * lanes
        (step,) = self.steps
        with ExitStack() as nest:
            index = [nest.enter_context(code.loop(0, size)) for size in self.sizes[:-1]]
            kept = self._kept([*index, 0])
            into = typed(lowering, carry.held, linear(kept, carry.held.strides), self.dtype)
            row = plus(self.layout.offset, linear(index, self.layout.strides[:-1]))
            given: dict[str, Number] = {
                "dst": into,
                "a": into,
                "b": typed(lowering, held, row, self.dtype),
                "count": count,
            }
            emit_call(step.intrinsic.parsed, step.intrinsic.callee(self.dtype), given, self.op)


def _array(value: ir.Value | None) -> ir.Value:
    assert value is not None, "expected a tile with a place"
    return value


def _rounded(count: Number, lanes: int) -> Number:
    """A count as the next multiple of lanes."""
    if isinstance(count, int):
        return -(-count // lanes) * lanes
    up = code.binary("div", code.value_of(plus(count, lanes - 1)), code.value_of(lanes))
    return code.binary("mul", up, code.value_of(lanes))


def fold_of(lowering: DeviceLowering, op: ir.Operation) -> Fold | None:
    """How intrinsics do a reduction; None where they can't."""
    inputs, inits, valid = segments(op)
    if "kinds" not in op.attributes or len(inputs) != 1 or not isinstance(inputs[0].type, ir.RankedTensorType):
        return None
    tile, kind, dtype = lowering.tile(inputs[0]), kind_of(op, 0), str(inputs[0].type.element_type)
    folded = set(integers(op.attributes["dims"]))
    shape = squeezed(tile.shape)
    if not shape or len(inits[0].type.shape) + len(folded) != len(tile.shape) or tile.uniform:
        return None
    if inits[0].type.element_type != tile.element or computed(tile.element) != tile.element:
        return None
    long = [dim for dim, size in enumerate(tile.shape) if size != 1]
    dims = frozenset(at for at, dim in enumerate(long) if dim in folded)
    counts = lowering.numbers(valid)
    sizes = tuple(code.least(counts[dim], tile.shape[dim]) if dim < len(counts) else tile.shape[dim] for dim in long)
    along = len(shape) - 1 in dims
    intrinsic = next(lowering.emission.intrinsics_for(f"reduce.{kind}", dtype), None) if along else None
    steps = None if along else _combining(lowering, kind, dtype)
    if intrinsic is None and (not steps or len(steps) != 1):
        return None
    layout = _settled(lowering, tile, shape)
    if layout is None:
        return None
    return Fold(lowering, op, tile, layout, sizes, dims, intrinsic, tuple(steps or ()))


def _combining(lowering: DeviceLowering, kind: str, dtype: str) -> list[Step] | None:
    name = ELEMENTWISE_OF.get(kind, (f"arith.{kind}", f"arith.{kind}"))[0 if "f" in dtype else 1]
    return way_of(lowering.emission, name, dtype, [RUN, RUN])


def _settled(lowering: DeviceLowering, tile: Tile, shape: tuple[int, ...]) -> Layout | None:
    """Where a tile is, if its rows are such as intrinsics take and have room for what is behind them."""
    lowering.settle(tile)
    layout = layout_of(tile)
    held = None if layout is None else layout.held
    if layout is None or held is None or held.strides is None or layout.strides[-1] != 1:
        return None
    region = lowering.region_of(held)
    lanes = lowering.lanes
    aligned = all(number % lanes == 0 for number in (layout.offset, *layout.strides[:-1]))
    return layout if aligned and region is not None and squeezed(held.shape)[-1] == shape[-1] else None
