"""Programs for devices as files: run without MLIR, by stubs of drivers; damage, and what is not there, is said."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from artifact_tools import MIXED, members_of, pack, reseal
from stub_driver import Stub

import powerfusion as pf
from powerfusion.cli.main import main
from powerfusion.core.toolchain import ptxas
from powerfusion.emit.assembling import amd_resources, nvidia_resources
from powerfusion.errors import ArtifactError, AssertionFailedError, DeviceError, ToolError, UnsupportedError
from powerfusion.runtime import driver_device, drivers
from powerfusion.runtime.launches import Launches, Step
from workloads import find

COPY = """func.func @copy(%x: tensor<37x200xf32>) -> tensor<37x200xf32> {
  %e = tensor.empty() : tensor<37x200xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} ins(%x : tensor<37x200xf32>) outs(%e : tensor<37x200xf32>) {
  ^bb0(%a: f32, %o: f32):
    %n = arith.negf %a : f32
    linalg.yield %n : f32
  } -> tensor<37x200xf32>
  return %y : tensor<37x200xf32>
}"""
X = np.arange(37 * 200, dtype=np.float32).reshape(37, 200)
TARGETS = ("cuda:sm_90", "rocm:gfx942")
CUDA_STARTS = [
    "cuInit 0",
    "cuDeviceGetCount",
    "cuDeviceGet 0",
    "cuDeviceGetAttribute 75 0",
    "cuDeviceGetAttribute 76 0",
    "cuDevicePrimaryCtxRetain 0",
    "cuCtxSetCurrent",
]
HIP_STARTS = ["hipInit 0", "hipGetDeviceCount", "hipSetDevice 0"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program for the host and for two devices."""
    path = tmp_path_factory.mktemp("artifact") / "copy.pfx"
    first, *others = (pf.compile(COPY, target=target) for target in ("cpu", *TARGETS))
    first.save(path, *others)
    return path


@pytest.fixture(scope="module")
def members(saved: Path) -> dict[str, bytes]:
    """What is in it."""
    return members_of(saved)


def test_cuda_calls(saved: Path, stub: Stub) -> None:
    """The first call opens the device, loads the kernels and makes its memory; others use that, until it is gone."""
    program = pf.load(saved, target="cuda:sm_90")
    assert np.array_equal(program(X), X)
    size = X.nbytes
    kernel = program.device_function.launches.steps[-1].data["kernel"]
    launch = next(call for call in stub.calls() if call.startswith(f"cuLaunchKernel {kernel} "))
    each = [f"cuMemcpyHtoD_v2 {size}", launch, "cuCtxSynchronize", f"cuMemcpyDtoH_v2 {size}"]
    assert stub.calls() == [
        *CUDA_STARTS,
        f"cuModuleLoadData {'binary' if ptxas() else 'text'}",
        f"cuMemAlloc_v2 {size}",
        each[0],
        f"cuMemAlloc_v2 {size}",
        f"cuModuleGetFunction {kernel}",
        *each[1:],
    ]
    made = len(stub.calls())
    assert np.array_equal(program(X + 1), X + 1)
    assert stub.calls()[made:] == each
    del program
    assert stub.calls()[made + len(each) :] == [f"cuMemFree_v2 {size}"] * 2


def test_hip_calls(saved: Path, stub: Stub) -> None:
    """HIP is asked the same by its own names."""
    program = pf.load(saved, target="rocm:gfx942")
    assert np.array_equal(program(X), X)
    size = X.nbytes
    names = [call.split()[0] for call in stub.calls()]
    assert stub.calls()[:4] == [*HIP_STARTS, "hipModuleLoadData binary"]
    assert names[4:] == [
        *("hipMalloc", "hipMemcpyHtoD", "hipMalloc", "hipModuleGetFunction", "hipModuleLaunchKernel"),
        *("hipDeviceSynchronize", "hipMemcpyDtoH"),
    ]
    del program
    assert stub.calls()[-1] == f"hipFree {size}"


