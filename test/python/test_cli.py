"""`pf`: what it takes, prints, writes and refuses, with a stand-in for the compiler."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import cli_fakes
import pytest
from cli_fakes import COMMAND, WITH_FAKE, fails, misused, start, use

from powerfusion.cli.main import main
from powerfusion.cli.output import format_bytes, format_seconds, write_whole
from powerfusion.cli.report_table import report_text
from powerfusion.errors import PowerFusionError, UnsupportedError
from powerfusion.report import Report
from powerfusion.symbolic import Polynomial


@pytest.fixture
def source(tmp_path: Path) -> str:
    """A file that the fake compiler takes, whatever it holds."""
    path = tmp_path / "in.mlir"
    path.write_text("module {}")
    return str(path)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> cli_fakes.Executable:
    return use(monkeypatch, cli_fakes.adder())


# The command itself.


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_starts_quickly(flag: str) -> None:
    """Nobody waits for MLIR and NumPy to read what the options are; processor time, since machines are busy."""
    times = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([*COMMAND, flag], capture_output=True, text=True, timeout=60, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert done.stdout
    assert min(times) < 0.3


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, powerfusion.cli.main as m; m.make_parser(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert not {"numpy", "rich", "powerfusion.mlir"} & set(done.stdout.split())


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["compile", "in.mlir"],
        ["run"],
        ["explain", "x", "--shape", "0=axb"],
        ["run", "x", "--repeat", "0"],
    ],
    ids=lambda arguments: " ".join(arguments) or "nothing",
)
def test_wrong_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "usage: pf" in misused(capsys, *arguments)


def test_unknown_error_is_a_sentence_and_a_traceback_on_request(
    fake: cli_fakes.Executable, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def explode(*_: object) -> None:
        raise ZeroDivisionError("integer division")

    fake.call = explode
    arguments = ["run", source, "--input", "random", "--input", "random"]
    assert "ZeroDivisionError: integer division\nhelp: " in fails(capsys, *arguments)
    with pytest.raises(ZeroDivisionError):
        main([*arguments, "--debug"])
    with pytest.raises(ZeroDivisionError):
        main(["--debug", *arguments])


def test_error_of_the_compiler_has_place_and_help(
    monkeypatch: pytest.MonkeyPatch, fake: cli_fakes.Executable, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise UnsupportedError("'linalg.conv' isn't supported", location="in.mlir:3:4", help="lower it first")

    monkeypatch.setattr("powerfusion.cli.programs.compile_until", refuse)
    assert fails(capsys, "explain", source) == (
        "pf: error: in.mlir:3:4: 'linalg.conv' isn't supported\nhelp: lower it first\n"
    )


def test_missing_bindings_point_to_doctor(
    monkeypatch: pytest.MonkeyPatch, fake: cli_fakes.Executable, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ImportError("libMLIR.so.22.1: cannot open shared object file")

    monkeypatch.setattr("powerfusion.cli.programs.compile_until", broken)
    assert "pf doctor" in fails(capsys, "explain", source)


# Files that can't be read.


@pytest.mark.parametrize("command", [["explain"], ["run"], ["compile", "-o", "out.pfx"]], ids=lambda words: words[0])
def test_missing_source(command: list[str], source: str, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = source.replace("in.mlir", "inn.mlir")
    said = fails(capsys, *command, wrong)
    assert f"{wrong} isn't there\nhelp: did you mean {source}?" in said


def test_folder_as_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is a folder" in fails(capsys, "explain", tmp_path)


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_unreadable_source(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(source).chmod(0)
    assert "permission denied" in fails(capsys, "explain", source)


def test_source_below_a_file(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "can't be read: not a directory" in fails(capsys, "explain", f"{source}/x.mlir")


# pf compile


@pytest.mark.parametrize("name", ["m.pfx", "m.mlir"])
def test_compile_writes(name: str, fake: cli_fakes.Executable, source: str, tmp_path: Path) -> None:
    output = tmp_path / name
    assert main(["compile", source, "-o", str(output)]) == 0
    assert output.read_text() == ('{"fake": true}' if name == "m.pfx" else "module {} // after llvm\n")
    assert {path.name for path in tmp_path.iterdir()} == {"in.mlir", name}


def test_compile_to_phase(fake: cli_fakes.Executable, source: str, tmp_path: Path) -> None:
    output = tmp_path / "m.mlir"
    assert main(["compile", source, "-o", str(output), "--compile-to", "raise"]) == 0
    assert "after raise" in output.read_text()


@pytest.mark.parametrize(
    ("output", "phase", "said"),
    [
        ("m.exe", None, "expected a name that ends in .mlir or .pfx or .o or .a or .so or .c or .ptx or .s, got"),
        ("m.pfx", "raise", "expected an output that ends in .mlir"),
        ("m.mlir", "fry", "expected one of import, raise"),
    ],
)
def test_compile_misused(
    output: str,
    phase: str | None,
    said: str,
    fake: cli_fakes.Executable,
    source: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert said in misused(capsys, "compile", source, "-o", output, *(["--compile-to", phase] if phase else []))


def test_failed_save_leaves_the_old_output(
    fake: cli_fakes.Executable, source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk in the middle of writing: what was there stays, and nothing else is left."""

    def save(path: Path) -> None:
        Path(path).write_text("half")
        raise OSError(28, "No space left on device")

    fake.save = save
    output = tmp_path / "m.pfx"
    output.write_text("old")
    assert f"{output} can't be written: no space left on device" in fails(capsys, "compile", source, "-o", output)
    assert output.read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"in.mlir", "m.pfx"}


