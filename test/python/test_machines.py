"""Machines: the table, the host as detected, a user's own file, and the command that shows them."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerfusion.errors import MachineError
from powerfusion.machines import checks, find, names, page, positions, schema, table
from powerfusion.machines.model import Link, Machine, Space

ROOT = Path(__file__).resolve().parents[2]
FIVE = ROOT / "examples/machines/five_spaces.toml"
TABLE = [*table.table()]
ALL = [*names(), str(FIVE)]


# The table.


@pytest.mark.parametrize("name", ALL)
def test_machines_are_sound(name: str) -> None:
    """They satisfy what a user's file must, and have all that passes ask for."""
    machine = find(name)
    assert checks.check(machine) == []
    for level in ("dram", "sram", "reg"):
        assert machine.space_of(level) == machine.spaces_at(level)[0]
    for op_class in ("elementwise", "reduce", "scan", "contract"):
        assert machine.engines_for(op_class)
    first = machine.space_of("reg").name
    dram = machine.space_of("dram").name
    assert machine.link(dram, first)
    assert machine.link(first, dram)
    assert any(first in engine.reads and first in engine.writes for engine in machine.engines_for("elementwise"))


@pytest.mark.parametrize("name", [*names()])
def test_every_number_has_a_source(name: str) -> None:
    """What is known is cited, what is cited is there; defaults (no reserve, a granule of a byte) need no source."""
    machine = find(name)
    for record in (machine, *machine.spaces, *machine.links, *machine.engines, *machine.scopes, *machine.caches):
        sources = dict(record.sources)
        known = {
            field.name
            for field in dataclasses.fields(record)
            if isinstance(getattr(record, field.name), int | float)
            and not isinstance(getattr(record, field.name), bool)
            and getattr(record, field.name) != field.default
        }
        inner = {key: value for name in ("rates", "limits") for key, value in getattr(record, name, ())}
        known |= {key for key, value in inner.items() if value is not None}
        fields = {field.name for field in dataclasses.fields(record)}
        assert known <= set(sources), f"{record} lacks sources of {known - set(sources)}"
        assert set(sources) <= fields | set(inner)
        assert all(getattr(record, key, inner.get(key)) is not None for key in sources)
        assert all(sources.values())


def test_known_machines() -> None:
    assert names() == ("cpu", "sm_80", "sm_90", "sm_100", "gfx90a", "gfx942", "gfx1100", "mlu372", "mlu592", "c")


@pytest.mark.parametrize(("name", "nram", "wram", "sram"), [("mlu372", 768, 1024, 4096), ("mlu592", 512, 512, 2048)])
def test_mlu_sizes(name: str, nram: int, wram: int, sram: int) -> None:
    machine = find(name)
    sizes = [machine.space(space).capacity_bytes for space in ("nram", "wram", "sram")]
    assert sizes == [nram << 10, wram << 10, sram << 10]
    assert machine.space("nram").usable_bytes == (nram - 128) << 10
    assert machine.space("wram").usable_bytes == wram << 10
    assert [engine.name for engine in machine.engines if "wram" in engine.reads] == ["tfu"]


def test_registers_fall_with_units() -> None:
    """Two warps have 255 registers a thread, 32 share the file: 64 registers a thread."""
    registers = find("sm_90").space("registers")
    assert registers.usable_among(2) == 255 * 32 * 4
    assert registers.usable_among(32) == 64 * 32 * 4
    assert find("mlu372").space("nram").usable_among(4) == find("mlu372").space("nram").usable_bytes
    unknown = Space("s", "reg", "unit", "registers")
    assert unknown.usable_bytes is None
    assert unknown.usable_among(4) is None


def test_queries() -> None:
    machine = find(FIVE)
    assert machine.space_of("reg").name == "nram"
    assert machine.space_of("reg", "wram").capacity_bytes == 131072
    assert machine.link("gdram", "acc") is None
    assert [engine.name for engine in machine.engines_for("contract")] == ["matrix"]
    assert machine.engines_for("scan")[0].rate("bf16") is None
    assert machine.engines_for("scan")[0].rate("f16") == 2048
    assert machine.scope("cluster") is None
    assert find("sm_90").caches_of("global")[0].name == "L2"
    with pytest.raises(MachineError, match=r"no space 'lds' at sram\nhelp: its spaces at sram are 'sram'"):
        machine.space_of("sram", "lds")
    with pytest.raises(MachineError, match="has no space 'x'"):
        machine.space("x")


