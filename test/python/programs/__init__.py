"""Programs of the first path with their NumPy meaning, one module per category.

Category: what it holds (each module's docstring lists its programs)
- elementwise: operands, scalars, `linalg.index`, out operands, several results, ranks 0 to 5, chains
- arithmetic: every `arith` op, predicate and cast on every dtype
- mathematics: every `math` op on f64 f32 f16 bf16 and integers, and its limits
- maps: permuted, broadcast and constant indexing maps
- reductions: dimensions, combiners, inits, several results, ordered combiners, matrix products
- gathers: tensors read at computed indices
- tensors: transpose, broadcast, fill, reshape, extract, insert, concat, pad, splat, cast, dim
- constants: dense, `dense_resource`, `cf.assert`, private functions
- signatures: what a function takes and returns
- special: NaN, infinities, signed zeros, wrap-around
- sizes: dynamic, empty, size-1, odd and prime sizes
- dtypes: every dtype through every kind of program
- windows: pooling, convolution, strided and windowed maps, diagonals, gathers through maps
- contractions: matmul and its relatives, named and generic, quantised and widened
- scans: running sums, recurrences, running places of a maximum
- scatters: `tensor.gather` and `tensor.scatter`
- named: named elementwise ops, `linalg.map`, `linalg.reduce`, softmax
- shapes: `tensor.reshape`, sizes that are values, single elements
- chains: softmax, layernorm, GELU, RMSNorm, RoPE, attention and other chains of models
"""

from __future__ import annotations

from dataclasses import replace

from . import (
    arithmetic,
    chains,
    constants,
    contractions,
    dtypes,
    elementwise,
    gathers,
    maps,
    mathematics,
    named,
    reductions,
    scans,
    scatters,
    shapes,
    signatures,
    sizes,
    special,
    tensors,
    windows,
)
from .program import Program

MODULES = (
    elementwise,
    gathers,
    arithmetic,
    mathematics,
    maps,
    reductions,
    tensors,
    constants,
    signatures,
    special,
    sizes,
    dtypes,
    chains,
    windows,
    contractions,
    scans,
    scatters,
    named,
    shapes,
)

# Near copies of a program that the short form runs.
LONG_FORM = frozenset(
    [
        "rank1",
        "rank3",
        "chain3",
        "scalar_captured",
        "index_iota",
        "one_of_two_results",
        "arith_index_muli",
        "arith_index_remsi",
        "arith_index_maxsi",
        "arith_minimumf",
        "arith_minnumf",
        "arith_minsi",
        "arith_maxui",
        "arith_ori",
        "arith_i1_ori",
        "arith_i1_addi",
        "arith_cmpf_f64",
        "arith_cmpi_i16",
        "arith_cmpi_i64",
        "arith_subf",
        "arith_subi",
        "cast_bitcast_back",
        "math_asinh",
        "math_acosh",
        "math_atanh",
        "math_erfc",
        "math_sinh",
        "math_cosh",
        "math_asin",
        "math_acos",
        "math_log10",
        "math_exp2",
        "math_log2",
        "limits_exp2",
        "limits_log2",
        "limits_rsqrt",
        "limits_sin",
        "limits_atan",
        "limits_absf",
        "limits_floor",
        "limits_roundeven",
        "limits_cbrt",
        "permuted_outputs2",
        "broadcast_k",
        "broadcast_ik",
        "broadcast_ki",
        "constant_row_of_one",
        "constant_row_of_many",
        "constant_both_of_many",
        "constant_out_last",
        "constant_only_axis",
        "broadcast_columns",
        "sum_jk",
        "sum_j",
        "sum_keepdims",
        "reduce_minimumf",
        "reduce_minnumf",
        "reduce_minsi",
        "reduce_minui",
        "reduce_ori",
        "reduce_any",
        "init_computed",
        "init_clamps_maximum",
        "dot_generic",
        "dot_named",
        "matmul_vector_generic",
        "argmin",
        "combine_subtract",
        "sum_of_squares",
        "transpose2",
        "transpose4",
        "transpose_identity",
        "linalg_broadcast_first",
        "linalg_broadcast_rank0",
        "fill_rank0",
        "linalg_copy",
        "collapse_first_two",
        "collapse_to_rank0",
        "expand_units",
        "expand_from_rank0",
        "extract_columns",
        "extract_reduces_first",
        "extract_reduces_all",
        "extract_whole",
        "insert_whole",
        "insert_column",
        "insert_element",
        "concat_columns",
        "pad_low",
        "pad_nothing",
        "pad_image",
        "cast_to_dynamic",
        "integer_layouts",
        "resource_f64",
        "resource_i32",
        "constant_rank0",
        "constant_i16",
        "constant_i32",
        "constant_f64",
        "call_once",
        "unused_kernel",
        "returns_swapped",
        "with_attributes",
        "named_module",
        "special_minimumf_rows",
        "special_minnumf_rows",
        "special_wrap_product_i64",
        "special_minus_itself",
        "sizes_static_vector0",
        "sizes_static_vector3",
        "sizes_static_vector16",
        "sizes_static_rows0",
        "sizes_static_rows3",
        "sizes_static_rows16",
        "dtype_broadcast_f64",
        "dtype_broadcast_f32",
        "dtype_broadcast_f16",
        "dtype_broadcast_i8",
        "dtype_broadcast_i16",
        "dtype_broadcast_i32",
        "dtype_broadcast_i64",
        "dtype_transpose_f64",
        "dtype_transpose_f32",
        "dtype_transpose_bf16",
        "dtype_transpose_i16",
        "dtype_transpose_i32",
        "dtype_transpose_i64",
        "dtype_layouts_i16",
        "dtype_layouts_i32",
        "dtype_layouts_f32",
        "dtype_sum_i32",
        "dtype_elementwise_f32",
        "dtype_elementwise_i32",
        "dtype_wide_sum_f32",
        "softmax_f16",
        "gelu_tanh",
        "silu_gate",
    ]
)


def programs(*categories: str) -> list[Program]:
    """The programs of some categories, or of all; raises where two share a name."""
    found = [
        replace(p, full=p.full or p.name in LONG_FORM)
        for module in MODULES
        if not categories or module.__name__.rsplit(".", 1)[-1] in categories
        for p in module.programs()
    ]
    names = [p.name for p in found]
    repeated = {n for n in names if names.count(n) > 1}
    if repeated:
        raise ValueError(f"programs share names: {sorted(repeated)}")
    return found