def test_output_in_a_missing_folder(
    source: str, fake: cli_fakes.Executable, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no such file or directory" in fails(capsys, "compile", source, "-o", "nowhere/m.pfx")


def test_output_below_a_folder_that_none_writes_to(
    source: str, fake: cli_fakes.Executable, capsys: pytest.CaptureFixture[str]
) -> None:
    """/proc takes no files, not even root's, as a read-only folder takes none."""
    said = fails(capsys, "compile", source, "-o", "/proc/m.pfx")
    assert said.startswith("pf: error: /proc/m.pfx can't be written: ")


def test_output_is_a_folder(
    source: str, fake: cli_fakes.Executable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.mlir").mkdir()
    (tmp_path / "m.pfx").mkdir()
    assert "is a folder" in fails(capsys, "compile", source, "-o", tmp_path / "m.mlir")
    assert "is a folder and no artifact" in fails(capsys, "compile", source, "-o", tmp_path / "m.pfx")


def test_artifact_that_is_a_folder_is_replaced(tmp_path: Path) -> None:
    def write(path: Path) -> None:
        path.mkdir()
        (path / "manifest.json").write_text(str(path))

    place = tmp_path / "m.pfx"
    for _ in range(2):
        write_whole(place, write)
    assert [path.name for path in tmp_path.iterdir()] == ["m.pfx"]


def test_output_through_a_link(source: str, fake: cli_fakes.Executable, tmp_path: Path) -> None:
    (tmp_path / "link.pfx").symlink_to(tmp_path / "real.pfx")
    assert main(["compile", source, "-o", str(tmp_path / "link.pfx")]) == 0
    assert (tmp_path / "link.pfx").is_symlink()
    assert (tmp_path / "real.pfx").is_file()


def test_compile_refuses_an_artifact(
    tmp_path: Path, fake: cli_fakes.Executable, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.pfx").write_text("")
    assert "is compiled already" in fails(capsys, "compile", tmp_path / "m.pfx", "-o", tmp_path / "n.pfx")


# pf explain


def test_explain_least(fake: cli_fakes.Executable, source: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", source]) == 0
    printed = capsys.readouterr().out
    lines = [line.split() for line in printed.splitlines()]
    assert ["kernel", "dram", "reads", "dram", "writes", "reg", "reads", "reg", "writes", "where"] in lines
    assert ["k0", "4.00", "MB", "2.00", "MB", "2.00", "MB", "4.00", "MB", "in.mlir:1:3"] in lines
    assert ["ratio", "1.00"] in lines
    assert "Fusion has taken away 40% of the 10.0 MB as written." in printed
    assert "nothing is left to gain" in printed
    assert f"next: pf run {source} --input random --input random --repeat 20" in printed


def test_explain_says_what_can_go(
    monkeypatch: pytest.MonkeyPatch, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, cli_fakes.adder(figures=cli_fakes.report(2, megabytes=12, least=6, naive=12)))
    assert main(["explain", source]) == 0
    printed = capsys.readouterr().out
    assert "50% of the bytes, 6.00 MB, could still go: 2 kernels" in printed
    assert "k0 reads 4.00 MB, 4x8xf32 (in.mlir:1:3)" in printed
    assert "as written." not in printed


def test_explain_dynamic(monkeypatch: pytest.MonkeyPatch, source: str, capsys: pytest.CaptureFixture[str]) -> None:
    formula = Polynomial.symbol("arg0[0]") * 8
    figures = Report((cli_fakes.kernel("k0", formula, formula),), formula * 2, formula * 4)
    executable = use(monkeypatch, cli_fakes.adder(shape=(None, 8), figures=figures))
    assert main(["explain", source]) == 0
    printed = capsys.readouterr().out
    assert "8*arg0[0] B" in printed
    assert f"next: pf explain {source} --shape 0=64x8 --shape 1=64x8" in printed
    assert executable.bound == [None, {0: (64, 8), 1: (64, 8)}]
    assert main(["explain", source, "--shape", "0=4x8"]) == 0
    assert executable.bound[2] == {0: (4, 8)}


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ("7=4x8", "there is no argument 7; there are 0 (?x8xf32), 1 (?x8xf32)"),
        ("0=4x9", "expected sizes of argument 0 that fit ?x8xf32, got 4x9"),
        ("0=4", "got 4"),
        ("0=", "got none"),
    ],
)
def test_explain_shapes_that_do_not_fit(
    shape: str, said: str, monkeypatch: pytest.MonkeyPatch, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, cli_fakes.adder(shape=(None, 8)))
    assert said in fails(capsys, "explain", source, "--shape", shape)


def test_explain_phase(fake: cli_fakes.Executable, source: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", source, "--phase", "tile"]) == 0
    assert capsys.readouterr().out == "module {} // after tile\n"
    assert main(["explain", source, "--phase", "tile", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"phase": "tile", "ir": "module {} // after tile"}
    assert "expected one of" in misused(capsys, "explain", source, "--phase", "fry")


def test_explain_json(fake: cli_fakes.Executable, source: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", source, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["dram_bytes"], said["least_dram_bytes"], said["kernels"][0]["name"]) == (6_000_000, 6_000_000, "k0")


def test_report_text_is_plain() -> None:
    text = report_text(cli_fakes.report())
    assert "\x1b" not in text
    assert "k0" in text


# Ends that aren't orderly.


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("where", ["save", "call"])
def test_signal_leaves_nothing_half_written(where: str, number: signal.Signals, source: str, tmp_path: Path) -> None:
    """In Python's sleep at once, in native code that never comes back after a second."""
    commands = {
        "save": ["compile", source, "-o", tmp_path / "m.pfx"],
        "call": ["run", source, "--input", "random", "--input", "random", "-o", tmp_path / "y.npy"],
    }
    process = start(f"sleeper({where!r})", *commands[where])
    try:
        assert process.stdout
        assert process.stdout.readline() == "there\n"
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 128 + number
    assert "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["in.mlir"]


def test_reader_that_leaves(source: str) -> None:
    """`pf explain ... | head -1` says nothing about the pipe."""
    process = start("adder(figures=cli_fakes.report(3000))", "explain", source)
    assert process.stdout
    assert process.stderr
    process.stdout.readline()
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 141
    assert said == ""


def test_full_disk_behind_stdout(source: str) -> None:
    with open("/dev/full", "w") as full:
        process = start("adder()", "explain", source, "--json", stdout=full)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said == "pf: error: the output can't be written: no space left on device\n"


def test_terminal_that_knows_only_ascii(source: str) -> None:
    environment_code = "adder(figures=cli_fakes.Report((cli_fakes.kernel('küche', 1, 1),), 1, 1))"
    code = WITH_FAKE.format(fake=environment_code)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-c", code, "explain", source], env=environment, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert b"k?che" in done.stdout


# Small things.


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "–"), (0, "0 B"), (999, "999 B"), (1234, "1.23 kB"), (99_960, "100 kB"), (10**13, "10.0 TB")],
)
def test_bytes_for_people(count: int | None, text: str) -> None:
    assert format_bytes(count) == text


@pytest.mark.parametrize(("seconds", "text"), [(1.5e-6, "1.50 µs"), (0.0123, "12.3 ms"), (2.0, "2.00 s")])
def test_seconds_for_people(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_write_whole_keeps_errors_of_ours(tmp_path: Path) -> None:
    def refuse(_: Path) -> None:
        raise PowerFusionError("no")

    with pytest.raises(PowerFusionError, match=r"^no$"):
        write_whole(tmp_path / "m.pfx", refuse)
    assert not list(tmp_path.iterdir())