@pytest.mark.parametrize("name", ["sm_90", "SM_90", "cuda:sm_90"])
def test_find_by_target(name: str) -> None:
    assert find(name) is find("sm_90")


def test_find_file_by_target() -> None:
    assert find(f"file:{FIVE}") == find(FIVE) == find(str(FIVE))


def test_find_says_what_is_near() -> None:
    with pytest.raises(MachineError, match=r"no machine is called 'sm90'\nhelp: did you mean sm_90\?"):
        find("sm90")


# Files.


@pytest.mark.parametrize("name", ALL)
def test_toml_round_trip(name: str) -> None:
    machine = find(name)
    assert schema.loads(schema.to_toml(machine)) == machine


@settings(max_examples=50, deadline=None)
@given(st.text(min_size=1), st.floats(min_value=1e-9, max_value=1e30), st.integers(1, 2**62))
def test_toml_round_trip_of_any_text_and_number(text: str, number: float, size: int) -> None:
    """Sources and titles hold anything, carriage returns, quotes and controls too."""
    five = find(FIVE)
    space = dataclasses.replace(five.spaces[0], capacity_bytes=size, sources=(("capacity_bytes", text),))
    engine = dataclasses.replace(five.engines[0], limits=(("k", size),), sources=(("k", text),))
    machine = dataclasses.replace(
        five, title=text, launch_ns=number, spaces=(space, *five.spaces[1:]), engines=(engine, five.engines[1])
    )
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        return  # half of a pair is no text that a file can hold
    assert schema.loads(schema.to_toml(machine)) == machine


