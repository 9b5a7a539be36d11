// RUN: not %pf-opt %s --gir-expand-math=instructions=neon 2>&1 | FileCheck %s

// Which instructions there are to choose from is said.
// CHECK: error: expected instructions of host, none, avx512, got 'neon'
func.func @nothing() {
  return
}
