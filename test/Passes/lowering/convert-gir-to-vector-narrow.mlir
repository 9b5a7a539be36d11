// RUN: %pf-opt %s --convert-gir-to-vector --canonicalize --split-input-file | FileCheck %s

// Rows of bf16 that a contraction multiplies again and again are loaded where they lie, and widened; what it multiplies
// them with is widened once, in a buffer.
// CHECK-LABEL: func.func @pf_main(
// CHECK:       %[[BUFFER:.*]] = memref.alloc() {{.*}} : memref<4x64xf32>
// CHECK-NOT:   memref.alloc
// CHECK:       scf.for
// CHECK-NEXT:    %[[ROW:.*]] = vector.load %{{.*}} : memref<64x16xbf16>, vector<16xbf16>
// CHECK-NEXT:    %[[WIDE:.*]] = arith.extf %[[ROW]]
// CHECK-NEXT:    %[[FACTOR:.*]] = memref.load %[[BUFFER]]
// CHECK-NEXT:    %[[LANES:.*]] = vector.broadcast %[[FACTOR]]
// CHECK-NEXT:    math.fma %[[LANES]], %[[WIDE]]
func.func @rows_in_place(%x: memref<4x64xf32>, %w: memref<64x16xbf16>, %y: memref<4x16xf32>) {
  gir.kernel "contract" (%a = %x : memref<4x64xf32>, %b = %w : memref<64x16xbf16>, %c = %y : memref<4x16xf32>) -> () {
    %c0 = arith.constant 0 : index
    %zero = arith.constant dense<0.0> : tensor<4x16xf32, #gir.at<reg>>
    %l = gir.load %a[%c0, %c0] : memref<4x64xf32, #gir.at<dram>> -> tensor<4x64xf32, #gir.at<reg>>
    %s = arith.truncf %l : tensor<4x64xf32, #gir.at<reg>> to tensor<4x64xbf16, #gir.at<reg>>
    %r = gir.load %b[%c0, %c0] : memref<64x16xbf16, #gir.at<dram>> -> tensor<64x16xbf16, #gir.at<reg>>
    %p = gir.contract %s, %r into %zero maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
      : tensor<4x64xbf16, #gir.at<reg>>, tensor<64x16xbf16, #gir.at<reg>> into tensor<4x16xf32, #gir.at<reg>>
    gir.store %p, %c[%c0, %c0] : tensor<4x16xf32, #gir.at<reg>>, memref<4x16xf32, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// The largest of a row's lanes is found in f32, as lanes are compared: only processors with instructions on bf16 find it
// among these.
// CHECK-LABEL: func.func @pf_main(
// CHECK:       %[[WIDE:.*]] = arith.extf %{{.*}} : vector<16xbf16> to vector<16xf32>
// CHECK:       vector.reduction <maximumf>, %[[WIDE]] : vector<16xf32> into f32
// CHECK-NOT:   vector.reduction
func.func @largest(%x: memref<16xbf16>, %y: memref<1xbf16>) {
  gir.kernel "largest" (%a = %x : memref<16xbf16>, %b = %y : memref<1xbf16>) -> () {
    %c0 = arith.constant 0 : index
    %low = arith.constant dense<0xFF80> : tensor<bf16, #gir.at<reg>>
    %0 = gir.load %a[%c0] : memref<16xbf16, #gir.at<dram>> -> tensor<16xbf16, #gir.at<reg>>
    %1 = gir.reduce %0 into %low dims [0] kinds [#vector.kind<maximumf>] : tensor<16xbf16, #gir.at<reg>> into tensor<bf16, #gir.at<reg>>
    %2 = gir.reshape %1 : tensor<bf16, #gir.at<reg>> -> tensor<1xbf16, #gir.at<reg>>
    gir.store %2, %b[%c0] : tensor<1xbf16, #gir.at<reg>>, memref<1xbf16, #gir.at<dram>>
    gir.return
  }
  return
}
