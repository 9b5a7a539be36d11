"""What a nest will do, before anything is emitted: sinks, sweeps, the dimension of the tile.

Sinks (what a kernel stores or asserts) that share their outer dimensions share a nest. The nest
runs over the dimensions that all its sinks have; inside, whatever sweeps further dimensions
(reductions, and stores of larger values) shares a loop per sweep and pass:

    parallel over r:                     y = softmax's two reductions
      for c: m = max(m, x[r, c])         pass 0: depends on no reduction
      for c: s = s + exp(x[r, c] - m)    pass 1: depends on m
      store m[r], s[r]

One dimension is the tile's: it is stepped by the vector's width, all others by one. Where what is moved lies along
another one in memory, as in a transposition, that is stepped too: the tile is a square that registers transpose.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from powerfusion.core._mlir import DYNAMIC, defining_op, integers, mixed, segments
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.analysis.spaces import Dim, Spaces, ancestors, innermost_class, reduced_classes
from powerfusion.passes.tiling.combiners import payload_rank
from powerfusion.passes.tiling.squares import CLIPPED, LINE, ROOM, live_bytes, sides_of

WORTH = 4  # a tile is square where at least a fourth as much lies along its other side
SHORTEST_SIDE = 8
NARROWEST_SIDE = 3  # of a matrix that is turned: fewer elements are as well loaded one by one
FREE = ("gir.move", "gir.broadcast", "arith.constant", "gir.reshape")  # ops that hold no register of their own for long
PLAIN = ("gir.move", "gir.broadcast", "gir.iota", "arith.", "math.")  # whose tiles may have any sides
FEW = 3
MOST_ROWS = 8  # at once: as many lines as a set of the first cache holds, of rows that are a power of two apart
WIDENING = "arith.extf"
MOST_TIMES = 4  # as long as usual, where a step's instructions wait for one another
WIDTH, LONGEST_WIDTHS = 32, 4  # columns where rows come one by one, and how many times as many
ENOUGH_GROUPS = 16  # that columns are dealt out to, rather than to fewer with longer pieces of rows
LONG_COLUMNS = 256  # steps: sums of more f32 are carried in f64, if lanes aren't what is folded
DYNAMIC_GUESS = 1024  # what a dynamic size counts for when dimensions are compared
SHIFTS = ("gir.pad", "gir.window", "gir.slice", "gir.concat")  # their operands' windows aren't their own
FOLLOWED = 8  # shifts between a load and a sink through which the tile's dimension is looked for


@dataclass(frozen=True)
class Sink:
    """What a kernel stores, or asserts or scatters where there is no memref.

    Attributes:
        value: What is stored, at reg.
        memref: Where to.
        op: The movement or assertion.
        alone: Whether it needs a nest of its own.
    """

    value: ir.Value
    memref: ir.Value | None
    op: ir.Operation
    alone: bool = False


@dataclass(frozen=True)
class Room:
    """What tiles of a kernel without a nest may take.

    Attributes:
        width: Elements along the tile's vector dimension.
        registers: Bytes.
    """

    width: int = 32
    registers: int = ROOM


@dataclass(frozen=True)
class Columns:
    """How tiles lie that are folded row by row: pieces of some rows, folded before accumulators take them in.

    Attributes:
        lanes: Columns of a tile, 0 for the usual width.
        rows: Rows of a tile.
        beside: How many tiles beside one another are swept at once: long pieces of rows are what memory wants.
        first: The dimensions that rows are of.
    """

    lanes: int = 0
    rows: int = 1
    beside: int = 1
    first: frozenset[Dim] = frozenset()


@dataclass(frozen=True)
class Sweep:
    """What shares one loop: reductions and stores over the same further dimensions, in one pass."""

    number: int
    extra: frozenset[Dim]
    reduces: list[ir.Operation] = field(default_factory=list)
    sinks: list[Sink] = field(default_factory=list)


def group_sinks(sinks: Sequence[Sink], spaces: Spaces) -> list[list[Sink]]:
    """Sinks that share a nest: those with common dimensions, neither of which repeats one."""
    groups: list[tuple[set[Dim], list[Sink]]] = []
    for sink in sinks:
        classes = spaces.classes(sink.value)
        plain = not sink.alone and len(set(classes)) == len(classes)
        for at, (common, group) in enumerate(groups):
            shared = common & set(classes)
            if plain and not group[0].alone and (shared or (not common and not classes)):
                groups[at] = (shared, [*group, sink])
                break
        else:
            groups.append((set(classes), [sink if plain else Sink(sink.value, sink.memref, sink.op, alone=True)]))
    return [group for _, group in groups]


class NestPlan:
    """The plan of the nest of one group of sinks.

    Attributes:
        plain: Whether no sink repeats a dimension.
        outer: The dimensions that the nest runs over.
        sweeps: What is done inside, in order.
        vector: The dimension that the tile lies along.
        across: Another one along which much of what is moved is contiguous, outer or swept: the tile's other side.
        sides: How long the tile's are then: along `vector`, along `across`.
    """

    def __init__(self, sinks: Sequence[Sink], spaces: Spaces, room: Room) -> None:
        self.sinks, self.spaces, self.room = sinks, spaces, room
        first = max(sinks, key=lambda sink: sink.value.type.rank)
        classes = spaces.classes(first.value)
        self.plain = len(set(classes)) == len(classes)
        if self.plain:
            common = set.intersection(*(set(spaces.classes(sink.value)) for sink in sinks))
            self.outer = [c for c in classes if c in common]
        else:
            self.outer: list[Dim] = [(first.value, dim) for dim in range(first.value.type.rank)]
        self.sweeps = self._sweeps() if self.plain else []
        weights, ordered = self._contiguous() if self.plain else ({self.outer[-1]: 0}, {})
        candidates = {c: weight for c, weight in weights.items() if c[0].type.shape[c[1]] != 1}
        self.vector = max(candidates, key=lambda c: candidates[c]) if candidates else None
        self.across, self.sides = self._square(candidates, ordered)
        self.outer = self._as_read()

    def _as_read(self) -> list[Dim]:
        """The outer dimensions in the order in which what is read most lies in memory, if runs along lanes are long.

        A core waits for what it reads, and caches see what follows; nobody waits for what it writes.
        """
        moves = [op for op in ancestors([sink.value for sink in self.sinks]) if op.name == "gir.move"]
        loads = [op for op in moves if gir.is_at(op.operands[0], "dram")]
        if not loads or self.sweeps or self.vector is None or self.across is not None:
            return self.outer
        most = max(loads, key=lambda op: _volume(op.result))
        order = [c for c in self.spaces.classes(most.result) if c in self.outer]
        length = self.vector[0].type.shape[self.vector[1]]
        is_long = length != DYNAMIC and length * element_bytes(most.result) >= 2 * LINE
        all_ = len(order) == len(self.outer) and set(order) == set(self.outer)  # one may stand for two of a load's
        return order if is_long and all_ and order[-1] == self.vector else self.outer

    @cached_property
    def lanes(self) -> int:
        """How long the tile is, at least as wide as asked for.

        What is widened, computed and narrowed again is a long chain of instructions that wait for one another: a core
        has others to go on with where more vectors are under way, as many as registers have room for.
        """
        width = self.room.width
        if self.columns.lanes or self.sweeps or self.across is not None:
            return self.columns.lanes or width
        values = [sink.value for sink in self.sinks]
        if not any(op.name == WIDENING for op in ancestors(values)):
            return width
        live = live_bytes(values)
        times = MOST_TIMES
        while times > 1 and times * width * live > self.room.registers:
            times //= 2
        return times * width

    @cached_property
    def columns(self) -> Columns:
        """How tiles lie that are folded row by row; only where there is little else to keep in registers."""
        if self.vector is None or not self.sweeps or self.vector not in self.outer or self.across is not None:
            return Columns()
        found = [op for op in ancestors([sink.value for sink in self.sinks]) if op.name not in FREE]
        if len(found) > FEW or any(op.name.startswith("math.") for op in found):
            return Columns()
        size = self.vector[0].type.shape[self.vector[1]]
        parts = (DYNAMIC_GUESS if size == DYNAMIC else size) // ENOUGH_GROUPS
        first = self._folded_first()
        reduces = [op for sweep in self.sweeps for op in sweep.reduces]
        if not first or any("kinds" not in op.attributes for op in reduces):
            return Columns() if size == DYNAMIC else Columns(WIDTH * max(1, min(LONGEST_WIDTHS, parts // WIDTH)))
        folded = [value for op in reduces for value in segments(op)[0]]
        carried = sum(self._carried_bytes(sweep) for sweep in self.sweeps)
        lanes = max(LINE // max(map(element_bytes, folded)), SHORTEST_SIDE)
        rows, half = MOST_ROWS, self.room.registers // 2
        while rows > 1 and rows * lanes * live_bytes(folded) > half:
            rows //= 2
        return Columns(lanes, rows, max(1, min(half // (lanes * carried), parts // lanes)), first)

    def _folded_first(self) -> frozenset[Dim]:
        """The innermost dimensions that are swept, of what is computed element by element and only folded."""
        below = ancestors([value for sweep in self.sweeps for op in sweep.reduces for value in segments(op)[0]])
        if any(sweep.sinks for sweep in self.sweeps) or not all(op.name.startswith(PLAIN) for op in below):
            return frozenset()
        orders = [[c for c in self.order(sweep) if c[0].type.shape[c[1]] != 1] for sweep in self.sweeps]
        return frozenset(order[-1] for order in orders if order)

    def _carried_bytes(self, sweep: Sweep) -> int:
        """What accumulators of a sweep take per column; sums of many f32 are carried in f64."""
        steps = 1
        for c in sweep.extra:
            size = c[0].type.shape[c[1]]
            steps *= LONG_COLUMNS * MOST_ROWS + 1 if size == DYNAMIC else size
        wide = 2 if steps > LONG_COLUMNS * MOST_ROWS else 1
        return sum(max(4 * wide, element_bytes(result)) for op in sweep.reduces for result in op.results)

    def order(self, sweep: Sweep) -> list[Dim]:
        """The loops of a sweep, in the order of the largest value's dimensions."""
        value = segments(sweep.reduces[0])[0][0] if sweep.reduces else sweep.sinks[0].value
        return [c for c in self.spaces.classes(value) if c in sweep.extra]

    # -- sweeps ------------------------------------------------------------------------------

    def _sweeps(self) -> list[Sweep]:
        sweeps: dict[tuple[int, frozenset[Dim]], Sweep] = {}
        numbers: dict[ir.Operation, int] = {}
        common = set(self.outer)
        for op in self._reduces():
            if payload_rank(op) or not set(self.spaces.classes(op.results[0])) <= common:
                continue
            numbers[op] = _pass_of(op.operands, numbers)
            extra = frozenset(reduced_classes(self.spaces, op))
            if len(set(self.spaces.classes(segments(op)[0][0]))) != segments(op)[0][0].type.rank or extra & common:
                continue
            sweeps.setdefault((numbers[op], extra), Sweep(numbers[op], extra)).reduces.append(op)
        for sink in self.sinks:
            extra = frozenset(set(self.spaces.classes(sink.value)) - common)
            if extra:
                number = _pass_of([sink.value], numbers)
                sweeps.setdefault((number, extra), Sweep(number, extra)).sinks.append(sink)
        return [sweeps[key] for key in sorted(sweeps, key=lambda key: (key[0], len(key[1])))]

    def _reduces(self) -> list[ir.Operation]:
        """The reductions that sinks need without a shift between, in program order."""
        found = {op for op in ancestors([sink.value for sink in self.sinks], SHIFTS) if op.name == "gir.reduce"}
        if not found:
            return []
        return [op.operation for op in self.sinks[0].op.block.operations if op.operation in found]

    # -- what would be made again and again --------------------------------------------------

    def repeated(self) -> list[ir.Operation]:
        """Reductions that the nest would make more than once per element: better stored first."""
        swept = {op for sweep in self.sweeps for op in sweep.reduces}
        starts: list[tuple[ir.Value, int, bool]] = [(sink.value, sink.value.type.rank, False) for sink in self.sinks]
        for op in swept:
            inputs, inits, _ = segments(op)
            starts += [(value, inputs[0].type.rank, False) for value in inputs]
            starts += [(value, value.type.rank, False) for value in inits]
        return repeated_reduces(starts, swept)

    # -- the tile ----------------------------------------------------------------------------

    def _contiguous(self) -> tuple[dict[Dim, int], dict[Dim, int]]:
        """Per dimension how many elements lie along it in memory: of those that a tile may lie along, and of others.

        The others are folded in order.
        """
        candidates = set(self.outer) | {c for sweep in self.sweeps for c in sweep.extra}
        found = list(ancestors([sink.value for sink in self.sinks]))
        for op in found:
            if op.name == "gir.reduce" and not _folds_lanes(op):
                candidates -= set(reduced_classes(self.spaces, op))
        followers = _followers(found, self.spaces)
        weights: dict[Dim, int] = dict.fromkeys(sorted(candidates, key=self._order), 0)
        ordered: dict[Dim, int] = {}
        places = [op.operands[0] for op in found if op.name == "gir.move" and gir.is_at(op.operands[0], "dram")]
        places += [sink.op.result for sink in self.sinks if sink.memref is not None]
        for place in places:
            c = innermost_class(self.spaces, place)
            for _ in range(FOLLOWED):
                if c in weights or c not in followers:
                    break
                c = followers[c]
            if c is not None:
                known = weights if c in weights else ordered
                known[c] = known.get(c, 0) + _volume(place)
        return weights, ordered

    def _square(self, weights: dict[Dim, int], ordered: dict[Dim, int]) -> tuple[Dim | None, tuple[int, int]]:
        """The other side of a square tile, where that is worth it, and how long its sides are.

        Of what only moves element by element it is another outer dimension. What is folded in order along the lines
        of memory is turned on its way: a line of each of some rows becomes a step's elements, one after the other.
        """
        if self.vector is None or self.vector not in self.outer:
            return None, (0, 0)
        swept = [c for c in ordered if self._is_swept_alone(c)]
        rest = {c: ordered[c] for c in swept} if self.sweeps else {c: w for c, w in weights.items() if c in self.outer}
        rest.pop(self.vector, None)
        best = max(rest, key=lambda c: rest[c]) if rest else None
        if best is None or rest[best] * WORTH < weights[self.vector] or self._are_of_windows(best, self.vector):
            return None, (0, 0)
        lengths = [c[0].type.shape[c[1]] for c in (best, self.vector)]
        if any(size != DYNAMIC and size < NARROWEST_SIDE for size in lengths):
            return None, (0, 0)
        folded = [value for sweep in self.sweeps for op in sweep.reduces for value in segments(op)[0]]
        found = sides_of(folded or [sink.value for sink in self.sinks], self.room.registers)
        if found is None:
            return None, (0, 0)
        return best, (found[1], found[0]) if folded else found

    def _are_of_windows(self, one: Dim, other: Dim) -> bool:
        """Whether two dimensions count neighbourhoods and places in them: of these a tile has one of either."""
        along: list[set[Dim]] = []  # what places and neighbourhoods, of neighbourhoods too, are counted along
        for op in ancestors([sink.value for sink in self.sinks]):
            if op.name != "gir.window":
                continue
            source, result = self.spaces.classes(op.operands[0]), self.spaces.classes(op.result)
            for entry, dim in enumerate(integers(op.attributes["dims"])):
                found = {source[dim], result[dim], result[len(source) + entry]}
                met = [each for each in along if each & found]
                along = [each for each in along if not each & found] + [found.union(*met)]
        return any({one, other} <= each for each in along)

    def _is_swept_alone(self, c: Dim) -> bool:
        """Whether all sweeps fold along one dimension last, of what is computed element by element."""
        if any(sweep.sinks or c not in sweep.extra for sweep in self.sweeps):
            return False
        reduces = [op for sweep in self.sweeps for op in sweep.reduces]
        below = ancestors([value for op in reduces for value in segments(op)[0]])
        return all(op.name.startswith(PLAIN) or op in reduces for op in below) and all(
            reduced_classes(self.spaces, op)[-1] == c for op in reduces
        )

    def _order(self, c: Dim) -> int:
        """Innermost first, so that ties go to the later dimension."""
        swept = [d for sweep in self.sweeps for d in sweep.extra]
        return -self.outer.index(c) if c in self.outer else -len(self.outer) - swept.index(c)