GRAPHS = {
    "cuda:sm_90": (
        *("cuMemcpyHtoD_v2", "cuStreamCreate", "cuStreamBeginCapture_v2", "cuLaunchKernel", "cuLaunchKernel"),
        *("cuStreamEndCapture", "cuGraphInstantiateWithFlags", "cuGraphDestroy", "cuGraphLaunch", "cuCtxSynchronize"),
        "cuMemcpyDtoH_v2",
    ),
    "rocm:gfx942": (
        *("hipMemcpyHtoD", "hipStreamCreateWithFlags", "hipStreamBeginCapture"),
        *("hipModuleLaunchKernel", "hipModuleLaunchKernel"),
        *("hipStreamEndCapture", "hipGraphInstantiateWithFlags", "hipGraphDestroy", "hipGraphLaunch"),
        *("hipDeviceSynchronize", "hipMemcpyDtoH"),
    ),
}


@pytest.mark.parametrize("target", GRAPHS)
def test_several_kernels_are_a_graph(saved: Path, stub: Stub, target: str) -> None:
    """The second call makes one of what the first launched; from then on a call starts that."""
    function = pf.load(saved, target=target).device_function
    *before, launch = function.launches.steps
    function = replace(function, launches=replace(function.launches, steps=(*before, launch, launch)))
    for number, expected in ((0, ()), (1, GRAPHS[target]), (2, (GRAPHS[target][0], *GRAPHS[target][-3:]))):
        made = len(stub.calls())
        assert np.array_equal(function(X + number), X + number)
        if expected:
            assert tuple(call.split()[0] for call in stub.calls()[made:]) == expected
    assert len([call for call in stub.calls() if call.endswith(" captured")]) == 2
    del function
    assert "ExecDestroy" in stub.calls()[-3]


def test_a_graph_that_fails_frees_its_memory(saved: Path, stub: Stub) -> None:
    """What can't be captured is said, and the next call begins anew."""
    function = pf.load(saved, target="cuda:sm_90").device_function
    *before, launch = function.launches.steps
    function = replace(function, launches=replace(function.launches, steps=(*before, launch, launch)))
    function(X)
    stub.says(fails="cuGraphInstantiateWithFlags 900")
    with pytest.raises(DeviceError, match="cuGraphInstantiateWithFlags: as was asked for"):
        function(X)
    made, freed = ([call for call in stub.calls() if call.startswith(name)] for name in ("cuMemAlloc", "cuMemFree"))
    assert len(made) == len(freed) == 2
    assert np.array_equal(function(X), X)


def test_what_is_replayed() -> None:
    """What reads memory before its last launch isn't, nor what makes memory behind it; flags are read behind it."""
    made = {name: Step(name, (), ()) for name in ("allocate", "launch", "load", "assert")}
    for names, repeats in (
        ("allocate launch launch load assert", True),
        ("load launch", False),
        ("launch load launch", False),
        ("launch allocate", False),
        ("", True),
    ):
        assert Launches((), (), tuple(made[name] for name in names.split()), ()).repeats == repeats


def test_other_sizes_have_other_memory(stub: Stub) -> None:
    """Memory of a call stays for calls of the same sizes; those of others free it first."""
    executable = pf.compile(
        COPY.replace("37x200", "?x200")
        .replace("tensor.empty()", "tensor.empty(%rows)")
        .replace("%e =", "%c = arith.constant 0 : index\n %rows = tensor.dim %x, %c : tensor<?x200xf32>\n %e ="),
        target="cuda:sm_90",
    )
    stub.says(parameters=3)  # the result, before its size
    for rows in (3, 3, 5):
        x = X[:rows]
        executable(x)
    assert [call for call in stub.calls() if call.startswith(("cuMemAlloc", "cuMemFree"))] == [
        *["cuMemAlloc_v2 2400"] * 2,
        *["cuMemFree_v2 2400"] * 2,
        *["cuMemAlloc_v2 4000"] * 2,
    ]


def test_much_memory_of_a_group_is_allowed_first(stub: Stub, tmp_path: Path) -> None:
    """A launch with more than 48 KB of a group's memory is preceded by CUDA's leave; HIP asks for none."""
    executable = pf.compile(COPY, target="cuda:sm_90")
    function = executable.device_function
    steps = tuple(
        replace(step, data={**step.data, "shared_bytes": 100_000}) if step.name == "launch" else step
        for step in function.launches.steps
    )
    replace(function, launches=replace(function.launches, steps=steps))(X)
    calls = stub.calls()
    at = calls.index("cuFuncSetAttribute 8 100000")
    assert calls[at + 1].startswith("cuLaunchKernel")
    assert calls[at + 1].endswith(" 100000")


