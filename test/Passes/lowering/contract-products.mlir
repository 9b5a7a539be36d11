// RUN: pf-opt %s --gir-contract-products=fp-contract | FileCheck %s
// RUN: pf-opt %s --gir-contract-products | FileCheck %s --check-prefix=OFF

// A product and a sum may be one instruction, where that is asked for; what has flags of its own keeps them.

// CHECK-LABEL: func.func @product
// CHECK: arith.mulf %{{.*}}, %{{.*}} fastmath<contract>
// CHECK: arith.addf %{{.*}}, %{{.*}} fastmath<contract>
// CHECK: arith.subf %{{.*}}, %{{.*}} fastmath<reassoc>
// CHECK: arith.divf %{{.*}}, %{{.*}} : vector<16xf32>
// OFF-LABEL: func.func @product
// OFF-NOT: contract
func.func @product(%x: vector<16xf32>, %y: vector<16xf32>) -> vector<16xf32> {
  %0 = arith.mulf %x, %x : vector<16xf32>
  %1 = arith.addf %0, %y : vector<16xf32>
  %2 = arith.subf %1, %x fastmath<reassoc> : vector<16xf32>
  %3 = arith.divf %2, %y : vector<16xf32>
  return %3 : vector<16xf32>
}
