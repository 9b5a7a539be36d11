// RUN: pf-opt %s --gir-forward-gathers | FileCheck %s

// What is only gathered from isn't made: its elements are computed from those of what it is made of, and what goes
// through the rows in order is loaded.

// CHECK-LABEL: func.func @picked(
// CHECK-SAME: %[[X:.*]]: tensor<4x8xf32>, %[[M:.*]]: tensor<4xf32>
// CHECK-NOT: gir.kernel "sub"
// CHECK: gir.kernel "pick" (%{{.*}} = %{{.*}} : tensor<4xindex>, %[[B:.*]] = %[[M]] : tensor<4xf32>, %[[A:.*]] = %[[X]] : tensor<4x8xf32>)
// CHECK-DAG: gir.gather %[[A]]
// CHECK-DAG: gir.move %[[B]] : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
// CHECK: arith.subf
func.func @picked(%x: tensor<4x8xf32>, %m: tensor<4xf32>, %i: tensor<4xindex>) -> tensor<4xf32> {
  %0 = gir.kernel "sub" (%a = %x : tensor<4x8xf32>, %b = %m : tensor<4xf32>) -> (tensor<4x8xf32>) {
    %1 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %3 = gir.broadcast %2 dims [1] : tensor<4xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<reg>>
    %4 = arith.subf %1, %3 : tensor<4x8xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<dram>>
    gir.return %5 : tensor<4x8xf32, #gir.at<dram>>
  }
  %1 = gir.kernel "pick" (%a = %0 : tensor<4x8xf32>, %b = %i : tensor<4xindex>) -> (tensor<4xf32>) {
    %2 = gir.move %b : tensor<4xindex, #gir.at<dram>> -> tensor<4xindex, #gir.at<reg>>
    %3 = gir.iota dim 0 : tensor<4xindex, #gir.at<reg>>
    %4 = gir.gather %a[%3, %2] : tensor<4x8xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>, tensor<4xindex, #gir.at<reg>>] -> tensor<4xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %5 : tensor<4xf32, #gir.at<dram>>
  }
  return %1 : tensor<4xf32>
}

// What something else reads too is stored anyway, and gathered from.

// CHECK-LABEL: func.func @kept
// CHECK: gir.kernel "exp"
// CHECK: gir.kernel "pick" (%[[A:.*]] = %{{.*}} : tensor<8xf32>
// CHECK-NOT: math.exp
// CHECK: return
func.func @kept(%x: tensor<8xf32>, %i: tensor<4xindex>) -> (tensor<8xf32>, tensor<4xf32>) {
  %0 = gir.kernel "exp" (%a = %x : tensor<8xf32>) -> (tensor<8xf32>) {
    %1 = gir.move %a : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    %2 = math.exp %1 : tensor<8xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<8xf32, #gir.at<reg>> -> tensor<8xf32, #gir.at<dram>>
    gir.return %3 : tensor<8xf32, #gir.at<dram>>
  }
  %1 = gir.kernel "pick" (%a = %0 : tensor<8xf32>, %b = %i : tensor<4xindex>) -> (tensor<4xf32>) {
    %2 = gir.move %b : tensor<4xindex, #gir.at<dram>> -> tensor<4xindex, #gir.at<reg>>
    %3 = gir.gather %a[%2] : tensor<8xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>] -> tensor<4xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %4 : tensor<4xf32, #gir.at<dram>>
  }
  return %0, %1 : tensor<8xf32>, tensor<4xf32>
}

// More elements than the tensor has would be computed more than once: it stays.

// CHECK-LABEL: func.func @repeated
// CHECK: gir.kernel "exp"
// CHECK: gir.kernel "pick"
// CHECK-NOT: math.exp
// CHECK: return
func.func @repeated(%x: tensor<2xf32>, %i: tensor<4xindex>) -> tensor<4xf32> {
  %0 = gir.kernel "exp" (%a = %x : tensor<2xf32>) -> (tensor<2xf32>) {
    %1 = gir.move %a : tensor<2xf32, #gir.at<dram>> -> tensor<2xf32, #gir.at<reg>>
    %2 = math.exp %1 : tensor<2xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<2xf32, #gir.at<reg>> -> tensor<2xf32, #gir.at<dram>>
    gir.return %3 : tensor<2xf32, #gir.at<dram>>
  }
  %1 = gir.kernel "pick" (%a = %0 : tensor<2xf32>, %b = %i : tensor<4xindex>) -> (tensor<4xf32>) {
    %2 = gir.move %b : tensor<4xindex, #gir.at<dram>> -> tensor<4xindex, #gir.at<reg>>
    %3 = gir.gather %a[%2] : tensor<2xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>] -> tensor<4xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %4 : tensor<4xf32, #gir.at<dram>>
  }
  return %1 : tensor<4xf32>
}
