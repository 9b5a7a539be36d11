"""Tensor ops that give a shape as a value, and single elements.

Programs: `tensor.reshape` by sizes that are known, computed, or held by an argument, to more, fewer
and no dimensions; `tensor.expand_shape` of one dimension into several of unknown sizes; tensors of
several dimensions from elements; `tensor.insert` at places that are computed; a concatenation and a
slice that have nothing, of which a fold and a sum are asked.
"""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

import numpy as np

from .build import empty, function, generic
from .program import Program, integers, normal

_EXP = "%0 = math.exp %a : f32\n    linalg.yield %0 : f32"

_NOTHING_FOLDED = """
func.func @main(%x: tensor<0x3xf32>) -> tensor<6xf32> {
  %c = tensor.concat dim(1) %x, %x : (tensor<0x3xf32>, tensor<0x3xf32>) -> tensor<0x6xf32>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<6xf32>) -> tensor<6xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>], iterator_types = ["reduction", "parallel"]}
      ins(%c : tensor<0x6xf32>) outs(%f : tensor<6xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o : f32
    linalg.yield %0 : f32
  } -> tensor<6xf32>
  return %r : tensor<6xf32>
}"""
_NOTHING_SLICED = """
func.func @main(%x: tensor<0x3x3xi32>) -> tensor<0x3x3xi32> {
  %v = tensor.collapse_shape %x [[0], [1, 2]] : tensor<0x3x3xi32> into tensor<0x9xi32>
  %e = tensor.empty() : tensor<0x3x3xi32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j, k)>, affine_map<(i, j, k) -> (i, 0)>, affine_map<(i, j, k) -> (i, j, k)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %v : tensor<0x3x3xi32>, tensor<0x9xi32>) outs(%e : tensor<0x3x3xi32>) {
  ^bb0(%a: i32, %b: i32, %o: i32):
    %0 = arith.addi %a, %b : i32
    linalg.yield %0 : i32
  } -> tensor<0x3x3xi32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j, k)>, affine_map<(i, j, k) -> (i, j, k)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%y : tensor<0x3x3xi32>) outs(%e : tensor<0x3x3xi32>) {
  ^bb0(%a: i32, %o: i32):
    %one = arith.constant 1 : i32
    %odd = arith.ori %a, %one : i32
    %zero = arith.constant 0 : i32
    %c = arith.cmpi ne, %odd, %zero : i32
    cf.assert %c, "zero"
    linalg.yield %odd : i32
  } -> tensor<0x3x3xi32>
  return %r : tensor<0x3x3xi32>
}"""


