"""`arith` on every dtype: operations, comparisons, casts.

Programs, each one elementwise generic per dtype with all dtypes in one program:
- floats (f64 f32 f16 bf16): addf subf mulf divf remf negf maximumf minimumf maxnumf minnumf, and the
  16 predicates of cmpf with NaN and infinities among the inputs;
- integers (i8 i16 i32 i64): addi subi muli with wrap-around, divsi divui ceildivsi floordivsi
  ceildivui remsi remui shli shrsi shrui andi ori xori maxsi maxui minsi minui, the 10 predicates of
  cmpi, addui_extended and mulsi_extended and mului_extended (two results);
- index: addi subi muli divsi remsi minsi maxsi, cmpi, index_cast, index_castui;
- i1: andi ori xori addi muli select cmpi;
- casts: extf truncf sitofp uitofp fptosi fptoui extsi extui trunci bitcast index_cast.
"""

# ruff: noqa: E731 - what builds a text is a small lambda
from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .build import empty, function, generic, mapped
from .program import BITS, DTYPES, FLOATS, INTS, Array, Program, integers, normal, uniform

N = 61
Line = Callable[[str], str]


def per_dtype(
    name: str,
    dtypes: tuple[str, ...],
    line: Line,
    data: Callable[[str], tuple[Array, ...]],
    reference: Callable[..., Any],
    *,
    result: Callable[[str], str] = lambda d: d,
    full: bool = False,
    roundings: float = 1,
) -> Program:
    """One program with a generic per dtype; `line` computes %0 from %a (and %b, %c)."""
    args, returns, body, inputs = [], [], "", []
    for i, dtype in enumerate(dtypes):
        arrays = data(dtype)
        kinds = [next(k for k in (dtype, *DTYPES) if DTYPES[k] == a.dtype) for a in arrays]
        names = [f"x{i}_{j}" for j in range(len(arrays))]
        args += [f"{n}:{N}x{k}" for n, k in zip(names, kinds, strict=True)]
        out = f"{N}x{result(dtype)}"
        ins = [(f"%{n}", f"{N}x{k}", "i") for n, k in zip(names, kinds, strict=True)]
        body += empty(f"e{i}", out) + generic(
            f"r{i}", "i", ins, [(f"%e{i}", out, "i")], f"{line(dtype)}\n    linalg.yield %0 : {result(dtype)}"
        )
        returns.append(f"r{i}:{out}")
        inputs += arrays
    counts = len(inputs) // len(dtypes)

    def whole(*arrays: Array) -> Any:
        with np.errstate(all="ignore"):
            out = tuple(reference(*arrays[i * counts : (i + 1) * counts]) for i in range(len(dtypes)))
        return out if len(out) > 1 else out[0]

    return Program(
        name, function(" ".join(args), " ".join(returns), body), tuple(inputs), whole, full=full, roundings=roundings
    )


def _binary(op: str) -> Line:
    return lambda d: f"%0 = {op} %a, %b : {d}"


def _pair(dtype: str) -> tuple[Array, ...]:
    return normal(N, dtype, key="x"), normal(N, dtype, key="y")


def _special_pair(dtype: str) -> tuple[Array, ...]:
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -2.5])
    x, y = (a.reshape(-1) for a in np.meshgrid(special, special))
    pad = normal(N - 49, "f64", key="p")
    return np.concatenate([x, pad]).astype(DTYPES[dtype]), np.concatenate([y, pad]).astype(DTYPES[dtype])


def _unordered(f: Callable[..., Array], x: Array, y: Array) -> Array:
    return f(x, y) | np.isnan(x) | np.isnan(y)


def _ordered(f: Callable[..., Array], x: Array, y: Array) -> Array:
    return f(x, y) & ~np.isnan(x) & ~np.isnan(y)


_RELATIONS = {
    "eq": np.equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "lt": np.less,
    "le": np.less_equal,
    "ne": np.not_equal,
}
_FLOAT_PREDICATES: dict[str, Callable[..., Array]] = {
    **{f"o{name}": partial(_ordered, relation) for name, relation in _RELATIONS.items()},
    **{f"u{name}": partial(_unordered, relation) for name, relation in _RELATIONS.items()},
    "ord": lambda x, y: ~(np.isnan(x) | np.isnan(y)),
    "uno": lambda x, y: np.isnan(x) | np.isnan(y),
    "true": lambda x, _: np.ones(x.shape, bool),
    "false": lambda x, _: np.zeros(x.shape, bool),
}


def unsigned(x: Array) -> Array:
    """The same bits, unsigned."""
    return x.view(np.dtype(f"u{x.dtype.itemsize}"))


