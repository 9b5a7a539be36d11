"""Which nests a machine gets for some rows and swept dimensions: a few, of which the cheapest is taken.

A step takes what suits the units: along what lies contiguous in memory as much as their lanes load at once, and
as many rows more as fill that where rows are short. Rows with halos are taken whole where vector registers hold
them: a piece has borders that depend on which it is. Where registers are a scratchpad, larger steps are tried first,
from what it holds downwards; and smaller ones everywhere. Groups get enough steps to be worth starting, and are
several per core; units of a group share its rows. Where no cache serves what is loaded again, the rows that all
loads have are tried as the outermost ones, too.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from powerfusion.dialects.gir import ALL
from powerfusion.machines.model import Machine
from powerfusion.passes.placement.model import NestDim, extent
from powerfusion.passes.placement.rates import cache_bytes, cores
from powerfusion.passes.tiling.placed_obstacles import MOST_KEPT_STEPS

VECTOR_BYTES = 128  # of a step of a unit without lanes, along what is contiguous: two or more vectors at a time
LANE_BYTES = 16  # what a lane loads at once
TURNED_ELEMENTS = 32  # of a step along each of several dimensions that are contiguous somewhere
LEAST_ELEMENTS = 16 * 1024  # of a group: below it, starting one costs more than it brings
GROUPS_PER_CORE = 4  # so that cores that finish early find something to do
MOST_UNITS = 8  # of a group
LANE_ELEMENT_BYTES = 4  # of what is computed with, mostly
SHORT_BYTES = 64  # of rows that fill no register
GRANULE_ELEMENTS = 32  # of which steps along what is contiguous are multiples, where they are longer
FEWEST = 4  # of the cores are tried: one in so many
BLOCK_ROWS = (8, 4, 2)  # of a step, that meet all of a vector
LONGER = (4, 16, 64)  # by how much steps are longer where what they load is used often
LONG_ROWS = (4, 8, 16, 32, 64, 128, 256)  # elements of a step along what is contiguous where it has halos
ROWS_AT_ONCE = (1, 2, 4)  # of those, where neighbouring ones share halos
FREE_REGISTERS = 4  # one in so many is left for what is computed where rows and factors are held
ROW_PARTS = (1, 2, 4, 8)  # of a row with halos, that a step has one of where nothing caches rests of transactions
Sizes = Mapping[int, int | None]
Nest = tuple[NestDim, ...]


@dataclass(frozen=True)
class Wanted:
    """What a nest is for.

    Attributes:
        rows: Classes that groups and units share, outermost first.
        swept: Classes that are traversed once per pass, outermost first.
        sizes: By class; None where open.
        lanes: The classes that are contiguous in memory, that of most bytes first.
        element_bytes: Of most of what is moved.
        inner: How many elements a step has besides.
        lacking: By class, how many loads don't run over it.
        reuses: Whether steps that are longer than units need pay, as each element meets many others.
        split: A class, folded or swept, of which each unit has a part; None where units have rows of their own.
        haloed: Classes along which neighbouring steps need some elements both, and how many.
        moved_bytes: All that is loaded and stored, once.
        piece: How many elements along what is contiguous steps are multiples of where their stores are to be cheap.
        factors: By how many elements a neighbourhood is multiplied.
        turns: Whether all that is done with rows can be done with columns as well.
    """

    rows: Sequence[int]
    swept: Sequence[int]
    sizes: Sizes
    lanes: Sequence[int]
    element_bytes: int
    inner: int
    lacking: Mapping[int, int]
    reuses: bool = False
    split: int | None = None
    haloed: Mapping[int, int] = field(default_factory=dict[int, int])
    moved_bytes: int = 0
    piece: int = 1
    factors: int = 0
    turns: bool = False


def nests_of(machine: Machine, wanted: Wanted) -> Iterator[list[Nest]]:
    """Nests to choose from: lists, those first that suit the units best, then smaller and smaller steps."""
    seen: set[Nest] = set()
    total = math.prod(extent(wanted.sizes[cls]) for cls in (*wanted.rows, *wanted.swept)) * wanted.inner
    for elements in step_sizes(machine, wanted.element_bytes, total):
        plain = _evened(wanted, _steps(wanted, max(elements // wanted.inner, 1)))
        long_rows = list(_long_rows(machine, wanted, plain))
        longer = (*_longer(wanted, plain), *_balanced(machine, wanted, plain), *(steps for steps, _ in long_rows))
        others = (
            *_turned(machine, wanted, plain),
            *_blocks(machine, wanted, plain),
            plain,
            *_in_pieces(wanted, plain),
            *longer,
        )
        whole = [steps for steps, is_whole in long_rows if is_whole]
        for some in (whole, (*others, *_written_out(machine, wanted, plain))):
            found = [
                nest
                for steps in some
                for rows in _orders(machine, wanted)
                for shared in _shared(machine, wanted, steps)
                if (nest := _nest(machine, replace(wanted, rows=rows), steps, shared)) not in seen
            ]
            seen.update(found)
            if found:
                yield list(dict.fromkeys(found))


def _orders(machine: Machine, wanted: Wanted) -> list[Sequence[int]]:
    """Orders of the rows, outermost first: without a cache those that many loads lack innermost, or outermost."""
    if cache_bytes(machine):
        return [wanted.rows]
    ranked = sorted(wanted.rows, key=lambda cls: wanted.lacking.get(cls, 0))
    return [list(order) for order in dict.fromkeys(map(tuple, (wanted.rows, ranked, reversed(ranked))))]


@dataclass(frozen=True)
class _Shared:
    """How the units of a group share its work.

    Attributes:
        units: How many of them there are.
        outer_first: Whether they share the outermost rows that there are enough of, or the innermost.
        split: A class of which each has a part in every row, instead.
        groups: How many groups there may be.
    """

    units: int
    outer_first: bool = False
    split: int | None = None
    groups: int | None = None


def _shared(machine: Machine, wanted: Wanted, steps: Mapping[int, int]) -> list[_Shared]:
    most = most_units(machine)
    few = [_Shared(most if wanted.split is not None else 1, split=wanted.split, groups=_few(machine, wanted, steps))]
    few = few if few[0].groups else []
    if wanted.split is not None:
        return [_Shared(most, split=wanted.split), *few] if most > 1 else []
    if most == 1:
        return [_Shared(1), *few]
    return [_Shared(most), _Shared(most, outer_first=True), _Shared(1), *few]


def _few(machine: Machine, wanted: Wanted, steps: Mapping[int, int]) -> int | None:
    """So few groups that a cache in front of DRAM holds what they go through at once, pass after pass.

    None where it holds that of all cores, or of too few to use DRAM's bandwidth, or where sizes are open.
    """
    sizes = [wanted.sizes[cls] for cls in wanted.rows]
    if not wanted.swept or any(size is None for size in sizes):
        return None
    trips = math.prod(-(-extent(size) // steps[cls]) for cls, size in zip(wanted.rows, sizes, strict=True))
    fitting = cache_bytes(machine) * trips // max(wanted.moved_bytes, 1)
    at_once = min(trips, cores(machine))
    return fitting if at_once > fitting >= at_once // FEWEST else None


def _evened(wanted: Wanted, steps: Mapping[int, int]) -> dict[int, int]:
    """Steps of rows that are no longer than it takes to make as many of them, none much shorter than the others."""
    made = dict(steps)
    for cls in wanted.rows:
        size, step = wanted.sizes[cls], steps[cls]
        if size is not None and step < size:
            even = -(-size // -(-size // step))
            whole = -(-even // GRANULE_ELEMENTS) * GRANULE_ELEMENTS if cls in wanted.lanes else even
            made[cls] = min(whole, step)
    return made


def _in_pieces(wanted: Wanted, steps: Mapping[int, int]) -> Iterator[dict[int, int]]:
    """Steps that are pieces along what is contiguous, or all of it, where they aren't."""
    for cls in wanted.lanes:
        if steps[cls] % wanted.piece and steps[cls] != wanted.sizes[cls]:
            whole = -(-steps[cls] // wanted.piece) * wanted.piece
            yield {**steps, cls: min(whole, wanted.sizes[cls] or whole)}


def _longer(wanted: Wanted, steps: Mapping[int, int]) -> Iterator[dict[int, int]]:
    """Steps that are longer along a row that something large lacks: it is loaded less often then."""
    if not wanted.reuses:
        return
    for cls in wanted.rows:
        size = wanted.sizes[cls]
        if wanted.lacking.get(cls) and cls not in wanted.lanes and size is not None:
            for times in LONGER:
                if steps[cls] * times <= size:
                    yield {**steps, cls: steps[cls] * times}


def _turned(machine: Machine, wanted: Wanted, steps: Mapping[int, int]) -> Iterator[dict[int, int]]:
    """Steps of as many rows as a register has lanes, where rows are so short that they are better turned."""
    if not wanted.turns or machine.space_of("sram").kind != "cache" or machine.scope("lane") or not wanted.rows:
        return
    row = wanted.rows[-1]
    along = {cls: wanted.sizes[cls] or 0 for cls in wanted.lanes}
    rows = turned_rows(machine, math.prod(along.values()) * wanted.inner, wanted.element_bytes)
    if rows is not None and row not in along and extent(wanted.sizes[row]) >= rows:
        yield {**dict.fromkeys(steps, 1), **along, row: rows}


def turned_rows(machine: Machine, columns: int, element_bytes: int) -> int | None:
    """How many rows of so many columns registers turn at once, a lane for each; None where rows aren't so short.

    Columns are registers then, and half of them are left for what is computed.
    """
    registers = machine.space_of("reg")
    rows, room = registers.alignment_bytes // LANE_ELEMENT_BYTES, registers.usable_bytes or 0
    is_short = 1 < columns < SHORT_BYTES // element_bytes and 2 * columns * registers.alignment_bytes <= room
    return rows if is_short else None


def _blocks(machine: Machine, wanted: Wanted, steps: Mapping[int, int]) -> Iterator[dict[int, int]]:
    """Steps of several rows and whole vectors of what is swept, where contractions multiply each with each.

    What they multiply lies in caches, so that registers have room for the products.
    """
    if not wanted.reuses or machine.space_of("sram").kind != "cache" or not wanted.swept or not wanted.rows:
        return
    across, row = wanted.swept[-1], wanted.rows[-1]
    vector = VECTOR_BYTES // wanted.element_bytes
    for length, rows in ((length, rows) for rows in BLOCK_ROWS for length in (vector, vector // 2)):
        if length <= extent(wanted.sizes[across]) and rows <= extent(wanted.sizes[row]):
            yield {**steps, row: rows, across: length}


def step_sizes(machine: Machine, element_bytes: int, elements: int) -> list[int]:
    """How many elements of a value a step may have, the best first: of so many that there are."""
    lanes = machine.scope("lane")
    least = max(((lanes.count or 1) * LANE_BYTES if lanes else VECTOR_BYTES) // element_bytes, 1)
    sizes = [max(least >> shift, 1) for shift in range(least.bit_length())]
    registers = machine.space_of("reg")
    if registers.kind == "scratchpad":
        most = (registers.usable_bytes or 0) // element_bytes
        share = elements // (cores(machine) * most_units(machine))
        large = (
            min(most // part, share) // TURNED_ELEMENTS * TURNED_ELEMENTS for part in (1, 2, 3, 4, 6, 8, 12, 16, 32, 64)
        )
        sizes = [*(size for size in dict.fromkeys(large) if size > least), *sizes]
    return sizes


def _steps(wanted: Wanted, elements: int) -> dict[int, int]:
    """How much of each dimension a step takes."""
    split = () if wanted.split is None else (wanted.split,)
    steps = dict.fromkeys((*wanted.rows, *wanted.swept, *split), 1)
    lanes = [cls for cls in wanted.lanes if cls in steps]
    known = {cls: wanted.sizes[cls] for cls in steps}
    if len(lanes) > 1:
        each = max(min(TURNED_ELEMENTS, math.isqrt(elements * TURNED_ELEMENTS)), 1)
        for cls in lanes:
            steps[cls] = min(each, known[cls] or each)
    elif lanes:
        steps[lanes[0]] = min(elements, known[lanes[0]] or elements)
    left = elements // math.prod(steps.values())
    for cls in (*lanes, *reversed(wanted.swept), *reversed(wanted.rows)):
        size = known[cls]
        more = left if size is None else min(left, -(-size // steps[cls]))
        if more > 1 and size is not None:
            steps[cls] = min(steps[cls] * more, size)
            left //= more
    return steps


def _balanced(machine: Machine, wanted: Wanted, steps: Mapping[int, int]) -> Iterator[dict[int, int]]:
    """Steps that are as large but about as long along each class that has halos: these are the least then.

    Where no cache serves the rests of transactions, long pieces of rows are tried, too, and whole ones.
    """
    rows = [cls for cls in wanted.haloed if cls in wanted.rows and wanted.sizes[cls] is not None]
    if not rows:
        return
    rows.sort(key=lambda cls: wanted.sizes[cls] or 0)
    if len(rows) > 1:
        yield _even(wanted, steps, rows)
    lanes = [cls for cls in rows if cls in wanted.lanes]
    if cache_bytes(machine) or not lanes:
        return
    elements = math.prod(steps[cls] for cls in rows)
    for parts in ROW_PARTS:
        size = wanted.sizes[lanes[0]] or 1
        length = min(-(-size // parts // GRANULE_ELEMENTS) * GRANULE_ELEMENTS, size)
        if length <= elements:
            made = {**steps, **dict.fromkeys(rows, 1), lanes[0]: length}
            others = [cls for cls in rows if cls != lanes[0]]
            left = {**made, others[-1]: elements // length} if others else made
            yield _even(wanted, left, others)


def _long_rows(machine: Machine, wanted: Wanted, steps: Mapping[int, int]) -> Iterator[tuple[dict[int, int], bool]]:
    """Steps of whole rows that have halos, or long pieces of them, of one and of a few at once; and which are whole.

    They are for units without lanes, in whose registers neighbours are found by moving lanes: the longer a row is, the
    less of it is halo, and rows that are had at once share theirs. Factors of neighbourhoods take a register each, and
    leave room for fewer rows.
    """
    rows = [cls for cls in wanted.rows if cls in wanted.haloed and wanted.sizes[cls] is not None]
    lanes = [cls for cls in rows if cls in wanted.lanes]
    if not lanes or machine.scope("lane") or machine.space_of("reg").kind == "scratchpad":
        return
    along = lanes[0]
    others = [cls for cls in rows if cls != along][-1:]
    for length, count in itertools.product(LONG_ROWS, ROWS_AT_ONCE if others else (1,)):
        if count > 1 and not _is_held(machine, wanted, along, length, count + wanted.haloed[others[0]]):
            continue
        lengths = {along: length, **dict.fromkeys(others, count)}
        made = {cls: min(lengths.get(cls, 1), wanted.sizes[cls] or 1) for cls in wanted.rows}
        yield _evened(wanted, {**steps, **made}), length >= (wanted.sizes[along] or length)


def _is_held(machine: Machine, wanted: Wanted, along: int, length: int, rows: int) -> bool:
    """Whether vector registers hold rows beside their factors, and have a part free for what is computed."""
    registers = machine.space_of("reg")
    if registers.usable_bytes is None or not wanted.factors:
        return True
    elements = min(length, wanted.sizes[along] or length) + wanted.haloed[along]
    held = rows * -(-elements * wanted.element_bytes // registers.alignment_bytes) + wanted.factors
    return held * FREE_REGISTERS <= registers.usable_bytes // registers.alignment_bytes * (FREE_REGISTERS - 1)


def _even(wanted: Wanted, steps: Mapping[int, int], rows: Sequence[int]) -> dict[int, int]:
    """Steps that have as much of some rows, about as long along each of them; the shortest rows first."""
    left = math.prod(steps[cls] for cls in rows)
    made = dict(steps)
    for at, cls in enumerate(rows):
        each = max(round(left ** (1 / (len(rows) - at))), 1)
        if cls in wanted.lanes and each > GRANULE_ELEMENTS:
            each = each // GRANULE_ELEMENTS * GRANULE_ELEMENTS
        made[cls] = min(each, wanted.sizes[cls] or each)
        left = max(left // made[cls], 1)
    return made


def _written_out(machine: Machine, wanted: Wanted, steps: Mapping[int, int]) -> Iterator[dict[int, int]]:
    """Steps so long that few of them go through a unit's part of a row, where registers have room for all of that.

    A scratchpad that has room gets steps of whole rows.
    """
    if not wanted.swept or None in map(wanted.sizes.get, wanted.swept) or machine.space_of("reg").kind == "scratchpad":
        return
    units = 1 if wanted.split is None else most_units(machine)
    serial = max(wanted.swept, key=lambda cls: extent(wanted.sizes[cls])) if wanted.split is None else wanted.split
    parts = {cls: extent(wanted.sizes[cls]) for cls in wanted.swept}
    parts[serial] = -(-parts[serial] // units)
    room = machine.space_of("reg").usable_among(units)
    rows = math.prod(steps[cls] for cls in wanted.rows) * wanted.inner
    if room is None or math.prod(parts.values()) * rows * wanted.element_bytes > room:
        return
    block = math.prod(steps[cls] for cls in wanted.swept) * parts[serial] // math.prod(parts.values())
    step = min(max(block, -(-parts[serial] // MOST_KEPT_STEPS)), parts[serial])
    made = {**steps, **parts, serial: step}
    if made != steps:
        yield made


def _nest(machine: Machine, wanted: Wanted, steps: Mapping[int, int], shared: _Shared) -> Nest:
    sizes = wanted.sizes
    folded = dict.fromkeys((*wanted.swept, *(() if shared.split is None else (shared.split,))))
    swept_elements = math.prod(extent(sizes[cls]) for cls in folded) * wanted.inner
    trips = [None if (size := sizes[cls]) is None else -(-size // steps[cls]) for cls in wanted.rows]
    of_rows = 1 if shared.split is not None else shared.units
    step_elements = math.prod(steps[cls] for cls in wanted.rows) * swept_elements
    parts = _parts(machine, trips, step_elements, of_rows, shared.groups)
    left = of_rows
    made: dict[int, NestDim] = {}
    together = list(zip(wanted.rows, parts, strict=True))
    for cls, part in together if shared.outer_first else reversed(together):
        size, step = sizes[cls], steps[cls]
        group = part * step if size is None else min(part * step, size)
        unit = min(-(-part // left) * step, group)
        made[cls] = NestDim(cls, size, group, unit, step, swept=False)
        left = max(left // -(-group // unit), 1)
    for cls in folded:
        known, swept = sizes[cls], cls in wanted.swept
        unit = size = ALL if known is None else known
        if cls == shared.split:
            unit = min(-(-size // shared.units // steps[cls]) * steps[cls], size)
        made[cls] = NestDim(cls, known, size, unit, steps[cls] if swept else unit, swept=swept)
    return tuple(made[cls] for cls in dict.fromkeys((*wanted.rows, *made)))


def most_units(machine: Machine) -> int:
    """How many units of a group are used."""
    limits = machine.scope("unit")
    return min((limits.max_count if limits else None) or 1, MOST_UNITS)


def _parts(
    machine: Machine, trips: Sequence[int | None], step_elements: int, units: int, most: int | None
) -> list[int]:
    """How many steps a group takes of each row dimension: enough groups for the cores, none of them tiny, or `most`.

    Where a size is open it may be small: groups then are as small as they may be.
    """
    known = [trip for trip in trips if trip is not None]
    least = LEAST_ELEMENTS // units
    left = max(1, least // max(step_elements, 1), units)
    if len(known) == len(trips):
        total = math.prod(known)
        groups = max(1, min(most or GROUPS_PER_CORE * cores(machine), total * step_elements // least))
        left = -(-total // groups)
        if units > 1:
            left = min(-(-left // units) * units, total)
    parts: list[int] = []
    for trip in reversed(trips):
        parts.append(left if trip is None else min(trip, left))
        left = -(-left // parts[-1])
    return parts[::-1]