ERRORS = [
    (
        "level of the wrong type",
        'level = "dram"',
        "level = 3",
        "space[0].level: expected one of dram, sram, reg, got 3",
    ),
    ("unknown level", 'level = "dram"', 'level = "hbm"', 'expected one of dram, sram, reg, got "hbm"'),
    ("unknown key", "reserve_bytes =", "reserved =", "space[1].reserved: unknown key: did you mean 'reserve_bytes'?"),
    ("text for a number", "= 65_536\ngr", '= "64 K"\ngr', 'space[1].reserve_bytes: expected an integer, got "64 K"'),
    ("fraction", "= 65_536\ngr", "= 0.5\ngr", "space[1].reserve_bytes: expected an integer, got 0.5"),
    ("truth value", "latency_ns = 800", "latency_ns = true", "link[0].latency_ns: expected a number, got true"),
    ("infinite", "latency_ns = 800", "latency_ns = inf", "link[0].latency_ns: expected a number, got inf"),
    (
        "negative latency",
        "latency_ns = 800",
        "latency_ns = -1",
        "link[0].latency_ns: latency_ns is -1.0, expected 0 or more",
    ),
    ("negative", "= 1_073_741_824", "= -4", "space[0].capacity_bytes: capacity_bytes is -4, expected at least 1"),
    ("granule", "granule_bytes = 32", "granule_bytes = 0", "granule_bytes is 0, expected at least 1"),
    ("too large", "= 65_536\ngr", "= 2_000_000\ngr", "reserve_bytes is 2000000, expected less than capacity_bytes"),
    ("missing end", 'source = "acc"\n', "", "link[8]: key 'source' is missing"),
    ("end that isn't there", 'source = "acc"', 'source = "accu"', "link[8].source: no space is called 'accu'"),
    ("engine's space", '"wram", "acc"]', '"wram", "x"]', "engine[1].reads[2]: no space is called 'x'"),
    ("op class", '"scan"]', '"sort"]', "engine[0].ops[2]: no op class is called 'sort'"),
    ("dtype", "f32 = 1024", "fp32 = 1024", "engine[0].rates.fp32: no dtype is called 'fp32'"),
    ("limit", "{ m = 16", '{ "a b" = 16', "'a b' is no name of a limit"),
    ("no ops", 'ops = ["contract"]', "ops = []", "engine[1].ops: engine 'matrix' has no ops"),
    ("two spaces", 'name = "wram"', 'name = "nram"', "space[3].name: space 'nram' is there twice, as number 3 and 4"),
    (
        "two links",
        'result = "nram"\nbandwidth_bytes_per_ns = 300',
        'result = "sram"',
        "link 'gdram -> sram' is there twice",
    ),
    ("two engines", 'name = "matrix"', 'name = "vector"', "engine 'vector' is there twice"),
    ("two scopes", 'scope = "unit"\ncalled', 'scope = "group"\ncalled', "scope 'group' is there twice"),
    ("name", 'name = "acc"', 'name = "a c"', "'a c' is no name"),
    (
        "level order",
        'level = "sram"\nscope = "group"',
        'level = "sram"\nscope = "unit"',
        None,
    ),
    ("no such scope", 'level = "sram"\nscope = "group"', 'level = "sram"\nscope = "cluster"', "has no such scope"),
    ("scopes' order", 'scope = "device"\ncalled', 'scope = "lane"\ncalled', "expected outer before inner"),
    ("dangling", 'writes = ["acc"]', 'writes = ["nram"]', None),
    (
        "source of nothing",
        "sources = { launch_ns",
        "sources = { lunch_ns",
        "a source for 'lunch_ns', which isn't there",
    ),
    ("no tables", "launch_ns = 4000", "cache = 3", "cache: expected tables under [[cache]], got 3"),
    ("no table", 'reads = ["nram"]', "reads = { a = 1 }", "engine[0].reads: expected a list of names, got a table"),
    (
        "no list",
        "limits = { m = 16, n = 16, k = 16 }",
        "limits = [16]",
        "engine[1].limits: expected a table, got a list",
    ),
    ("no title", 'title = "An example accelerator with five spaces"\n', "", "key 'title' is missing"),
    ("syntax", 'name = "acc"', "name = acc", "not TOML"),
    ("twice", 'name = "acc"', 'name = "acc"\nname = "b"', "not TOML: cannot overwrite a value"),
]


@pytest.mark.parametrize(
    ("old", "new", "said"), [case[1:] for case in ERRORS if case[3]], ids=[c[0] for c in ERRORS if c[3]]
)
def test_errors_name_line_and_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    """Each error stands at the line of the change."""
    text = FIVE.read_text(encoding="utf-8")
    assert old in text
    changed = text.replace(old, new, 1)
    path = tmp_path / "mine.toml"
    path.write_text(changed, encoding="utf-8")
    with pytest.raises(MachineError) as caught:
        find(path)
    lines = str(caught.value).splitlines()
    [line] = [line for line in lines if said in line][:1]
    if "missing" in said:
        return
    number = int(re.fullmatch(rf"{re.escape(str(path))}:(\d+): .*", line)[1])  # pyright: ignore
    first = text[: text.index(old)].count("\n") + 1
    # What clashes with a change may be said of its neighbour in the same table.
    assert first - 1 <= number <= first + 6, line


def test_error_of_a_missing_key_is_at_its_table() -> None:
    with pytest.raises(MachineError) as caught:
        schema.loads('name = "x"\ntitle = "y"\n\n[[space]]\nname = "a"\nlevel = "dram"\nkind = "memory"\n', "m.toml")
    assert str(caught.value).startswith("m.toml:4: space[0]: key 'scope' is missing")


def test_all_errors_are_told_at_once() -> None:
    with pytest.raises(MachineError) as caught:
        schema.loads("nam = 3\n[[link]]\nsource = 3\n[[cache]]\nname = 4\n", "m.toml")
    lines = str(caught.value).splitlines()
    assert [line.split(" ")[0] for line in lines[:-1]] == ["m.toml:1:"] * 3 + [
        "m.toml:2:",
        "m.toml:3:",
        "m.toml:4:",
        "m.toml:5:",
    ]