def programs() -> list[Program]:
    """All programs of this module."""
    exp = empty("e", "4x6xf32") + generic("y", "ij", [("%x", "4x6xf32", "ij")], [("%e", "4x6xf32", "ij")], _EXP)
    known = (
        exp
        + "  %s0 = arith.constant 3 : index\n  %s1 = arith.constant 8 : index\n  %s = tensor.from_elements %s0, %s1 : tensor<2xindex>\n"
    )
    computed = (
        exp
        + "  %eight = arith.constant 24 : index\n  %m = arith.divui %eight, %n : index\n  %s = tensor.from_elements %n, %m : tensor<2xindex>\n  %r = tensor.reshape %y(%s) : (tensor<4x6xf32>, tensor<2xindex>) -> tensor<?x?xf32>\n"
    )
    held = exp + "  %r = tensor.reshape %y(%s) : (tensor<4x6xf32>, tensor<3xi64>) -> tensor<?x?x?xf32>\n"
    one = "  %s = tensor.empty() : tensor<0xindex>\n  %r = tensor.reshape %x(%s) : (tensor<1x1xf32>, tensor<0xindex>) -> tensor<f32>\n"
    up = "  %a = arith.constant 1 : i32\n  %s = tensor.from_elements %a, %a : tensor<2xi32>\n  %r = tensor.reshape %x(%s) : (tensor<f32>, tensor<2xi32>) -> tensor<1x1xf32>\n"
    expand = (
        "  %r = tensor.expand_shape %x [[0, 1, 2]] output_shape [%n, %m, 2] : tensor<?xf32> into tensor<?x?x2xf32>\n"
    )
    behind = "  %e = tensor.expand_shape %x [[0, 1]] output_shape [%n, %m] : tensor<?xf32> into tensor<?x?xf32>\n  %d = tensor.empty(%m, %n) : tensor<?x?xf32>\n  %r = linalg.transpose ins(%e : tensor<?x?xf32>) outs(%d : tensor<?x?xf32>) permutation = [1, 0]\n"
    elements = "  %z = arith.constant 2.0 : f32\n  %q = arith.mulf %v, %z : f32\n  %r = tensor.from_elements %v, %w, %q, %z, %w, %v : tensor<2x3xf32>\n"
    insert = "  %one = arith.constant 1 : index\n  %j = arith.addi %i, %one : index\n  %r = tensor.insert %v into %x[%i, %j] : tensor<4x6xf32>\n"
    twice = insert.replace("%r =", "%y =") + "  %r = tensor.insert %v into %y[%j, %i] : tensor<4x6xf32>\n"
    x, v, w = normal((4, 6)), np.float32(3.25), np.float32(-1.5)

    def inserted(x: np.ndarray, i: int, v: float, *, both: bool = False) -> np.ndarray:
        x = x.copy()
        x[i, i + 1] = v
        if both:
            x[i + 1, i] = v
        return x

    scalar = [np.asarray(v), np.asarray(w)]
    return [
        Program("reshape_known", function("x:4x6xf32", "r:3x8xf32", known + "  %r = tensor.reshape %y(%s) : (tensor<4x6xf32>, tensor<2xindex>) -> tensor<3x8xf32>\n"), (x,), lambda x: np.exp(x).reshape(3, 8), roundings=2),
        Program("reshape_computed", function("x:4x6xf32 n:!index", "r:?x?xf32", computed), (x, np.int64(3)), lambda x, n: np.exp(x).reshape(int(n), -1), more=((x, np.int64(24)), (x, np.int64(1))), roundings=2),
        Program("reshape_held", function("x:4x6xf32 s:3xi64", "r:?x?x?xf32", held), (x, np.array([2, 4, 3])), lambda x, s: np.exp(x).reshape(*s), more=((x, np.array([24, 1, 1])),), roundings=2),
        Program("reshape_to_scalar", function("x:1x1xf32", "r:f32", one).replace("-> (f32)", "-> (tensor<f32>)"), (normal((1, 1)),), lambda x: x.reshape(())),
        Program("reshape_from_scalar", function("x:f32", "r:1x1xf32", up), (normal(()),), lambda x: x.reshape(1, 1)),
        Program("expand_unknown", function("x:?xf32 n:!index m:!index", "r:?x?x2xf32", expand), (normal(24), np.int64(3), np.int64(4)), lambda x, n, m: x.reshape(int(n), int(m), 2), more=((normal(2), np.int64(1), np.int64(1)),)),
        Program("expand_unknown_transposed", function("x:?xf32 n:!index m:!index", "r:?x?xf32", behind), (normal(35), np.int64(5), np.int64(7)), lambda x, n, m: x.reshape(int(n), int(m)).T),
        Program("elements_of_matrix", function("v:!f32 w:!f32", "r:2x3xf32", elements), (*scalar,), lambda v, w: np.array([[v, w, 2 * v], [2, w, v]])),
        Program("insert_one", function("x:4x6xf32 i:!index v:!f32", "r:4x6xf32", insert), (x, np.int64(2), scalar[0]), inserted),
        Program("insert_twice", function("x:4x6xf32 i:!index v:!f32", "r:4x6xf32", twice), (x, np.int64(1), scalar[0]), lambda x, i, v: inserted(x, i, v, both=True)),
        Program("elements_of_integers", function("i:!i64 k:!i64", "r:2x1x2xi64", "  %r = tensor.from_elements %i, %k, %k, %i : tensor<2x1x2xi64>\n"), (integers((), dtype="i64", key=1), integers((), dtype="i64", key=2)), lambda i, k: np.array([[[i, k]], [[k, i]]])),
        Program("nothing_folded", _NOTHING_FOLDED, (np.zeros((0, 3), np.float32),), lambda x: np.zeros(6)),
        Program("nothing_sliced", _NOTHING_SLICED, (np.zeros((0, 3, 3), np.int32),), lambda x: x),
    ]  # fmt: skip
