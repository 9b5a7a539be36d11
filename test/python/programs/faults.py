"""Faults planted in programs of tile form: what is wrong, as what it is found, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from powerfusion.errors import (
    DivergentSync,
    InterpretationError,
    LeakedToken,
    OutOfBounds,
    OverCapacity,
    PendingCopy,
    Race,
    UninitialisedRead,
    UnspecifiedUse,
)


@dataclass(frozen=True)
class Fault:
    """A program with something wrong.

    Args:
        name: What is wrong.
        error: What it is found as; where that depends on who comes first, each of them.
        text: The program.
        cure: What to write instead of what.
        says: What the message must name.
        shapes: Of the arguments, all f32.
        machine: On which it is run.
    """

    name: str
    error: type[InterpretationError] | tuple[type[InterpretationError], ...]
    text: str
    cure: tuple[str, str]
    says: str
    shapes: tuple[tuple[int, ...], ...] = ((8, 16), (8, 16))
    machine: str | None = None


def kernel(body: str, types: str = "memref<8x16xf32> memref<8x16xf32>") -> str:
    """A function of one kernel on memrefs %a %b ..., with the constants %c0 %c1 %c2 ... that bodies like to have."""
    names = "abcdef"
    kinds = types.split()
    args = ", ".join(f"%x{n} : {t}".replace(" :", ":") for n, t in zip(names, kinds, strict=False))
    pairs = ", ".join(f"%{n} = %x{n} : {t}" for n, t in zip(names, kinds, strict=False))
    numbers = "\n".join(f"%c{i} = arith.constant {i} : index" for i in (0, 1, 2, 3, 4, 8, 15, 16))
    return (
        f'func.func @main({args}) {{\ngir.kernel "k" ({pairs}) -> () {{\n{numbers}\n'
        f"%zero = arith.constant dense<0.0> : tensor<1xf32, #gir.at<reg>>\n{body}\ngir.return\n}}\nreturn\n}}"
    )


ROW = "tensor<1x16xf32, #gir.at<reg>>"
DRAM = "memref<8x16xf32, #gir.at<dram>>"
ONE = "tensor<1xf32, #gir.at<reg>>"
SRAM = "memref<2x16xf32, #gir.at<sram>>"

SYNC = Fault(
    "missing_sync",
    (Race, UninitialisedRead),
    kernel(f"""
gir.parallel <group> (%g) in (%c4) {{
  %s = gir.alloc : {SRAM}
  gir.parallel <unit> (%u) in (%c2) {{
    %row = affine.apply affine_map<(g, u) -> (g * 2 + u)>(%g, %u)
    %other = affine.apply affine_map<(u) -> (1 - u)>(%u)
    %0 = gir.load %a[%row, %c0] : {DRAM} -> {ROW}
    gir.store %0, %s[%u, %c0] : {ROW}, {SRAM}
    // MEET
    %1 = gir.load %s[%other, %c0] : {SRAM} -> {ROW}
    gir.store %1, %b[%row, %c0] : {ROW}, {DRAM}
  }}
}}"""),
    ("// MEET", "gir.sync <group>"),
    "without a barrier",
)

FAULTS = [
    SYNC,
    replace(
        SYNC,
        name="sync_in_one_unit_only",
        error=DivergentSync,
        text=SYNC.text.replace(
            "// MEET",
            "%first = arith.cmpi eq, %u, %c0 : index\n scf.if %first {\n"
            f"%2 = gir.all_reduce <group> %0 kinds [#vector.kind<add>] : {ROW}"
            "\n }\n gir.sync <group>",
        ),
        cure=("arith.cmpi eq, %u, %c0", "arith.cmpi uge, %u, %c0"),
        says="waits here",
    ),
    Fault(
        "window_out_by_one",
        OutOfBounds,
        kernel(f"""
gir.parallel <group> (%g) in (%c8) {{
  %0 = gir.load %a[%g, %c1] : {DRAM} -> {ROW}
  gir.store %0, %b[%g, %c0] : {ROW}, {DRAM}
}}"""),
        ("%a[%g, %c1]", "%a[%g, %c0]"),
        "[1, 17) in dimension 1",
    ),
    Fault(
        "store_out_by_one",
        OutOfBounds,
        kernel(f"""
gir.parallel <group> (%g) in (%c8) {{
  %row = affine.apply affine_map<(g) -> (g + 1)>(%g)
  %0 = gir.load %a[%g, %c0] : {DRAM} -> {ROW}
  gir.store %0, %b[%row, %c0] : {ROW}, {DRAM}
}}"""),
        ("(g + 1)", "(g)"),
        "[8, 9) in dimension 0",
    ),
    Fault(
        "uninitialised_buffer",
        UninitialisedRead,
        kernel(f"""