@pytest.mark.parametrize(
    "given", [X.T.copy().T, X[:, ::-1], np.frombuffer(b"\0" + X.tobytes(), np.uint8)[1:].view(np.float32)]
)
def test_inputs_that_lie_otherwise(saved: Path, stub: Stub, given: Any) -> None:
    """Strided and misaligned inputs are copied; what the device gets is row-major."""
    given = given.reshape(37, 200) if given.ndim == 1 else given
    assert np.array_equal(pf.load(saved, target="cuda:sm_90")(given), given)


FAILING: dict[str, tuple[dict[str, Any], str]] = {
    "no device": ({"devices": 0}, "CUDA finds no device here"),
    "no device, said by an error": ({"fails": "cuInit 100"}, "CUDA finds no device here"),
    "another chip": ({"chip": 80}, r"the kernels are for sm_90, the device is sm_80\nhelp: .* cuda:sm_80"),
    "too little memory": ({"fails": "cuMemAlloc_v2 2"}, "the device has too little memory"),
    "kernels that are refused": ({"fails": "cuModuleLoadData 209"}, "the kernels are for another device"),
    "a fault": ({"fails": "cuCtxSynchronize 700"}, r"cuCtxSynchronize: as was asked for \(error 700\)"),
}


@pytest.mark.parametrize("case", FAILING)
def test_failing(saved: Path, stub: Stub, case: str) -> None:
    """What isn't there, or fails, is said; memory is freed all the same."""
    settings, says = FAILING[case]
    stub.says(**settings)
    with pytest.raises(DeviceError, match=says):
        pf.load(saved, target="cuda:sm_90")(X)
    made = [call for call in stub.calls() if call.startswith("cuMemAlloc")]
    freed = [call for call in stub.calls() if call.startswith("cuMemFree")]
    assert len(made) - (case == "too little memory") == len(freed)


def test_newer_chips_compile_ptx(saved: Path, stub: Stub) -> None:
    """A chip of a later generation gets the text, which its driver compiles."""
    stub.says(chip=100)
    assert np.array_equal(pf.load(saved, target="cuda:sm_90")(X), X)
    assert "cuModuleLoadData text" in stub.calls()


