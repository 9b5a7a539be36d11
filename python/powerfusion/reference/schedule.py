"""Instances of a parallel: run in random order, stopped at barriers until all have come.

```
  unit 0   ----->| sync |------>            a barrier of the group is settled by the parallel of its units,
  unit 1   -->|  | sync |---------->        one of the cluster by the parallel of its groups; what is coarser
  unit 2   ----->| sync |-->                is handed on outwards once all units have come to it
```
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from powerfusion.errors import DivergentSync
from powerfusion.reference.stream import Event, Running, located

SETTLED_BY = {"group": "unit", "cluster": "group", "device": "cluster"}
"""The instances that a barrier of a scope makes wait are those of the next finer one."""


@dataclass
class Schedule:
    """The instances of one parallel.

    Attributes:
        scope: The scope of the instances.
        rng: Picks who goes on.
        instances: What they run.
        barrier_passed: Called when a barrier among them is settled.
    """

    scope: str
    rng: np.random.Generator
    instances: list[Running]
    barrier_passed: Callable[[], None]
    waiting: dict[int, Event] = field(default_factory=dict[int, Event])
    replies: dict[int, Any] = field(default_factory=dict[int, Any])
    ended: list[int] = field(default_factory=list[int])

    def run(self) -> Running:
        """Runs all instances to their end; gives up control at barriers of a coarser scope."""
        ready = list(range(len(self.instances)))
        self.rng.shuffle(ready)
        while ready or self.waiting:
            if not ready:
                yield from self._settle()
                ready = list(self.replies)
                self.rng.shuffle(ready)
                continue
            self._go_on(ready.pop(), ready)

    def _go_on(self, index: int, ready: list[int]) -> None:
        try:
            event = self.instances[index].send(self.replies.pop(index, None))
        except StopIteration:
            self.ended.append(index)
            return
        if event.scope:
            self.waiting[index] = event
            return
        ready.insert(int(self.rng.integers(len(ready) + 1)), index)

    def _settle(self) -> Running:
        """All wait, or have ended: lets those that wait go on, if they wait for the same and nobody is missing."""
        order = sorted(self.waiting)
        first = self.waiting[order[0]]
        for index in order:
            self._check_same(order[0], first, index, self.waiting[index])
        if self.ended:
            raise located(
                DivergentSync(
                    f"{self.scope} {order[0]} waits here, and {self.scope} {self.ended[0]} has ended without"
                ),
                first.op,
            )
        values = [value for index in order for value in _listed(self.waiting[index].value)]
        if SETTLED_BY[first.scope] == self.scope:
            reply = values
        elif self._finer(first.scope):
            reply = [first.value]
        else:
            reply = yield Event(first.op, first.scope, values)
        self.barrier_passed()
        self.replies = dict.fromkeys(order, reply)
        self.waiting.clear()

    def _check_same(self, one: int, event: Event, other: int, its: Event) -> None:
        if event.op is its.op:
            return
        where = f"instruction {its.op.number}, '{its.op.name}'"
        raise located(DivergentSync(f"{self.scope} {one} waits here, and {self.scope} {other} at {where}"), event.op)

    def _finer(self, scope: str) -> bool:
        """Whether a barrier of that scope concerns instances finer than these, of which there is one only."""
        order = ("device", "cluster", "group", "unit")
        return order.index(SETTLED_BY[scope]) > order.index(self.scope)


def _listed(value: Any) -> list[Any]:
    """What instances brought: one unit's operands as one, those that finer instances brought one by one."""
    return value if isinstance(value, list) and value and isinstance(value[0], list) else [value]
