"""Products of matrices that are a library's: results, bytes, and programs where no library is."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from model_packages import need
from test_ledger_interpreter import check

import powerfusion as pf
from powerfusion import knobs
from powerfusion.errors import UnsupportedError
from powerfusion.executable import Executable, compile_source
from powerfusion.machines.host import host
from powerfusion.pipelines import Freedoms
from powerfusion.runtime import libraries
from powerfusion.runtime.libraries import Library, find_library
from powerfusion.runtime.signature import DTYPES

needs_library = pytest.mark.skipif(find_library() is None, reason="neither PyTorch nor SciPy is installed")


@dataclass(frozen=True)
class Product:
    """A program of one contraction.

    Attributes:
        spec: As `numpy.einsum` takes it.
        shapes: Of both factors.
        dtype: Of all elements.
        bias: Dimensions of what it starts from; None for zeros.
        calls: Whether it is a library's.
    """

    spec: str
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    dtype: str = "f32"
    bias: str | None = None
    calls: bool = True

    @property
    def parts(self) -> tuple[str, str, str]:
        """The dimensions of both factors and of the result."""
        factors, result = self.spec.split("->")
        first, second = factors.split(",")
        return first, second, result

    @property
    def sizes(self) -> dict[str, int]:
        """By dimension."""
        first, second, _ = self.parts
        return dict(zip(first, self.shapes[0], strict=True)) | dict(zip(second, self.shapes[1], strict=True))

    def type_of(self, dims: str) -> str:
        """A tensor's type."""
        return f"tensor<{''.join(f'{self.sizes[dim]}x' for dim in dims)}{self.dtype}>"

    @property
    def text(self) -> str:
        """The program."""
        loops = sorted(self.sizes)
        result = self.parts[2]
        maps = [self._map(loops, dims) for dims in self.parts]
        kinds = [f'"{"parallel" if loop in result else "reduction"}"' for loop in loops]
        types = [self.type_of(dims) for dims in self.parts]
        bias = f", %c: {self.type_of(self.bias)}" if self.bias is not None else ""
        return f"""
        func.func @main(%a: {types[0]}, %b: {types[1]}{bias}) -> {types[2]} {{
          %e = tensor.empty() : {types[2]}
          {self._start(types[2], result)}
          %p = linalg.generic {{indexing_maps = [{", ".join(maps)}], iterator_types = [{", ".join(kinds)}]}}
              ins(%a, %b : {types[0]}, {types[1]}) outs(%s : {types[2]}) {{
            ^bb0(%x: {self.dtype}, %y: {self.dtype}, %z: {self.dtype}):
              %m = arith.mulf %x, %y : {self.dtype}
              %n = arith.addf %z, %m : {self.dtype}
              linalg.yield %n : {self.dtype}
          }} -> {types[2]}
          return %p : {types[2]}
        }}
        """

    def _map(self, loops: list[str], dims: str) -> str:
        given = ", ".join(f"d{at}" for at in range(len(loops)))
        return f"affine_map<({given}) -> ({', '.join(f'd{loops.index(dim)}' for dim in dims)})>"

    def _start(self, type_: str, result: str) -> str:
        if self.bias is None:
            fill = f"linalg.fill ins(%zero : {self.dtype}) outs(%e : {type_}) -> {type_}"
            return f"%zero = arith.constant 0.0 : {self.dtype}\n%s = {fill}"
        added = [at for at, dim in enumerate(result) if dim not in self.bias]
        given = f"ins(%c : {self.type_of(self.bias)}) outs(%e : {type_})"
        return f"%s = linalg.broadcast {given} dimensions = {added}"

    def inputs(self) -> list[np.ndarray]:
        """Numbers for the arguments."""
        rng = np.random.default_rng(0)
        shapes = [*self.shapes, *([tuple(self.sizes[dim] for dim in self.bias)] if self.bias is not None else [])]
        return [rng.standard_normal(shape).astype(DTYPES[self.dtype]) for shape in shapes]

    def wanted(self, inputs: list[np.ndarray]) -> np.ndarray:
        """The result, in f64."""
        first, second, *bias = [array.astype(np.float64) for array in inputs]
        product = np.einsum(self.spec, first, second)
        if self.bias is None:
            return product
        aligned = [self.sizes[dim] if dim in self.bias else 1 for dim in self.parts[2]]
        return product + bias[0].reshape(aligned)


