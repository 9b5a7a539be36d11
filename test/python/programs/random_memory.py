"""Random functions of kernels in tile form that hand arrays of several types and sizes on to one another.

Each kernel adds up elements of two arrays before it and fills its own with the sum; some are returned.
"""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from programs.random_gir import Draw


@st.composite
def kernel_chains(draw: Draw) -> tuple[str, tuple[Any, ...]]:
    """A function of kernels that each add up two of the arrays before, of several types and sizes; some are returned."""
    lines: list[str] = []
    arrays = {"%x": "8xf32"}
    sizes = [draw(st.sampled_from((1, 5, 16, 40))) for _ in range(3)]
    for at in range(draw(st.integers(2, 9))):
        kind, size = draw(st.sampled_from(("f32", "f64", "i8", "i32"))), draw(st.sampled_from(sizes))
        one, two = draw(st.sampled_from(sorted(arrays))), draw(st.sampled_from(sorted(arrays)))
        lines += _kernel(at, kind, size, (one, arrays[one]), (two, arrays[two]))
        arrays[f"%m{at}"] = f"{size}x{kind}"
    return _function(lines, list(arrays.items())), (np.arange(3, 11, dtype=np.float32),)


def _kernel(at: int, kind: str, size: int, one: tuple[str, str], two: tuple[str, str]) -> list[str]:
    made = f"{size}x{kind}"
    lines = [
        f"%m{at} = memref.alloc() : memref<{made}>",
        f'gir.kernel "k{at}" (%a = {one[0]} : memref<{one[1]}>, %b = {two[0]} : memref<{two[1]}>, %o = %m{at} : memref<{made}>) -> () {{',
        "%zero = arith.constant 0 : index",
        f"%own = arith.constant dense<{at}> : tensor<1xi32, #gir.at<reg>>",
    ]
    for name, type_ in (("%a", one[1]), ("%b", two[1])):
        element = type_.partition("x")[2]
        lines.append(
            f"{name}0 = gir.load {name}[%zero] : memref<{type_}, #gir.at<dram>> -> tensor<1x{element}, #gir.at<reg>>"
        )
        lines += _converted(name, element)
    lines += [
        "%r = arith.addi %a1, %b1 : tensor<1xi32, #gir.at<reg>>",
        "%s = arith.addi %r, %own : tensor<1xi32, #gir.at<reg>>",
        "%seven = arith.constant dense<7> : tensor<1xi32, #gir.at<reg>>",
        "%t = arith.andi %s, %seven : tensor<1xi32, #gir.at<reg>>",
        *_stored("%t", kind, size),
        "gir.return",
        "}",
    ]
    return lines


def _converted(name: str, element: str) -> list[str]:
    source, result = f"tensor<1x{element}, #gir.at<reg>>", "tensor<1xi32, #gir.at<reg>>"
    match element:
        case "i32":
            return [f"%{name[1:]}1 = arith.addi {name}0, {name}0 : {result}"]
        case "i8":
            return [f"{name}1 = arith.extsi {name}0 : {source} to {result}"]
        case _:
            return [f"{name}1 = arith.fptosi {name}0 : {source} to {result}"]


def _stored(value: str, kind: str, size: int) -> list[str]:
    source, result = "tensor<1xi32, #gir.at<reg>>", f"tensor<1x{kind}, #gir.at<reg>>"
    op = {"f32": "arith.sitofp", "f64": "arith.sitofp", "i8": "arith.trunci"}.get(kind)
    lines = [f"%v = {op} {value} : {source} to {result}"] if op else [f"%v = arith.addi {value}, {value} : {source}"]
    wide = f"tensor<{size}x{kind}, #gir.at<reg>>"
    return [
        *lines,
        f"%u = gir.reshape %v : {result} -> tensor<{kind}, #gir.at<reg>>",
        f"%w = gir.broadcast %u dims [0] : tensor<{kind}, #gir.at<reg>> -> {wide}",
        f"gir.store %w, %o[%zero] : {wide}, memref<{size}x{kind}, #gir.at<dram>>",
    ]


def _function(lines: Sequence[str], arrays: Sequence[tuple[str, str]]) -> str:
    returned = [arrays[-1], arrays[len(arrays) // 2]]
    names = ", ".join(name for name, _ in returned)
    types = ", ".join(f"memref<{type_}>" for _, type_ in returned)
    body = "\n".join(lines)
    return f"func.func @main(%x: memref<8xf32>) -> ({types}) {{\n{body}\nreturn {names} : {types}\n}}"
