"""Counts again what a certificate says of groups: from the program alone, without what the search is made of.

What is common with it is what a cost is (`cost`), which window a step needs (`windows`), how values come about in
passes (`schedules`) and what fits (`tiles`). Which groups there are, what they cost at least, how their dimensions are
one and what may be a nest is worked out here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from powerfusion.errors import CertificateError
from powerfusion.passes.placement.cost import (
    Place,
    asked_whole,
    cost_of,
    is_handed,
    least_work,
    moves_in,
    work_in,
    work_of,
)
from powerfusion.passes.placement.fills import fills_of, is_filled, reads_first
from powerfusion.passes.placement.model import (
    Cost,
    Handed,
    Kernel,
    Kind,
    NestDim,
    Op,
    Program,
    Step,
    Ties,
    Where,
    extent,
)
from powerfusion.passes.placement.objectives import Objective
from powerfusion.passes.placement.rates import cache_bytes
from powerfusion.passes.placement.schedules import NoScheduleError, Scheduler
from powerfusion.passes.placement.tiles import life_of, peak_at_reg, peak_at_sram
from powerfusion.passes.placement.windows import Windows, folded_sizes

Nodes = tuple[int, ...]


@dataclass
class Kernels:
    """The kernels of a program that can be placed.

    Attributes:
        program: Whose.
        touched: By kernel, the tensors that it reads or writes.
    """

    program: Program
    touched: dict[int, frozenset[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node, kernel in enumerate(self.program.kernels):
            if kernel is not None and kernel.blocked is None:
                self.touched[node] = frozenset((*kernel.reads, *kernel.writes))

    def kernel(self, node: int) -> Kernel:
        """A kernel that can be placed."""
        kernel = self.program.kernels[node]
        assert kernel is not None, "these are kernels"
        return kernel

    def meets(self, node: int, others: frozenset[int]) -> bool:
        """Whether a kernel reads or writes something that one of some others does."""
        return any(self.touched[node] & self.touched[other] for other in others)

    def components(self) -> list[Nodes]:
        """Kernels that stand together, by their first."""
        parts: list[frozenset[int]] = []
        for node in self.touched:
            met = [part for part in parts if self.meets(node, part)]
            parts = [part for part in parts if part not in met]
            parts.append(frozenset({node}).union(*met))
        return sorted(tuple(sorted(part)) for part in parts)

    def connected(self, nodes: Nodes) -> set[Nodes]:
        """All groups of some kernels that stand together and may be one, grown by a kernel and what it drags along."""
        found: set[frozenset[int]] = set()
        grown = {frozenset({node}) for node in nodes}
        while grown:
            found |= grown
            larger = {
                group | {node} for group in grown for node in nodes if node not in group and self.meets(node, group)
            }
            grown = {closed for group in larger if (closed := self._closed(group)) <= set(nodes)} - found
        return {tuple(sorted(group)) for group in found}

    def _closed(self, group: frozenset[int]) -> frozenset[int]:
        """Kernels and whatever runs after some of them and before others: without it they could never be one."""
        needs, bits = self.program.needs, as_bits(tuple(group))
        others = (node for node in range(len(needs)) if node not in group and needs[node] & bits)
        return group.union(node for node in others if any(needs[member] >> node & 1 for member in group))

    def needs(self, nodes: Nodes) -> int:
        """Which nodes some kernels need besides themselves, directly or not, as bits."""
        found = 0
        for node in nodes:
            found |= self.program.needs[node]
        return found & ~as_bits(nodes)


def as_bits(nodes: Sequence[int]) -> int:
    """A set of nodes as bits."""
    return sum(1 << node for node in nodes)


@dataclass
class Counter:
    """Costs and bounds of groups.

    Attributes:
        kernels: Of a program.
        objective: What is small, on which machine.
    """

    kernels: Kernels
    objective: Objective

    def __post_init__(self) -> None:
        self.program = self.kernels.program
        self.capacity = cache_bytes(self.objective.machine)

    def bound(self, nodes: Nodes) -> Cost:
        """What some kernels cost at least: all of what they must have and don't make, and of what others read."""
        if not nodes:
            return Cost()
        volumes, readers = self.program.volumes, self.program.readers
        made = {tensor for node in nodes for tensor in self.kernels.kernel(node).writes}
        taken = {tensor for node in nodes for tensor in self._needed(node)} - made
        asked = {tensor for tensor in made if readers[tensor] & ~as_bits(nodes)}
        moved = sum(volumes[tensor] or 0 for tensor in (*taken, *asked))
        cached = sum(volumes[tensor] or 0 for tensor in taken if is_handed(self.program, tensor, self.capacity))
        near = sum(least_work(self.program, self.kernels.kernel(node), self.objective.machine) for node in nodes)
        return self.objective.bound(moved, 1, cached, near)

    def _needed(self, node: int) -> set[int]:
        """The tensors of which a kernel needs all there is."""
        kernel = self.kernels.kernel(node)
        outers = [self.program.ops[number].outer for number in kernel.ops]
        return {outer.tensor for outer in outers if outer is not None and outer.needed} & set(kernel.reads)

    def kept(self, nodes: Nodes) -> Cost:
        """What a kernel costs that stays as it is: each movement once.

        Raises:
            CertificateError: It isn't one kernel.
        """
        if len(nodes) != 1:
            raise CertificateError(f"the kernels {list(nodes)} can't stay as they are and be one")
        moved = asked = cached = fills = 0
        first = reads_first(self.objective.machine, self.program)
        for number in self.kernels.kernel(nodes[0]).ops:
            op = self.program.ops[number]
            if op.outer is None:
                continue
            value = (op.results or op.operands)[0]
            size = self._bytes(value)
            moved += size
            asked += asked_whole(self.objective.machine, self.program.values[value], op.outer.layout)
            if first and op.kind is Kind.STORE:
                fills += size if is_filled(self.objective.machine, self.program, op.outer) else 0
            handed = op.kind is Kind.LOAD and is_handed(self.program, op.outer.tensor, self.capacity)
            cached += size if handed else 0
        work = work_of(self.program, self.kernels.kernel(nodes[0]).ops, self.objective.machine)
        return self.objective.alone(Cost(arriving=asked + fills, launches=1, useful=moved, near=work, cached=cached))

    def _bytes(self, value: int) -> int:
        read = self.program.values[value]
        size = read.element_bytes
        for length in read.shape:
            size *= extent(length)
        return size

    def placed(self, nodes: Nodes, nest: tuple[NestDim, ...], steps: tuple[Step, ...]) -> Cost:
        """What a group costs in a nest and with some steps.

        Raises:
            CertificateError: It can't be that.
        """
        try:
            return self._placed(nodes, nest, steps)
        except NoScheduleError as reason:
            raise CertificateError(f"the kernels {list(nodes)} can't be one in this way: {reason}") from reason

    def _placed(self, nodes: Nodes, nest: tuple[NestDim, ...], steps: tuple[Step, ...]) -> Cost:
        group = Group(self.program, nodes)
        group.check_nest(nest)
        nested = frozenset(dim.cls for dim in nest)
        swept = frozenset(dim.cls for dim in nest if dim.swept)
        scheduler = group.scheduler(swept)
        staged = {step.op for step in steps if step.where is Where.STAGE}
        rested = {step.value for step in steps if step.where is Where.REST}
        kept = {step.value for step in steps if step.where is Where.KEEP}
        if scheduler.schedule(group.sinks, staged, rested, kept) != steps:
            raise NoScheduleError("these steps don't do what its kernels do")
        windows = Windows(self.program, group.ties, nested, swept, scheduler)
        windows.read(steps)
        moved = {step.value for step in steps if step.where in (Where.LOAD, Where.STAGE, Where.STORE)}
        named = {
            slot for value in moved for slot in zip(group.classes(value), self.program.values[value].shape, strict=True)
        }
        for dim in nest:
            self._check_size(dim, windows, group.combining(nested))
            if (dim.cls, dim.size) not in named:
                raise NoScheduleError("a dimension of its nest is longer than in all that is moved")
        place = Place(self.objective.machine, nest)
        if kept and not place.keeps:
            raise NoScheduleError("its sweep can't be written out, and something is kept over it")
        room = self.objective.machine.space_of("sram").usable_bytes
        peak = peak_at_sram(place, self.program, steps, windows.of)
        if peak and (room is None or peak > room):
            raise NoScheduleError("what rests doesn't fit at sram")
        life = life_of(scheduler, steps, windows.tiles, group.combining(nested))
        if self.objective.overflows(place, peak_at_reg(place, life)):
            raise NoScheduleError("a step doesn't fit at reg")
        schedule = (place, self.program, moves_in(self.program, steps), windows.of)
        work = work_in(self.program, steps, windows.of)
        return self.objective.timed(place, cost_of(*schedule, work) + fills_of(*schedule))

    def _check_size(self, dim: NestDim, windows: Windows, combining: frozenset[int]) -> None:
        """A dimension of a nest has the size of the values that it cuts, and of what is folded along it."""
        sizes = folded_sizes(self.program, windows.ties, combining, dim.cls) | {
            size
            for (value, _), spans in windows.of.items()
            for span, size in zip(spans, self.program.values[value].shape, strict=True)
            if span.cls == dim.cls and span.is_plain
        }
        if sizes != {dim.size}:
            raise NoScheduleError(
                f"a dimension of its nest has the size {dim.size}, values have {sorted(map(str, sizes))}"
            )


