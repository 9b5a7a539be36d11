"""Tiles in C: arrays where somebody needs them later, and otherwise nothing but an expression per element.

A tile is what gives an element at an index. A view is another index, a splat none at all. Ops that compute wait in a
`Group` until something needs what they give at another index, or after them; then one nest of loops computes all of
them, element by element. Only what is used outside of that nest becomes an array:

    %0 = gir.load %x[..]        ⇒   for (int64_t i = 0; i < 32; i += 1) {
    %1 = math.exp %0                  float exp = pf_exp_f32(x[at + i]);
    %2 = arith.addf %1, %0            y[at + i] = exp + x[at + i];
    gir.store %2, %y[..]            }
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc import code
from powerfusion.passes.lowering.emitc.code import Number
from powerfusion.passes.lowering.emitc.scalars import computed, is_narrow

Index = tuple[Number, ...]


def squeezed(shape: Sequence[int]) -> tuple[int, ...]:
    """A shape without its dimensions of size 1: what loops run over."""
    return tuple(size for size in shape if size != 1)


def squeezed_index(index: Sequence[Number], shape: Sequence[int]) -> Index:
    """An index into such a shape."""
    return tuple(at for at, size in zip(index, shape, strict=True) if size != 1)


def spread_index(index: Sequence[Number], shape: Sequence[int]) -> Index:
    """The reverse: 0 along dimensions of size 1."""
    rest = iter(index)
    return tuple(0 if size == 1 else next(rest) for size in shape)


@dataclass(eq=False)
class Held:
    """What a waiting op gives: within its group a value, afterwards an array.

    Attributes:
        shape: The tile's.
        element: Its element type.
        late: Whether it is there only once its group is done, as what is reduced is.
        value: The element, while the group computes it; of a tile of one element, from then on.
        array: Where its elements are, squeezed.
        wide: The C type in the array, where that isn't the one that one computes with.
        narrow: Turns an element of a wide array into one of the tile's.
        encode: The reverse, where what is computed is written.
        strides: Of a squeezed tile that a pointer leads to, in elements; none of an array of C.
    """

    shape: tuple[int, ...]
    element: ir.Type
    late: bool = False
    value: ir.Value | None = None
    array: ir.Value | None = None
    wide: ir.Type | None = None
    narrow: Callable[[ir.Value], ir.Value] | None = None
    encode: Callable[[ir.Value], ir.Value] | None = None
    strides: tuple[int, ...] | None = None

    @property
    def is_as_in_memory(self) -> bool:
        """Whether the array has elements in the form that memory has; accumulators of narrow floats are wider."""
        return not is_narrow(self.element) or self.encode is not None

    def at(self, index: Index) -> ir.Value:
        """An element."""
        if self.value is not None:
            return self.value
        assert self.array is not None, "a tile that waits is computed before it is read elsewhere"
        value = code.load(self.place(squeezed_index(index, self.shape)))
        return value if self.narrow is None else self.narrow(value)

    def place(self, index: Sequence[Number]) -> ir.Value:
        """Where an element is, at an index into the squeezed shape."""
        assert self.array is not None
        type_ = self.wide or computed(self.element)
        if self.strides is not None:
            linear: Number = 0
            for at, stride in zip(index, self.strides, strict=True):
                linear = code.plus(linear, code.times(at, stride))
            return code.element(self.array, [linear], type_)
        return code.element(self.array, index, type_) if index else self.array

    def put(self, value: ir.Value, index: Sequence[Number]) -> None:
        """Writes an element, at an index into the squeezed shape."""
        code.assign(value if self.encode is None else self.encode(value), self.place(index))


@dataclass(frozen=True)
class Iota:
    """Elements that are an index.

    Attributes:
        start: The first.
        steps: How far an element is from it.
    """

    start: Number
    steps: Callable[[Index], Number]

    def along(self, shape: Sequence[int]) -> int | None:
        """The one dimension along which each element is one more than the one before."""
        for dim, size in enumerate(shape):
            if size > 1 and all(self.steps(_only(shape, dim, at)) == at for at in range(size)):
                still = all(self.steps(_only(shape, o, n - 1)) == 0 for o, n in enumerate(shape) if o != dim)
                return dim if still else None
        return None


def _only(shape: Sequence[int], dim: int, at: int) -> Index:
    """An index that is 0 along all dimensions but one."""
    return tuple(at if other == dim else 0 for other in range(len(shape)))


@dataclass(frozen=True)
class Band:
    """Conditions that hold where `low <= index[dim] < high`.

    Attributes:
        dim: Along which dimension.
        low: From where on, given an index into the others.
        high: Up to where.
    """

    dim: int
    low: Callable[[Index], Number]
    high: Callable[[Index], Number]


@dataclass(frozen=True, eq=False)
class Tile:
    """A tile.

    Attributes:
        shape: Its sizes.
        element: Its element type.
        at: Gives an element, as one computes with it.
        base: What waits or is held, where this is that, but for dimensions of size 1.
        needs: What else it reads that may wait.
        uniform: Whether all of its elements are one.
        origin: What is held, whose elements these are, under an index that `source` gives.
        source: The index into the origin of an element.
        iota: Where elements count from 0, or from a number: that number, and how far an element is from it.
        band: Where elements are conditions that hold from one index to another.
    """

    shape: tuple[int, ...]
    element: ir.Type
    at: Callable[[Index], ir.Value]
    base: Held | None = None
    needs: frozenset[Held] = frozenset()
    uniform: bool = False
    origin: Held | None = None
    source: Callable[[Index], Index] = tuple
    iota: Iota | None = None
    band: Band | None = None

    @classmethod
    def of(cls, held: Held) -> Tile:
        """The tile of what waits or is held."""
        return cls(held.shape, held.element, held.at, held, uniform=not squeezed(held.shape), origin=held)

    @property
    def reads(self) -> frozenset[Held]:
        """All that it reads that may wait."""
        return self.needs if self.base is None else self.needs | {self.base}

    def is_still(self, dim: int) -> bool:
        """Whether elements are known to be one along a dimension."""
        if self.uniform or self.shape[dim] == 1:
            return True
        if self.iota is None and self.origin is None:
            return False
        for base in ((0,) * len(self.shape), tuple(size - 1 for size in self.shape)):
            first: Index | None = None
            for at in range(self.shape[dim]):
                read = self._read((*base[:dim], at, *base[dim + 1 :]))
                first = read if first is None else first
                if read != first or not all(isinstance(place, int) for place in read):
                    return False
        return True

    def _read(self, index: Index) -> Index:
        """What an element depends on."""
        return self.source(index) if self.iota is None else (self.iota.steps(index),)


def viewed(tiles: Sequence[Tile], shape: Sequence[int], at: Callable[[Index], ir.Value]) -> Tile:
    """A tile that reads others at other indices."""
    needs = frozenset(held for tile in tiles for held in tile.reads)
    return Tile(tuple(shape), tiles[0].element, at, None, needs)


def renamed(tile: Tile, shape: Sequence[int], at: Callable[[Index], Index]) -> Tile:
    """A tile's elements under other indices; what differs in dimensions of size 1 alone is the same tile."""
    shape = tuple(shape)
    same = squeezed(shape) == squeezed(tile.shape) and _keeps_order(tile.shape, shape, at)
    return Tile(
        shape,
        tile.element,
        lambda index: tile.at(at(index)),
        tile.base if same else None,
        tile.needs if same else tile.reads,
        tile.uniform,
        tile.origin,
        lambda index: tile.source(at(index)),
        None if tile.iota is None else Iota(tile.iota.start, _through(tile.iota.steps, at)),
    )