def test_without_a_driver(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that isn't there is named, with where it comes from."""
    monkeypatch.setattr(driver_device, "APIS", {"cuda": replace(drivers.CUDA, libraries=["libnothing.so.1"])})
    driver_device.driver_of.cache_clear()
    for program in (pf.load(saved, target="cuda:sm_90"), pf.compile(COPY, target="cuda:sm_90")):
        with pytest.raises(DeviceError, match=r"no driver of CUDA here: libnothing.so.1\nhelp: NVIDIA's driver brings"):
            program(X)


# -- files -------------------------------------------------------------------------------------------


def test_several_targets(saved: Path, members: dict[str, bytes]) -> None:
    """The host's code is taken if nothing is asked for; each target has its code, and what its kernels take."""
    assert np.array_equal(pf.load(saved)(X), -X)
    assert {"code/host.so", "code/cuda-sm_90.ptx", "code/rocm-gfx942.hsaco"} <= members.keys()
    assert ("code/cuda-sm_90.cubin" in members) == (ptxas() is not None)
    assert members["code/rocm-gfx942.hsaco"].startswith(b"\x7fELF")
    for target in TARGETS:
        program = pf.load(saved, target=target)
        assert program.target == target
        assert "bytes" in str(program.report())
        for one in program.resources:
            assert one.registers > 0
            assert one.spill_bytes == 0
    with pytest.raises(ArtifactError, match=r"no code for 'cuda:sm_80'\nhelp: it is for cpu, cuda:sm_90, rocm:gfx942"):
        pf.load(saved, target="cuda:sm_80")


def test_simulated_from_a_file(saved: Path, tmp_path: Path) -> None:
    """The very PTX of an artifact runs in the simulator; constants, numbers and assertions come along."""
    assert np.array_equal(pf.load(saved, target="cuda:sm_90", device="sim")(X), -X)
    pf.compile(MIXED, target="cuda:sm_90").save(tmp_path / "m.pfx")
    program, expected = pf.load(tmp_path / "m.pfx", device="sim"), pf.compile(MIXED)
    x = np.array([1, -2, 3, 4], np.float32)
    for got, want in zip(program(x, np.float32(2)), expected(x, np.float32(2)), strict=True):
        assert np.array_equal(got, want)
    with pytest.raises(AssertionFailedError, match="n is negative"):
        program(x, np.float32(-1))
    with pytest.raises(ArtifactError, match="no device 'sim' for rocm:gfx942"):
        pf.load(saved, target="rocm:gfx942", device="sim")


def test_workload_from_a_file(tmp_path: Path) -> None:
    """Several kernels, memory between them, and a workspace."""
    workload = find("gpt2_decode_attention")
    path = tmp_path / "m.pfx"
    executable = pf.compile(workload.text("small"), target="cuda:sm_90", device="sim")
    executable.save(path)
    inputs = workload.inputs("small")
    assert np.array_equal(pf.load(path, device="sim")(*inputs), executable(*inputs))


def test_bytes_are_the_same_each_time(saved: Path, tmp_path: Path) -> None:
    """Nothing of the file depends on when or where it was made."""
    first, *others = (pf.compile(COPY, target=target) for target in ("cpu", *TARGETS))
    first.save(tmp_path / "again.pfx", *others)
    assert (tmp_path / "again.pfx").read_bytes() == saved.read_bytes()


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Several targets go into one artifact, and into nothing else."""
    (tmp_path / "copy.mlir").write_text(COPY)
    out = ["-o", str(tmp_path / "m.pfx"), "--target", "cuda:sm_80", "--target", "rocm:gfx1100"]
    assert main(["compile", str(tmp_path / "copy.mlir"), *out]) == 0
    assert pf.load(tmp_path / "m.pfx").target == "cuda:sm_80"
    out[1] = str(tmp_path / "m.ptx")
    with pytest.raises(SystemExit):
        main(["compile", str(tmp_path / "copy.mlir"), *out])
    assert "only an artifact, .pfx, holds several" in capsys.readouterr().err


def test_what_is_not_the_same_program(tmp_path: Path) -> None:
    """Programs of other signatures, and one target twice, are refused."""
    one = pf.compile(COPY, target="cuda:sm_90")
    with pytest.raises(UnsupportedError, match="take or give something else"):
        one.save(tmp_path / "m.pfx", pf.compile(MIXED, target="cuda:sm_80"))
    with pytest.raises(UnsupportedError, match="each target once"):
        one.save(tmp_path / "m.pfx", one)


def test_runs_without_mlir(saved: Path, stub: Stub, driver_library: Path) -> None:
    """Loading and running imports nothing of the compiler."""
    script = f"""
import dataclasses, sys
import numpy as np
import powerfusion as pf
from powerfusion.runtime import driver_device, drivers
from powerfusion.runtime.launches import Launches, Step
driver_device.APIS = {{"cuda": dataclasses.replace(drivers.CUDA, libraries=[{str(driver_library)!r}])}}
driver_device.CUDA = drivers.CUDA = driver_device.APIS["cuda"]
x = np.ones((37, 200), np.float32)
assert (pf.load({str(saved)!r}, target="cuda:sm_90")(x) == x).all()
loaded = [name for name in sys.modules if ".mlir" in name or name.startswith("powerfusion.passes")]
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def step(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    """A step of the first device's program."""
    return next(each for each in manifest["devices"][0]["launches"]["steps"] if each["name"] == name)


EDITS: tuple[tuple[Callable[[dict[str, Any]], object], str], ...] = (
    (lambda m: m["devices"][0].update(target="cuda:sm_x"), r"expected 'devices\[0\].target' to be cuda:CHIP or"),
    (lambda m: m["devices"][0].update(constants=[3]), r"'devices\[0\].constants' names constant 3"),
    (lambda m: m["devices"][0].update(launches=7), r"expected 'devices\[0\].launches' to be an object"),
    (lambda m: m["devices"][0]["launches"]["results"].append(99), "gives 2 results"),
    (lambda m: step(m, "launch").update(name="reboot"), "is 'reboot', which nobody knows"),
    (lambda m: step(m, "launch")["operands"].append(99), "takes 99, which isn't there yet"),
    (lambda m: step(m, "launch")["data"].pop("kernel"), "lacks 'kernel'"),
    (lambda m: step(m, "allocate")["data"].update(shape="big"), "has no good 'shape'"),
    (
        lambda m: (
            m["devices"][0]["resources"][0].update(registers="many")
            if m["devices"][0]["resources"]
            else m["devices"][0].update(resources=3)
        ),
        r"devices\[0\].resources",
    ),
)


@pytest.mark.parametrize("at", range(len(EDITS)), ids=[says[:40] for _, says in EDITS])
def test_edited_manifest(tmp_path: Path, members: dict[str, bytes], at: int) -> None:
    """An edit whose digest was made right again is found by what it says."""
    edit, says = EDITS[at]
    with pytest.raises(ArtifactError, match=says):
        pf.load(reseal(tmp_path / "m.pfx", members, edit), target="cuda:sm_90")


@pytest.mark.parametrize("name", ["code/cuda-sm_90.ptx", "code/rocm-gfx942.hsaco"])
def test_changed_code(tmp_path: Path, members: dict[str, bytes], name: str) -> None:
    """Kernels that were changed, or are missing, are refused whichever target is asked for."""
    changed = members[name][:-9] + bytes([members[name][-9] ^ 1]) + members[name][-8:]
    with pytest.raises(ArtifactError, match=f"{name} was changed after it was saved"):
        pf.load(pack(tmp_path / "m.pfx", {**members, name: changed}))
    rest = {each: data for each, data in members.items() if each != name}
    with pytest.raises(ArtifactError, match=f"the archive has no {name}"):
        pf.load(pack(tmp_path / "m.pfx", rest), target="cuda:sm_90")


# -- assembling --------------------------------------------------------------------------------------


def test_resources_of_ptxas() -> None:
    """What `ptxas -v` says of each kernel."""
    said = """ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'a' for 'sm_90'
ptxas info    : Function properties for a
    16 bytes stack frame, 12 bytes spill stores, 20 bytes spill loads
ptxas info    : Used 255 registers, used 1 barriers, 16 bytes cumulative stack size, 64 bytes smem
ptxas info    : Compiling entry function 'b' for 'sm_90'
ptxas info    : Function properties for b
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 8 registers, used 0 barriers
"""
    found = [dataclasses.astuple(one) for one in nvidia_resources(said)]
    assert found == [("a", 255, 12, 16, 64), ("b", 8, 0, 0, 0)]


def test_resources_of_amd() -> None:
    """What LLVM's metadata says; scalars that are spilled stay in registers, so that they aren't bytes of memory."""
    fields = {"name": "a", "vgpr_count": 82, "vgpr_spill_count": 3, "sgpr_spill_count": 637}
    fields |= {"private_segment_fixed_size": 12, "group_segment_fixed_size": 64}
    first, *rest = (f".{name}: {value}" for name, value in fields.items())
    metadata = "\n    ".join([f"amdhsa.kernels:\n  - {first}", *rest])
    assert [dataclasses.astuple(one) for one in amd_resources(f"{metadata}\namdhsa.target: x")] == [
        ("a", 82, 12, 12, 64)
    ]


def test_without_ptxas(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where no assembler is wanted the artifact has PTX alone; one that is named and isn't there is an error."""
    monkeypatch.setenv("PF_CUDA_TOOLKIT", "off")
    pf.compile(COPY, target="cuda:sm_90").save(tmp_path / "m.pfx")
    assert "code/cuda-sm_90.cubin" not in members_of(tmp_path / "m.pfx")
    assert pf.load(tmp_path / "m.pfx").resources == ()
    monkeypatch.setenv("PF_CUDA_TOOLKIT", str(tmp_path))
    with pytest.raises(ToolError, match=r"there is no .*/bin/ptxas\nhelp: name a CUDA toolkit in PF_CUDA_TOOLKIT"):
        pf.compile(COPY, target="cuda:sm_90").save(tmp_path / "n.pfx")
