"""What every example computes, in NumPy and float64, and the inputs that it is run with.

The references are written from the networks' definitions, not from the exported MLIR. This file needs NumPy alone.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
"""An array of any element type."""
Float = NDArray[np.float64]
"""An array of doubles."""

FOLDER = Path(__file__).resolve().parent
"""The folder of the exported programs."""

BERT_SEQUENCE = 512
BERT_LAYER_SEQUENCE = 128
BERT_WIDTH = 768
BERT_INTERMEDIATE = 3072
BERT_HEADS = 12
BERT_HEAD_WIDTH = 64
BERT_EPSILON = 1e-12

DECODER_SEQUENCE = 64

SHUFFLENET_CHANNELS = 58
SHUFFLENET_GROUPS = 2
SHUFFLENET_SIDE = 28
SHUFFLENET_EPSILON = 1e-5

VIT_WIDTH = 768
VIT_SIDE = 8
VIT_PATCHES = VIT_SIDE * VIT_SIDE
VIT_EPSILON = 1e-12

_PIECE = 1 << 16

Fill = Literal["normal", "weights", "padding", "causal"]
"""How an input is filled: a normal distribution, one that a product over the last dimension leaves as wide as it was,
ones and then zeros, or true above the diagonal."""


@dataclass(frozen=True)
class Input:
    """One argument of an example.

    Attributes:
        name: What it is called in the module.
        shape: The sizes it is run with.
        dtype: Its NumPy element type.
        fill: How its elements are made.
        dynamic: The dimensions that the program leaves open, with a name for each.
        parameter: The module's parameter that it stands for, in `named_parameters()`; empty for an activation.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    fill: Fill = "normal"
    dynamic: dict[int, str] = field(default_factory=dict[int, str])
    parameter: str = ""

    def make(self, random: np.random.Generator, shape: tuple[int, ...] | None = None) -> Array:
        """Makes an array for this argument.

        Args:
            random: Where the numbers come from.
            shape: Other sizes than the usual ones, for the dynamic dimensions.
        """
        shape = self.shape if shape is None else shape
        match self.fill:
            case "normal":
                return random.standard_normal(shape, dtype=np.float32).astype(self.dtype, copy=False)
            case "weights":
                drawn = random.standard_normal(shape, dtype=np.float32) / math.sqrt(shape[-1])
                return drawn.astype(self.dtype, copy=False)
            case "padding":
                counted = np.arange(shape[-1]) < shape[-1] - shape[-1] // 4
                return np.broadcast_to(counted, shape).astype(self.dtype)
            case "causal":
                return np.triu(np.ones(shape, dtype=self.dtype), 1)


@dataclass(frozen=True)
class Example:
    """One exported program.

    Attributes:
        name: Its name, that of its file and of its function.
        title: A few words for a table.
        inputs: Its arguments in order: activations, then parameters.
        reference: Takes the arguments, floating-point ones as float64, and gives the results in float64.
        tolerance: The largest `relative_error` that is right.
    """

    name: str
    title: str
    inputs: tuple[Input, ...]
    reference: Callable[..., Float | tuple[Float, ...]]
    tolerance: float

    @property
    def path(self) -> Path:
        """The exported program."""
        return FOLDER / f"{self.name}.mlir"

    @property
    def dynamic(self) -> frozenset[str]:
        """The names of the sizes that the program leaves open."""
        return frozenset(size for entry in self.inputs for size in entry.dynamic.values())

    def make_inputs(self, seed: int = 0, **sizes: int) -> tuple[Array, ...]:
        """Makes one array per argument, the same ones for the same seed.

        Args:
            seed: What the random numbers start from.
            sizes: Values for dynamic sizes, by name.

        Raises:
            KeyError: A name is no dynamic size of this example.
        """
        unknown = sizes.keys() - self.dynamic
        if unknown:
            raise KeyError(f"{self.name} has no dynamic size {', '.join(sorted(unknown))}")
        random = np.random.default_rng(seed)
        shapes = (
            tuple(sizes.get(entry.dynamic.get(axis, ""), size) for axis, size in enumerate(entry.shape))
            for entry in self.inputs
        )
        return tuple(entry.make(random, shape) for entry, shape in zip(self.inputs, shapes, strict=True))

    def expected(self, *arrays: Array) -> tuple[Float, ...]:
        """Gives the results in float64, always as a tuple."""
        wide = (array.astype(np.float64) if array.dtype.kind == "f" else array for array in arrays)
        results = self.reference(*wide)
        return results if isinstance(results, tuple) else (results,)


