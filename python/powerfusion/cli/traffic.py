"""What two programs move, side by side: kernels that do the same work, and in them movement by movement.

Kernels belong together where they are made from the same places of the source, however many they are on either
side; those that share no place, where they have the same name. Two files have no places in common: there names decide.

    maximumf  in.mlir:3  4 MB
    addf      in.mlir:8  6 MB  ->  maximumf_addf  in.mlir:3, in.mlir:8  6 MB
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from powerfusion.report import FIGURES, LEVELS, KernelReport, Moved, MovementReport, Report
from powerfusion.symbolic import Count, total

Place = tuple[str, str, str]
"""Space, level, and `read` or `write`; across machines the space is its level."""


@dataclass(frozen=True)
class Difference:
    """Bytes of one figure on both sides.

    Attributes:
        before: Of the first program.
        after: Of the second.
    """

    before: Count
    after: Count

    @property
    def change(self) -> Count:
        """What the second moves more."""
        return self.after - self.before


@dataclass(frozen=True)
class Side:
    """What a movement of one kernel reads from or writes to one space.

    Attributes:
        kernel: The kernel's name.
        movement: The movement.
        moved: Its bytes.
    """

    kernel: str
    movement: MovementReport
    moved: Moved

    @property
    def is_filling(self) -> bool:
        """Whether it reads only what a write begins from: whole transactions, of which nobody uses an element."""
        return self.moved.direction == "read" and self.moved.useful == 0 and self.moved.issued != 0


@dataclass(frozen=True)
class MovementChange:
    """A movement that both have, or only one of them.

    Attributes:
        place: What it reads from or writes to.
        before: In the first program; None where only the second has it.
        after: In the second.
    """

    place: Place
    before: Side | None
    after: Side | None

    def figure(self, name: str) -> Difference:
        """Its bytes, of `useful`, `issued` or `arriving`."""
        return Difference(*(0 if side is None else getattr(side.moved, name) for side in (self.before, self.after)))

    @property
    def is_equal(self) -> bool:
        """Whether both move the same."""
        return all(self.figure(name).change == 0 for name in FIGURES)

    @property
    def shown(self) -> Side:
        """The side that names it."""
        side = self.before or self.after
        assert side is not None
        return side


@dataclass(frozen=True)
class KernelChange:
    """Kernels that do the same work, on both sides.

    Attributes:
        before: Of the first program.
        after: Of the second.
        movements: Theirs, those of DRAM first.
    """

    before: tuple[KernelReport, ...]
    after: tuple[KernelReport, ...]
    movements: tuple[MovementChange, ...]

    def figure(self, level: str, name: str) -> Difference:
        """Bytes at a level, of `useful`, `issued` or `arriving`."""
        return _summed(change.figure(name) for change in self.movements if change.place[1] == level)

    @property
    def is_equal(self) -> bool:
        """Whether nothing moves more or less, in as many launches."""
        return len(self.before) == len(self.after) and all(change.is_equal for change in self.movements)


@dataclass(frozen=True)
class Comparison:
    """Two programs.

    Attributes:
        before: The first's report.
        after: The second's.
        kernels: In the first's order; those of the second alone last.
    """

    before: Report
    after: Report
    kernels: tuple[KernelChange, ...]

    def totals(self) -> dict[Place, dict[str, Difference]]:
        """Per place, all figures."""
        groups: dict[Place, list[MovementChange]] = {}
        for change in self.movements():
            groups.setdefault(change.place, []).append(change)
        ordered = sorted(groups.items(), key=lambda entry: (LEVELS.index(entry[0][1]), entry[0]))
        return {
            place: {name: _summed(change.figure(name) for change in changes) for name in FIGURES}
            for place, changes in ordered
        }

    def movements(self) -> Iterator[MovementChange]:
        """Those of all kernels."""
        for kernel in self.kernels:
            yield from kernel.movements

    def to_json(self) -> dict[str, Any]:
        """As JSON: a count that depends on open sizes is null, with its formula beside it."""
        return {
            "launches": {"before": len(self.before.kernels), "after": len(self.after.kernels)},
            "totals": [{**_place_json(place), **_figures_json(figures)} for place, figures in self.totals().items()],
            "kernels": [_kernel_json(kernel) for kernel in self.kernels],
        }


def _summed(differences: Iterable[Difference]) -> Difference:
    found = list(differences)
    return Difference(total(each.before for each in found), total(each.after for each in found))


def compare(before: Report, after: Report) -> Comparison:
    """What two programs move, side by side."""
    one_machine = before.machine == after.machine
    changes = (
        KernelChange(first, second, tuple(_movements(first, second, one_machine)))
        for first, second in _together(before.kernels, after.kernels)
    )
    return Comparison(before, after, tuple(changes))


def _together(
    before: Sequence[KernelReport], after: Sequence[KernelReport]
) -> Iterator[tuple[tuple[KernelReport, ...], tuple[KernelReport, ...]]]:
    """Kernels that belong together: connected by places of the source, or by name."""
    kernels, border = [*before, *after], len(before)
    ties = _Ties(len(kernels))
    known: dict[str, int] = {}
    for at, kernel in enumerate(kernels):
        for origin in kernel.origins:
            ties.tie(known.setdefault(origin, at), at)
    alone = [at for members in ties.groups() if len({at < border for at in members}) == 1 for at in members]
    first, second = ([at for at in alone if (at < border) == side] for side in (True, False))
    for one, other in _paired(first, second, lambda at: kernels[at].name):
        ties.tie(one, other)
    for members in ties.groups():
        yield (
            tuple(kernels[at] for at in members if at < border),
            tuple(kernels[at] for at in members if at >= border),
        )


class _Ties:
    """Numbers, tied together."""

    def __init__(self, count: int) -> None:
        self.parent = list(range(count))

    def find(self, at: int) -> int:
        while self.parent[at] != at:
            at = self.parent[at]
        return at

    def tie(self, one: int, other: int) -> None:
        low, high = sorted((self.find(one), self.find(other)))
        self.parent[high] = low

    def groups(self) -> list[list[int]]:
        """What is tied together, in order."""
        found: dict[int, list[int]] = {}
        for at in range(len(self.parent)):
            found.setdefault(self.find(at), []).append(at)
        return list(found.values())


def _paired(first: Iterable[Any], second: Iterable[Any], key: Callable[[Any], Hashable]) -> Iterator[tuple[Any, Any]]:
    """Pairs of equal keys: the first with the first, the second with the second."""
    waiting: dict[Hashable, list[Any]] = {}
    for each in second:
        waiting.setdefault(key(each), []).append(each)
    for each in first:
        if others := waiting.get(key(each)):
            yield each, others.pop(0)


# -- movements ---------------------------------------------------------------------------------

KEYS: tuple[Callable[[Side], Hashable], ...] = (
    lambda side: (side.is_filling, side.movement.location, side.movement.type, side.moved.useful),
    lambda side: (side.is_filling, side.movement.location, side.movement.type),
    lambda side: (side.is_filling, side.movement.location),
    lambda side: (side.is_filling, side.movement.type),
)
"""What movements from or to one place have in common, the surest first."""


def _movements(
    before: Sequence[KernelReport], after: Sequence[KernelReport], one_machine: bool
) -> Iterator[MovementChange]:
    """The movements of kernels that belong together: equal ones as pairs, then what only one side has."""
    first, second = (_by_place(kernels, one_machine) for kernels in (before, after))
    for place in sorted({*first, *second}, key=lambda place: (LEVELS.index(place[1]), place)):
        yield from _pairs(place, first.get(place, []), second.get(place, []))


def _by_place(kernels: Sequence[KernelReport], one_machine: bool) -> dict[Place, list[Side]]:
    found: dict[Place, list[Side]] = {}
    for kernel in kernels:
        for movement in kernel.movements:
            for moved in movement.sides:
                place = (moved.space if one_machine else moved.level, moved.level, moved.direction)
                found.setdefault(place, []).append(Side(kernel.name, movement, moved))
    return found


def _pairs(place: Place, first: list[Side], second: list[Side]) -> Iterator[MovementChange]:
    for key in KEYS:
        pairs = list(_paired(first, second, key))
        gone = {id(side) for pair in pairs for side in pair}
        first, second = ([side for side in sides if id(side) not in gone] for sides in (first, second))
        yield from (MovementChange(place, one, other) for one, other in pairs)
    yield from (MovementChange(place, side, None) for side in first)
    yield from (MovementChange(place, None, side) for side in second)


# -- as data -----------------------------------------------------------------------------------


def _place_json(place: Place) -> dict[str, Any]:
    return dict(zip(("space", "level", "direction"), place, strict=True))


def _figures_json(figures: dict[str, Difference]) -> dict[str, Any]:
    return {name: _difference_json(difference) for name, difference in figures.items()}


def _difference_json(difference: Difference) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("before", "after", "change"):
        count = getattr(difference, name)
        found[name] = count if isinstance(count, int) else None
        if found[name] is None:
            found[f"{name}_formula"] = str(count)
    return found


def _kernel_json(kernel: KernelChange) -> dict[str, Any]:
    return {
        **{name: [_named(each) for each in getattr(kernel, name)] for name in ("before", "after")},
        "dram": _figures_json({name: kernel.figure("dram", name) for name in FIGURES}),
        "sram": _figures_json({name: kernel.figure("sram", name) for name in FIGURES}),
        "movements": [_movement_json(change) for change in kernel.movements],
    }


def _named(kernel: KernelReport) -> dict[str, Any]:
    return {"name": kernel.name, "location": kernel.location}


def _movement_json(change: MovementChange) -> dict[str, Any]:
    sides = {name: _side_json(getattr(change, name)) for name in ("before", "after")}
    return {**_place_json(change.place), **sides, **_figures_json({name: change.figure(name) for name in FIGURES})}


def _side_json(side: Side | None) -> dict[str, Any] | None:
    if side is None:
        return None
    movement = side.movement
    return {"kernel": side.kernel, "op": movement.op, "type": movement.type, "location": movement.location}
