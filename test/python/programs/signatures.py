"""What a function may take and return.

Programs: no argument; no result; neither; an argument returned, two arguments swapped, the same
argument twice, the same value twice; a constant returned; many arguments and results; an unused
argument; rank-0 arguments and results; the function under another name, with attributes, with
named locations; an argument used by two kernels.
"""

from __future__ import annotations

import numpy as np

from .build import empty, function, generic, mapped
from .program import Program, normal

_S = "5x7xf32"
_EXP = "%0 = math.exp %a : f32\n    linalg.yield %0 : f32"


def programs() -> list[Program]:
    """All programs of this module."""
    x, y = normal((5, 7), key="x"), normal((5, 7), key="y")
    exp = empty("e", _S) + generic("r", "ij", [("%x", _S, "ij")], [("%e", _S, "ij")], _EXP)
    many = "".join(
        empty(f"e{i}", _S)
        + generic(
            f"r{i}",
            "ij",
            [(f"%x{i}", _S, "ij"), (f"%x{(i + 1) % 9}", _S, "ij")],
            [(f"%e{i}", _S, "ij")],
            "%0 = arith.subf %a, %b : f32\n    linalg.yield %0 : f32",
        )
        for i in range(9)
    )
    scalar = empty("e", "f32") + generic(
        "r",
        "",
        [("%x", "f32", ""), ("%y", "f32", "")],
        [("%e", "f32", "")],
        "%0 = arith.divf %a, %b : f32\n    linalg.yield %0 : f32",
    )
    attributes = mapped(f"x:{_S}", _S, _EXP, name="forward").replace(
        " {\n", " attributes {torch.note = 1 : i64} {\n", 1
    )
    exp_twice = (
        exp
        + empty("f", _S)
        + generic(
            "q", "ij", [("%x", _S, "ij")], [("%f", _S, "ij")], "%0 = arith.negf %a : f32\n    linalg.yield %0 : f32"
        )
    )
    return [
        Program(
            "returns_constant",
            function("", "r:3xf32", "  %r = arith.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>"),
            (),
            lambda: np.array([1.0, 2, 3]),
        ),
        Program("no_result", function(f"x:{_S}", "", ""), (x,), lambda x: None),
        Program("nothing_at_all", function("", "", ""), (), lambda: None),
        Program("returns_argument", function(f"x:{_S}", f"x:{_S}", ""), (x,), lambda x: x),
        Program("returns_swapped", function(f"x:{_S} y:{_S}", f"y:{_S} x:{_S}", ""), (x, y), lambda x, y: (y, x)),
        Program("returns_argument_twice", function(f"x:{_S}", f"x:{_S} x:{_S}", ""), (x,), lambda x: (x, x)),
        Program(
            "returns_value_twice",
            function(f"x:{_S}", f"r:{_S} r:{_S}", exp),
            (x,),
            lambda x: (np.exp(x), np.exp(x)),
            roundings=3,
        ),
        Program(
            "returns_value_and_argument",
            function(f"x:{_S}", f"r:{_S} x:{_S}", exp),
            (x,),
            lambda x: (np.exp(x), x),
            roundings=3,
        ),
        Program(
            "unused_argument",
            function(f"x:{_S} y:3xi8", f"r:{_S}", exp),
            (x, np.zeros(3, np.int8)),
            lambda x, y: np.exp(x),
            roundings=3,
        ),
        Program("unused_kernel", function(f"x:{_S}", f"r:{_S}", exp_twice), (x,), np.exp, roundings=3),
        Program(
            "nine_arguments_and_results",
            function(" ".join(f"x{i}:{_S}" for i in range(9)), " ".join(f"r{i}:{_S}" for i in range(9)), many),
            tuple(normal((5, 7), key=i) for i in range(9)),
            lambda *a: tuple(a[i] - a[(i + 1) % 9] for i in range(9)),
        ),
        Program(
            "rank0_everything",
            function("x:f32 y:f32", "r:f32", scalar),
            (np.asarray(np.float32(3)), np.asarray(np.float32(-8))),
            np.divide,
        ),
        Program("other_name", mapped(f"x:{_S}", _S, _EXP, name="forward"), (x,), np.exp, roundings=3),
        Program("named_module", "module @model {\n" + mapped(f"x:{_S}", _S, _EXP) + "}\n", (x,), np.exp, roundings=3),
        Program("with_attributes", attributes, (x,), np.exp, roundings=3),
    ]
