"""`torch.compile(model, backend="powerfusion")`: as eager, forward and backward; what is taken, left and falls back."""

from __future__ import annotations

import importlib.metadata
import tomllib

import pytest
from model_packages import need

torch, *_ = need("torch", "torch_mlir")

from powerfusion.errors import InputError  # noqa: E402  after what may skip the file
from powerfusion.frontend import dynamo  # noqa: E402
from powerfusion.frontend.dynamo.layouts import inverse_of, order_of  # noqa: E402

nn, functional = torch.nn, torch.nn.functional
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(autouse=True)
def _anew():
    torch._dynamo.reset()
    dynamo.reset()
    torch.manual_seed(0)


def compiled(function, **options):
    return torch.compile(function, backend=dynamo.backend, **options)


def left() -> set[str]:
    """Operators that stayed with ATen, but for products, and views that cost nothing."""
    return {name for name, why in dynamo.report().left if not why.startswith(("products", "a view"))}


def check(function, *inputs, tolerance=2e-5, **options):
    """Results, their strides and all gradients are eager's."""
    mine, theirs = ([each.detach().clone().requires_grad_() for each in inputs] for _ in range(2))
    got, wanted = compiled(function, **options)(*mine), function(*theirs)
    torch.testing.assert_close(got, wanted, rtol=tolerance, atol=tolerance)
    assert got.stride() == wanted.stride()
    weights = torch.arange(got.numel()).sin().reshape(got.shape)
    (got * weights).sum().backward()
    (wanted * weights).sum().backward()
    for left_, right in zip(mine, theirs, strict=True):
        torch.testing.assert_close(left_.grad, right.grad, rtol=tolerance, atol=tolerance)


def attention(q, k, v):
    mask = torch.full((5, 5), float("-inf")).triu(1)
    return torch.softmax(q @ k.mT / 4 + mask, -1) @ v


def rotary(x, cosine, sine):
    return x * cosine + torch.cat([-x[..., 8:], x[..., :8]], -1) * sine


def normalised(x, weight, bias):
    hidden = functional.batch_norm(functional.conv2d(x, weight, padding=1), None, None, bias, bias, training=True)
    return functional.relu(hidden)


CLASSES = torch.arange(6) % 3
CASES = {
    "gelu": (functional.gelu, (4, 33)),
    "swiglu": (lambda x, y: functional.silu(x) * y, (4, 33), (4, 33)),
    "softmax": (lambda x: functional.softmax(x, 0), (4, 33)),
    "layer norm": (lambda x, w, b: functional.layer_norm(x, (33,), w, b), (4, 7, 33), (33,), (33,)),
    "RMS norm": (lambda x, w: functional.rms_norm(x, (32,), w), (4, 32), (32,)),
    "group norm": (lambda x, w, b: functional.group_norm(x, 2, w, b), (3, 8, 5, 5), (8,), (8,)),
    "convolution, batch norm": (normalised, (2, 3, 8, 8), (4, 3, 3, 3), (4,)),
    "cross entropy": (lambda x: functional.cross_entropy(x, CLASSES, label_smoothing=0.1), (6, 3)),
    "smooth L1": (functional.smooth_l1_loss, (4, 33), (4, 33)),
    "negative padding": (lambda x: functional.pad(x * x, (-1, 2, 3, -2)), (2, 3, 6, 6)),
    "padding": (lambda x: functional.pad(x * x, (1, 2, 2, 1), mode="reflect"), (2, 3, 4, 4)),
    "maximum": (lambda x: (x * x).max(-1)[0], (4, 9)),
    "attention": (attention, (2, 2, 5, 16), (2, 2, 5, 16), (2, 2, 5, 16)),
    "rotary embedding": (rotary, (2, 4, 16), (4, 16), (4, 16)),
}


@pytest.mark.parametrize("name", CASES)
def test_forward_and_backward_are_eagers(name):
    function, *shapes = CASES[name]
    check(function, *[torch.randn(shape) for shape in shapes])
    assert dynamo.report().pieces >= 2
    assert not dynamo.report().fell_back
    assert not left()