def _folds_lanes(op: ir.Operation) -> bool:
    """Whether a reduction may take a tile's lanes in another order than one after another."""
    return "kinds" in op.attributes or ("algebra" in op.attributes and "ordered" not in str(op.attributes["algebra"]))


def _pass_of(values: Sequence[ir.Value], numbers: dict[ir.Operation, int]) -> int:
    needed = [numbers.get(op, 0) for op in ancestors(list(values)) if op.name == "gir.reduce"]
    return max(needed) + 1 if needed else 0


def repeated_reduces(starts: Iterable[tuple[ir.Value, int, bool]], made: set[ir.Operation]) -> list[ir.Operation]:
    """Reductions that are computed again for elements of what uses them, or where there are none.

    Args:
        starts: Values, over how many dimensions each is asked for, and whether elements are asked for repeatedly.
        made: Reductions that are made once in any case.
    """
    stack, seen = list(starts), set[tuple[ir.Value, int, bool]]()
    found: dict[ir.Operation, None] = {}
    while stack:
        value, rank, again = stack.pop()
        op = defining_op(value)
        if op is None or (value, rank, again) in seen or op in made or gir.is_at(value, "dram"):
            continue
        seen.add((value, rank, again))
        if op.name == "gir.reduce":
            if again or value.type.rank < rank or payload_rank(op):
                found[op] = None
            rank = segments(op)[0][0].type.rank
            stack += [(operand, rank, payload_rank(op) > 0) for operand in segments(op)[0]]
            stack += [(operand, operand.type.rank, again) for operand in segments(op)[1]]
            continue
        # Operands' tiles of these may stick out: not everywhere is something to reduce.
        again |= op.name in CLIPPED or (op.name == "gir.window" and max(integers(op.attributes["sizes"])) > 1)
        stack += [(operand, rank, again) for operand in op.operands]
    return list(found)


def _followers(found: Sequence[ir.Operation], spaces: Spaces) -> dict[Dim, Dim]:
    """Dimensions that another one runs along, element by element, after a shift."""
    follows: dict[Dim, Dim] = {}
    for op in found:
        if op.name not in SHIFTS:
            continue
        drop = integers(op.attributes["drop"]) if op.name == "gir.slice" else []
        steps = mixed(op, segments(op)[3], "static_strides") if op.name == "gir.slice" else []
        for source in [operand for operand in op.operands if isinstance(operand.type, ir.RankedTensorType)]:
            kept = [dim for dim in range(source.type.rank) if dim not in drop]
            for at, dim in enumerate(kept):
                if op.name != "gir.slice" or steps[dim] == 1:
                    follows.setdefault(spaces.find((source, dim)), spaces.find((op.result, at)))
    return follows


def _volume(value: ir.Value) -> int:
    volume = 1
    for size in value.type.shape:
        volume *= DYNAMIC_GUESS if size == DYNAMIC else size
    return volume
