// RUN: env PF_TEST_PASSES=1 PF_REPRODUCER_DIR=%t %pf-opt %s --split-input-file --verify-diagnostics --pass-pipeline="builtin.module(func.func(gir-test-raise))"

// What a raising pass reports can be expected, like any diagnostic, in every piece of a split file.

// expected-error @below {{pass 'gir-test-raise' raised ValueError: bad tile size 7}}
// expected-note @below {{raised in run}}
// expected-note @below {{reproducer: }}
func.func @f() {
  return
}

// -----

// expected-error @below {{pass 'gir-test-raise' raised ValueError: bad tile size 7}}
// expected-note @below {{raised in run}}
// expected-note @below {{reproducer: }}
func.func @g() {
  return
}
