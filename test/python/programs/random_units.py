"""Random bodies of units that share buffers at sram: each stores in its own rows, and reads its own or those of others.

Loops are gone through alike by all units, and more than once, so that their steps meet. Barriers stand here and there,
too few or too many. With a barrier before every op a program is right whatever the order of units. The last argument,
below `WAYS`, says which branches are taken in which step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from programs.random_gir import Draw

UNITS, WIDTH, MOST_READS, MOST_BRANCHES = 3, 4, 24, 2
WAYS = 1 << 2 * MOST_BRANCHES
REG, SRAM, DRAM = "#gir.at<reg>", "#gir.at<sram>", "#gir.at<dram>"
BUFFERS = {"%s0": f"memref<{UNITS}x{WIDTH}xf32, {SRAM}>", "%s1": f"memref<{2 * UNITS}x{WIDTH}xf32, {SRAM}>"}
TILE = f"tensor<1x{WIDTH}xf32, {REG}>"


@dataclass
class Body:
    """Writes a unit's body down.

    Attributes:
        draw: Draws.
        lines: What is written.
        names: How many names are taken.
        reads: How many reads there are; each has a row of the output.
        branches: How many branches there are.
        step: The index of the loop around.
    """

    draw: Draw
    lines: list[str] = field(default_factory=list[str])
    names: int = 0
    reads: int = 0
    branches: int = 0
    step: str = "%c0"

    def fresh(self) -> str:
        """A new name."""
        self.names += 1
        return f"%v{self.names}"

    def ops(self, depth: int) -> None:
        """Some ops."""
        for _ in range(self.draw(st.integers(1, 6))):
            kinds = ["store", "store", "own", "other", "other", "all", "sync"] + (["loop", "if"] if depth else [])
            kind = self.draw(st.sampled_from(kinds))
            match kind:
                case "sync":
                    self.lines.append("SYNC")
                case "loop":
                    before, self.step = self.step, self.fresh()
                    self.lines.append(f"scf.for {self.step} = %c0 to %c2 step %c1 {{")
                    self.ops(depth - 1)
                    self.lines.append("}")
                    self.step = before
                case "if" if self.branches < MOST_BRANCHES:
                    self.branch(depth)
                case "if":
                    pass
                case _:
                    self.access(kind)

    def branch(self, depth: int) -> None:
        """A branch that goes its own way in each step of the loop around, by a bit of the program's last argument."""
        at, bit, low, taken = (self.fresh() for _ in range(4))
        self.lines += [
            f"{at} = affine.apply affine_map<(i) -> (i + {2 * self.branches})>({self.step})",
            f"{bit} = arith.shrui %n, {at} : index",
            f"{low} = arith.andi {bit}, %c1 : index",
            f"{taken} = arith.cmpi eq, {low}, %c1 : index",
            f"scf.if {taken} {{",
        ]
        self.branches += 1
        self.ops(depth - 1)
        self.lines.append("} else {")
        self.ops(depth - 1)
        self.lines.append("}")

    def access(self, kind: str) -> None:
        """A store of a unit's own row, or a read."""
        buffer = self.draw(st.sampled_from(sorted(BUFFERS)))
        type_ = BUFFERS[buffer]
        self.lines.append("TOUCH")
        if kind == "store":
            rows = 2 if buffer == "%s1" and self.draw(st.booleans()) else 1
            at = "%u" if buffer == "%s0" else "%u2"
            value = "%mine" if rows == 1 else "%both"
            tile = f"tensor<{rows}x{WIDTH}xf32, {REG}>"
            self.lines.append(f"gir.store {value}, {buffer}[{at}, %c0] : {tile}, {type_}")
            return
        row = {"own": "%u", "other": "%next", "all": "%c1"}[kind]
        if buffer == "%s1":
            row = {"own": "%u2", "other": "%next2", "all": "%c2"}[kind]
        tile = self.fresh()
        self.lines.append(f"{tile} = gir.load {buffer}[{row}, %c0] : {type_} -> {TILE}")
        if self.reads < MOST_READS:
            wide = f"tensor<1x1x{WIDTH}xf32, {REG}>"
            self.lines += [
                f"{tile}r = arith.constant {self.reads} : index",
                f"{tile}w = gir.reshape {tile} : {TILE} -> {wide}",
                f"gir.store {tile}w, %y[%u, {tile}r, %c0] : {wide}, memref<{UNITS}x{MOST_READS}x{WIDTH}xf32, {DRAM}>",
            ]
            self.reads += 1


def _program(lines: list[str]) -> str:
    body = "\n".join(lines)
    output = f"memref<{UNITS}x{MOST_READS}x{WIDTH}xf32>"
    buffers = "\n".join(f"{name} = gir.alloc : {type_}" for name, type_ in BUFFERS.items())
    fills = "\n".join(
        f"gir.store {name}z, {name}[%c0, %c0] : {type_.replace('memref', 'tensor').replace('sram', 'reg')}, {type_}"
        for name, type_ in BUFFERS.items()
    )
    zeros = "\n".join(
        f"{name}z = arith.constant dense<0.0> : {type_.replace('memref', 'tensor').replace('sram', 'reg')}"
        for name, type_ in BUFFERS.items()
    )
    return f"""func.func @main(%p: memref<{UNITS}x{WIDTH}xf32>, %q: {output}, %m: index) {{
  gir.kernel "units" (%x = %p : memref<{UNITS}x{WIDTH}xf32>, %y = %q : {output}, %n = %m : index) -> () {{
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c3 = arith.constant {UNITS} : index
    {zeros}
    gir.parallel <group> (%g) in (%c1) {{
      {buffers}
      {fills}
      gir.parallel <unit> (%u) in (%c3) {{
        %u2 = affine.apply affine_map<(u) -> (u * 2)>(%u)
        %next = affine.apply affine_map<(u) -> ((u + 1) mod {UNITS})>(%u)
        %next2 = affine.apply affine_map<(u) -> (((u + 1) mod {UNITS}) * 2)>(%u)
        %mine = gir.load %x[%u, %c0] : memref<{UNITS}x{WIDTH}xf32, {DRAM}> -> {TILE}
        %flat = gir.reshape %mine : {TILE} -> tensor<{WIDTH}xf32, {REG}>
        %both = gir.broadcast %flat dims [0] : tensor<{WIDTH}xf32, {REG}> -> tensor<2x{WIDTH}xf32, {REG}>
{body}
      }}
    }}
    gir.return
  }}
  return
}}"""


@st.composite
def random_units(draw: Draw) -> tuple[str, str, tuple[Any, ...]]:
    """A program with barriers here and there, the same with one before every access, and the arguments but the last."""
    body = Body(draw)
    body.ops(2)
    some = [line.replace("SYNC", "gir.sync <group>") for line in body.lines if line != "TOUCH"]
    every = [line.replace("TOUCH", "gir.sync <group>") for line in body.lines if line != "SYNC"]
    x = np.arange(UNITS * WIDTH, dtype=np.float32).reshape(UNITS, WIDTH)
    return _program(some), _program(every), (x, np.full((UNITS, MOST_READS, WIDTH), -1, np.float32))
