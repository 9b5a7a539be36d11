"""The programs that a machine is measured by, as MLIR.

Streams are operators as users write them: how fast memory is depends on how loops, prefetches and stores past the
caches are made of them. What stays in a cache or in registers is in tile form, in which nothing is reordered:

    groups, one a core, each on its part:   times x (part of x, step by step: load, compute, maybe store)
"""

from __future__ import annotations

from collections.abc import Sequence

REG = "#gir.at<reg>"
DRAM = "#gir.at<dram>"


def read_stream(elements: int) -> str:
    """Adds up a tensor: (elements) f32 -> () f32."""
    one, none = "affine_map<(i) -> (i)>", "affine_map<(i) -> ()>"
    return f"""
func.func @read_stream(%x: tensor<{elements}xf32>) -> tensor<f32> {{
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<f32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<f32>) -> tensor<f32>
  %sum = linalg.generic {{indexing_maps = [{one}, {none}], iterator_types = ["reduction"]}}
      ins(%x : tensor<{elements}xf32>) outs(%init : tensor<f32>) {{
  ^bb0(%v: f32, %s: f32):
    %t = arith.addf %s, %v : f32
    linalg.yield %t : f32
  }} -> tensor<f32>
  return %sum : tensor<f32>
}}"""


def sum_stream(elements: int, inputs: int) -> str:
    """Adds tensors and a constant, element by element: (elements) f32 each -> (elements) f32."""
    names = [f"%x{at}" for at in range(inputs)]
    scalars = [f"%v{at}" for at in range(inputs)]
    tensor = f"tensor<{elements}xf32>"
    maps = ", ".join(["affine_map<(i) -> (i)>"] * (inputs + 1))
    adds = [f"%s{at + 1} = arith.addf %s{at}, {scalar} : f32" for at, scalar in enumerate(scalars)]
    return f"""
func.func @sum_stream({", ".join(f"{name}: {tensor}" for name in names)}) -> {tensor} {{
  %s0 = arith.constant 1.0 : f32
  %empty = tensor.empty() : {tensor}
  %y = linalg.generic {{indexing_maps = [{maps}], iterator_types = ["parallel"]}}
      ins({", ".join(names)} : {", ".join([tensor] * inputs)}) outs(%empty : {tensor}) {{
  ^bb0({", ".join(f"{scalar}: f32" for scalar in scalars)}, %out: f32):
    {_lines(adds)}
    linalg.yield %s{inputs} : f32
  }} -> {tensor}
  return %y : {tensor}
}}"""


def read_again(elements: int, groups: int, tile: int) -> str:
    """Each group reads its part of x so many times: (elements) f32, (groups x tile) f32 for sums, index."""
    body = f"""
      %sum = scf.for %k = %c0 to %times step %c1 iter_args(%before = %zero) -> ({_tile(tile, "f32")}) {{
        %all = scf.for %i = %first to %end step %step iter_args(%s = %before) -> ({_tile(tile, "f32")}) {{
          %v = gir.load %x_[%i] : {_memory(elements, "f32")} -> {_tile(tile, "f32")}
          %t = arith.addf %s, %v : {_tile(tile, "f32")}
          scf.yield %t : {_tile(tile, "f32")}
        }}
        scf.yield %all : {_tile(tile, "f32")}
      }}
      gir.store %sum, %y_[%place] : {_tile(tile, "f32")}, {_memory(groups * tile, "f32")}"""
    return _grouped("read_again", [("x", elements, "f32"), ("y", groups * tile, "f32")], groups, tile, body)


def write_again(elements: int, groups: int, tile: int) -> str:
    """Each group writes its part of x so many times: (elements) f32, (groups x tile) f32 to begin with, index."""
    body = f"""
      %start = gir.load %y_[%place] : {_memory(groups * tile, "f32")} -> {_tile(tile, "f32")}
      %last = scf.for %k = %c0 to %times step %c1 iter_args(%v = %start) -> ({_tile(tile, "f32")}) {{
        scf.for %i = %first to %end step %step {{
          gir.store %v, %x_[%i] : {_tile(tile, "f32")}, {_memory(elements, "f32")}
        }}
        %w = arith.addf %v, %start : {_tile(tile, "f32")}
        scf.yield %w : {_tile(tile, "f32")}
      }}
      gir.store %last, %y_[%place] : {_tile(tile, "f32")}, {_memory(groups * tile, "f32")}"""
    return _grouped("write_again", [("x", elements, "f32"), ("y", groups * tile, "f32")], groups, tile, body)


def compute(dtype: str, groups: int, tile: int, ops: Sequence[str]) -> str:
    """Each group computes on a tile in registers, so many times some ops in turn: three of (groups x tile), index."""
    kind = _tile(tile, dtype)
    steps = [f"%t{at + 1} = {op} %t{at}, %{'pq'[at % 2]}v : {kind}" for at, op in enumerate(ops)]
    body = f"""
      %first_tile = gir.load %x_[%place] : {_memory(groups * tile, dtype)} -> {kind}
      %pv = gir.load %p_[%place] : {_memory(groups * tile, dtype)} -> {kind}
      %qv = gir.load %q_[%place] : {_memory(groups * tile, dtype)} -> {kind}
      %last = scf.for %k = %c0 to %times step %c1 iter_args(%t0 = %first_tile) -> ({kind}) {{
        {_lines(steps)}
        scf.yield %t{len(ops)} : {kind}
      }}
      gir.store %last, %x_[%place] : {kind}, {_memory(groups * tile, dtype)}"""
    arguments = [(name, groups * tile, dtype) for name in "xpq"]
    return _grouped("compute", arguments, groups, tile, body)


