// RUN: %pf-opt %s --gir-math-polynomial=ops=exp | FileCheck %s --check-prefixes=CHECK,EXP
// RUN: %pf-opt %s --gir-math-polynomial=ops=exp,tanh | FileCheck %s --check-prefixes=CHECK,BOTH
// RUN: %pf-opt %s --gir-math-polynomial | FileCheck %s --check-prefixes=CHECK,NONE

// Only the ops that are named become polynomials: the others are for another lowering.

// CHECK-LABEL: func.func @f
// EXP-NOT: math.exp
// EXP: math.tanh
// BOTH-NOT: math.exp %
// BOTH-NOT: math.tanh
// NONE: math.exp
// NONE: math.tanh
// CHECK: return
func.func @f(%value: vector<8xf32>) -> vector<8xf32> {
  %exp = math.exp %value : vector<8xf32>
  %tanh = math.tanh %exp : vector<8xf32>
  return %tanh : vector<8xf32>
}
