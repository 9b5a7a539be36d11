"""Entries of torch's databases through `torch.compile`: as eager in each variant, leaving to ATen what is listed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from model_packages import need

torch, *_ = need("torch", "torch_mlir", "expecttest")

from torch_entries import ENTRIES, Sample, outcome, samples  # noqa: E402  after what may skip the file

from powerfusion.frontend import dynamo  # noqa: E402

FULL = bool(os.environ.get("PF_TEST_FULL"))
HANDFUL = ["nn.GELU", "nn.CrossEntropyLoss", "nn.MaxPool2d", "cumsum", "scatter_add"]
MOST_SAMPLES = 3
LEAVES = {
    "nn.AdaptiveAvgPool2d": {"as_strided", "as_strided_scatter"},
    "nn.TransformerEncoderLayer": {
        "_scaled_dot_product_flash_attention_for_cpu",
        "_scaled_dot_product_flash_attention_for_cpu_backward",
    },
    "nn.functional.embedding": {"embedding_dense_backward"},  # Scaled by how often a row is read.
    "topk": {"topk"},
}
"""What entries leave to ATen but for products and convolutions, and what costs nothing."""
COSTS_NOTHING = ("products", "a view", "a size", "random")
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def left() -> set[str]:
    """Operators that stayed with ATen, by name; a result picked of several isn't one."""
    counts = dynamo.report()
    return {name for name, why in counts.left if not why.startswith(COSTS_NOTHING)} - {"getitem"}


def as_they_are(sample: Sample) -> Iterator[Sample]:
    yield sample


def channels_last(sample: Sample) -> Iterator[Sample]:
    """Images, if there are any, with their channels innermost."""
    if any(isinstance(each, torch.Tensor) and each.dim() == 4 for each in sample.arguments[0]):
        yield sample.mapped(
            lambda x: _again(x, x.detach().to(memory_format=torch.channels_last)) if x.dim() == 4 else x
        )


def strided(sample: Sample) -> Iterator[Sample]:
    """Every other element of twice as many."""
    yield sample.mapped(lambda x: _again(x, x.detach().repeat_interleave(2, -1)[..., ::2]) if x.dim() > 0 else x)


def growing(sample: Sample) -> Iterator[Sample]:
    """A batch, then one of twice its size; whatever has as many rows as the first argument is part of it."""
    yield sample
    first = next((each for each in sample.arguments[0] if isinstance(each, torch.Tensor)), None)
    if first is not None and first.dim() > 1:
        rows = first.shape[0]
        yield sample.mapped(
            lambda x: _again(x, torch.cat([x.detach()] * 2)) if x.dim() > 0 and x.shape[0] == rows else x
        )


def _again(x: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    return made.requires_grad_(x.requires_grad)


VARIANTS: dict[str, tuple[Callable[[Sample], Iterator[Sample]], bool, bool]] = {
    "as they are": (as_they_are, False, False),
    "bf16 autocast": (as_they_are, True, False),
    "open batch": (growing, False, True),
    "channels last": (channels_last, False, False),
    "strided": (strided, False, False),
}
"""Which inputs; whether under autocast; whether with open sizes."""


def check(sample: Sample, function: Callable[..., object], *, autocast: bool) -> None:
    """Results and gradients are eager's."""
    tolerance = 2e-2 if autocast else 2e-5
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        try:
            wanted = outcome(sample, sample.function)
        except (RuntimeError, IndexError, ValueError):
            return  # No input of this entry's, PyTorch says: a batch that others of its arguments don't fit.
        got = outcome(sample, function)
    assert [each.dtype for each in got[0]] == [each.dtype for each in wanted[0]]
    torch.testing.assert_close(got, wanted, rtol=tolerance, atol=tolerance, equal_nan=True)


@pytest.mark.parametrize("name", ENTRIES if FULL else HANDFUL)
def test_an_entry_is_as_eager_and_leaves_what_is_listed(name: str, record_property: Callable[[str, object], None]):
    stays: set[str] = set()
    fell_back: dict[str, int] = {}
    graphs = 0
    for inputs, autocast, is_open in VARIANTS.values():
        for sample in list(samples(name))[:MOST_SAMPLES]:
            torch._dynamo.reset()
            dynamo.reset()
            function = torch.compile(sample.function, backend=dynamo.backend, dynamic=is_open)
            for each in inputs(sample):
                check(each, function, autocast=autocast)
            stays |= left()
            graphs += dynamo.report().graphs
            fell_back |= dynamo.report().fell_back
    record_property("left to ATen", sorted(stays))
    print(f"{name}: {graphs} graphs; left to ATen: {', '.join(sorted(stays)) or 'nothing'}")
    print("".join(f"  fell back {count} times: {why}\n" for why, count in fell_back.items()), end="")
    assert graphs > 0
    assert stays == LEAVES.get(name, set())


def test_most_entries_leave_nothing():
    assert len(ENTRIES) == len(set(ENTRIES)) >= 60
    assert LEAVES.keys() <= set(ENTRIES)
    assert len(set(ENTRIES) - LEAVES.keys()) >= 50
