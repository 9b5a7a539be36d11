"""ONNX's own backend tests, as its package has them: those within the scope of our operators give what they should."""

from __future__ import annotations

import os
import warnings

import numpy as np
import pytest
from model_packages import need

import powerfusion as pf

onnx, *_ = need("onnx", "onnx.backend.test.loader", "torch_mlir")
loader = onnx.backend.test.loader

FULL = bool(os.environ.get("PF_TEST_FULL"))
HANDFUL = ["add_bcast", "layer_normalization_4d_axis2", "softmax_axis_1", "transpose_all_permutations_3"]
NODES = """
    abs acos add add_bcast argmax_keepdims_random averagepool_2d_default averagepool_2d_strides batchnorm_example ceil
    clip concat_3d_axis_1 constant_pad cos depthtospace_example div elu erf exp expand_dim_changed flatten_axis1 floor
    gather_0 gather_elements_1 gelu_default_1 gelu_tanh_1 globalaveragepool hardsigmoid hardswish instancenorm_example
    layer_normalization_4d_axis2 leakyrelu log logsoftmax_axis_1 matmul_3d max_float32 maxpool_2d_default mean_example
    mish mul_bcast neg pow_bcast_scalar prelu_broadcast reciprocal reduce_l2_keep_dims_random
    reduce_log_sum_exp_keepdims_random reduce_mean_keepdims_random reduce_sum_keepdims_random relu
    reshape_reordered_all_dims resize_upsample_scales_nearest rms_normalization_3d_axis2_epsilon round
    scatter_elements_with_duplicate_indices scatternd_add selu sigmoid sign sin softmax_axis_1 softplus softsign
    spacetodepth split_equal_parts_2d sqrt squeeze sub tanh thresholdedrelu tile top_k top_k_negative_axis
    top_k_same_values_2d top_k_smallest transpose_all_permutations_3 tril unsqueeze_axis_1 where_example
"""
NAMES = NODES.split()


@pytest.fixture(scope="module")
def cases():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of the package, which makes the cases of all operators.
        return {case.name.removeprefix("test_"): case for case in loader.load_model_tests(kind="node")}


@pytest.mark.parametrize("name", NAMES if FULL else HANDFUL)
def test_a_node_gives_what_onnx_says(name, cases):
    case = cases[name]
    program = pf.compile(case.model)
    for inputs, outputs in case.data_sets:
        results = program(*inputs)
        for got, wanted in zip(results if isinstance(results, tuple) else (results,), outputs, strict=True):
            assert got.dtype == wanted.dtype
            np.testing.assert_allclose(got, wanted, rtol=case.rtol, atol=case.atol)


def test_there_are_forty_of_them():
    assert len(NAMES) == len(set(NAMES)) >= 40
    assert set(HANDFUL) <= set(NAMES)