def relative_error(got: Array, expected: Float) -> float:
    """Measures how far `got` is from `expected`.

    The greatest difference of two elements, each relative to the expected element or, where that is small, to the root
    mean square of all expected elements: cancellation near zero then doesn't drown what matters.

    Returns:
        The greatest such difference; infinity if the shapes differ, or if one holds a NaN or an infinity and the other
        doesn't hold the same there; 0.0 if there is no element.
    """
    if got.shape != expected.shape:
        return math.inf
    finite = np.isfinite(expected)
    if not finite.all():
        special = ~finite
        if not np.array_equal(got[special].astype(np.float64), expected[special], equal_nan=True):
            return math.inf
        got, expected = got[finite], expected[finite]
    if not expected.size:
        return 0.0
    if not np.isfinite(got).all():
        return math.inf
    wanted, got = expected.ravel(), got.ravel()
    floor = max(math.sqrt(float(np.dot(wanted, wanted)) / wanted.size), float(np.finfo(np.float64).tiny))
    # In pieces that stay in the cache: the largest example has 16 million elements.
    pieces = (slice(start, start + _PIECE) for start in range(0, wanted.size, _PIECE))
    return max(float(np.max(np.abs(got[at] - wanted[at]) / np.maximum(np.abs(wanted[at]), floor))) for at in pieces)


def frozen_batch_norm() -> dict[str, NDArray[np.float32]]:
    """The parameters of the ShuffleNet block's normalisation, which its program holds as constants.

    They come from a formula, so that they are the same everywhere.
    """
    step = np.arange(SHUFFLENET_CHANNELS, dtype=np.float64)

    def spread(stride: int, low: float, high: float) -> NDArray[np.float32]:
        place = (step * stride) % SHUFFLENET_CHANNELS / SHUFFLENET_CHANNELS
        return (low + (high - low) * place).astype(np.float32)

    return {
        "norm.weight": spread(7, 0.5, 1.5),
        "norm.bias": spread(11, -0.5, 0.5),
        "norm.running_mean": spread(13, -1.0, 1.0),
        "norm.running_var": spread(17, 0.25, 2.0),
    }


def _erf(values: Float) -> Float:
    flat = np.fromiter(map(math.erf, values.ravel().tolist()), np.float64, values.size)
    return flat.reshape(values.shape)


def _softmax(scores: Float) -> Float:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _layer_norm(values: Float, weight: Float, bias: Float, epsilon: float) -> Float:
    centred = values - values.mean(axis=-1, keepdims=True)
    variance = np.square(centred).mean(axis=-1, keepdims=True)
    return centred / np.sqrt(variance + epsilon) * weight + bias


def _relu_add(activation: Float, residual: Float) -> Float:
    return np.maximum(activation, 0.0) + residual


def _bert_bias_gelu(projected: Float, bias: Float) -> Float:
    values = projected + bias
    return 0.5 * values * (1.0 + _erf(values / math.sqrt(2.0)))


def _bert_residual_layernorm(projected: Float, residual: Float, weight: Float, bias: Float) -> Float:
    return _layer_norm(projected + residual, weight, bias, BERT_EPSILON)


def _bert_masked_softmax(scores: Float, mask: NDArray[np.int64]) -> Float:
    penalty = (1.0 - mask[:, None, None, :]) * float(np.finfo(np.float32).min)
    return _softmax(scores / math.sqrt(BERT_HEAD_WIDTH) + penalty)


def _bert_layer(hidden: Float, mask: NDArray[np.int64], *parameters: Float) -> Float:
    dense = [(parameters[at], parameters[at + 1]) for at in (0, 2, 4, 6, 10, 12)]
    query, key, value = (_by_head(hidden @ weight.T + bias) for weight, bias in dense[:3])
    context = _bert_masked_softmax(query @ key.swapaxes(-1, -2), mask) @ value
    (joined, joined_bias), (inner, inner_bias), (outer, outer_bias) = dense[3:]
    projected = context.swapaxes(1, 2).reshape(hidden.shape) @ joined.T + joined_bias
    attended = _layer_norm(projected + hidden, *parameters[8:10], BERT_EPSILON)
    projected = _bert_bias_gelu(attended @ inner.T, inner_bias) @ outer.T + outer_bias
    return _layer_norm(projected + attended, *parameters[14:16], BERT_EPSILON)


def _by_head(projected: Float) -> Float:
    return projected.reshape(*projected.shape[:2], BERT_HEADS, -1).swapaxes(1, 2)


def _causal_softmax(scores: Float, hidden: NDArray[np.bool_]) -> Float:
    return _softmax(np.where(hidden, -np.inf, scores))


def _shufflenet_block(shortcut: Float, branch: Float) -> Float:
    frozen = {name: values.astype(np.float64)[:, None, None] for name, values in frozen_batch_norm().items()}
    scale = frozen["norm.weight"] / np.sqrt(frozen["norm.running_var"] + SHUFFLENET_EPSILON)
    normal = np.maximum((branch - frozen["norm.running_mean"]) * scale + frozen["norm.bias"], 0.0)
    # With two groups of equal size a shuffle takes one channel from each in turn.
    result = np.empty((shortcut.shape[0], 2 * SHUFFLENET_CHANNELS, *shortcut.shape[2:]))
    result[:, 0::2] = shortcut
    result[:, 1::2] = normal
    return result


