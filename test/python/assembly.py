"""The machine code of a compiled program, as its loops: what each does at a turn, but for the loops in it.

    object code ── llvm-objdump ──► instructions ── jumps ──► blocks ── dominators ──► loops

A loop is a head and what an edge back to it can come from without passing it (the natural loop of a dominator), so it
doesn't matter where a compiler lays its blocks. What is in a loop within it isn't its own. Of x86-64.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from powerfusion import knobs

FUNCTION = re.compile(r"[0-9a-f]+ <(\S+)>:")
INSTRUCTION = re.compile(r"\s*([0-9a-f]+):\s+((?:(?:rep|repne|lock|notrack) )?[a-z]\w*)\s*([^#\n]*)")
RELOCATION = re.compile(r"\s+[0-9a-f]+:\s+R_X86_64_\w+\s+([\w.@]+)")
ADDRESS = re.compile(r"(?:0x)?([0-9a-f]+)\b")
REGISTER_BYTES = {"x": 16, "y": 32, "z": 64}
STACK = re.compile(r"\(%rsp\)")
SCALAR = re.compile(r"v?(add|sub|mul|div|max|min|sqrt|cmp\w*|u?comi|fn?m(add|sub)\w+|rndscale|round)s[sd]")
STREAMING = re.compile(r"v?movnt(ps|pd|dq|q|i|il|iq)")
ENDS = re.compile(r"(jmp|ret|ud2|hlt)")


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    Attributes:
        address: In its section.
        name: As vaddps.
        operands: As AT&T writes them, sources first.
        callee: The symbol that its relocation names: of a call, where it goes.
    """

    address: int
    name: str
    operands: str
    callee: str = ""

    @property
    def target(self) -> int | None:
        """Where a jump goes, if it says."""
        found = ADDRESS.match(self.operands) if self.name.startswith("j") else None
        return int(found[1], 16) if found else None

    @property
    def vector_bytes(self) -> int:
        """The width of the widest vector register that it names, 0 where it names none."""
        return max((REGISTER_BYTES[letter] for letter in re.findall(r"%([xyz])mm", self.operands)), default=0)

    @property
    def is_call(self) -> bool:
        """Whether it calls a function."""
        return self.name.startswith("call")

    @property
    def is_scalar(self) -> bool:
        """Whether it computes one float."""
        return SCALAR.fullmatch(self.name) is not None

    @property
    def is_spill(self) -> bool:
        """Whether it has a vector in a place on the stack, be it put there or taken from there."""
        return self.vector_bytes > 0 and STACK.search(self.operands) is not None

    @property
    def is_put_aside(self) -> bool:
        """Whether it puts a vector on the stack."""
        return self.is_spill and self.operands.endswith("(%rsp)")

    @property
    def is_streaming(self) -> bool:
        """Whether it stores past the caches."""
        return STREAMING.fullmatch(self.name) is not None


@dataclass
class Block:
    """Instructions that run one after the other, and where it goes on: addresses of blocks."""

    body: list[Instruction]
    next: list[int] = field(default_factory=list[int])


@dataclass(frozen=True)
class Loop:
    """What a loop runs at each turn, all of its branches, but for the loops in it.

    Attributes:
        function: That it is in.
        body: Its own instructions, in the order of addresses.
        is_innermost: Whether no loop is in it.
    """

    function: str
    body: tuple[Instruction, ...]
    is_innermost: bool

    @property
    def calls(self) -> list[str]:
        """What it calls."""
        return [each.callee for each in self.body if each.is_call]

    @property
    def scalars(self) -> list[str]:
        """Its computations of one float."""
        return [each.name for each in self.body if each.is_scalar]

    @property
    def streaming(self) -> int:
        """How many stores go past the caches."""
        return sum(each.is_streaming for each in self.body)

    @property
    def spills(self) -> int:
        """How many vectors are on the stack for want of registers: around other loops, those put there at each turn."""
        return sum(each.is_spill if self.is_innermost else each.is_put_aside for each in self.body)

    def share_of(self, width: int) -> float:
        """The part of its vector instructions that name a register of so many bytes, stores past the caches aside."""
        found = [each.vector_bytes >= width for each in self.body if each.vector_bytes and not each.is_streaming]
        return sum(found) / len(found) if found else 1.0


