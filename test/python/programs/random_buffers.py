"""Random kernels in tile form that fill and read buffers at sram: of a group, of each of its units, in loops.

Each buffer is filled from the input when it is made, and may be read at any time until its block ends. Every
read is stored, so that bytes which somebody else has written over show in the output.
"""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from programs.random_gir import Draw

SIZES = (1, 4, 7, 16, 32)
ROWS, WIDTH, GROUPS, UNITS = 64, 32, 2, 2
REG, SRAM, DRAM = "#gir.at<reg>", "#gir.at<sram>", "#gir.at<dram>"
MOST_READS = 40


@dataclass(frozen=True)
class Buffer:
    """A buffer of some elements."""

    name: str
    size: int


@dataclass
class Writer:
    """Writes the body of a group down.

    Attributes:
        draw: Draws.
        lines: What is written.
        reads: How many reads there are; each has a row of the output.
        unit: The index of the unit, as written.
        names: How many names are taken.
    """

    draw: Draw
    lines: list[str] = field(default_factory=list[str])
    reads: int = 0
    unit: str = "%c0"
    names: int = 0

    def fresh(self) -> str:
        """A new name."""
        self.names += 1
        return f"%v{self.names}"

    def constant(self, value: int) -> str:
        """A number."""
        name = self.fresh()
        self.lines.append(f"{name} = arith.constant {value} : index")
        return name

    def body(self, buffers: list[Buffer], depth: int) -> None:
        """Some steps, which may use buffers of the blocks around."""
        own = list(buffers)
        for _ in range(self.draw(st.integers(1, 7))):
            kinds = ["alloc", "stage", "read", "read", "read"]
            kinds += ["loop"] if depth < 2 else []
            kinds += ["units"] if self.unit == "%c0" else []
            self.step(self.draw(st.sampled_from(kinds)), own, depth)

    def step(self, kind: str, own: list[Buffer], depth: int) -> None:
        """One of them."""
        match kind:
            case "alloc" | "stage":
                own.append(self.make(kind))
            case "read" if own and self.reads < MOST_READS:
                self.read(self.draw(st.sampled_from(own)))
            case "loop":
                index = self.fresh()
                self.lines.append(f"scf.for {index} = %c0 to %c3 step %c1 {{")
                self.body(own, depth + 1)
                self.lines.append("}")
            case "units":
                self.unit = self.fresh()
                self.lines.append(f"gir.parallel <unit> ({self.unit}) in (%c{UNITS}) {{")
                self.body(own, depth)
                self.lines.append("}")
                self.unit = "%c0"
            case _:
                pass

    def make(self, kind: str) -> Buffer:
        """A buffer that is filled."""
        buffer = Buffer(self.fresh(), self.draw(st.sampled_from(SIZES)))
        row = self.constant(self.draw(st.integers(0, ROWS - 1)))
        memref = f"memref<1x{buffer.size}xf32, {SRAM}>"
        source = f"memref<{ROWS}x{WIDTH}xf32, {DRAM}>"
        if kind == "stage":
            self.lines.append(f"{buffer.name} = gir.stage %a[{row}, %c0] [1, {buffer.size}] : {source} -> {memref}")
            return buffer
        tile, values = self.fresh(), f"tensor<1x{buffer.size}xf32, {REG}>"
        self.lines += [
            f"{buffer.name} = gir.alloc : {memref}",
            f"{tile} = gir.load %a[{row}, %c0] : {source} -> {values}",
            f"gir.store {tile}, {buffer.name}[%c0, %c0] : {values}, {memref}",
        ]
        return buffer

    def read(self, buffer: Buffer) -> None:
        """Reads a buffer into a row of the output."""
        tile, row = self.fresh(), self.constant(self.reads)
        shape = f"1x{buffer.size}xf32"
        self.reads += 1
        self.lines += [
            f"{tile} = gir.load {buffer.name}[%c0, %c0] : memref<{shape}, {SRAM}> -> tensor<{shape}, {REG}>",
            f"%{tile[1:]}_ = gir.reshape {tile} : tensor<{shape}, {REG}> -> tensor<1x1x{shape}, {REG}>",
            f"gir.store %{tile[1:]}_, %b[%g, {row}, {self.unit}, %c0] : tensor<1x1x{shape}, {REG}>, memref<{GROUPS}x{MOST_READS}x{UNITS}x{WIDTH}xf32, {DRAM}>",
        ]


@st.composite
def random_buffers(draw: Draw) -> tuple[str, tuple[Any, ...]]:
    """A program and its arguments."""
    writer = Writer(draw)
    writer.body([], 0)
    text = f"""func.func @main(%x: memref<{ROWS}x{WIDTH}xf32>, %y: memref<{GROUPS}x{MOST_READS}x{UNITS}x{WIDTH}xf32>) {{
  gir.kernel "buffers" (%a = %x : memref<{ROWS}x{WIDTH}xf32>, %b = %y : memref<{GROUPS}x{MOST_READS}x{UNITS}x{WIDTH}xf32>) -> () {{
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c3 = arith.constant 3 : index
    gir.parallel <group> (%g) in (%c{GROUPS}) {{
      {chr(10).join(writer.lines)}
    }}
    gir.return
  }}
  return
}}"""
    x = np.arange(ROWS * WIDTH, dtype=np.float32).reshape(ROWS, WIDTH)
    return text, (x, np.full((GROUPS, MOST_READS, UNITS, WIDTH), -1, np.float32))
