// RUN: pf-opt %s --gir-drop-results | FileCheck %s

// One value returned twice is stored once, and what nobody uses isn't stored at all; but it is still
// loaded where an assertion reads it.

// CHECK-LABEL: func.func @twice
// CHECK: %[[K:.*]] = gir.kernel "k"
// CHECK: gir.assert
// CHECK-COUNT-1: #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
// CHECK-NEXT: gir.return %{{[0-9]+}} : tensor<4xf32, #gir.at<dram>>
// CHECK: return %[[K]], %[[K]]
func.func @twice(%x: tensor<4xf32>, %y: tensor<4xi1>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0:3 = gir.kernel "k" (%a = %x : tensor<4xf32>, %b = %y : tensor<4xi1>)
      -> (tensor<4xf32>, tensor<4xi1>, tensor<4xf32>) {
    %1 = gir.move %a : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<4xi1, #gir.at<dram>> -> tensor<4xi1, #gir.at<reg>>
    gir.assert %2, "false" : tensor<4xi1, #gir.at<reg>>
    %3 = math.exp %1 : tensor<4xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    %5 = gir.move %2 : tensor<4xi1, #gir.at<reg>> -> tensor<4xi1, #gir.at<dram>>
    gir.return %4, %5, %4 : tensor<4xf32, #gir.at<dram>>, tensor<4xi1, #gir.at<dram>>, tensor<4xf32, #gir.at<dram>>
  }
  return %0#0, %0#2 : tensor<4xf32>, tensor<4xf32>
}

// A kernel of which nothing is used stays as it is.

// CHECK-LABEL: func.func @unused
// CHECK: gir.kernel
// CHECK: gir.move
func.func @unused(%x: tensor<4xf32>) {
  %0 = gir.kernel "k" (%a = %x : tensor<4xf32>) -> (tensor<4xf32>) {
    %1 = gir.move %a : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %2 : tensor<4xf32, #gir.at<dram>>
  }
  return
}

// A kernel that reads a copy reads what it is a copy of, and the copy isn't made; what is returned stays one.

// CHECK-LABEL: func.func @copied(
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>
// CHECK: gir.kernel "exp" (%{{.*}} = %[[X]] :
func.func @copied(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = gir.kernel "copy" (%a = %x : tensor<4xf32>) -> (tensor<4xf32>) {
    %1 = gir.move %a : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %2 : tensor<4xf32, #gir.at<dram>>
  }
  %1 = gir.kernel "exp" (%a = %0 : tensor<4xf32>) -> (tensor<4xf32>) {
    %2 = gir.move %a : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %3 = math.exp %2 : tensor<4xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %4 : tensor<4xf32, #gir.at<dram>>
  }
  return %1 : tensor<4xf32>
}

// CHECK-LABEL: func.func @returned(
// CHECK: %[[C:.*]] = gir.kernel "copy"
// CHECK: return %[[C]]
func.func @returned(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = gir.kernel "copy" (%a = %x : tensor<4xf32>) -> (tensor<4xf32>) {
    %1 = gir.move %a : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %2 : tensor<4xf32, #gir.at<dram>>
  }
  return %0 : tensor<4xf32>
}