PRODUCTS = {
    "plain": Product("mk,kn->mn", ((48, 40), (40, 56))),
    "of f64": Product("mk,kn->mn", ((48, 40), (40, 56)), "f64"),
    "weights as PyTorch has them": Product("mk,nk->mn", ((48, 40), (56, 40))),
    "first factor transposed": Product("km,kn->mn", ((40, 48), (40, 56))),
    "both transposed": Product("km,nk->mn", ((40, 48), (56, 40))),
    "result transposed": Product("mk,kn->nm", ((48, 40), (40, 56))),
    "result and both transposed": Product("km,nk->nm", ((40, 48), (56, 40))),
    "bias": Product("mk,nk->mn", ((48, 40), (56, 40)), bias="n"),
    "bias of each row": Product("mk,nk->mn", ((48, 40), (56, 40)), bias="m"),
    "added to a matrix": Product("mk,kn->mn", ((48, 40), (40, 56)), bias="mn"),
    "batched": Product("bmk,bkn->bmn", ((3, 48, 40), (3, 40, 56))),
    "batched, one weight": Product("bmk,kn->bmn", ((3, 48, 40), (40, 56))),
    "batched twice": Product("abmk,abnk->abmn", ((2, 3, 48, 40), (2, 3, 56, 40))),
    "heads as they lie": Product("bmhk,bnhk->bhmn", ((2, 48, 3, 40), (2, 56, 3, 40))),
    "heads as they lie, weighted": Product("bhmn,bnhk->bmhk", ((2, 3, 48, 56), (2, 56, 3, 40))),
    "convolution of single elements": Product("fc,nchw->nfhw", ((48, 40), (2, 40, 7, 9))),
    "convolution, channels last": Product("nhwc,fc->nhwf", ((2, 7, 9, 40), (48, 40))),
    "summed over two dimensions": Product("mkl,nkl->mn", ((48, 5, 8), (56, 5, 8))),
    "one row": Product("mk,nk->mn", ((1, 256), (256, 256))),
    "one column": Product("mk,kn->mn", ((256, 256), (256, 1))),
    "one product in each sum": Product("mk,kn->mn", ((256, 1), (1, 256))),
    "a vector": Product("k,nk->n", ((256,), (256, 256))),
    "summed over dimensions apart": Product("hmk,nhk->mn", ((3, 48, 40), (56, 3, 40))),
    "summed over three, in another order": Product("ghmk,kghn->mn", ((2, 3, 48, 40), (40, 2, 3, 56)), bias="n"),
    "few products in each call": Product("kml,lkn->mn", ((8, 48, 5), (5, 8, 56)), calls=False),
    "too small": Product("mk,kn->mn", ((8, 8), (8, 8)), calls=False),
    "many too small": Product("bmk,bkn->bmn", ((64, 8, 8), (64, 8, 8)), calls=False),
    "nothing": Product("mk,kn->mn", ((0, 256), (256, 256)), calls=False),
    "sums of nothing": Product("mk,kn->mn", ((256, 0), (0, 256)), calls=False),
}
CALLED = {name: product for name, product in PRODUCTS.items() if product.calls}
ASKED = Freedoms(libraries=True)


def compiled(product: Product, until: str | None = None) -> Executable:
    return compile_source(product.text, freedoms=ASKED, until=until)


def check_result(found: np.ndarray, product: Product, inputs: list[np.ndarray]) -> None:
    wanted = product.wanted(inputs)
    assert found.shape == wanted.shape
    epsilon = np.finfo(found.dtype).eps
    np.testing.assert_allclose(found, wanted, atol=64 * epsilon * max(1.0, np.abs(wanted).max(initial=0)), rtol=0)


@needs_library
@pytest.mark.parametrize("name", PRODUCTS)
def test_results(name: str) -> None:
    """What a library gives, into memory that holds NaN, is the product, and the input is as it was."""
    product = PRODUCTS[name]
    program, inputs = compiled(product), product.inputs()
    assert (program.blas is not None) == product.calls
    before = [array.copy() for array in inputs]
    out = np.full(product.wanted(inputs).shape, np.nan, inputs[0].dtype)
    check_result(program(*inputs, out=out), product, inputs)
    for array, old in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(array, old)