def sound(**changes: object) -> Machine:
    return dataclasses.replace(find(FIVE), **changes)  # pyright: ignore[reportArgumentType]


def messages(machine: Machine) -> str:
    return "\n".join(complaint.message for complaint in checks.check(machine))


def test_a_level_needs_a_space() -> None:
    five = find(FIVE)
    assert "no space is at level sram" in messages(sound(spaces=tuple(s for s in five.spaces if s.level != "sram")))
    assert "the machine has no space" in messages(sound(spaces=()))


def test_levels_are_ordered() -> None:
    """What a unit has for itself can't be outside of what its group shares."""
    five = find(FIVE)
    wrong = tuple(dataclasses.replace(s, scope="device") if s.name == "wram" else s for s in five.spaces)
    assert (
        "'wram' at reg belongs to a device, which is outside of the group that 'sram' at sram belongs to"
        in messages(sound(spaces=wrong))
    )


def test_spaces_are_reached_and_left() -> None:
    five = find(FIVE)
    lonely = Space("tmem", "reg", "unit", "registers")
    said = messages(sound(spaces=(*five.spaces, lonely)))
    assert "nothing reaches space 'tmem'" in said
    assert "nothing leaves space 'tmem'" in said
    assert "leaves" in messages(sound(spaces=(*five.spaces, lonely), links=(*five.links, Link("nram", "tmem"))))


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MachineError, match=r"x\.toml: the file (isn't UTF-8|can't be read: no such file)"):
        find(path)


NASTY = '''
a = "x # no comment = [" # [[not]] a table
'b.c' = """
[[space]]
d = 1 \\""" e = 3
"""
f = [ 1, # one
      "]", { g = 2,  h = [3,
   4] } ]
[x."y z"]
i.j = \'\'\'
k = 1
\'\'\'
l = 1979-05-27 07:32:00
[[s]]
m = 1
[s.t]
n = { "o\\u0070" = 1 }
[[s]] # again
[[s.u]]
q = inf
'''


def test_lines_of_keys() -> None:
    """Strings, comments and brackets in them don't mislead; what `tomllib` reads has a line."""
    lines = positions.key_lines(NASTY)
    expected = {
        ("a",): 2,
        ("b.c",): 3,
        ("f",): 7,
        ("f", 1): 8,
        ("f", 2, "g"): 8,
        ("f", 2, "h", 1): 9,
        ("x", "y z"): 10,
        ("x", "y z", "i", "j"): 11,
        ("x", "y z", "l"): 14,
        ("s", 0, "m"): 16,
        ("s", 0, "t", "n", "op"): 18,
        ("s", 1): 19,
        ("s", 1, "u", 0, "q"): 21,
    }
    assert {path: lines.get(path) for path in expected} == expected
    assert positions.line_of(lines, ("s", 1, "u", 0, "nothing")) == 20
    assert positions.line_of(lines, ("nothing",)) == 1


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab.=[]{}\"'\\#,1\n ", max_size=60))
def test_reading_lines_ends_on_any_text(text: str) -> None:
    positions.key_lines(text)


# Pages.


def test_page_is_fresh() -> None:
    """And no number of the table is missing on it."""
    text = (ROOT / "docs/reference/machines.md").read_text(encoding="utf-8")
    assert text.endswith(page.render())
    assert "[]" not in text
    for machine in table.table().values():
        assert f"## {machine.name}: {machine.title}" in text
        sources = [
            source for record in (*machine.spaces, *machine.links, *machine.engines) for source in record.sources
        ]
        assert all(source in text for _, source in sources)


def test_page_shows_a_file_that_is_read(tmp_path: Path) -> None:
    """The page's example has every field that there is, and is right but for its lack of memory."""
    [example] = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/machines.md").read_text(encoding="utf-8"), re.DOTALL)
    with pytest.raises(MachineError) as caught:
        schema.loads(example, "mine.toml")
    assert "no space is at level dram" in str(caught.value)
    assert "unknown key" not in str(caught.value)
    assert "expected" not in str(caught.value)