def test_products_stay_and_what_surrounds_them_is_taken():
    shapes = ((4, 9), (8, 9), (8,))
    check(lambda x, w, b: functional.gelu(functional.linear(x, w, b)) * 2, *map(torch.randn, shapes))
    counts = dynamo.report()
    assert counts.taken["gelu"] == 1
    assert {name for name, why in counts.left if why.startswith("products")} == {"addmm", "mm"}
    assert "products and convolutions stay with ATen's library" in str(counts)


def test_what_is_not_known_stays_and_is_counted():
    check(lambda x: (x * 2).sort(-1)[0].sin(), torch.randn(4, 9))
    assert left() - {"getitem"} == {"sort"}
    assert dynamo.report().pieces > 0


def test_what_cannot_be_compiled_falls_back_and_is_counted(monkeypatch):
    """Whoever says that an operator is taken may be wrong about it: results are right all the same."""
    from powerfusion.frontend.dynamo import operators

    monkeypatch.setattr(operators, "COMPUTE", operators.COMPUTE | {"kthvalue"})
    check(lambda x: (x * 2).kthvalue(3, -1)[0].sin(), torch.randn(4, 9))
    counts = dynamo.report()
    assert any("kthvalue" in why for why in counts.fell_back)
    assert left() - {"getitem"} == {"kthvalue"}
    assert counts.taken["mul"] >= 2
    assert "fell back" in str(counts)


def test_attention_in_one_operator_is_the_librarys():
    shape = (2, 2, 5, 16)
    check(
        lambda q, k, v: functional.scaled_dot_product_attention(q * 2, k, v, is_causal=True),
        *map(torch.randn, [shape] * 3),
    )
    assert {name for name in left() if name != "getitem"} == {
        "_scaled_dot_product_flash_attention_for_cpu",
        "_scaled_dot_product_flash_attention_for_cpu_backward",
    }


def test_tensors_keep_how_they_lie():
    x = torch.randn(2, 3, 8, 8).to(memory_format=torch.channels_last)
    check(lambda x: functional.silu(x) * x.mean((2, 3), keepdim=True), x)
    check(lambda x: (x * 2).softmax(-1), torch.randn(9, 4).t())
    check(lambda x: x[:, 1:] * 2, torch.randn(9, 4))


@pytest.mark.parametrize(
    ("shape", "strides", "order"),
    [
        ((2, 3, 4), (12, 4, 1), (0, 1, 2)),
        ((2, 3, 4, 5), (60, 1, 15, 3), (0, 2, 3, 1)),
        ((4, 9), (1, 4), (1, 0)),
        ((4, 1, 9), (9, 9, 1), (0, 1, 2)),
        ((4, 9), (20, 1), (0, 1)),
        ((4, 9), (0, 1), (0, 1)),
        ((), (), ()),
    ],
)
def test_orders_of_dimensions(shape, strides, order):
    assert order_of(shape, strides) == order
    assert [inverse_of(order)[dim] for dim in order] == list(range(len(order)))


def test_sizes_that_change_give_right_results():
    function = compiled(lambda x: (x.softmax(-1) * x.shape[0]).sum(0), dynamic=True)
    for size in (3, 5, 8):
        x = torch.randn(size, 7)
        torch.testing.assert_close(function(x), (x.softmax(-1) * size).sum(0), rtol=2e-5, atol=2e-5)