@pytest.mark.parametrize("name", CALLED)
def test_results_without_a_library(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no library is, the program computes what it says itself."""
    monkeypatch.setattr(libraries, "find_library", lambda: None)
    product = PRODUCTS[name]
    program, inputs = compiled(product), product.inputs()
    found = program(*inputs)
    assert program.blas is None
    check_result(found, product, inputs)


TODAY = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
SOME = list(CALLED) if os.environ.get("PF_TEST_FULL") else list(CALLED)[TODAY % 5 :: 5]


@pytest.mark.parametrize("name", SOME)
def test_static_is_interpreted(name: str) -> None:
    """Bytes of a library's operator, phase by phase: each factor and the result, once."""
    product = PRODUCTS[name]
    program = compiled(product, until="tile")
    for phase in ("simplify", "expand", "place", "tile"):
        check(program.module(phase), product.inputs(), host())


def test_bytes() -> None:
    """Three matrices move once each; nothing less would do."""
    report = compiled(CALLED["plain"]).report()
    moved = 4 * (48 * 40 + 40 * 56 + 48 * 56)
    assert report.least_dram_bytes == moved
    assert report.at_dram("useful") == moved


@needs_library
def test_special_values() -> None:
    """NaN and infinities go through products and sums as they do without a library."""
    product = CALLED["bias"]
    first, second, bias = product.inputs()
    first[3, 5], first[7, 2], bias[4] = np.nan, np.inf, -np.inf
    found, plain = compiled(product)(first, second, bias), pf.compile(product.text)(first, second, bias)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(plain))
    np.testing.assert_array_equal(np.isposinf(found), np.isposinf(plain))
    np.testing.assert_array_equal(np.isneginf(found), np.isneginf(plain))


SCORES = """
func.func @main(%q: tensor<4x256x32xf32>, %k: tensor<4x256x32xf32>, %v: tensor<4x256x32xf32>) -> tensor<4x256x32xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x256x256xf32>
  %s0 = linalg.fill ins(%zero : f32) outs(%e : tensor<4x256x256xf32>) -> tensor<4x256x256xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (b, n, k)>,
        affine_map<(b, m, n, k) -> (b, m, n)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<4x256x32xf32>, tensor<4x256x32xf32>) outs(%s0 : tensor<4x256x256xf32>) {
    ^bb0(%x: f32, %y: f32, %z: f32):
      %m = arith.mulf %x, %y : f32
      %n = arith.addf %z, %m : f32
      linalg.yield %n : f32
  } -> tensor<4x256x256xf32>
  %r = linalg.exp ins(%s : tensor<4x256x256xf32>) outs(%e : tensor<4x256x256xf32>) -> tensor<4x256x256xf32>
  %f = tensor.empty() : tensor<4x256x32xf32>
  %t0 = linalg.fill ins(%zero : f32) outs(%f : tensor<4x256x32xf32>) -> tensor<4x256x32xf32>
  %t = linalg.batch_matmul ins(%r, %v : tensor<4x256x256xf32>, tensor<4x256x32xf32>)
      outs(%t0 : tensor<4x256x32xf32>) -> tensor<4x256x32xf32>
  return %t : tensor<4x256x32xf32>
}
"""


def test_scores_stay() -> None:
    """Scores of few products each, that are folded again, are no library's: both contractions are one kernel."""
    text = compile_source(SCORES, freedoms=ASKED, until="place").ir("place")
    assert "gir.extern" not in text
    assert text.count("gir.kernel") == 1


def test_open_sizes_are_computed_here() -> None:
    """Of a product whose sizes are open nobody knows whether a call pays."""
    text = (
        PRODUCTS["plain"].text.replace("tensor<48x", "tensor<?x").replace("tensor.empty() :", "tensor.empty(%rows) :")
    )
    size = "%first = arith.constant 0 : index\n%rows = tensor.dim %a, %first : tensor<?x40xf32>"
    text = text.replace("%e =", f"{size}\n%e =")
    program = compile_source(text, freedoms=ASKED)
    inputs = PRODUCTS["plain"].inputs()
    check_result(program(*inputs), PRODUCTS["plain"], inputs)
    assert program.blas is None


def test_it_is_for_the_host() -> None:
    """Another target is refused; models for it are compiled without."""
    with pytest.raises(UnsupportedError, match="libraries aren't called for 'c'"):
        pf.compile(PRODUCTS["plain"].text, target="c", libraries=True)


CONVOLUTION = """
func.func @main(%x: tensor<2x20x13x11xf32>, %w: tensor<24x20x3x3xf32>) -> tensor<2x24x{height}x{width}xf32> {{
  %zero = arith.constant 0.0 : f32
  %p = tensor.pad %x low[0, 0, 1, 1] high[0, 0, 1, 1] {{
    ^bb0(%n: index, %c: index, %h: index, %v: index):
      tensor.yield %zero : f32
  }} : tensor<2x20x13x11xf32> to tensor<2x20x15x13xf32>
  %e = tensor.empty() : tensor<2x24x{height}x{width}xf32>
  %s = linalg.fill ins(%zero : f32) outs(%e : tensor<2x24x{height}x{width}xf32>) -> tensor<2x24x{height}x{width}xf32>
  %y = linalg.conv_2d_nchw_fchw {{strides = dense<{stride}> : tensor<2xi64>}}
      ins(%p, %w : tensor<2x20x15x13xf32>, tensor<24x20x3x3xf32>)
      outs(%s : tensor<2x24x{height}x{width}xf32>) -> tensor<2x24x{height}x{width}xf32>
  return %y : tensor<2x24x{height}x{width}xf32>
}}
"""


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_windows_are_copied_for_a_product(stride: int) -> None:
    """A convolution is a product of copied windows; bytes are counted alike, and results are those without."""
    height, width = (13 - 1) // stride + 1, (11 - 1) // stride + 1
    text = CONVOLUTION.format(height=height, width=width, stride=stride)
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal(shape, dtype=np.float32) for shape in ((2, 20, 13, 11), (24, 20, 3, 3))]
    program = compile_source(text, freedoms=ASKED)
    assert program.ir("place").count('gir.extern "sgemm"') == 1
    for phase in ("simplify", "place"):
        check(program.module(phase), inputs, host())
    np.testing.assert_allclose(program(*inputs), pf.compile(text)(*inputs), atol=1e-4, rtol=0)


