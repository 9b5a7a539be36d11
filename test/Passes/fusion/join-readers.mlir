// RUN: pf-opt %s --gir-join-readers -split-input-file | FileCheck %s

// What is computed element by element is stored where the channels are shuffled to, once, by one kernel.

// CHECK-LABEL: func.func @shuffle
// CHECK: gir.kernel "abs_concat_transpose" (%[[X:.*]] = %{{.*}} : tensor<6x4xf32>, %[[Y:.*]] = %{{.*}} : tensor<6x4xf32>) -> (tensor<6x2x4xf32>)
// CHECK-DAG: %[[A:.*]] = gir.move %[[X]]
// CHECK-DAG: %[[B:.*]] = math.absf %[[A]]
// CHECK-DAG: %[[C:.*]] = gir.move %[[Y]]
// CHECK-DAG: gir.broadcast %[[B]] dims [1] : {{.*}} -> tensor<6x1x4xf32, #gir.at<reg>>
// CHECK-DAG: gir.broadcast %[[C]] dims [1] : {{.*}} -> tensor<6x1x4xf32, #gir.at<reg>>
// CHECK: gir.concat %{{.*}}, %{{.*}} dim 1 : {{.*}} -> tensor<6x2x4xf32, #gir.at<dram>>
// CHECK-NOT: gir.kernel
func.func @shuffle(%x: tensor<6x4xf32>, %y: tensor<6x4xf32>) -> tensor<6x2x4xf32> {
  %0 = gir.kernel "abs" (%a = %x : tensor<6x4xf32>) -> (tensor<6x4xf32>) {
    %1 = gir.move %a : tensor<6x4xf32, #gir.at<dram>> -> tensor<6x4xf32, #gir.at<reg>>
    %2 = math.absf %1 : tensor<6x4xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<6x4xf32, #gir.at<reg>> -> tensor<6x4xf32, #gir.at<dram>>
    gir.return %3 : tensor<6x4xf32, #gir.at<dram>>
  }
  %1 = gir.kernel "concat" (%a = %0 : tensor<6x4xf32>, %b = %y : tensor<6x4xf32>) -> (tensor<12x4xf32>) {
    %2 = gir.move %a : tensor<6x4xf32, #gir.at<dram>> -> tensor<6x4xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<6x4xf32, #gir.at<reg>> -> tensor<6x4xf32, #gir.at<dram>>
    %4 = gir.move %b : tensor<6x4xf32, #gir.at<dram>> -> tensor<6x4xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<6x4xf32, #gir.at<reg>> -> tensor<6x4xf32, #gir.at<dram>>
    %6 = gir.concat %3, %5 dim 0 : (tensor<6x4xf32, #gir.at<dram>>, tensor<6x4xf32, #gir.at<dram>>) -> tensor<12x4xf32, #gir.at<dram>>
    gir.return %6 : tensor<12x4xf32, #gir.at<dram>>
  }
  %e = tensor.expand_shape %1 [[0, 1], [2]] output_shape [2, 6, 4] : tensor<12x4xf32> into tensor<2x6x4xf32>
  %2 = gir.kernel "transpose" (%a = %e : tensor<2x6x4xf32>) -> (tensor<6x2x4xf32>) {
    %3 = gir.move %a : tensor<2x6x4xf32, #gir.at<dram>> -> tensor<2x6x4xf32, #gir.at<reg>>
    %4 = gir.permute %3 [1, 0, 2] : tensor<2x6x4xf32, #gir.at<reg>> -> tensor<6x2x4xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<6x2x4xf32, #gir.at<reg>> -> tensor<6x2x4xf32, #gir.at<dram>>
    gir.return %5 : tensor<6x2x4xf32, #gir.at<dram>>
  }
  return %2 : tensor<6x2x4xf32>
}

// -----

// Somebody else reads the result as well: it is stored as before, but not loaded.

// CHECK-LABEL: func.func @another
// CHECK: %[[R:.*]]:2 = gir.kernel "abs_slice" (%{{.*}} = %{{.*}} : tensor<8xf32>) -> (tensor<8xf32>, tensor<4xf32>)
// CHECK-COUNT-1: -> tensor<8xf32, #gir.at<reg>>
// CHECK-NOT: gir.move %{{.*}} : tensor<4xf32, #gir.at<dram>>
// CHECK: return %[[R]]#0, %[[R]]#1
func.func @another(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<4xf32>) {
  %0 = gir.kernel "abs" (%a = %x : tensor<8xf32>) -> (tensor<8xf32>) {
    %1 = gir.move %a : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    %2 = math.absf %1 : tensor<8xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<8xf32, #gir.at<reg>> -> tensor<8xf32, #gir.at<dram>>
    gir.return %3 : tensor<8xf32, #gir.at<dram>>
  }
  %1 = gir.kernel "slice" (%a = %0 : tensor<8xf32>) -> (tensor<4xf32>) {
    %2 = gir.slice %a [4] [4] [1] : tensor<8xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<dram>>
    %3 = gir.move %2 : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %4 : tensor<4xf32, #gir.at<dram>>
  }
  return %0, %1 : tensor<8xf32>, tensor<4xf32>
}

// -----

// A value that its reader repeats would be computed again for each copy.

// CHECK-LABEL: func.func @repeated
// CHECK: gir.kernel "exp"
// CHECK: gir.kernel "spread"
func.func @repeated(%x: tensor<8xf32>) -> tensor<16x4xf32> {
  %0 = gir.kernel "exp" (%a = %x : tensor<8xf32>) -> (tensor<8xf32>) {
    %1 = gir.move %a : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    %2 = math.exp %1 : tensor<8xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<8xf32, #gir.at<reg>> -> tensor<8xf32, #gir.at<dram>>
    gir.return %3 : tensor<8xf32, #gir.at<dram>>
  }
  %1 = gir.kernel "spread" (%a = %0 : tensor<8xf32>) -> (tensor<16x4xf32>) {
    %2 = gir.slice %a [4] [4] [1] : tensor<8xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<dram>>
    %3 = gir.move %2 : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %4 = gir.broadcast %3 dims [0] : tensor<4xf32, #gir.at<reg>> -> tensor<16x4xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<16x4xf32, #gir.at<reg>> -> tensor<16x4xf32, #gir.at<dram>>
    gir.return %5 : tensor<16x4xf32, #gir.at<dram>>
  }
  return %1 : tensor<16x4xf32>
}

// -----

// A third operator needs the one and is needed by the other: they can't be one kernel.

// CHECK-LABEL: func.func @between
// CHECK: gir.kernel "abs"
// CHECK: linalg.copy
// CHECK: gir.kernel "concat"
func.func @between(%x: tensor<4xf32>) -> tensor<8xf32> {
  %0 = gir.kernel "abs" (%a = %x : tensor<4xf32>) -> (tensor<4xf32>) {
    %1 = gir.move %a : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %2 = math.absf %1 : tensor<4xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %3 : tensor<4xf32, #gir.at<dram>>
  }
  %e = tensor.empty() : tensor<4xf32>
  %c = linalg.copy ins(%0 : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %1 = gir.kernel "concat" (%a = %0 : tensor<4xf32>, %b = %c : tensor<4xf32>) -> (tensor<8xf32>) {
    %2 = gir.move %a : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    %4 = gir.move %b : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    %6 = gir.concat %3, %5 dim 0 : (tensor<4xf32, #gir.at<dram>>, tensor<4xf32, #gir.at<dram>>) -> tensor<8xf32, #gir.at<dram>>
    gir.return %6 : tensor<8xf32, #gir.at<dram>>
  }
  return %1 : tensor<8xf32>
}

// -----

// What is turned joins what reads it, and that is read by another that doesn't move anything itself, through a reshape:
// one kernel, though the two readers by themselves would be left. The function gets the first result through a reshape
// that one of them reads, too.

// CHECK-LABEL: func.func @chain
// CHECK: gir.kernel
// CHECK-NOT: gir.kernel
// CHECK: return %{{.*}} : tensor<24xf32>, tensor<3x8xf32>{{$}}
func.func @chain(%x: tensor<4x6xf32>) -> (tensor<24xf32>, tensor<3x8xf32>) {
  %0:2 = gir.kernel "turn" (%a = %x : tensor<4x6xf32>) -> (tensor<4x6xf32>, tensor<6x4xf32>) {
    %1 = gir.move %a : tensor<4x6xf32, #gir.at<dram>> -> tensor<4x6xf32, #gir.at<reg>>
    %2 = math.absf %1 : tensor<4x6xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<4x6xf32, #gir.at<reg>> -> tensor<4x6xf32, #gir.at<dram>>
    %4 = gir.permute %2 [1, 0] : tensor<4x6xf32, #gir.at<reg>> -> tensor<6x4xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<6x4xf32, #gir.at<reg>> -> tensor<6x4xf32, #gir.at<dram>>
    gir.return %3, %5 : tensor<4x6xf32, #gir.at<dram>>, tensor<6x4xf32, #gir.at<dram>>
  }
  %f = tensor.collapse_shape %0#0 [[0, 1]] : tensor<4x6xf32> into tensor<24xf32>
  %g = tensor.expand_shape %f [[0, 1]] output_shape [6, 4] : tensor<24xf32> into tensor<6x4xf32>
  %1 = gir.kernel "add" (%a = %0#1 : tensor<6x4xf32>, %b = %g : tensor<6x4xf32>) -> (tensor<6x4xf32>) {
    %2 = gir.move %a : tensor<6x4xf32, #gir.at<dram>> -> tensor<6x4xf32, #gir.at<reg>>
    %3 = gir.move %b : tensor<6x4xf32, #gir.at<dram>> -> tensor<6x4xf32, #gir.at<reg>>
    %4 = arith.addf %2, %3 : tensor<6x4xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<6x4xf32, #gir.at<reg>> -> tensor<6x4xf32, #gir.at<dram>>
    gir.return %5 : tensor<6x4xf32, #gir.at<dram>>
  }
  %h = tensor.collapse_shape %1 [[0, 1]] : tensor<6x4xf32> into tensor<24xf32>
  %i = tensor.expand_shape %h [[0, 1]] output_shape [3, 8] : tensor<24xf32> into tensor<3x8xf32>
  %2 = gir.kernel "exp" (%a = %i : tensor<3x8xf32>) -> (tensor<3x8xf32>) {
    %3 = gir.move %a : tensor<3x8xf32, #gir.at<dram>> -> tensor<3x8xf32, #gir.at<reg>>
    %4 = math.exp %3 : tensor<3x8xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<3x8xf32, #gir.at<reg>> -> tensor<3x8xf32, #gir.at<dram>>
    gir.return %5 : tensor<3x8xf32, #gir.at<dram>>
  }
  return %f, %2 : tensor<24xf32>, tensor<3x8xf32>
}

// -----

// Where a part of open size begins isn't known: a reshape of the whole isn't one of the parts.

// CHECK-LABEL: func.func @open_parts
// CHECK: %[[C:.*]] = gir.concat %{{.*}}, %{{.*}} dim 0 : (tensor<?x6xf32, #gir.at<reg>>
// CHECK: gir.reshape %[[C]] : tensor<4x6xf32, #gir.at<reg>> -> tensor<2x2x6xf32, #gir.at<reg>>
func.func @open_parts(%x: tensor<?x6xf32>, %y: tensor<?x6xf32>) -> tensor<2x2x6xf32> {
  %0 = gir.kernel "concat" (%a = %x : tensor<?x6xf32>, %b = %y : tensor<?x6xf32>) -> (tensor<4x6xf32>) {
    %1 = gir.move %a : tensor<?x6xf32, #gir.at<dram>> -> tensor<?x6xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<?x6xf32, #gir.at<reg>> -> tensor<?x6xf32, #gir.at<dram>>
    %3 = gir.move %b : tensor<?x6xf32, #gir.at<dram>> -> tensor<?x6xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<?x6xf32, #gir.at<reg>> -> tensor<?x6xf32, #gir.at<dram>>
    %5 = gir.concat %2, %4 dim 0 : (tensor<?x6xf32, #gir.at<dram>>, tensor<?x6xf32, #gir.at<dram>>) -> tensor<4x6xf32, #gir.at<dram>>
    gir.return %5 : tensor<4x6xf32, #gir.at<dram>>
  }
  %e = tensor.expand_shape %0 [[0, 1], [2]] output_shape [2, 2, 6] : tensor<4x6xf32> into tensor<2x2x6xf32>
  %1 = gir.kernel "exp" (%a = %e : tensor<2x2x6xf32>) -> (tensor<2x2x6xf32>) {
    %2 = gir.move %a : tensor<2x2x6xf32, #gir.at<dram>> -> tensor<2x2x6xf32, #gir.at<reg>>
    %3 = math.exp %2 : tensor<2x2x6xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<2x2x6xf32, #gir.at<reg>> -> tensor<2x2x6xf32, #gir.at<dram>>
    gir.return %4 : tensor<2x2x6xf32, #gir.at<dram>>
  }
  return %1 : tensor<2x2x6xf32>
}
