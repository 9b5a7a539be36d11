"""What stores read first, where memory is written through a cache that allocates: what `gir-stream-stores` can't help.

    y: 64 x 56 x 56 f32        steps                    each step writes        one after the other
                               1 x 1 x 32               a line or two           rows, images, all of y
                               1 x 6 x 5                six rows of 20 bytes    parts of lines: all of y is read first

Nothing is read first where all that a program takes and gives fits in the cache (decision 0026). Else a store of what
nobody reads goes past the caches if it is large and its steps go through memory line by line, or one after the other:
in pieces that such stores have, or else gathered near by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import gcd

from powerfusion.machines.model import Machine
from powerfusion.passes.placement.cost import Place
from powerfusion.passes.placement.model import Cost, Kernel, NestDim, Outer, Program, Step, Value, Where, extent
from powerfusion.passes.placement.rates import cache_bytes, cores
from powerfusion.passes.placement.windows import WAITING, Key, Spans

PIECE_BYTES = 16  # that a store past the caches writes at least
GATHERED_LINES = 4  # that a core gathers of such stores
NEAR_LINES = 64  # that a thread gathers near by of what is no such pieces
APART_LINES = 8  # of what follows, for one line that leaves in parts


def fills_of(place: Place, program: Program, steps: Sequence[Step], windows: Mapping[Key, Spans]) -> Cost:
    """What the stores of a schedule in a nest read first."""
    if not reads_first(place.machine, program):
        return Cost()
    fills = 0
    for step in steps:
        outer = program.ops[step.op].outer
        if step.where is Where.STORE and outer is not None:
            value, spans = program.values[step.value], windows[step.value, WAITING]
            past = _goes_past(place, program, value, outer, spans)
            fills += 0 if past else value.element_bytes * place.moved(spans, value.shape)
    return Cost(arriving=fills)


def reads_first(machine: Machine, program: Program) -> bool:
    """Whether stores read what they write, on a machine in a program."""
    if not machine.space_of("dram").write_allocate or None in program.volumes:
        return False
    kept = (volume or 0 for tensor, volume in enumerate(program.volumes) if not _is_inside(program, tensor))
    return sum(kept) > cache_bytes(machine)


def is_filled(machine: Machine, program: Program, outer: Outer) -> bool:
    """Whether what a kernel without a nest stores is read first; it goes through memory row by row.

    To be asked where `reads_first`.
    """
    return not _is_large_and_unread(machine, program, outer)


def piece_of(machine: Machine, program: Program, stores: Sequence[int]) -> int:
    """How many elements along what is contiguous a step has at least for some stores to go past the caches."""
    if not reads_first(machine, program):
        return 1
    sizes = [program.values[program.ops[number].operands[0]].element_bytes for number in stores]
    return max(PIECE_BYTES // min(sizes), 1)


def _is_inside(program: Program, tensor: int) -> bool:
    """Whether a tensor is made and read by naive kernels alone: placing may do without it."""
    return program.made[tensor] and not any(kernel is None for kernel in _readers(program, tensor))


def _readers(program: Program, tensor: int) -> list[Kernel | None]:
    """What uses a tensor; None for what isn't a naive kernel."""
    bits = program.readers[tensor]
    return [kernel for node, kernel in enumerate(program.kernels) if bits >> node & 1]


def _goes_past(place: Place, program: Program, value: Value, outer: Outer, spans: Spans) -> bool:
    """Whether a store in a nest goes past the caches."""
    machine = place.machine
    if not _is_large_and_unread(machine, program, outer):
        return False
    inner_first = sorted(range(len(spans)), key=lambda dim: -outer.dims[dim])
    cut: list[tuple[NestDim, int]] = []
    for dim in inner_first:
        cls, length = spans[dim].cls, extent(value.shape[dim])
        if cls is None and length > 1:
            return False
        if cls is not None and length > 1:
            cut.append((place.by_class[cls], length))
    return _follows(cut, _made(place), value.element_bytes, machine.space_of("dram").granule_bytes)


def _is_large_and_unread(machine: Machine, program: Program, outer: Outer) -> bool:
    """Whether a store is to what nobody reads, and larger than what cores keep for themselves."""
    size = program.volumes[outer.tensor]
    private = (machine.space_of("sram").usable_bytes or 0) * cores(machine)
    return not any(_readers(program, outer.tensor)) and size is not None and size > private


def _made(place: Place) -> list[int]:
    """The classes of loops of several steps, innermost first."""
    order = [dim for swept in (False, True) for dim in place.nest if dim.swept == swept]
    return [dim.cls for dim in reversed(order) if dim.per_step < extent(dim.size)]


def _follows(dims: Sequence[tuple[NestDim, int]], loops: Sequence[int], element: int, line: int) -> bool:
    """Whether steps go through memory line by line, or one after the other; dimensions inner first, with lengths."""
    left, lines = list(loops), GATHERED_LINES
    run = element
    for at, (dim, length) in enumerate(dims):
        step = _step(dim)
        if step < length:
            rows = run * gcd(step, length % step or step)
            if rows % line == 0 and run * length % line == 0:
                return True
            if rows % PIECE_BYTES or run * length % PIECE_BYTES:
                lines = NEAR_LINES
            outer = dims[at + 1 :]
            if any(_step(other) > 1 for other, _ in outer) or left[:1] != [dim.cls]:
                return False
            left = left[1:]
        run *= length
        if run % line == 0:
            return True
        if at + 1 < len(dims) and run % PIECE_BYTES:
            lines = NEAR_LINES
        if run > lines * line:
            return run >= APART_LINES * line
    return True


def _step(dim: NestDim) -> int:
    return min(dim.per_step, dim.per_unit)
