"""ONNX models through `pf.compile` and the commands: results as ONNX defines them, damaged files explained."""

from __future__ import annotations

import numpy as np
import pytest
from model_packages import need

import powerfusion as pf
from powerfusion.cli.main import main
from powerfusion.errors import SourceError, UnsupportedError

onnx, *_ = need("onnx", "onnx.reference", "torch_mlir")
helper, numpy_helper = onnx.helper, onnx.numpy_helper
FLOAT, BYTE = onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8
WEIGHT = np.random.default_rng(0).standard_normal((64, 32), dtype=np.float32)


def value(name, *shape, dtype=FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def model(nodes, inputs, outputs, weights=(), version=17):
    tensors = [numpy_helper.from_array(array, name) for name, array in dict(weights).items()]
    graph = helper.make_graph(nodes, "a graph", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)], ir_version=9)


def classifier():
    """A large weight, a small one, a shape, and an open size."""
    nodes = [
        helper.make_node("MatMul", ["x", "weight"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["sum"]),
        helper.make_node("LayerNormalization", ["sum", "scale", "bias"], ["norm"], axis=-1),
        helper.make_node("Softmax", ["norm"], ["soft"], axis=-1),
        helper.make_node("Reshape", ["soft", "shape"], ["y"]),
    ]
    weights = {
        "weight": WEIGHT,
        "bias": np.linspace(-1, 1, 32, dtype=np.float32),
        "scale": np.full(32, 1.5, np.float32),
        "shape": np.array([-1, 4, 8]),
    }
    return model(nodes, [value("x", "n", 64)], [value("y", "n", 4, 8)], weights)


def expected(proto, *arrays):
    names = [each.name for each in proto.graph.input]
    return onnx.reference.ReferenceEvaluator(proto).run(None, dict(zip(names, arrays, strict=True)))[0]


def test_a_model_gives_what_onnx_says(tmp_path):
    proto, path = classifier(), tmp_path / "model.onnx"
    onnx.save(proto, path)
    x = np.random.default_rng(1).standard_normal((3, 64), dtype=np.float32)
    for source in (path, str(path), proto):
        program = pf.compile(source)
        np.testing.assert_allclose(program(x), expected(proto, x), rtol=1e-5, atol=1e-6)
    assert [str(spec) for spec in program.signature.arguments] == ["?x64xf32"]


def test_what_torch_mlir_has_to_four_digits_is_as_onnx_defines_it():
    nodes = [helper.make_node("Gelu", ["x"], ["y"], approximate="tanh")]
    proto = model(nodes, [value("x", 100)], [value("y", 100)], version=20)
    x = np.linspace(-5, 5, 100, dtype=np.float32)
    np.testing.assert_allclose(pf.compile(proto)(x), expected(proto, x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("op", ["Div", "Max", "Mul", "Sub"])
def test_bytes_have_no_sign(op):
    proto = model(
        [helper.make_node(op, ["x", "y"], ["z"])],
        [value("x", 6, dtype=BYTE), value("y", 6, dtype=BYTE)],
        [value("z", 6, dtype=BYTE)],
    )
    x, y = np.arange(250, 256, dtype=np.uint8), np.full(6, 7, np.uint8)
    expected = {"Div": np.floor_divide, "Max": np.maximum, "Mul": np.multiply, "Sub": np.subtract}[op](x, y)
    np.testing.assert_array_equal(pf.compile(proto)(x, y), expected, strict=True)


def test_weights_beside_the_model_are_mapped(tmp_path):
    proto, path = classifier(), tmp_path / "model.onnx"
    onnx.save_model(
        onnx.ModelProto.FromString(proto.SerializeToString()),
        path,
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    assert (tmp_path / "weights.bin").stat().st_size >= WEIGHT.nbytes
    x = np.random.default_rng(2).standard_normal((2, 64), dtype=np.float32)
    np.testing.assert_allclose(pf.compile(path)(x), expected(proto, x), rtol=1e-5, atol=1e-6)


def test_the_commands_take_it(tmp_path, capsys):
    path, artifact = tmp_path / "model.onnx", tmp_path / "model.pfx"
    onnx.save(classifier(), path)
    x = np.random.default_rng(3).standard_normal((2, 64), dtype=np.float32)
    np.save(tmp_path / "x.npy", x)
    assert main(["compile", str(path), "-o", str(artifact)]) == 0
    np.testing.assert_allclose(pf.load(artifact)(x), expected(classifier(), x), rtol=1e-5, atol=1e-6)
    assert main(["run", str(path), "--input", str(tmp_path / "x.npy"), "-o", str(tmp_path / "y.npy")]) == 0
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected(classifier(), x), rtol=1e-5, atol=1e-6)
    capsys.readouterr()
    assert main(["explain", str(path), "--shape", "0=2x64"]) == 0
    assert "dram" in capsys.readouterr().out


def test_all_that_is_refused_is_listed():
    nodes = [
        helper.make_node("RandomNormalLike", ["x"], ["a"], name="noise"),
        helper.make_node("Relu", ["x"], ["b"]),
        helper.make_node("Mystery", ["b"], ["c"], name="riddle", domain="nobody"),
    ]
    proto = model(nodes, [value("x", 4, 4)], [value("a", 4, 4), value("c", 4, 4)])
    proto.opset_import.append(helper.make_opsetid("nobody", 1))
    with pytest.raises(UnsupportedError) as caught:
        pf.compile(proto)
    lines = [line.split(":")[0] for line in str(caught.value).splitlines() if line.startswith("  ")]
    assert lines == ["  onnx.RandomNormalLike at noise", "  onnx.Mystery at riddle"]


# -- files that are damaged, or meant to do damage -------------------------------------------------


def relu(*shape):
    return model([helper.make_node("Relu", ["x"], ["y"])], [value("x", *shape)], [value("y", *shape)])


def cycle():
    nodes = [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])]
    return model(nodes, [value("x", 4)], [value("b", 4)])


def with_external(location, offset=0, length=WEIGHT.nbytes):
    proto = model([helper.make_node("MatMul", ["x", "w"], ["y"])], [value("x", 2, 64)], [value("y", 2, 32)])
    tensor = onnx.TensorProto(name="w", data_type=FLOAT, dims=WEIGHT.shape, data_location=onnx.TensorProto.EXTERNAL)
    for key, word in (("location", location), ("offset", offset), ("length", length)):
        tensor.external_data.add(key=key, value=str(word))
    proto.graph.initializer.append(tensor)
    return proto


def too_few_elements():
    proto = classifier()
    proto.graph.initializer[0].raw_data = b"1234"
    return proto


def too_many_dims():
    proto = classifier()
    proto.graph.initializer[0].dims[:] = [1 << 40, 1 << 40]
    return proto


DAMAGED = {
    "nothing": (lambda: b"", "it has no graph"),
    "something else": (lambda: b"module {}" * 20, "is no ONNX model, or is damaged"),
    "cut off": (lambda: classifier().SerializeToString()[:-4000], "is no ONNX model, or is damaged"),
    "of the future": (lambda: model([], [value("x", 4)], [value("x", 4)], version=999), "version 999"),
    "a cycle": (cycle, "isn't valid"),
    "wrong shapes": (
        lambda: model([helper.make_node("Relu", ["x"], ["y"])], [value("x", 4)], [value("y", 5, 5)]),
        "isn't valid",
    ),
    "impossible sizes": (lambda: relu(1 << 40, 1 << 40), "impossible sizes"),
    "impossible weights": (too_many_dims, "impossible sizes"),
    "weights that are cut off": (too_few_elements, "needs 8192 bytes"),
    "weights elsewhere": (lambda: with_external("../secret.bin"), "outside of the model's folder"),
    "weights at a place of its own": (lambda: with_external("/etc/passwd"), "outside of the model's folder"),
    "weights by a link": (lambda: with_external("link.bin"), "outside of the model's folder"),
    "weights that aren't there": (lambda: with_external("absent.bin"), "isn't there"),
    "weights past the end": (lambda: with_external("short.bin", offset=100), "need 8192 bytes"),
    "weights before the start": (lambda: with_external("short.bin", offset=-8), "need 8192 bytes"),
    "weights of another length": (lambda: with_external("short.bin", length=12), "need 8192 bytes"),
    "weights at no number": (lambda: with_external("short.bin", offset="x"), "no place that is a number"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_explained(name, tmp_path):
    make, message = DAMAGED[name]
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(WEIGHT.tobytes())
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    (folder / "short.bin").write_bytes(WEIGHT.tobytes())
    made = make()
    (folder / "m.onnx").write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SourceError, match=message):
        pf.compile(folder / "m.onnx")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_that_is_not_there(tmp_path, capsys):
    with pytest.raises(SourceError, match="No such file"):
        pf.compile(tmp_path / "absent.onnx")
    assert main(["run", str(tmp_path / "absent.onnx")]) != 0
    assert "absent.onnx" in capsys.readouterr().err