_INT_PREDICATES: dict[str, Callable[..., Array]] = {
    "eq": np.equal,
    "ne": np.not_equal,
    **{f"s{name}": _RELATIONS[name] for name in ("lt", "le", "gt", "ge")},
    **{f"u{name}": (lambda x, y, r=_RELATIONS[name]: r(unsigned(x), unsigned(y))) for name in ("lt", "le", "gt", "ge")},
}


def _floats() -> list[Program]:
    f = FLOATS
    nonzero = lambda d: (
        normal(N, d, key="x"),
        (uniform(N, 0.5, 3, "f64", key="y") * np.where(np.arange(N) % 2, 1, -1)).astype(DTYPES[d]),
    )
    programs = [
        per_dtype("arith_addf", f, _binary("arith.addf"), _pair, np.add),
        per_dtype("arith_subf", f, _binary("arith.subf"), _pair, np.subtract),
        per_dtype("arith_mulf", f, _binary("arith.mulf"), _pair, np.multiply),
        per_dtype("arith_divf", f, _binary("arith.divf"), nonzero, np.divide),
        per_dtype("arith_remf", ("f64", "f32"), _binary("arith.remf"), nonzero, np.fmod),
        per_dtype(
            "arith_negf", f, lambda d: f"%0 = arith.negf %a : {d}", lambda d: (_special_pair(d)[0],), np.negative
        ),
        per_dtype(
            "arith_select",
            f,
            lambda d: f"%0 = arith.select %c, %a, %b : {d}",
            lambda d: (*_special_pair(d), integers(N, dtype="i1")),
            lambda x, y, m: np.where(m, x, y),
        ),
        per_dtype("arith_maximumf", f, _binary("arith.maximumf"), _special_pair, np.maximum),
        per_dtype("arith_minimumf", f, _binary("arith.minimumf"), _special_pair, np.minimum),
        per_dtype("arith_maxnumf", f, _binary("arith.maxnumf"), _special_pair, np.fmax),
        per_dtype("arith_minnumf", f, _binary("arith.minnumf"), _special_pair, np.fmin),
        per_dtype("arith_divf_special", f, _binary("arith.divf"), _special_pair, np.divide),
        per_dtype("arith_mulf_special", f, _binary("arith.mulf"), _special_pair, np.multiply),
        per_dtype("arith_addf_special", f, _binary("arith.addf"), _special_pair, np.add),
    ]
    return [*programs, *(_predicates(d, _FLOAT_PREDICATES, _special_pair(d)) for d in FLOATS)]


def _predicates(dtype: str, meanings: dict[str, Callable[..., Array]], data: tuple[Array, ...]) -> Program:
    """All predicates of a dtype in one body: bit k of the result is what predicate k says."""
    op = "cmpf" if dtype in FLOATS else "cmpi"
    body = "%p = arith.constant 0 : i32\n"
    last = "%p"
    for k, predicate in enumerate(meanings):
        body += f"""    %c{k} = arith.{op} {predicate}, %a, %b : {dtype}
    %x{k} = arith.extui %c{k} : i1 to i32
    %k{k} = arith.constant {k} : i32
    %s{k} = arith.shli %x{k}, %k{k} : i32
    %o{k} = arith.ori {last}, %s{k} : i32
"""
        last = f"%o{k}"
    text = mapped(f"l:{N}x{dtype} r_:{N}x{dtype}", f"{N}xi32", body + f"    linalg.yield {last} : i32")
    return Program(
        f"arith_{op}_{dtype}",
        text,
        data,
        lambda x, y: sum(np.asarray(m(x, y)).astype(np.int32) << k for k, m in enumerate(meanings.values())),
    )


def _on_unsigned(f: Callable[..., Array]) -> Callable[..., Array]:
    return lambda x, y: f(unsigned(x), unsigned(y)).view(x.dtype)


def _whole(dtype: str) -> tuple[Array, ...]:
    return integers(N, dtype=dtype, key="x"), integers(N, dtype=dtype, key="y")


def _divisors(dtype: str) -> tuple[Array, ...]:
    x, y = _whole(dtype)
    x[x == np.iinfo(x.dtype).min] = 7  # the one quotient that overflows
    y[::3] = np.resize([1, -1, 2, 3, -7, 10], len(y[::3]))
    y[y == 0] = 5
    return x, y


def _shifts(dtype: str) -> tuple[Array, ...]:
    return integers(N, dtype=dtype, key="x"), integers(N, 0, BITS[dtype] - 1, dtype, key="y")


def _truncated(x: Array, y: Array) -> Array:
    q = np.floor_divide(x, y)
    return q + ((q * y != x) & ((x < 0) != (y < 0)))


