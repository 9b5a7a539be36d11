"""Random loops in tile form that stage windows and add up what is in them: of any bounds, steps and sizes, one in another.

Some loops are gone through once or not at all, some windows end where the input does, some are of one place only.
"""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from programs.random_gir import Draw

ROWS, WIDTH, GROUPS, UNITS = 24, 16, 2, 2
REG, SRAM, DRAM = "#gir.at<reg>", "#gir.at<sram>", "#gir.at<dram>"
SUM = f"tensor<1x4xf32, {REG}>"


@dataclass
class Loops:
    """Writes the body of a group down.

    Attributes:
        draw: Draws.
        unit: The index of the unit, as written.
        lines: What is written.
        names: How many names are taken.
        row: How many rows of the output are taken.
    """

    draw: Draw
    unit: str = "%c0"
    lines: list[str] = field(default_factory=list[str])
    names: int = 0
    row: int = 0

    def emit(self, text: str) -> str:
        """Writes an op with a result down."""
        self.names += 1
        name = f"%v{self.names}"
        self.lines.append(f"{name} = {text}")
        return name

    def bound(self, outer: str | None) -> str:
        """Where a loop begins or ends."""
        kinds = ["constant", "open"] + (["outer"] if outer else [])
        match self.draw(st.sampled_from(kinds)):
            case "constant":
                return self.emit(f"arith.constant {self.draw(st.integers(0, 9))} : index")
            case "open":
                return self.emit(
                    f"affine.apply affine_map<(g, n) -> (g + n + {self.draw(st.integers(-4, 3))})>(%g, %n)"
                )
            case _:
                return self.emit(f"affine.apply affine_map<(i) -> (i + {self.draw(st.integers(0, 2))})>({outer})")

    def loop(self, outer: str | None, depth: int) -> None:
        """A loop over windows; its sum is stored behind it."""
        low, high = self.bound(None), self.bound(outer)
        step = self.emit(f"arith.constant {self.draw(st.integers(1, 3))} : index")
        self.names += 1
        index, result = f"%i{self.names}", f"%s{self.names}"
        self.lines.append(
            f"{result} = scf.for {index} = {low} to {high} step {step} iter_args(%a{self.names} = %zero) -> ({SUM}) {{"
        )
        total = f"%a{self.names}"
        for _ in range(self.draw(st.integers(1, 2))):
            total = self.emit(f"arith.addf {total}, {self.window(index)} : {SUM}")
        if depth and self.draw(st.booleans()):
            self.loop(index, depth - 1)
        self.lines += [f"scf.yield {total} : {SUM}", "}"]
        self.store(result)

    def window(self, index: str) -> str:
        """Stages a window that moves with an index, and loads its last four elements of a row."""
        kind = self.draw(st.sampled_from(("row", "rows", "part", "fixed")))
        columns = self.draw(st.sampled_from((4, 7, 16)))
        source = f"memref<{ROWS}x{WIDTH}xf32, {DRAM}>"
        at = self.emit(f"affine.apply affine_map<(i) -> (i * {self.draw(st.sampled_from((1, 2)))})>({index})")
        match kind:
            case "part":
                count = self.emit(f"affine.min affine_map<(i) -> (4, {ROWS} - i)>({at})")
                staged = self.emit(
                    f"gir.stage %x[{at}, %c0] [{count}, {columns}] upto [4] : {source} -> memref<?x{columns}xf32, {SRAM}>"
                )
                shape, row = f"?x{columns}", "%c0"
            case "fixed":
                staged = self.emit(
                    f"gir.stage %x[%c1, %c0] [1, {columns}] : {source} -> memref<1x{columns}xf32, {SRAM}>"
                )
                shape, row = f"1x{columns}", "%c0"
            case _:
                rows = 1 if kind == "row" else 2
                staged = self.emit(
                    f"gir.stage %x[{at}, %c0] [{rows}, {columns}] : {source} -> memref<{rows}x{columns}xf32, {SRAM}>"
                )
                shape, row = f"{rows}x{columns}", "%c0" if rows == 1 else "%c1"
        start = self.emit(f"arith.constant {columns - 4} : index")
        return self.emit(f"gir.load {staged}[{row}, {start}] : memref<{shape}xf32, {SRAM}> -> {SUM}")

    def store(self, value: str) -> None:
        """Stores a sum in a row of the output that is nobody else's."""
        tile, place = f"tensor<1x1x1x4xf32, {REG}>", self.emit(f"arith.constant {self.row} : index")
        self.row += 1
        wide = self.emit(f"gir.reshape {value} : {SUM} -> {tile}")
        self.lines.append(
            f"gir.store {wide}, %y[%g, {self.unit}, {place}, %c0] : {tile}, memref<{GROUPS}x{UNITS}x8x4xf32, {DRAM}>"
        )


@st.composite
def random_stages(draw: Draw) -> tuple[str, tuple[Any, ...]]:
    """A program and its arguments."""
    loops = Loops(draw, unit=draw(st.sampled_from(("%c0", "%u"))))
    for _ in range(draw(st.integers(1, 3))):
        loops.loop(None, 1)
    body = "\n".join(loops.lines)
    if loops.unit == "%u":
        body = f"gir.parallel <unit> (%u) in (%c{UNITS}) {{\n{body}\n}}"
    output = f"memref<{GROUPS}x{UNITS}x8x4xf32>"
    text = f"""func.func @main(%p: memref<{ROWS}x{WIDTH}xf32>, %q: {output}, %m: index) {{
  gir.kernel "stages" (%x = %p : memref<{ROWS}x{WIDTH}xf32>, %y = %q : {output}, %n = %m : index) -> () {{
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %zero = arith.constant dense<0.0> : {SUM}
    gir.parallel <group> (%g) in (%c{GROUPS}) {{
{body}
    }}
    gir.return
  }}
  return
}}"""
    x = np.arange(ROWS * WIDTH, dtype=np.float32).reshape(ROWS, WIDTH)
    return text, (x, np.full((GROUPS, UNITS, 8, 4), -1, np.float32), np.asarray(draw(st.integers(4, 6))))
