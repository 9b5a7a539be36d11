"""What a simulated run takes in the simulator's model of time, and what was under way when."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Event:
    """Something that a pipe did.

    Attributes:
        name: A link, or a call.
        pipe: What did it.
        task: For which task.
        place: The line of C, with the op that it is of.
        start_ns: From when.
        end_ns: Until when.
    """

    name: str
    pipe: str
    task: int
    place: str
    start_ns: float
    end_ns: float


@dataclass(frozen=True)
class Timeline:
    """What a run takes.

    Attributes:
        ns: From the first launch to the last task's end; launches themselves cost nothing.
        busy_ns: Per pipe, how long it worked on the task where that is longest.
        bytes: Moved by copies, per link.
        events: What was done when, as far as it was kept.
    """

    ns: float
    busy_ns: Mapping[str, float]
    bytes: Mapping[str, int]
    events: Sequence[Event]

    @property
    def longest_ns(self) -> float:
        """How long the busiest pipe worked: no schedule takes less."""
        return max(self.busy_ns.values(), default=0.0)

    def write_trace(self, path: Path) -> None:
        """Writes the events as a trace that Perfetto and Chrome show: a process per task, a thread per pipe."""
        pipes = list(dict.fromkeys(event.pipe for event in self.events))
        named = [
            {"name": "thread_name", "ph": "M", "pid": task, "tid": pipes.index(pipe), "args": {"name": pipe}}
            for task, pipe in dict.fromkeys((event.task, event.pipe) for event in self.events)
        ]
        spans = [
            {
                "name": event.name,
                "ph": "X",
                "pid": event.task,
                "tid": pipes.index(event.pipe),
                "ts": event.start_ns / 1000,
                "dur": (event.end_ns - event.start_ns) / 1000,
                "args": {"place": event.place},
            }
            for event in self.events
        ]
        path.write_text(json.dumps({"traceEvents": [*named, *spans], "displayTimeUnit": "ns"}))
