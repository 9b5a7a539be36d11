// RUN: env PF_TEST_PASSES=1 %pf-opt %s --pass-pipeline="builtin.module(func.func(gir-test-options{flag count=-7 ratio=2.5 label=hello tile-sizes=1,2,3}))" | FileCheck %s
// RUN: env PF_TEST_PASSES=1 %pf-opt %s --gir-test-options | FileCheck %s --check-prefix=DEFAULTS
// RUN: env PF_TEST_PASSES=1 %pf-opt %s --gir-test-options="label={two words} tile-sizes=8" | FileCheck %s --check-prefix=FLAG
// RUN: env PF_TEST_PASSES=1 %pf-opt %s --gir-test-options="count=4 tile-sizes=5,6" --dump-pass-pipeline -o /dev/null 2>&1 | FileCheck %s --check-prefix=PIPELINE
// RUN: not env PF_TEST_PASSES=1 %pf-opt %s --gir-test-options=count=many 2>&1 | FileCheck %s --check-prefix=BAD
// RUN: not env PF_TEST_PASSES=1 %pf-opt %s --pass-pipeline="builtin.module(gir-test-options)" 2>&1 | FileCheck %s --check-prefix=ANCHOR

// A pass's dataclass fields are options of every kind, with defaults, and print as they parse; every
// function's clone of the pass has the values.

// PIPELINE: gir-test-options{count=4 flag=false label=none ratio=5.000000e-01 tile-sizes={5,6}}
// BAD: count option
// ANCHOR: gir-test-options

// CHECK-LABEL: func.func @first
// CHECK-SAME: TestOptionsPass(flag=True, count=-7, ratio=2.5, label='hello', tile_sizes=(1, 2, 3))
// DEFAULTS-LABEL: func.func @first
// DEFAULTS-SAME: TestOptionsPass(flag=False, count=3, ratio=0.5, label='none', tile_sizes=())
// FLAG-LABEL: func.func @first
// FLAG-SAME: TestOptionsPass(flag=False, count=3, ratio=0.5, label='two words', tile_sizes=(8,))
func.func @first() {
  return
}

// CHECK-LABEL: func.func @second
// CHECK-SAME: TestOptionsPass(flag=True, count=-7, ratio=2.5, label='hello', tile_sizes=(1, 2, 3))
func.func @second() {
  return
}