def _vit_embedding(
    patches: Float, class_token: Float, position: Float, weight: Float, bias: Float
) -> tuple[Float, Float]:
    batch, width, rows, columns = patches.shape
    tokens = np.empty((batch, position.shape[1], width))
    tokens[:, 0] = class_token[0, 0]
    tokens[:, 1:] = np.moveaxis(patches.reshape(batch, width, rows * columns), 1, 2)
    tokens += position
    return tokens, _layer_norm(tokens, weight, bias, VIT_EPSILON)


def _bert_layer_inputs() -> tuple[Input, ...]:
    inputs = [
        Input("hidden", (1, BERT_LAYER_SEQUENCE, BERT_WIDTH)),
        Input("mask", (1, BERT_LAYER_SEQUENCE), "int64", "padding"),
    ]
    widths = {
        "query": (BERT_WIDTH, BERT_WIDTH),
        "key": (BERT_WIDTH, BERT_WIDTH),
        "value": (BERT_WIDTH, BERT_WIDTH),
        "joined": (BERT_WIDTH, BERT_WIDTH),
        "attended.norm": (BERT_WIDTH,),
        "intermediate": (BERT_INTERMEDIATE, BERT_WIDTH),
        "output": (BERT_WIDTH, BERT_INTERMEDIATE),
        "finished.norm": (BERT_WIDTH,),
    }
    for name, shape in widths.items():
        short = name.replace(".", "_")
        fill = "weights" if len(shape) > 1 else "normal"
        inputs.append(Input(f"{short}_weight", shape, fill=fill, parameter=f"{name}.weight"))
        inputs.append(Input(f"{short}_bias", shape[:1], parameter=f"{name}.bias"))
    return tuple(inputs)


def _every_example() -> tuple[Example, ...]:
    bert = (BERT_SEQUENCE, BERT_WIDTH)
    attention = (1, BERT_HEADS, BERT_SEQUENCE, BERT_SEQUENCE)
    decoder = (2, BERT_HEADS, DECODER_SEQUENCE, DECODER_SEQUENCE)
    shuffle = (1, SHUFFLENET_CHANNELS, SHUFFLENET_SIDE, SHUFFLENET_SIDE)
    batch = {0: "batch"}
    return (
        Example(
            name="relu_add",
            title="ReLU + add",
            inputs=(Input("activation", (1, 64, 512, 512)), Input("residual", (1, 64, 512, 512))),
            reference=_relu_add,
            tolerance=1e-6,
        ),
        Example(
            name="bert_bias_gelu",
            title="BERT bias + GELU",
            inputs=(
                Input("projected", (BERT_SEQUENCE, BERT_INTERMEDIATE)),
                Input("bias", (BERT_INTERMEDIATE,), parameter="bias"),
            ),
            reference=_bert_bias_gelu,
            tolerance=1e-5,
        ),
        Example(
            name="bert_residual_layernorm",
            title="BERT add + LayerNorm",
            inputs=(
                Input("projected", bert),
                Input("residual", bert),
                Input("weight", (BERT_WIDTH,), parameter="norm.weight"),
                Input("bias", (BERT_WIDTH,), parameter="norm.bias"),
            ),
            reference=_bert_residual_layernorm,
            tolerance=1e-5,
        ),
        Example(
            name="bert_masked_softmax",
            title="BERT masked softmax",
            inputs=(Input("scores", attention), Input("mask", (1, BERT_SEQUENCE), "int64", "padding")),
            reference=_bert_masked_softmax,
            tolerance=1e-5,
        ),
        Example(
            name="bert_layer",
            title="BERT layer",
            inputs=_bert_layer_inputs(),
            reference=_bert_layer,
            tolerance=1e-5,
        ),
        Example(
            name="causal_softmax",
            title="causal softmax, batch ?",
            inputs=(
                Input("scores", decoder, dynamic=batch),
                Input("hidden", (DECODER_SEQUENCE, DECODER_SEQUENCE), "bool", "causal"),
            ),
            reference=_causal_softmax,
            tolerance=1e-5,
        ),
        Example(
            name="shufflenet_block",
            title="ShuffleNet block",
            inputs=(Input("shortcut", shuffle), Input("branch", shuffle)),
            reference=_shufflenet_block,
            tolerance=1e-5,
        ),
        Example(
            name="vit_embedding",
            title="ViT embedding, batch ?",
            inputs=(
                Input("patches", (4, VIT_WIDTH, VIT_SIDE, VIT_SIDE), dynamic=batch),
                Input("class_token", (1, 1, VIT_WIDTH), parameter="class_token"),
                Input("position", (1, VIT_PATCHES + 1, VIT_WIDTH), parameter="position"),
                Input("weight", (VIT_WIDTH,), parameter="norm.weight"),
                Input("bias", (VIT_WIDTH,), parameter="norm.bias"),
            ),
            reference=_vit_embedding,
            tolerance=1e-5,
        ),
    )


EXAMPLES: dict[str, Example] = {example.name: example for example in _every_example()}
"""Every example under its name, in the order of the demo's table."""