def test_a_training_step_changes_buffers_as_eager_does():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

        def forward(self, x):
            return functional.relu(self.norm(self.convolution(x)))

    mine, theirs = Net(), Net()
    theirs.load_state_dict(mine.state_dict())
    x = torch.randn(2, 3, 8, 8)
    compiled(mine)(x).square().sum().backward()
    theirs(x).square().sum().backward()
    for (name, left_), right in zip(mine.named_buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(left_, right, rtol=2e-5, atol=2e-5, msg=name)
    for left_, right in zip(mine.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(left_.grad, right.grad, rtol=1e-3, atol=1e-4)


def test_autocast_computes_in_bf16():
    weight, x = torch.randn(16, 8), torch.randn(4, 8)

    def function(x, weight):
        with torch.autocast("cpu", torch.bfloat16):
            return functional.gelu(x @ weight.t()) * 2

    got, wanted = compiled(function)(x, weight), function(x, weight)
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got, wanted, rtol=2e-2, atol=2e-2)


def test_floats_of_16_bits_are_as_precise_as_eagers():
    """Sums of many, and functions of several steps, are computed in f32 and rounded once."""
    x = torch.randn(2, 4096)

    def function(x):
        return functional.softmax(x, -1), x.sum(-1), functional.silu(x).mean(-1)

    got, wanted, right = compiled(function)(x.bfloat16()), function(x.bfloat16()), function(x.bfloat16().double())
    for mine, theirs, best in zip(got, wanted, right, strict=True):
        assert mine.dtype == torch.bfloat16
        assert (mine - best).abs().max() <= 1.01 * (theirs - best).abs().max() + 1e-9


def test_gelu_by_tanh_is_exact_to_f32():
    """torch-mlir has its constant with four digits."""
    x = torch.linspace(-6, 6, 500)
    wanted = functional.gelu(x.double(), approximate="tanh")
    got = compiled(lambda x: functional.gelu(x, approximate="tanh"))(x)
    torch.testing.assert_close(got.double(), wanted, rtol=1e-5, atol=1e-6)


def test_a_break_in_the_graph_and_a_mode():
    def function(x):
        y = torch.tanh(x) * 2
        torch._dynamo.graph_break()
        return torch.exp(y) + 1

    x = torch.randn(4, 5)
    torch.testing.assert_close(compiled(function, mode="max-autotune")(x), function(x))
    assert dynamo.report().graphs == 2


def test_equal_pieces_are_compiled_once(monkeypatch):
    from powerfusion.frontend.dynamo import piece

    made = []
    monkeypatch.setattr(piece, "_compiled", {})
    monkeypatch.setattr(piece, "compile_source", lambda *a, f=piece.compile_source, **k: made.append(1) or f(*a, **k))

    def layer(x, weight):
        return torch.tanh(x @ weight) * 2 + 1

    x, weight = torch.randn(4, 8), torch.randn(8, 8)
    got = compiled(lambda x: layer(layer(layer(x, weight), weight), weight))(x)
    torch.testing.assert_close(got, layer(layer(layer(x, weight), weight), weight))
    assert dynamo.report().pieces == 3
    assert len(made) == 1


def test_options_give_freedoms():
    """Two roundings to bf16 in a row, of which one may be left out."""
    x = (torch.arange(4096) / 4096 + 1).bfloat16()

    def function(x):
        return (x * 1.00390625) * 1.00390625

    freely = compiled(function, options={"excess_precision": True})(x)
    torch._dynamo.reset()
    strictly = compiled(function)(x)
    torch.testing.assert_close(strictly, function(x), rtol=0, atol=0)
    assert not torch.equal(freely, strictly)
    best = function(x.double())
    assert (freely - best).abs().max() < (strictly - best).abs().max()


def test_unknown_options_are_refused():
    with pytest.raises(torch._dynamo.exc.BackendCompilerFailed) as caught:
        compiled(torch.tanh, options={"magic": 1})(torch.randn(3))
    assert isinstance(caught.value.inner_exception, InputError)
    assert "'magic'" in str(caught.value)


def test_the_name_is_registered(root):
    """In the project as an entry point, which names what there is; PyTorch finds it once that is installed."""
    points = tomllib.loads((root / "pyproject.toml").read_text())["project"]["entry-points"]["torch_dynamo_backends"]
    point = importlib.metadata.EntryPoint("powerfusion", points["powerfusion"], "torch_dynamo_backends")
    assert point.load() is dynamo.backend
    installed = importlib.metadata.entry_points(group="torch_dynamo_backends")
    if "powerfusion" not in installed.names:
        pytest.skip("this package was installed before it had the entry point: run tools/bootstrap")
    x = torch.randn(3)
    torch.testing.assert_close(torch.compile(torch.tanh, backend="powerfusion")(x), torch.tanh(x))