gir.parallel <group> (%g) in (%c8) {{
  %s = gir.alloc : {SRAM}
  %0 = gir.load %a[%g, %c0] : {DRAM} -> {ROW}
  gir.store %0, %s[%c0, %c0] valid [%c1, %c15] : {ROW}, {SRAM}
  %1 = gir.load %s[%c0, %c0] : {SRAM} -> {ROW}
  gir.store %1, %b[%g, %c0] : {ROW}, {DRAM}
}}"""),
        ("valid [%c1, %c15]", ""),
        "element 15",
    ),
    Fault(
        "two_units_store_to_one_place",
        Race,
        kernel(f"""
gir.parallel <group> (%g) in (%c4) {{
  gir.parallel <unit> (%u) in (%c2) {{
    %row = affine.apply affine_map<(g, u) -> (g * 2 + u)>(%g, %u)
    %out = affine.apply affine_map<(g, u) -> (g * 2)>(%g, %u)
    %0 = gir.load %a[%row, %c0] : {DRAM} -> {ROW}
    gir.store %0, %b[%out, %c0] : {ROW}, {DRAM}
  }}
}}"""),
        ("(g, u) -> (g * 2)>", "(g, u) -> (g * 2 + u)>"),
        "unit",
    ),
    Fault(
        "two_groups_store_to_one_place",
        Race,
        kernel(f"""
gir.parallel <group> (%g) in (%c8) {{
  %0 = gir.load %a[%g, %c0] : {DRAM} -> {ROW}
  gir.store %0, %b[%c0, %c0] : {ROW}, {DRAM}
}}"""),
        ("%b[%c0, %c0]", "%b[%g, %c0]"),
        "group",
    ),
    Fault(
        "group_reads_what_another_writes",
        Race,
        kernel(f"""
gir.parallel <group> (%g) in (%c8) {{
  %from = affine.apply affine_map<(g) -> ((g + 1) mod 8)>(%g)
  %0 = gir.load %a[%from, %c0] : {DRAM} -> {ROW}
  gir.store %0, %a[%g, %c0] : {ROW}, {DRAM}
}}"""),
        ("((g + 1) mod 8)", "(g)"),
        "'argument 0'",
    ),
    Fault(
        "tile_over_capacity",
        OverCapacity,
        kernel("""
gir.parallel <group> (%g) in (%c1) {
  %s = gir.alloc : memref<1x60000xf32, #gir.at<sram>>
  gir.store %zeros, %s[%c0, %c0] : tensor<1x16xf32, #gir.at<reg>>, memref<1x60000xf32, #gir.at<sram>>
}""").replace("%zero =", "%zeros = arith.constant dense<0.0> : tensor<1x16xf32, #gir.at<reg>>\n%zero ="),
        ("1x60000", "1x6000"),
        "240000 bytes",
        machine="sm_90",
    ),
    Fault(
        "registers_over_capacity",
        OverCapacity,
        kernel(
            """
gir.parallel <group> (%g) in (%c1) {
  %s = gir.load %a[%c0] : memref<100000xf32, #gir.at<dram>> -> tensor<20000xf32, #gir.at<reg>>
  %t = math.exp %s : tensor<20000xf32, #gir.at<reg>>
  gir.store %t, %b[%c0] : tensor<20000xf32, #gir.at<reg>>, memref<100000xf32, #gir.at<dram>>
}""",
            "memref<100000xf32> memref<100000xf32>",
        ),
        ("tensor<20000xf32", "tensor<2000xf32"),
        "80000 bytes",
        shapes=((100000,), (100000,)),
        machine="sm_90",
    ),
    Fault(
        "tail_leaks_into_a_sum",
        UnspecifiedUse,
        kernel(f"""
