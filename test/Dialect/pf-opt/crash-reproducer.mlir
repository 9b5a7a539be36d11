// RUN: not env PF_TEST_PASSES=1 PF_REPRODUCER_DIR=%t %pf-opt %s --mlir-pass-pipeline-crash-reproducer=%t.mlir --pass-pipeline="builtin.module(canonicalize,func.func(gir-test-raise{message=broken}))" 2>&1 | FileCheck %s
// RUN: FileCheck %s --check-prefix=FILE < %t.mlir
// RUN: not env PF_TEST_PASSES=1 PF_REPRODUCER_DIR=%t %pf-opt %t.mlir --run-reproducer 2>&1 | FileCheck %s

// MLIR's own reproducers hold Python passes with their options, and run them again.

// CHECK: error: pass 'gir-test-raise' raised ValueError: broken
// FILE: gir-test-raise{kind=ValueError message=broken}
func.func @f() {
  return
}