def multiply(dtype: str, groups: int, rows: int, folded: int, columns: int) -> str:
    """Each group multiplies two matrices that stay in its nearest cache so many times, and adds up the products.

    (groups x rows, folded) and (groups x folded, columns) of the dtype, (groups x rows, columns) f32, index.
    """
    left, right, sums = (
        f"{rows}x{folded}x{dtype}",
        f"{folded}x{columns}x{dtype}",
        f"{rows}x{columns}xf32",
    )
    sizes = (groups * rows, folded), (groups * folded, columns), (groups * rows, columns)
    plain = [f"memref<{m}x{n}x{each}>" for (m, n), each in zip(sizes, (dtype, dtype, "f32"), strict=True)]
    at = [f"{text[:-1]}, {DRAM}>" for text in plain]
    tiles = [f"tensor<{each}, {REG}>" for each in (left, right, sums)]
    maps = "affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>"
    given = ", ".join(f"%{name}_ = %{name} : {text}" for name, text in zip("abc", plain, strict=True))
    return f"""
func.func @multiply(%a: {plain[0]}, %b: {plain[1]}, %c: {plain[2]}, %n: index) {{
  gir.kernel "multiply" ({given}, %times = %n : index) -> () {{
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %groups = arith.constant {groups} : index
    %rows = arith.constant {rows} : index
    %folded = arith.constant {folded} : index
    gir.parallel <group> (%g) in (%groups) {{
      %row = arith.muli %g, %rows : index
      %fold = arith.muli %g, %folded : index
      %start = gir.load %c_[%row, %c0] : {at[2]} -> {tiles[2]}
      %sum = scf.for %k = %c0 to %times step %c1 iter_args(%s = %start) -> ({tiles[2]}) {{
        %l = gir.load %a_[%row, %c0] : {at[0]} -> {tiles[0]}
        %r = gir.load %b_[%fold, %c0] : {at[1]} -> {tiles[1]}
        %t = gir.contract %l, %r into %s maps [{maps}] : {tiles[0]}, {tiles[1]} into {tiles[2]}
        scf.yield %t : {tiles[2]}
      }}
      gir.store %sum, %c_[%row, %c0] : {tiles[2]}, {at[2]}
    }}
    gir.return
  }}
  return
}}"""


def launch(groups: int, tile: int) -> str:
    """Starts a kernel so many times that has next to nothing to do in each group: (groups x tile) f32, index."""
    kind, memory = _tile(tile, "f32"), _memory(groups * tile, "f32")
    return f"""
func.func @launch(%x: memref<{groups * tile}xf32>, %n: index) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %k = %c0 to %n step %c1 {{
    gir.kernel "launch" (%x_ = %x : memref<{groups * tile}xf32>) -> () {{
      %groups = arith.constant {groups} : index
      %step = arith.constant {tile} : index
      gir.parallel <group> (%g) in (%groups) {{
        %place = arith.muli %g, %step : index
        %v = gir.load %x_[%place] : {memory} -> {kind}
        %w = arith.addf %v, %v : {kind}
        gir.store %w, %x_[%place] : {kind}, {memory}
      }}
      gir.return
    }}
  }}
  return
}}"""


def _grouped(name: str, arguments: Sequence[tuple[str, int, str]], groups: int, tile: int, body: str) -> str:
    """A kernel of some groups, each with its part of the first argument: from `%first` to `%end`."""
    plain = [(argument, f"memref<{size}x{dtype}>") for argument, size, dtype in arguments]
    taken = ", ".join(f"%{argument}: {text}" for argument, text in plain)
    given = ", ".join(f"%{argument}_ = %{argument} : {text}" for argument, text in plain)
    part = arguments[0][1] // groups
    return f"""
func.func @{name}({taken}, %n: index) {{
  gir.kernel "{name}" ({given}, %times = %n : index) -> () {{
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %groups = arith.constant {groups} : index
    %part = arith.constant {part} : index
    %step = arith.constant {tile} : index
    %zero = arith.constant dense<0.0> : {_tile(tile, "f32")}
    gir.parallel <group> (%g) in (%groups) {{
      %first = arith.muli %g, %part : index
      %end = arith.addi %first, %part : index
      %place = arith.muli %g, %step : index{body}
    }}
    gir.return
  }}
  return
}}"""


def _tile(elements: int, dtype: str) -> str:
    return f"tensor<{elements}x{dtype}, {REG}>"


def _memory(elements: int, dtype: str) -> str:
    return f"memref<{elements}x{dtype}, {DRAM}>"


def _lines(lines: Sequence[str]) -> str:
    return "\n    ".join(lines)