# -- models ----------------------------------------------------------------------------------------------


def test_products_of_an_onnx_model_are_calls(tmp_path: Path) -> None:
    """Nobody has to ask: a model's products are a library's; for another target, or if asked not to be, they aren't."""
    onnx, *_ = need("onnx", "torch_mlir")
    node = onnx.helper.make_node("Gemm", ["x", "w", "c"], ["y"], transB=1)
    x, y = (onnx.helper.make_tensor_value_info(name, 1, shape) for name, shape in (("x", [48, 40]), ("y", [48, 56])))
    product = CALLED["bias"]
    first, *weights = product.inputs()
    kept = [onnx.numpy_helper.from_array(array, name) for array, name in zip(weights, "wc", strict=True)]
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], "gemm", [x], [y], kept), opset_imports=[onnx.helper.make_opsetid("", 17)]
    )
    path = tmp_path / "gemm.onnx"
    onnx.save(model, path)
    program = pf.compile(path, cache=False)
    assert program.ir("place").count('gir.extern "sgemm"') == 1
    check_result(program(first), product, [first, *weights])
    assert "gir.extern" not in pf.compile(path, cache=False, libraries=False).ir("place")
    assert "gir.extern" not in compile_source(path, target="c", until="place").ir("place")


# -- artifacts and C -------------------------------------------------------------------------------------

RUN = """
import sys
import numpy as np
import powerfusion as pf
{before}
program = pf.load(sys.argv[1])
arrays = np.load(sys.argv[2])
np.save(sys.argv[3], program(*(arrays[name] for name in sorted(arrays))))
print(program.blas)
"""
KINDS = {
    "as it comes": "",
    "without": "sys.modules['scipy.linalg'] = None",
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_artifact_runs_with_and_without(kind: str, tmp_path: Path) -> None:
    """A saved program takes the library that is where it is loaded; without one it computes the products itself."""
    product = CALLED["bias"]
    inputs = product.inputs()
    artifact, arrays, result = (str(tmp_path / name) for name in ("product.pfx", "arrays.npz", "result.npy"))
    compiled(product).save(artifact)
    np.savez(arrays, *inputs)
    command = [sys.executable, "-c", RUN.format(before=KINDS[kind]), artifact, arrays, result]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    library = find_library()
    there = kind == "as it comes" and library is not None
    assert (done.stdout.strip() == "None") == (not there)
    check_result(np.load(result), product, inputs)


def test_a_library_for_c_needs_none(tmp_path: Path) -> None:
    """Code for callers in C has nothing to fill its slots, whose names are its own."""
    made = compiled(CALLED["plain"]).c_library("product.o")
    (tmp_path / "product.o").write_bytes(made.code)
    command = [knobs.llvm_prefix() / "bin" / "llvm-nm", "--extern-only", "product.o"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert "slot" not in listed
    assert "gemm" not in listed
    assert "slot" not in made.header


# -- who fills slots -------------------------------------------------------------------------------------


def test_threads_are_held_and_given_back() -> None:
    """Around calls a library takes no more threads than the program; then as many as before, however they ended."""
    told = [8]
    library = Library("test", {}, lambda: told[-1], told.append)
    assert library.hold(8) is None
    first, second = library.hold(4), library.hold(2)
    assert told == [8, 4, 2]
    library.release(first)
    assert told[-1] == 8
    library.release(second)
    assert told[-1] == 8


@needs_library
def test_what_is_saved_in_the_cache_calls_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program from the cache of compiled programs has the same slots, and a key of its own."""
    monkeypatch.setenv("PF_CACHE", str(tmp_path))
    product = CALLED["plain"]
    inputs = product.inputs()
    for _ in range(2):
        program = pf.compile(product.text, libraries=True)
        check_result(program(*inputs), product, inputs)
        assert program.blas is not None
    assert pf.compile(product.text).blas is None
