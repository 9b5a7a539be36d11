// RUN: pf-opt %s --gir-expand --canonicalize --cse | FileCheck %s

// A row's maximum and the sum of powers relative to it are one reduction in the second way: the sum is carried relative
// to the largest element so far, and what reads the row again follows with both results.

// CHECK-LABEL: func.func @softmax
// CHECK:      %[[Y:.*]] = gir.alternatives -> (tensor<4x8xf32>) {
// CHECK:        %[[M:.*]] = gir.kernel "max"
// CHECK:        gir.reduce %{{.*}} kinds [#vector.kind<maximumf>]
// CHECK:        gir.kernel "sum" ({{.*}} = %[[M]] : tensor<4xf32>)
// CHECK:        gir.reduce %{{.*}} kinds [#vector.kind<add>]
// CHECK:        gir.kernel "quotient"
// CHECK:        gir.yield
// CHECK:      } or {
// CHECK:        %[[R:.*]]:2 = gir.kernel "max_sum_quotient" (%{{.*}} = %arg0 : tensor<4x8xf32>) -> (tensor<4xf32>, tensor<4xf32>)
// CHECK:        gir.reduce %{{.*}}, %{{.*}} into %{{.*}}, %{{.*}} dims [1] combiner <commutative> identity [0xFF800000 : f32, -0.000000e+00 : f32] {
// CHECK-NEXT:   ^bb0(%[[A1:.*]]: f32, %[[B1:.*]]: f32, %[[A2:.*]]: f32, %[[B2:.*]]: f32):
// CHECK-DAG:      %[[A:.*]] = arith.maximumf %[[A1]], %[[A2]]
// CHECK-DAG:      %[[C1:.*]] = arith.maximumf %[[A1]], %[[LOW:.*]] : f32
// CHECK-DAG:      %[[C2:.*]] = arith.maximumf %[[A2]], %[[LOW]] : f32
// CHECK:          %[[D:.*]] = math.exp
// CHECK:          %[[N:.*]] = arith.cmpf oge, %[[C1]], %[[C2]]
// CHECK-DAG:      %[[W1:.*]] = arith.select %[[N]], %{{.*}}, %[[D]]
// CHECK-DAG:      %[[W2:.*]] = arith.select %[[N]], %[[D]], %{{.*}}
// CHECK-DAG:      %[[P1:.*]] = arith.mulf %[[B1]], %[[W1]]
// CHECK-DAG:      %[[P2:.*]] = arith.mulf %[[B2]], %[[W2]]
// CHECK:          %[[B:.*]] = arith.addf %[[P1]], %[[P2]]
// CHECK:          gir.yield %[[A]], %[[B]]
// CHECK:        %[[Q:.*]] = gir.kernel "{{.*}}" ({{.*}} = %arg0 : tensor<4x8xf32>, {{.*}} = %[[R]]#0 : tensor<4xf32>, {{.*}} = %[[R]]#1 : tensor<4xf32>)
// CHECK-NOT:    gir.reduce
// CHECK:        gir.yield %[[Q]]
// CHECK:      }
// CHECK-NEXT: return %[[Y]]
func.func @softmax(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %m = gir.kernel "max" (%a = %x : tensor<4x8xf32>) -> (tensor<4xf32>) {
    %lowest = arith.constant dense<0xFF800000> : tensor<4xf32, #gir.at<reg>>
    %0 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %1 = gir.reduce %0 into %lowest dims [1] kinds [#vector.kind<maximumf>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %2 : tensor<4xf32, #gir.at<dram>>
  }
  %e:2 = gir.kernel "sum" (%a = %x : tensor<4x8xf32>, %b = %m : tensor<4xf32>) -> (tensor<4x8xf32>, tensor<4xf32>) {
    %zero = arith.constant dense<0.0> : tensor<4xf32, #gir.at<reg>>
    %0 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %1 = gir.move %b : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %2 = gir.broadcast %1 dims [1] : tensor<4xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<reg>>
    %3 = arith.subf %0, %2 : tensor<4x8xf32, #gir.at<reg>>
    %4 = math.exp %3 : tensor<4x8xf32, #gir.at<reg>>
    %5 = gir.reduce %4 into %zero dims [1] kinds [#vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %6 = gir.move %4 : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<dram>>
    %7 = gir.move %5 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %6, %7 : tensor<4x8xf32, #gir.at<dram>>, tensor<4xf32, #gir.at<dram>>
  }
  %y = gir.kernel "quotient" (%a = %e#0 : tensor<4x8xf32>, %b = %e#1 : tensor<4xf32>) -> (tensor<4x8xf32>) {
    %0 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %1 = gir.move %b : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %2 = gir.broadcast %1 dims [1] : tensor<4xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<reg>>
    %3 = arith.divf %0, %2 : tensor<4x8xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<dram>>
    gir.return %4 : tensor<4x8xf32, #gir.at<dram>>
  }
  return %y : tensor<4x8xf32>
}

// A maximum of what a maximum is subtracted from needs no combiner: the function is monotone, and its ends are enough.

// CHECK-LABEL: func.func @maxima
// CHECK:      } or {
// CHECK:        gir.reduce %{{.*}}, %{{.*}}, %{{.*}} into {{.*}} dims [1] kinds [#vector.kind<maximumf>, #vector.kind<maximumf>, #vector.kind<minimumf>]
// CHECK:        arith.subf
// CHECK:        arith.subf
// CHECK:        arith.maximumf
// CHECK-NOT:  gir.reduce
// CHECK:      return
func.func @maxima(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> tensor<4xf32> {
  %m = gir.kernel "max" (%a = %x : tensor<4x8xf32>) -> (tensor<4xf32>) {
    %lowest = arith.constant dense<0xFF800000> : tensor<4xf32, #gir.at<reg>>
    %0 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %1 = gir.reduce %0 into %lowest dims [1] kinds [#vector.kind<maximumf>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %2 : tensor<4xf32, #gir.at<dram>>
  }
  %n = gir.kernel "other" (%a = %y : tensor<4x8xf32>, %b = %m : tensor<4xf32>) -> (tensor<4xf32>) {
    %lowest = arith.constant dense<0xFF800000> : tensor<4xf32, #gir.at<reg>>
    %0 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %1 = gir.move %b : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %2 = gir.broadcast %1 dims [1] : tensor<4xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<reg>>
    %3 = arith.subf %0, %2 : tensor<4x8xf32, #gir.at<reg>>
    %4 = gir.reduce %3 into %lowest dims [1] kinds [#vector.kind<maximumf>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %5 : tensor<4xf32, #gir.at<dram>>
  }
  return %n : tensor<4xf32>
}

// A power of a product isn't a product of powers: nothing is carried along, the kernels stay.

// CHECK-LABEL: func.func @product_in_the_exponent
// CHECK-NOT:   gir.alternatives
// CHECK:       return
func.func @product_in_the_exponent(%x: tensor<4x8xf32>) -> tensor<4xf32> {
  %m = gir.kernel "max" (%a = %x : tensor<4x8xf32>) -> (tensor<4xf32>) {
    %lowest = arith.constant dense<0xFF800000> : tensor<4xf32, #gir.at<reg>>
    %0 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %1 = gir.reduce %0 into %lowest dims [1] kinds [#vector.kind<maximumf>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %2 : tensor<4xf32, #gir.at<dram>>
  }
  %s = gir.kernel "sum" (%a = %x : tensor<4x8xf32>, %b = %m : tensor<4xf32>) -> (tensor<4xf32>) {
    %zero = arith.constant dense<0.0> : tensor<4xf32, #gir.at<reg>>
    %0 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %1 = gir.move %b : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %2 = gir.broadcast %1 dims [1] : tensor<4xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<reg>>
    %3 = arith.mulf %0, %2 : tensor<4x8xf32, #gir.at<reg>>
    %4 = math.exp %3 : tensor<4x8xf32, #gir.at<reg>>
    %5 = gir.reduce %4 into %zero dims [1] kinds [#vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %6 = gir.move %5 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %6 : tensor<4xf32, #gir.at<dram>>
  }
  return %s : tensor<4xf32>
}
