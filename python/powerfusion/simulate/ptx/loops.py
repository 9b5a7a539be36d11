"""The loops of a kernel, from its branches: where each begins, and which parts of the body are in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from powerfusion.errors import SimulationError
from powerfusion.simulate.ptx.source import Instruction, Kernel, Label

MOST_LOOPS = 256
Graph = dict[int, list[int]]


@dataclass(frozen=True)
class Loop:
    """A loop.

    Attributes:
        number: From 0, outer ones before those in them.
        header: The part of the body that every turn begins with.
        parts: All parts of the body in it.
    """

    number: int
    header: int
    parts: frozenset[int]


def loops_of(kernel: Kernel) -> list[Loop]:
    """The loops of a kernel, outer ones first.

    Raises:
        SimulationError: A label isn't there, or there are more loops than turns are counted of.
    """
    found = [Loop(number, header, parts) for number, (header, parts) in enumerate(_nested(_graph(kernel), [0]))]
    if len(found) > MOST_LOOPS:
        raise SimulationError(
            f"a kernel of more than {MOST_LOOPS} loops can't be simulated", location=f"ptx:{kernel.line}"
        )
    return found


def _graph(kernel: Kernel) -> Graph:
    """What may follow each part of the body."""
    places = {part.name: at for at, part in enumerate(kernel.body) if isinstance(part, Label)}
    graph: Graph = {at: [at + 1] for at in range(len(kernel.body) - 1)}
    graph[len(kernel.body) - 1] = []
    for at, part in enumerate(kernel.body):
        if not isinstance(part, Instruction) or part.opcode[0] not in ("bra", "ret", "exit"):
            continue
        onward = graph[at] if part.guard else []
        if part.opcode[0] == "bra":
            if part.operands[0] not in places:
                raise SimulationError(f"there is no label {part.operands[0]}", location=f"ptx:{part.line}")
            onward = [*onward, places[part.operands[0]]]
        graph[at] = onward
    return graph


def _nested(graph: Graph, entries: Iterable[int]) -> Iterator[tuple[int, frozenset[int]]]:
    """The loops of a graph: parts that reach each other, then, without what begins a turn, the loops in them."""
    begun = set(entries)
    for component in _components(graph):
        first = min(component)
        if len(component) == 1 and first not in graph[first]:
            continue
        parts = frozenset(component)
        entered = begun.union(to for at in graph if at not in parts for to in graph[at])
        header = min(parts & entered, default=first)
        yield header, parts
        inner = {at: [to for to in graph[at] if to in parts and to != header] for at in sorted(parts - {header})}
        yield from _nested(inner, [to for to in graph[header] if to in inner])


def _components(graph: Graph) -> list[list[int]]:
    """Parts that reach each other, by Tarjan's algorithm; without recursion, as bodies are long."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    on_stack: dict[int, bool] = {}
    stack: list[int] = []
    found: list[list[int]] = []
    for root in graph:
        if root in index:
            continue
        work = [(root, iter(graph[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack[root] = True
        while work:
            at, rest = work[-1]
            following = next(rest, None)
            if following is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[at])
                if low[at] == index[at]:
                    cut = stack.index(at)
                    found.append(stack[cut:])
                    for part in stack[cut:]:
                        on_stack[part] = False
                    del stack[cut:]
            elif following not in index:
                index[following] = low[following] = len(index)
                stack.append(following)
                on_stack[following] = True
                work.append((following, iter(graph[following])))
            elif on_stack.get(following):
                low[at] = min(low[at], index[following])
    return sorted(found)
