// RUN: %pf-opt %s --convert-gir-to-vector --canonicalize --split-input-file | FileCheck %s

// A tile is a vector of its lanes; a tail is masked, and its lanes are never accessed. The function gets an argument
// for the number of a failed assertion.
// CHECK-LABEL: func.func @pf_main(
// CHECK-SAME:    %[[X:.*]]: memref<?xf32>, %[[Y:.*]]: memref<?xf32>, %[[V:.*]]: memref<index>, %{{.*}}: memref<1xi64>)
// CHECK:       %[[MASK:.*]] = vector.create_mask
// CHECK:       %[[TILE:.*]] = vector.maskedload %[[X]][%c0], %[[MASK]]
// CHECK:       %[[ABS:.*]] = math.absf %[[TILE]] : vector<16xf32>
// CHECK:       vector.maskedstore %[[Y]][%c0], %{{.*}}, %[[ABS]]
func.func @tail(%x: memref<?xf32>, %y: memref<?xf32>, %v: index) {
  gir.kernel "absf" (%a = %x : memref<?xf32>, %b = %y : memref<?xf32>, %n = %v : index) -> () {
    %c0 = arith.constant 0 : index
    %0 = gir.load %a[%c0] valid [%n] : memref<?xf32, #gir.at<dram>> -> tensor<16xf32, #gir.at<reg>>
    %1 = math.absf %0 : tensor<16xf32, #gir.at<reg>>
    gir.store %1, %b[%c0] valid [%n] : tensor<16xf32, #gir.at<reg>>, memref<?xf32, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// Lanes past an edge hold anything: a divisor that would trap is replaced by 1.
// CHECK-LABEL: func.func @pf_main(
// CHECK:       %[[ZERO:.*]] = arith.cmpi eq, %[[D:.*]], %{{.*}} : vector<16xi32>
// CHECK:       %[[SAFE:.*]] = arith.select %{{.*}}, %{{.*}}, %[[D]]
// CHECK:       arith.divsi %{{.*}}, %[[SAFE]] : vector<16xi32>
func.func @division(%x: memref<16xi32>, %y: memref<16xi32>) {
  gir.kernel "divsi" (%a = %x : memref<16xi32>, %b = %y : memref<16xi32>) -> () {
    %c0 = arith.constant 0 : index
    %0 = gir.load %a[%c0] : memref<16xi32, #gir.at<dram>> -> tensor<16xi32, #gir.at<reg>>
    %1 = gir.load %b[%c0] : memref<16xi32, #gir.at<dram>> -> tensor<16xi32, #gir.at<reg>>
    %2 = arith.divsi %0, %1 : tensor<16xi32, #gir.at<reg>>
    gir.store %2, %b[%c0] : tensor<16xi32, #gir.at<reg>>, memref<16xi32, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// f64's log1p is the C library's, lane by lane; f32's stays a vector for the polynomial.
// CHECK-LABEL: func.func @pf_main(
// CHECK-COUNT-2: call @log1p(%{{.*}}) : (f64) -> f64
// CHECK:       math.log1p %{{.*}} : vector<2xf32>
// CHECK:       func.func private @log1p(f64) -> f64
func.func @library(%x: memref<2xf64>, %y: memref<2xf32>) {
  gir.kernel "log1p" (%a = %x : memref<2xf64>, %b = %y : memref<2xf32>) -> () {
    %c0 = arith.constant 0 : index
    %0 = gir.load %a[%c0] : memref<2xf64, #gir.at<dram>> -> tensor<2xf64, #gir.at<reg>>
    %1 = math.log1p %0 : tensor<2xf64, #gir.at<reg>>
    gir.store %1, %a[%c0] : tensor<2xf64, #gir.at<reg>>, memref<2xf64, #gir.at<dram>>
    %2 = gir.load %b[%c0] : memref<2xf32, #gir.at<dram>> -> tensor<2xf32, #gir.at<reg>>
    %3 = math.log1p %2 : tensor<2xf32, #gir.at<reg>>
    gir.store %3, %b[%c0] : tensor<2xf32, #gir.at<reg>>, memref<2xf32, #gir.at<dram>>
    gir.return
  }
  return
}