def loops_of(functions: Mapping[str, Sequence[Instruction]]) -> list[Loop]:
    """The loops of some functions."""
    return [loop for name, body in functions.items() for loop in _loops(name, body)]


def disassemble(code: bytes) -> str:
    """Object code as LLVM writes it, with relocations below what they are of."""
    with tempfile.NamedTemporaryFile(suffix=".o") as file:
        file.write(code)
        file.flush()
        command = [knobs.llvm_prefix() / "bin" / "llvm-objdump", "--disassemble", "--reloc", "--no-show-raw-insn"]
        done = subprocess.run([*command, Path(file.name)], check=True, capture_output=True, text=True, timeout=60)
    return done.stdout


def read_functions(text: str) -> dict[str, list[Instruction]]:
    """Functions by name, as their instructions."""
    functions: dict[str, list[Instruction]] = {}
    body: list[Instruction] = []
    for line in text.splitlines():
        if found := FUNCTION.match(line):
            body = functions[found[1]] = []
        elif found := RELOCATION.match(line):
            body[-1] = replace(body[-1], callee=found[1])
        elif found := INSTRUCTION.match(line):
            body.append(Instruction(int(found[1], 16), found[2], found[3].strip()))
    return functions


# -- loops -----------------------------------------------------------------------------------------


def blocks_of(body: Sequence[Instruction]) -> dict[int, Block]:
    """A function's blocks by the address of their first instruction, the function's first."""
    places = {each.address for each in body}
    heads = {each.target for each in body} & places | {body[0].address}
    heads |= {after.address for before, after in pairwise(body) if before.target or ENDS.match(before.name)}
    blocks: dict[int, Block] = {}
    for each in body:
        if each.address in heads:
            block = blocks[each.address] = Block([])
        block.body.append(each)
    for at, after in [*pairwise(blocks), (next(reversed(blocks)), None)]:
        last = blocks[at].body[-1]
        if after is not None and not ENDS.match(last.name):
            blocks[at].next.append(after)
        if last.target in blocks:
            blocks[at].next.append(last.target)
    return blocks


def dominators_of(blocks: Mapping[int, Block]) -> dict[int, set[int]]:
    """Per block that is reached, those that each way to it passes."""
    entry = next(iter(blocks))
    reached, found = {entry: {entry}}, True
    while found:
        found = False
        for at in blocks:
            above = [reached[other] for other, block in blocks.items() if at in block.next and other in reached]
            if at == entry or not above:
                continue
            those = set.intersection(*above) | {at}
            found |= reached.get(at) != those
            reached[at] = those
    return reached


def _loops(name: str, body: Sequence[Instruction]) -> Iterator[Loop]:
    blocks = blocks_of(body)
    above = {at: [other for other, block in blocks.items() if at in block.next] for at in blocks}
    loops: dict[int, set[int]] = {}
    for at, passed in dominators_of(blocks).items():
        for head in (head for head in blocks[at].next if head in passed):
            loops[head] = loops.get(head, set[int]()) | _natural(head, at, above)
    for head, inside in sorted(loops.items()):
        inner = [loops[other] for other in loops if other != head and other in inside]
        own = inside.difference(*inner)
        yield Loop(name, tuple(each for at in sorted(own) for each in blocks[at].body), not inner)


def _natural(head: int, tail: int, above: Mapping[int, Sequence[int]]) -> set[int]:
    """What an edge from a tail to a head can come from without passing the head."""
    inside, rest = {head}, [tail]
    while rest:
        at = rest.pop()
        if at not in inside:
            inside.add(at)
            rest += above[at]
    return inside