@dataclass
class Group:
    """Kernels that are one: what is handed on inside, and which dimensions are the same.

    Attributes:
        program: Whose.
        nodes: The kernels, in order.
        ties: Dimensions that are one.
        handed: By load inside, the part of a value of the group that it takes.
        alias: By value that is another value of the group, that one.
        makers: By value, the op that makes it.
        sinks: The stores that something outside reads.
    """

    program: Program
    nodes: Nodes
    ties: Ties = field(default_factory=Ties)
    handed: dict[int, Handed] = field(default_factory=dict)
    alias: dict[int, int] = field(default_factory=dict)
    makers: dict[int, int] = field(default_factory=dict)
    sinks: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        kernels = [self.program.kernels[node] for node in self.nodes]
        self.ops = [number for kernel in kernels if kernel is not None for number in kernel.ops]
        self.makers = {value: number for number in self.ops for value in self.program.ops[number].results}
        stored: dict[int, int] = {}
        first: dict[tuple[int, str], int] = {}
        for number in self.ops:
            op = self.program.ops[number]
            if op.kind is Kind.STORE and op.outer is not None:
                stored[op.outer.tensor] = number
                if self.program.readers[op.outer.tensor] & ~as_bits(self.nodes):
                    self.sinks.append(number)
        for number in self.ops:
            op = self.program.ops[number]
            if op.kind is not Kind.LOAD or op.outer is None:
                continue
            if op.outer.tensor in stored:
                self._take(number, op, self.program.ops[stored[op.outer.tensor]])
            else:
                self._share(op, first.setdefault((op.outer.tensor, op.outer.view), op.results[0]))

    def _take(self, number: int, load: Op, store: Op) -> None:
        """A load inside the group takes what is stored there."""
        assert load.outer is not None
        assert store.outer is not None
        if load.outer.reach is None:
            raise NoScheduleError("one loads what another stores in another shape")
        value, source = load.results[0], store.operands[0]
        reaches = [load.outer.reach[dim] for dim in store.outer.dims]
        places = [reach.dim for reach in reaches]
        if load.outer.whole:
            for dim, cls in zip(places, self.program.values[source].classes, strict=True):
                assert dim is not None
                self.ties.tie(self.program.values[value].classes[dim], cls)
        if load.outer.whole and places == sorted(range(len(places))):
            self.alias[value] = source
        else:
            self.handed[number] = Handed(source, tuple(reaches))

    def _share(self, load: Op, first: int) -> None:
        """A load of what another one has loaded is that."""
        value = load.results[0]
        if value == first:
            return
        self.alias[value] = first
        for one, other in zip(self.classes(value), self.classes(first), strict=True):
            self.ties.tie(one, other)

    def classes(self, value: int) -> tuple[int, ...]:
        """The dimensions of a value, those that are one by one number."""
        return tuple(self.ties.find(cls) for cls in self.program.values[value].classes)

    def folded(self, number: int) -> set[int]:
        """The dimensions that an op combines."""
        return {self.ties.find(cls) for cls in self.program.ops[number].folded}

    def combining(self, dims: frozenset[int]) -> frozenset[int]:
        """The ops that combine something along some dimensions."""
        kinds = (Kind.FOLD, Kind.SCAN)
        return frozenset(at for at in self.ops if self.program.ops[at].kind in kinds and self.folded(at) & dims)

    def scheduler(self, swept: frozenset[int]) -> Scheduler:
        """What says in which pass each value is, if some dimensions are swept."""
        values = [value for number in self.ops for value in self._values(number)]
        streams = frozenset(value for value in values if swept & set(self.classes(value)))
        ends = self.combining(swept)
        if any(not swept <= self.folded(number) for number in ends):
            raise NoScheduleError("a reduction folds only some of what is swept")
        return Scheduler(self.program, self.makers, self.handed, self.alias, streams, ends)

    def _values(self, number: int) -> tuple[int, ...]:
        op = self.program.ops[number]
        return (*op.operands, *op.results)

    def check_nest(self, nest: Sequence[NestDim]) -> None:
        """A nest's parts are parts, and all stores have its rows; what is combined is of one group.

        That is swept, or units have a part each, in one step.
        """
        if not nest or len({dim.cls for dim in nest}) < len(nest):
            raise NoScheduleError("its nest has no dimension, or one twice")
        whole = {self.ties.find(cls) for number in self.ops for cls in self.program.ops[number].whole}
        combined = {cls for number in self.ops for cls in self.folded(number)}
        ordered = {cls for number in self.ops if self.program.ops[number].ordered for cls in self.folded(number)}
        for dim in nest:
            if not 1 <= dim.per_step <= dim.per_unit <= dim.per_group:
                raise NoScheduleError("its nest has a part that is larger than what it is a part of, or empty")
            stored = all(dim.cls in self.classes(self.program.ops[sink].operands[0]) for sink in self.sinks)
            if dim.cls in whole or not (dim.swept or stored or dim.cls in combined):
                raise NoScheduleError("its nest cuts what can't be cut")
            if dim.cls in combined and not dim.swept and dim.steps > 1:
                raise NoScheduleError("its nest combines in steps what it doesn't sweep")
            if (dim.swept or dim.cls in combined) and dim.per_group < extent(dim.size):
                raise NoScheduleError("its nest gives parts of what is combined to several groups")
            if dim.cls in ordered and dim.units > 1:
                raise NoScheduleError("its nest gives parts of what is combined in order to several units")
