"""Whole models of `examples/models` through `torch.compile`: logits and gradients are eager's, products alone stay."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from model_packages import need

torch, *_ = need("torch", "torch_mlir")

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))

from models import MODELS  # noqa: E402  after what may skip the file

from powerfusion.frontend import dynamo  # noqa: E402

FULL = bool(os.environ.get("PF_TEST_FULL"))
MOST_RELATIVE = 1e-4
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    torch._dynamo.reset()
    dynamo.reset()
    yield
    torch._dynamo.reset()


def relative_error(got: torch.Tensor, wanted: torch.Tensor) -> float:
    """The largest difference, in parts of the largest magnitude that is wanted."""
    assert got.shape == wanted.shape
    return ((got - wanted).abs().max() / wanted.abs().max()).item()


def as_tuple(results: object) -> tuple[torch.Tensor, ...]:
    return results if isinstance(results, tuple) else (results,)


@pytest.mark.parametrize("batch", [1, 2] if FULL else [1])
@pytest.mark.parametrize("name", MODELS)
def test_a_tiny_model_is_as_eager_and_leaves_products_only(name: str, batch: int):
    check_inference(name, batch, tiny=True)


@pytest.mark.skipif(not FULL, reason="takes minutes: PF_TEST_FULL=1")
@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_as_eager_and_leaves_products_only(name: str):
    check_inference(name, 1, tiny=False)


def check_inference(name: str, batch: int, *, tiny: bool):
    model = MODELS[name]
    module, inputs = model.make(tiny=tiny), model.make_inputs(batch, tiny=tiny)
    with torch.no_grad():
        wanted = as_tuple(module(*inputs))
        got = as_tuple(torch.compile(module, backend=dynamo.backend)(*inputs))
    for mine, theirs in zip(got, wanted, strict=True):
        assert relative_error(mine, theirs) < MOST_RELATIVE
    counts = dynamo.report()
    assert counts.pieces > 0
    assert not counts.fell_back
    assert not {each for each in counts.left if not each[1].startswith(("products", "a view"))}


@pytest.mark.parametrize("name", ["bert_base", "shufflenet_v2"])
def test_a_training_step_has_gradients_as_exact_as_eagers(name: str):
    model = MODELS[name]
    if name == "bert_base" and FULL:
        model = replace(model, full=replace(model.full, layers=2, length=128))
    inputs = model.make_inputs(8 if FULL else 2, tiny=not FULL)
    ways = (compiled, lambda module: module, lambda module: module.double())
    results = [step(model.make(tiny=not FULL).train(), inputs, way) for way in ways]
    for mine, theirs, exact in zip(*results, strict=True):
        most = 1e-3 * exact.abs() + 1e-4 * exact.abs().max() + 1e-6
        # Batch norms of few samples lose digits: there eager's own distance from float64 is what can be asked.
        assert ((mine - exact).abs() <= most + 2 * (theirs - exact).abs().max()).all()
    assert dynamo.report().pieces > 0
    assert not dynamo.report().fell_back


def compiled(module: torch.nn.Module) -> Callable[..., object]:
    return torch.compile(module, backend=dynamo.backend)


def step(
    module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], way: Callable[[torch.nn.Module], Callable[..., object]]
) -> list[torch.Tensor]:
    """The loss and all gradients of a step, and what batch norms keep."""
    made = way(module)
    kind = next(module.parameters()).dtype
    logits = made(*(each.to(kind) if each.is_floating_point() else each for each in inputs))
    loss = torch.nn.functional.cross_entropy(logits, torch.arange(len(logits)) % logits.shape[-1])
    loss.backward()
    kept = [each for each in module.buffers() if each.is_floating_point()]
    return [loss.detach(), *(each.grad for each in module.parameters() if each.grad is not None), *kept]