def _through(steps: Callable[[Index], Number], at: Callable[[Index], Index]) -> Callable[[Index], Number]:
    return lambda index: steps(at(index))


def _keeps_order(source: Sequence[int], shape: Sequence[int], at: Callable[[Index], Index]) -> bool:
    """Whether an index along each long dimension stays along the same of those."""
    marks = [number + 1_000_003 for number in range(len(squeezed(shape)))]
    try:
        return list(squeezed_index(at(spread_index(marks, shape)), source)) == marks
    except TypeError:
        return False


@dataclass(eq=False)
class Member:
    """One op of a group.

    Attributes:
        op: The op.
        shape: What it runs over.
        compute: Writes it for one element, given the index; gives what its results are there.
        results: What it gives.
        reads: The memory that it reads, by an id per buffer, with what tells windows apart.
        writes: Likewise.
        folds: Dimensions that it folds away, element after element.
        meets: Dimensions along which elements are written to one place; all of them where None.
    """

    op: ir.Operation
    shape: tuple[int, ...]
    compute: Callable[[Index], Sequence[ir.Value]]
    results: Sequence[Held] = ()
    reads: Sequence[Access] = ()
    writes: Sequence[Access] = ()
    folds: frozenset[int] = frozenset()
    meets: frozenset[int] | None = frozenset()

    @property
    def long(self) -> list[int]:
        """Its long dimensions: what loops run over."""
        return [dim for dim, size in enumerate(self.shape) if size != 1]

    def is_apart(self, at: int) -> bool:
        """Whether no step of one of its loops needs what another one writes."""
        return self.meets is not None and self.long[at] not in self.meets | self.folds

    @property
    def order(self) -> list[int]:
        """Its long dimensions, outermost first: where the last is folded, what is kept goes within, for vectors."""
        long = self.long
        if not long or long[-1] not in self.folds:
            return list(range(len(long)))
        kept = [at for at, dim in enumerate(long) if dim not in self.folds]
        return [at for at, dim in enumerate(long) if dim in self.folds] + kept


