// RUN: not env PF_TEST_PASSES=1 PF_REPRODUCER_DIR=%t %pf-opt %s --gir-test-raise=kind=Unsupported 2>&1 | FileCheck %s --check-prefix=MENDABLE
// RUN: not env PF_TEST_PASSES=1 PF_REPRODUCER_DIR=%t %pf-opt %s --pass-pipeline="builtin.module(func.func(gir-test-raise))" 2>&1 | FileCheck %s
// RUN: not env PF_TEST_PASSES=1 PF_REPRODUCER_DIR=/dev/null/nowhere %pf-opt %s --gir-test-raise 2>&1 | FileCheck %s --check-prefix=UNWRITABLE
// RUN: not env PF_TEST_PASSES=1 %pf-opt %s --gir-test-raise=kind=KeyboardInterrupt 2>&1 | FileCheck %s --check-prefix=INTERRUPTED

// A pass that raises is a diagnostic where the op is, not a traceback; what the user could mend is
// reported where the error points and says how.

// CHECK: raise.mlir:[[# @LINE + 10]]:1: error: pass 'gir-test-raise' raised ValueError: bad tile size 7
// CHECK-NOT: Traceback
// CHECK: note: raised in run, {{.*}}testing_passes.py:
// CHECK: note: reproducer: {{.*}}gir-test-raise-
// MENDABLE: raise.mlir:[[# @LINE + 6]]:1: error: bad tile size 7
// MENDABLE: note: help: use another op
// MENDABLE-NOT: reproducer
// INTERRUPTED: error: pass 'gir-test-raise' was interrupted
// UNWRITABLE: error: pass 'gir-test-raise' raised ValueError: bad tile size 7
// UNWRITABLE: note: a reproducer couldn't be written: {{.*}}/dev/null/nowhere
func.func @f() {
  return
}
