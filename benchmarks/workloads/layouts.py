"""Programs that mostly move: permutations, shuffles, rotations, padded slices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from workloads.filling import Array, angles
from workloads.workload import Sizes, Workload, both
from workloads.writer import Value, Writer

SHUFFLED_GROUPS = 3


def _permuted(name: str, permutation: Sequence[int], full: Sizes, small: Sizes) -> list[Workload]:
    def write(w: Writer, dtype: str, *shape: int) -> Value:
        return w.transposed(w.argument(shape, dtype), permutation)

    family = name.partition("_")[0]
    return both(family, write, (full, small), lambda x: x.transpose(permutation), name=name)


def _shuffle(w: Writer, dtype: str, batch: int, channels: int, height: int, width: int) -> Value:
    x = w.argument((batch, channels, height, width), dtype)
    groups = [[batch], [SHUFFLED_GROUPS, channels // SHUFFLED_GROUPS], [height], [width]]
    swapped = w.transposed(w.expanded(x, groups), [0, 2, 1, 3, 4])
    return w.collapsed(swapped, [[0], [1, 2], [3], [4]])


def _shuffle_meaning(x: Array) -> Array:
    n, c, h, w = x.shape
    return x.reshape(n, SHUFFLED_GROUPS, c // SHUFFLED_GROUPS, h, w).swapaxes(1, 2).reshape(x.shape)


def _transpose_add(w: Writer, dtype: str, rows: int, columns: int) -> Value:
    x, y = w.argument((columns, rows), dtype), w.argument((rows, columns), dtype)
    return w.binary("addf", w.transposed(x, [1, 0]), y)


def _rope(w: Writer, dtype: str, batch: int, heads: int, length: int, features: int) -> Value:
    x = w.argument((batch, heads, length, features), dtype)
    cosine, sine = (w.argument((length, features), dtype, angles(f)) for f in (np.cos, np.sin))
    half = [batch, heads, length, features // 2]
    left, right = (w.sliced(x, [0, 0, 0, at], half) for at in (0, features // 2))
    turned = w.concatenated(3, w.pointwise(lambda b, v: b("negf", v), right), left)
    return w.binary("addf", w.binary("mulf", x, cosine), w.binary("mulf", turned, sine))


def _rope_meaning(x: Array, cosine: Array, sine: Array) -> Array:
    left, right = np.split(x, 2, -1)
    return x * cosine + np.concatenate([-right, left], -1) * sine


def _stencil(steps: int) -> Callable[..., Value]:
    """A step of diffusion: each element and its neighbours along each dimension, 0 outside."""

    def write(w: Writer, dtype: str, *shape: int) -> Value:
        u = w.argument(shape, dtype)
        for _ in range(steps):
            u = _diffused(w, u)
        return u

    return write


def _diffused(w: Writer, u: Value) -> Value:
    rank = len(u.shape)
    around = w.padded(u, [1] * rank, [1] * rank, 0.0)
    places = [[1 + shift * (d == dim) for d in range(rank)] for dim in range(rank) for shift in (-1, 1)]
    near = [w.sliced(around, place, u.shape) for place in places]
    total = near[0]
    for each in near[1:]:
        total = w.binary("addf", total, each)
    bend = w.pointwise(lambda b, s, x: b("subf", s, b("mulf", x, b.number(2 * rank))), total, u)
    return w.pointwise(lambda b, x, s: b("addf", x, b("mulf", s, b.number(0.125))), u, bend)


def _stencil_meaning(steps: int) -> Callable[[Array], Array]:
    def meaning(u: Array) -> Array:
        for _ in range(steps):
            around = np.pad(u, 1)
            inner = tuple(slice(1, -1) for _ in u.shape)
            near = sum(np.roll(around, shift, dim)[inner] for dim in range(u.ndim) for shift in (-1, 1))
            u = u + 0.125 * (near - 2 * u.ndim * u)
        return u

    return meaning


def workloads() -> list[Workload]:
    """All programs of this module."""
    found = [
        *_permuted("shuffle_784x58x2", (0, 2, 1), (784, 58, 2), (41, 29, 2)),
        *_permuted("shuffle_196x116x2", (0, 2, 1), (196, 116, 2), (23, 37, 2)),
        *_permuted("shuffle_49x232x2", (0, 2, 1), (49, 232, 2), (11, 65, 2)),
        *both("shuffle", _shuffle, ((8, 240, 28, 28), (3, 12, 5, 7)), _shuffle_meaning, name="shuffle_nchw"),
        *_permuted("permute_0213", (0, 2, 1, 3), (16, 512, 12, 64), (3, 17, 5, 9)),
        *_permuted("permute_reversed", (3, 2, 1, 0), (32, 31, 33, 32), (5, 7, 3, 9)),
        *both("transpose_add", _transpose_add, ((4096, 4096), (37, 65)), lambda x, y: x.T + y, scale=1),
        *both("rope", _rope, ((1, 32, 512, 64), (1, 3, 17, 10)), _rope_meaning, roundings=4, scale=1),
    ]
    for points, full, small in ((5, (4096, 4096), (37, 41)), (7, (256, 256, 256), (9, 11, 13))):
        for steps in (1, 2):
            found += both(
                "stencil",
                _stencil(steps),
                (full, small),
                _stencil_meaning(steps),
                name=f"stencil{points}_{steps}_step{'s' if steps > 1 else ''}",
                roundings=8,
                scale=2,
            )
    return found