@dataclass(frozen=True)
class Access:
    """A window of memory that an op touches.

    Attributes:
        buffer: Which memory; two of them overlap only where they are equal.
        window: Which part; two that are equal touch each element at the same index.
    """

    buffer: object
    window: object

    def meets(self, other: Access) -> bool:
        """Whether an element of one may be another element of the other."""
        return self.buffer == other.buffer and self.window != other.window


@dataclass
class Group:
    """Ops that wait to be computed together.

    Attributes:
        escapes: Says whether a result of an op is used by others than those of a set.
        declare: Makes the array of what is kept.
        name: Names the element that an op gives.
        hinted: Whether compilers are told of innermost loops whose steps don't need each other.
    """

    escapes: Callable[[ir.Value, set[ir.Operation]], bool]
    declare: Callable[[Held, ir.Operation], None]
    name: Callable[[ir.Value, ir.Operation], None]
    hinted: bool
    members: list[Member] = field(default_factory=list)

    def waits(self, held: Held) -> bool:
        """Whether something is given by an op that waits."""
        return any(held in member.results for member in self.members)

    def takes(self, member: Member, operands: Sequence[Tile]) -> bool:
        """Whether an op can be computed along with those that wait."""
        if not self.members:
            return True
        if squeezed(member.shape) != squeezed(self.members[0].shape):
            return False
        for tile in operands:
            if any(self.waits(held) for held in tile.needs):
                return False
            if tile.base is not None and self.waits(tile.base) and (tile.base.late or not _along(tile, member)):
                return False
        return not any(self._conflict(member, other) for other in self.members)

    @staticmethod
    def _conflict(new: Member, old: Member) -> bool:
        after = any(write.meets(access) for write in new.writes for access in (*old.reads, *old.writes))
        return after or any(read.meets(write) for read in new.reads for write in old.writes)

    def flush(self) -> None:
        """Writes the loops of what waits."""
        members, self.members = self.members, []
        if not members:
            return
        own = {member.op for member in members}
        kept: list[tuple[Held, ir.Value]] = []
        shape = squeezed(members[0].shape)
        for member in members:
            for held, result in zip(member.results, member.op.results, strict=False):
                if shape and not held.late and self.escapes(result, own):
                    with member.op.location:
                        self.declare(held, member.op)
                    kept.append((held, result))
        arrays = {id(held) for held, _ in kept}
        with members[0].op.location, ExitStack() as nest:
            order = next((member.order for member in members if member.folds), list(range(len(shape))))
            inner = self._apart(order, members)
            loops = {at: nest.enter_context(code.loop(0, shape[at], apart=at == inner)) for at in order}
            index = [loops[at] for at in range(len(shape))]
            for member in members:
                with member.op.location:
                    values = member.compute(spread_index(index, member.shape))
                    for held, value, result in zip(member.results, values, member.op.results, strict=False):
                        held.value = value
                        if len(list(result.uses)) > 1:
                            self.name(value, member.op)
                        if id(held) in arrays:
                            held.put(value, index)
        if shape:
            for member in members:
                for held in member.results:
                    held.value = None

    def _apart(self, order: Sequence[int], members: Sequence[Member]) -> int | None:
        """The innermost loop, if no step of it needs what another one writes."""
        if not self.hinted or not order or not all(member.is_apart(order[-1]) for member in members):
            return None
        return order[-1]


def _along(tile: Tile, member: Member) -> bool:
    return squeezed(tile.shape) == squeezed(member.shape)


def used_outside(value: ir.Value, own: set[ir.Operation], views: frozenset[str]) -> bool:
    """Whether anything but some ops uses a value, through views that are no ops of C."""
    for use in value.uses:
        user = use.owner.operation
        if user in own:
            continue
        if user.name in views and not used_outside(user.results[0], own, views):
            continue
        return True
    return False
