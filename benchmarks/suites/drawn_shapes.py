"""The memory-bound suite's operators at sizes that nobody chose: odd and prime ones of 2 to 5 dimensions, drawn.

`random_shapes` has large ones, and the named sizes that their shares of the roofline are compared with; `small` those
below 1 MB, where what a call costs counts. Both are the same each time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil, isqrt, prod

import numpy as np

from suites.case import Case
from suites.memory_bound import memory_bound
from workloads.workload import DTYPES

SEED = 20
LARGE = (1 << 23, 3 << 22)  # elements, from and to: 16 MB in bf16 and more
LITTLE = (1 << 12, 1 << 16)
TINY = (1 << 9, 1 << 11)  # at which an interpreter holds it against NumPy
Sizes = tuple[int, ...]
Draw = Callable[[np.random.Generator, int], Sizes]
"""Sizes of about so many elements."""


@dataclass(frozen=True)
class Form:
    """What shapes an operator is drawn.

    Attributes:
        like: The named case: where it starts so.
        draws: A case for each.
    """

    like: str
    draws: tuple[Draw, ...]


def any_shape(rank: int) -> Draw:
    """So many dimensions, as unlike one another as it comes."""

    def draw(generator: np.random.Generator, elements: int) -> Sizes:
        shares = generator.dirichlet([2.0] * rank)
        sizes = [_odd(generator, max(3, round(elements**share))) for share in shares[:-1]]
        return (*sizes, _odd(generator, max(3, ceil(elements / prod(sizes)))))

    return draw


def rows_of(longest: int) -> Draw:
    """Rows and columns, up to so many of these."""

    def draw(generator: np.random.Generator, elements: int) -> Sizes:
        columns = _odd(generator, round(np.exp(generator.uniform(np.log(9), np.log(min(longest, elements // 3))))))
        return _odd(generator, max(3, ceil(elements / columns))), columns

    return draw


def images(multiple: int = 1) -> Draw:
    """Batch, channels, of which there are multiples of a number, height and width."""

    def draw(generator: np.random.Generator, elements: int) -> Sizes:
        side = int(generator.integers(7, max(8, min(121, isqrt(elements // (6 * multiple))))))
        height, width = (_odd(generator, max(5, side + int(by))) for by in generator.integers(-2, 3, 2))
        channels = multiple * _odd(generator, int(generator.integers(3, 60 if elements > LITTLE[1] else 5)))
        return ceil(elements / (channels * height * width)), channels, height, width

    return draw


def turned(generator: np.random.Generator, elements: int) -> Sizes:
    """Batch, heads, positions and an even number of features."""
    features = 2 * _odd(generator, int(generator.integers(5, 70)))
    heads = _odd(generator, int(generator.integers(3, 24)))
    return 1, heads, _odd(generator, max(3, ceil(elements / (heads * features)))), features


def words(generator: np.random.Generator, elements: int) -> Sizes:
    """A table's words, their features, and how many are looked up."""
    features = _odd(generator, int(generator.integers(60, 1100)))
    count = _odd(generator, max(3, ceil(elements / features)))
    return 2 * count, features, count


WIDE = rows_of(70_000)
FORMS = (
    Form("add_relu_mul", (any_shape(2), any_shape(5))),
    Form("gelu_tanh", (any_shape(3),)),
    Form("gelu_erf", (any_shape(4),)),
    Form("bias_gelu", (any_shape(2), any_shape(3))),
    Form("swiglu", (any_shape(3),)),
    Form("squeeze_excite_scale", (images(),)),
    Form("batchnorm_relu", (images(), images())),
    Form("softmax_4096x1024", (WIDE, any_shape(4))),
    Form("masked_softmax", (any_shape(3),)),
    Form("cross_entropy", (WIDE,)),
    Form("layernorm_768", (WIDE, any_shape(3))),
    Form("rmsnorm", (WIDE, any_shape(5))),
    Form("add_layernorm", (WIDE,)),
    Form("batchnorm_statistics", (images(),)),
    Form("sum_of_rows", (WIDE,)),
    Form("sum_of_columns", (WIDE, WIDE)),
    Form("sum_of_all", (any_shape(2),)),
    Form("global_average_pool", (images(),)),
    Form("argmax", (WIDE,)),
    Form("cumulative_sum", (WIDE,)),
    Form("int8_quantise", (WIDE,)),
    Form("int8_dequantise", (WIDE,)),
    Form("transpose f", (any_shape(2),)),
    Form("transpose b", (any_shape(2),)),
    Form("permute_0213", (any_shape(4),)),
    Form("transpose_add", (any_shape(2),)),
    Form("channel_shuffle", (images(3),)),
    Form("embedding", (words,)),
    Form("rope", (turned,)),
    Form("depthwise_conv", (images(),)),
    Form("max_pool", (images(),)),
    Form("average_pool", (images(),)),
)


def random_shapes() -> tuple[Case, ...]:
    """Large ones, behind those that they are like."""
    drawn = _drawn(*LARGE)
    names = {case.like for case in drawn}
    return (*(case for case in memory_bound() if case.name in names), *drawn)


def small() -> tuple[Case, ...]:
    """Small ones."""
    return _drawn(*LITTLE)


def _drawn(low: int, high: int) -> tuple[Case, ...]:
    named = memory_bound()
    cases: list[Case] = []
    for at, form in enumerate(FORMS):
        for case in named:
            if not case.name.startswith(form.like):
                continue
            shapes = [_sizes(draw, (SEED, at, number), low, high) for number, draw in enumerate(form.draws)]
            cases += [_resized(case, *sizes) for sizes in shapes]
    order = {dtype: number for number, dtype in enumerate(DTYPES)}
    return tuple(sorted(cases, key=lambda case: order[case.workload.dtype]))


def _sizes(draw: Draw, seed: tuple[int, ...], low: int, high: int) -> tuple[Sizes, Sizes]:
    """Large and tiny ones, the same for each dtype."""
    generator = np.random.default_rng(seed)
    return draw(generator, int(generator.integers(low, high))), draw(generator, int(generator.integers(*TINY)))


def _resized(case: Case, full: Sizes, tiny: Sizes) -> Case:
    workload = case.workload
    name = f"{case.operation}_{'x'.join(map(str, full))}"
    return replace(case, workload=replace(workload, name=name, full=full, small=tiny), like=case.name)


def _odd(generator: np.random.Generator, size: int) -> int:
    """An odd number near another; every second one a prime."""
    size |= 1
    while generator.integers(2) and not all(size % by for by in range(3, isqrt(size) + 1, 2)):
        size += 2
    return size