gir.parallel <group> (%g) in (%c8) {{
  %0 = gir.load %a[%g, %c0] valid [%c1, %c15] : {DRAM} -> {ROW}
  %1 = math.exp %0 : {ROW}
  %2 = gir.reduce %1 into %zero dims [1] valid [%c1, %c16] kinds [#vector.kind<add>] : {ROW} into {ONE}
  %3 = gir.broadcast %2 dims [1] : tensor<1xf32, #gir.at<reg>> -> {ROW}
  gir.store %3, %b[%g, %c0] : {ROW}, {DRAM}
}}"""),
        ("into %zero dims [1] valid [%c1, %c16]", "into %zero dims [1] valid [%c1, %c15]"),
        "element [0, 15]",
    ),
    Fault(
        "tail_is_stored",
        UnspecifiedUse,
        kernel(f"""
gir.parallel <group> (%g) in (%c8) {{
  %0 = gir.load %a[%g, %c0] valid [%c1, %c15] : {DRAM} -> {ROW}
  gir.store %0, %b[%g, %c0] valid [%c1, %c16] : {ROW}, {DRAM}
}}"""),
        ("valid [%c1, %c16]", "valid [%c1, %c15]"),
        "stores element [0, 15]",
    ),
    Fault(
        "mask_selects_the_tail",
        UnspecifiedUse,
        kernel(f"""
%zeros = arith.constant dense<0.0> : {ROW}
%last = arith.constant dense<16> : tensor<1x16xindex, #gir.at<reg>>
gir.parallel <group> (%g) in (%c8) {{
  %0 = gir.load %a[%g, %c0] valid [%c1, %c15] : {DRAM} -> {ROW}
  %i = gir.iota dim 1 : tensor<1x16xindex, #gir.at<reg>>
  %m = arith.cmpi slt, %i, %last : tensor<1x16xindex, #gir.at<reg>>
  %1 = arith.select %m, %0, %zeros : tensor<1x16xi1, #gir.at<reg>>, {ROW}
  gir.store %1, %b[%g, %c0] : {ROW}, {DRAM}
}}"""),
        ("dense<16>", "dense<15>"),
        "element [0, 15]",
    ),
    Fault(
        "clipped_window_leaks",
        UnspecifiedUse,
        kernel(f"""
%minus = arith.constant -2 : index
gir.parallel <group> (%g) in (%c8) {{
  %0 = gir.load %a[%g, %minus] clip : {DRAM} -> {ROW}
  gir.store %0, %b[%g, %c0] : {ROW}, {DRAM}
}}"""),
        ("-2 : index", "0 : index"),
        "element [0, 0]",
    ),
    Fault(
        "token_not_waited_for",
        LeakedToken,
        kernel(f"""
gir.parallel <group> (%g) in (%c4) {{
  %s = gir.alloc : {SRAM}
  %t = gir.copy %a[%g, %c0], %s[%c0, %c0] [1, 16] : {DRAM} -> {SRAM}
  %never = arith.cmpi ugt, %g, %c8 : index
  scf.if %never {{
    gir.wait %t
  }}
}}"""),
        ("ugt, %g, %c8", "ult, %g, %c8"),
        "nobody waits",
    ),
    Fault(
        "window_used_before_its_copy_is_done",
        PendingCopy,
        kernel(f"""
gir.parallel <group> (%g) in (%c8) {{
  %s = gir.alloc : {SRAM}
  %t = gir.copy %a[%g, %c0], %s[%c0, %c0] [1, 16] : {DRAM} -> {SRAM}
  // WAIT
  %0 = gir.load %s[%c0, %c0] : {SRAM} -> {ROW}
  gir.store %0, %b[%g, %c0] : {ROW}, {DRAM}
  gir.wait %t
}}"""),
        ("// WAIT", "gir.wait %t"),
        "under way",
    ),
    Fault(
        "source_written_while_it_is_copied",
        PendingCopy,
        kernel(f"""
%zeros = arith.constant dense<0.0> : {ROW}
gir.parallel <group> (%g) in (%c8) {{
  %s = gir.alloc : {SRAM}
  %t = gir.copy %a[%g, %c0], %s[%c0, %c0] [1, 16] : {DRAM} -> {SRAM}
  // WAIT
  gir.store %zeros, %a[%g, %c0] : {ROW}, {DRAM}
  gir.wait %t
}}"""),
        ("// WAIT", "gir.wait %t"),
        "a copy from it",
    ),
    Fault(
        "copy_seen_by_another_unit_without_a_barrier",
        (Race, PendingCopy),
        kernel(f"""
gir.parallel <group> (%g) in (%c4) {{
  %s = gir.alloc : {SRAM}
  gir.parallel <unit> (%u) in (%c2) {{
    %row = affine.apply affine_map<(g, u) -> (g * 2 + u)>(%g, %u)
    %other = affine.apply affine_map<(u) -> (1 - u)>(%u)
    %t = gir.copy %a[%row, %c0], %s[%u, %c0] [1, 16] : {DRAM} -> {SRAM}
    gir.sync <group>
    gir.wait %t
    // MEET
    %1 = gir.load %s[%other, %c0] : {SRAM} -> {ROW}
    gir.store %1, %b[%row, %c0] : {ROW}, {DRAM}
  }}
}}"""),
        ("// MEET", "gir.sync <group>"),
        "",
    ),
    Fault(
        "staged_window_changes",
        Race,
        kernel(f"""
%zeros = arith.constant dense<0.0> : {ROW}
gir.parallel <group> (%g) in (%c8) {{
  %s = gir.stage %a[%g, %c0] [1, 16] : {DRAM} -> memref<1x16xf32, #gir.at<sram>>
  gir.store %zeros, %OUT[%g, %c0] : {ROW}, {DRAM}
  %0 = gir.load %s[%c0, %c0] : memref<1x16xf32, #gir.at<sram>> -> {ROW}
  %1 = gir.reduce %0 into %zero dims [1] kinds [#vector.kind<add>] : {ROW} into {ONE}
}}""").replace("%OUT", "%a"),
        ("%zeros, %a[", "%zeros, %b["),
        "staged window of 'argument 0'",
    ),
    Fault(
        "more_valid_than_there_is",
        OutOfBounds,
        kernel(f"""
%c17 = arith.constant 17 : index
gir.parallel <group> (%g) in (%c8) {{
  %0 = gir.load %a[%g, %c0] : {DRAM} -> {ROW}
  gir.store %0, %b[%g, %c0] valid [%c1, %c17] : {ROW}, {DRAM}
}}"""),
        ("valid [%c1, %c17]", "valid [%c1, %c16]"),
        "17 elements",
    ),
    Fault(
        "scatter_meets_a_load",
        Race,
        kernel(f"""
%first = gir.iota dim 1 : tensor<1x16xindex, #gir.at<reg>>
%row = arith.constant dense<0> : tensor<1x16xindex, #gir.at<reg>>
gir.parallel <group> (%g) in (%c1) {{
  gir.parallel <unit> (%u) in (%c2) {{
    %0 = gir.load %a[%u, %c0] : {DRAM} -> {ROW}
    gir.scatter %0 into %b[%row, %first] kind <add>
        : {ROW} into {DRAM}[tensor<1x16xindex, #gir.at<reg>>, tensor<1x16xindex, #gir.at<reg>>]
    // MEET
    %1 = gir.load %b[%c0, %c0] : {DRAM} -> {ROW}
    %2 = affine.apply affine_map<(u) -> (u + 2)>(%u)
    gir.store %1, %b[%2, %c0] : {ROW}, {DRAM}
  }}
}}"""),
        ("// MEET", "gir.sync <group>"),
        "without a barrier",
    ),
    Fault(
        "overwritten_before_all_have_read_it",
        Race,
        kernel(f"""
gir.parallel <group> (%g) in (%c1) {{
  %s = gir.alloc : {SRAM}
  gir.parallel <unit> (%u) in (%c2) {{
    scf.for %k = %c0 to %c4 step %c1 {{
      %row = affine.apply affine_map<(k, u) -> (k * 2 + u)>(%k, %u)
      %other = affine.apply affine_map<(u) -> (1 - u)>(%u)
      %0 = gir.load %a[%row, %c0] : {DRAM} -> {ROW}
      gir.store %0, %s[%u, %c0] : {ROW}, {SRAM}
      gir.sync <group>
      %1 = gir.load %s[%other, %c0] : {SRAM} -> {ROW}
      gir.store %1, %b[%row, %c0] : {ROW}, {DRAM}
      // MEET
    }}
  }}
}}"""),
        ("// MEET", "gir.sync <group>"),
        "without a barrier",
    ),
    Fault(
        "barrier_of_too_few",
        Race,
        kernel(f"""
gir.parallel <cluster> (%q) in (%c2) {{
  gir.parallel <group> (%g) in (%c2) {{
    gir.parallel <unit> (%u) in (%c1) {{
      %row = affine.apply affine_map<(q, g) -> (q * 2 + g)>(%q, %g)
      %other = affine.apply affine_map<(q, g) -> (q * 2 + 1 - g)>(%q, %g)
      %to = affine.apply affine_map<(r) -> (r + 4)>(%row)
      %0 = gir.load %a[%row, %c0] : {DRAM} -> {ROW}
      gir.store %0, %b[%row, %c0] : {ROW}, {DRAM}
      gir.sync <group>
      %1 = gir.load %b[%other, %c0] : {DRAM} -> {ROW}
      gir.store %1, %b[%to, %c0] : {ROW}, {DRAM}
    }}
  }}
}}"""),
        ("gir.sync <group>", "gir.sync <cluster>"),
        "without a barrier",
    ),
]