def _integers() -> list[Program]:
    i = INTS
    make = lambda name, data, f, full=False: per_dtype(f"arith_{name}", i, _binary(f"arith.{name}"), data, f, full=full)
    programs = [
        make("addi", _whole, np.add),
        make("subi", _whole, np.subtract),
        make("muli", _whole, np.multiply),
        make("divsi", _divisors, _truncated),
        make("divui", _divisors, _on_unsigned(np.floor_divide)),
        make("floordivsi", _divisors, np.floor_divide),
        make("ceildivsi", _divisors, lambda x, y: -np.floor_divide(-x, y)),
        make("ceildivui", _divisors, _on_unsigned(lambda x, y: x // y + (x % y != 0).astype(x.dtype))),
        make("remsi", _divisors, np.fmod),
        make("remui", _divisors, _on_unsigned(np.remainder)),
        make("shli", _shifts, np.left_shift),
        make("shrsi", _shifts, np.right_shift),
        make("shrui", _shifts, _on_unsigned(np.right_shift)),
        make("andi", _whole, np.bitwise_and),
        make("ori", _whole, np.bitwise_or),
        make("xori", _whole, np.bitwise_xor),
        make("maxsi", _whole, np.maximum),
        make("minsi", _whole, np.minimum),
        make("maxui", _whole, _on_unsigned(np.maximum)),
        make("minui", _whole, _on_unsigned(np.minimum)),
    ]
    for dtype in (*i, "index"):
        close = integers(N, -3, 3, dtype, key="x"), integers(N, -3, 3, dtype, key="y")
        programs.append(_predicates(dtype, _INT_PREDICATES, close))
    for part, low in (("low", True), ("high", False)):
        line = "%0, %1 = {} %a, %b : {}" if low else "%1, %0 = {} %a, %b : {}"
        programs += [
            per_dtype(
                f"arith_mulsi_extended_{part}",
                i,
                lambda d, t=line: t.format("arith.mulsi_extended", d),
                _whole,
                lambda x, y, low=low: _part(_wide(x) * _wide(y), x.dtype, low),
                full=True,
            ),
            per_dtype(
                f"arith_mului_extended_{part}",
                i,
                lambda d, t=line: t.format("arith.mului_extended", d),
                _whole,
                lambda x, y, low=low: _part(_wide(unsigned(x)) * _wide(unsigned(y)), x.dtype, low),
                full=True,
            ),
        ]
    return programs


def _wide(x: Array) -> Array:
    """As Python integers, which don't wrap."""
    return x.astype(object)


def _part(product: Array, dtype: np.dtype, low: bool) -> Array:
    """The low or high word of Python integers."""
    bits = 8 * dtype.itemsize
    words = [(int(p) >> (0 if low else bits)) % (1 << bits) for p in product]
    return np.array(words, np.dtype(f"u{dtype.itemsize}")).view(dtype)


def _index_and_bool() -> list[Program]:
    index = lambda name, data, f: per_dtype(f"arith_index_{name}", ("index",), _binary(f"arith.{name}"), data, f)
    small = lambda _: (integers(N, -99, 99, "i64", key="x"), integers(N, 1, 9, "i64", key="y"))
    boolean = lambda name, f, full=False: per_dtype(
        f"arith_i1_{name}",
        ("i1",),
        _binary(f"arith.{name}"),
        lambda d: (integers(N, dtype="i1", key="x"), integers(N, dtype="i1", key="y")),
        f,
        full=full,
    )
    return [
        index("addi", small, np.add),
        index("muli", small, np.multiply),
        index("divsi", small, _truncated),
        index("remsi", small, np.fmod),
        index("maxsi", small, np.maximum),
        boolean("andi", np.logical_and),
        boolean("ori", np.logical_or),
        boolean("xori", np.logical_xor),
        boolean("addi", np.logical_xor),
        boolean("muli", np.logical_and, full=True),
        per_dtype(
            "arith_i1_select",
            ("i1",),
            lambda d: "%0 = arith.select %a, %b, %c : i1",
            lambda d: tuple(integers(N, dtype="i1", key=k) for k in "xyz"),
            np.where,
        ),
        per_dtype(
            "arith_i1_cmpi",
            ("i1",),
            lambda d: "%0 = arith.cmpi ne, %a, %b : i1",
            lambda d: tuple(integers(N, dtype="i1", key=k) for k in "xy"),
            np.not_equal,
        ),
    ]


Cast = tuple[str, str, Array, Callable[[Array], Array]]


def _cast(op: str, casts: list[Cast], *, name: str | None = None) -> Program:
    """All casts of one op in one program, a generic and a result for each pair of types."""
    args, returns, body = [], [], ""
    for i, (source, target, _, _) in enumerate(casts):
        line = f"%0 = arith.{op} %a : {source} to {target}\n    linalg.yield %0 : {target}"
        out = f"{N}x{target}"
        body += empty(f"e{i}", out) + generic(
            f"r{i}", "i", [(f"%x{i}", f"{N}x{source}", "i")], [(f"%e{i}", out, "i")], line
        )
        args.append(f"x{i}:{N}x{source}")
        returns.append(f"r{i}:{out}")

    def whole(*arrays: Array) -> Any:
        with np.errstate(all="ignore"):
            return tuple(f(x) for x, (_, _, _, f) in zip(arrays, casts, strict=True))

    return Program(
        name or f"cast_{op}", function(" ".join(args), " ".join(returns), body), tuple(c[2] for c in casts), whole
    )


def _to(dtype: str) -> Callable[[Array], Array]:
    return lambda x: x.astype(DTYPES[dtype])


def _truncated_to(dtype: str) -> Callable[[Array], Array]:
    return lambda x: np.trunc(x).astype(DTYPES[dtype])


def _unsigned_to(dtype: str) -> Callable[[Array], Array]:
    return lambda x: unsigned(x).astype(DTYPES[dtype])


def _same(x: Array) -> Array:
    return x


def _casts() -> list[Program]:
    wider = [(s, t) for s, t in itertools.product(FLOATS, FLOATS) if BITS[s] < BITS[t]]
    longer = [(s, t) for s, t in itertools.product(INTS, INTS) if BITS[s] < BITS[t]]
    mixed = list(itertools.product(INTS, FLOATS))
    bound = {s: min(int(np.iinfo(DTYPES[s]).max), 30000) for s in INTS}
    large = {s: np.concatenate([_special_pair(s)[0][:7], normal(N - 7, s, scale=1000)]) for s in FLOATS}
    near = {t: uniform(N, -100, 100, t) for t in FLOATS}
    near["f16"][0] = near["f32"][0] = 99.9
    one = integers(N, dtype="i1")
    bits = [("f32", "i32"), ("f64", "i64"), ("f16", "i16"), ("bf16", "i16")]
    whole = {t: integers(N, dtype=t) for t in INTS}
    return [
        _cast("extf", [(s, t, large[s], _same) for s, t in wider]),
        _cast("truncf", [(t, s, large[t], _same) for s, t in wider]),
        _cast(
            "sitofp",
            [
                *((s, t, integers(N, -bound[s], bound[s], s), _same) for s, t in mixed),
                ("i1", "f32", one, lambda x: -x.astype(float)),
            ],
        ),
        _cast(
            "uitofp",
            [
                *((s, t, integers(N, None if t in ("f32", "f64") else 0, bound[s], s), unsigned) for s, t in mixed),
                ("i1", "f32", one, lambda x: x.astype(float)),
                ("i1", "f64", one, lambda x: x.astype(float)),
            ],
        ),
        _cast("fptosi", [(t, s, near[t], _truncated_to(s)) for s, t in mixed]),
        _cast("fptoui", [(t, s, np.abs(near[t]), _truncated_to(s)) for s, t in mixed]),
        _cast(
            "extsi",
            [
                *((s, t, whole[s], _to(t)) for s, t in longer),
                ("i1", "i8", one, lambda x: -x.astype(np.int8)),
                ("i1", "i64", one, lambda x: -x.astype(np.int64)),
            ],
        ),
        _cast(
            "extui",
            [
                *((s, t, whole[s], _unsigned_to(t)) for s, t in longer),
                ("i1", "i8", one, _to("i8")),
                ("i1", "i32", one, _to("i32")),
            ],
        ),
        _cast(
            "trunci",
            [
                *((t, s, whole[t], _to(s)) for s, t in longer),
                *((s, "i1", whole[s], lambda x: (x & 1).astype(bool)) for s in INTS),
            ],
        ),
        _cast(
            "bitcast",
            [(s, t, _special_pair(s)[1], lambda x, a=s, b=t: x.astype(DTYPES[a]).view(DTYPES[b])) for s, t in bits],
        ),
        _cast(
            "bitcast",
            [(t, s, normal(N, s).view(DTYPES[t]), lambda x, a=s: x.view(DTYPES[a])) for s, t in bits],
            name="cast_bitcast_back",
        ),
        _cast(
            "index_cast",
            [*((s, "index", whole[s], _to("i64")) for s in INTS), *(("index", s, whole["i64"], _to(s)) for s in INTS)],
        ),
        _cast(
            "index_castui",
            [
                *((s, "index", whole[s], lambda x: unsigned(x).astype(np.int64)) for s in INTS),
                *(("index", s, whole["i64"], _to(s)) for s in INTS),
            ],
        ),
    ]


def programs() -> list[Program]:
    """All programs of this module."""
    return [*_floats(), *_integers(), *_index_and_bool(), *_casts()]
