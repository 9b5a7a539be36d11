"""Functions of JAX through `pf.compile`: StableHLO, legalised to linalg."""

from __future__ import annotations

import numpy as np
import pytest
from model_packages import need

import powerfusion as pf
from powerfusion.errors import SourceError, UnsupportedError

jax, *_ = need("jax", "torch_mlir")
jnp = jax.numpy
pytestmark = [pytest.mark.filterwarnings("ignore::FutureWarning"), pytest.mark.filterwarnings("ignore::UserWarning")]


def normalised(x, w):
    """Calls of functions of its own, JAX's names for MLIR's functions, and a variance."""
    hidden = jax.nn.gelu(x @ w, approximate=False)
    hidden = (hidden - hidden.mean(-1, keepdims=True)) / jnp.sqrt(hidden.var(-1, keepdims=True) + 1e-5)
    return jax.nn.softmax(hidden, axis=-1), jnp.where(hidden > 0, hidden, 0.0).sum(0), hidden.argmax(-1)


def test_a_function_gives_what_it_gives_in_jax():
    generator = np.random.default_rng(0)
    x, w = (generator.standard_normal(shape, dtype=np.float32) for shape in ((4, 8), (8, 16)))
    program = pf.compile(normalised, (jax.ShapeDtypeStruct(x.shape, x.dtype), w))
    got = program(jnp.asarray(x), w)
    for mine, wanted in zip(got, normalised(x, w), strict=True):
        assert isinstance(mine, jax.Array)
        np.testing.assert_allclose(mine, wanted, rtol=2e-5, atol=2e-6)


def test_a_gradient_compiles():
    x = np.random.default_rng(1).standard_normal((4, 8), dtype=np.float32)
    gradient = jax.grad(lambda x: (jnp.tanh(x) ** 2).sum())
    np.testing.assert_allclose(pf.compile(jax.jit(gradient), x)(x), gradient(x), rtol=1e-5, atol=1e-6)


SORTED = {
    "up": lambda x: jnp.sort(x, -1),
    "down": lambda x: jnp.sort(x, 0, descending=True),
    "places": lambda x: jnp.argsort(x, -1),
    "greatest": lambda x: jax.lax.top_k(x, 5),
    "integers": lambda x: jnp.sort((jnp.nan_to_num(x) * 9).astype(jnp.int32), -1),
    "total": lambda x: jax.lax.sort((x, x + 1), num_keys=1, is_stable=True),
}


@pytest.mark.parametrize("how", SORTED)
def test_sorting_is_a_program(how):
    """What is no number comes last, and zeros of both signs are equal, or are not, as JAX has it."""
    x = np.random.default_rng(2).standard_normal((4, 9), dtype=np.float32)
    x[0, 3], x[1, 2:4], x[2, 5] = np.nan, (-0.0, 0.0), x[2, 1]
    got, wanted = (jax.tree.leaves(function(x)) for function in (pf.compile(SORTED[how], x), SORTED[how]))
    for mine, theirs in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(mine, theirs)
        if mine.dtype == np.float32:
            np.testing.assert_array_equal(np.signbit(mine), np.signbit(theirs))


def test_all_that_is_refused_is_listed():
    with pytest.raises(UnsupportedError) as caught:
        pf.compile(lambda x: (jnp.fft.fft(x).real, jnp.lexsort((x, x)), jax.nn.relu(x)), np.ones((4, 8), np.float32))
    lines = [line for line in str(caught.value).splitlines() if line.startswith("  ")]
    assert [line.split()[0] for line in lines] == ["stablehlo.fft", "stablehlo.sort"]


def test_what_cannot_be_traced_is_explained():
    with pytest.raises(SourceError, match="JAX can't trace"):
        pf.compile(lambda x: x if x.sum() > 0 else -x, np.ones(3, np.float32))
    with pytest.raises(SourceError, match="expected example inputs"):
        pf.compile(jnp.tanh)
