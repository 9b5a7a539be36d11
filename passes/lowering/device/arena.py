"""Where tiles lie in a scratchpad: the first gap that holds one, for as long as something still reads it."""

from __future__ import annotations

from dataclasses import dataclass, field

from powerfusion.passes.scheduling.packing import aligned


@dataclass(frozen=True)
class Span:
    """A part of a scratchpad, in bytes."""

    begin: int
    end: int

    def meets(self, other: Span) -> bool:
        """Whether two parts have bytes in common."""
        return self.begin < other.end and other.begin < self.end


@dataclass
class Arena:
    """The bytes of a scratchpad that tiles take.

    Attributes:
        alignment: Where each begins.
        taken: What is taken now.
        most_bytes: The largest end that there was.
    """

    alignment: int
    taken: list[Span] = field(default_factory=list)
    most_bytes: int = 0

    def take(self, size: int) -> Span:
        """Takes the first gap of a size."""
        begin = 0
        for span in sorted(self.taken, key=lambda span: span.begin):
            if span.begin - begin >= size:
                break
            begin = max(begin, aligned(span.end, self.alignment))
        made = Span(begin, begin + size)
        self.taken.append(made)
        self.most_bytes = max(self.most_bytes, made.end)
        return made

    def give_back(self, span: Span) -> None:
        """What lies there isn't needed any more."""
        self.taken.remove(span)
