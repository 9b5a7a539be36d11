// RUN: pf-opt %s --gir-place=machine=cpu | FileCheck %s --check-prefixes=CHECK,CACHE
// RUN: pf-opt %s --gir-place=machine=sm_90 | FileCheck %s --check-prefixes=CHECK,PAD

// What is widened rests as it was before, which is less, and is widened again in the pass that needs it: what is loaded
// on any machine, what was computed where a scratchpad's room is scarce. In a cache that has room, narrowing and widening
// take longer than the bytes.

// CHECK-LABEL: func.func @loaded
// CHECK-NOT:   tensor<64x65536xf32, #gir.at<sram>>
// CHECK:       return
func.func @loaded(%x: tensor<64x65536xbf16>, %o: tensor<64x65536xbf16>) -> tensor<64x65536xf32> {
  %m = gir.kernel "sum" (%a = %x : tensor<64x65536xbf16>, %z = %o : tensor<64x65536xbf16>) -> (tensor<64xf32>) {
    %zero = arith.constant dense<0.0> : tensor<64xf32, #gir.at<reg>>
    %n = gir.move %a : tensor<64x65536xbf16, #gir.at<dram>> -> tensor<64x65536xbf16, #gir.at<reg>>
    %w = arith.extf %n : tensor<64x65536xbf16, #gir.at<reg>> to tensor<64x65536xf32, #gir.at<reg>>
    %s = gir.reduce %w into %zero dims [1] kinds [#vector.kind<add>] : tensor<64x65536xf32, #gir.at<reg>> into tensor<64xf32, #gir.at<reg>>
    %r = gir.move %s : tensor<64xf32, #gir.at<reg>> -> tensor<64xf32, #gir.at<dram>>
    gir.return %r : tensor<64xf32, #gir.at<dram>>
  }
  %y = gir.kernel "difference" (%a = %x : tensor<64x65536xbf16>, %z = %o : tensor<64x65536xbf16>, %b = %m : tensor<64xf32>) -> (tensor<64x65536xf32>) {
    %n = gir.move %a : tensor<64x65536xbf16, #gir.at<dram>> -> tensor<64x65536xbf16, #gir.at<reg>>
    %w = arith.extf %n : tensor<64x65536xbf16, #gir.at<reg>> to tensor<64x65536xf32, #gir.at<reg>>
    %s = gir.move %b : tensor<64xf32, #gir.at<dram>> -> tensor<64xf32, #gir.at<reg>>
    %t = gir.broadcast %s dims [1] : tensor<64xf32, #gir.at<reg>> -> tensor<64x65536xf32, #gir.at<reg>>
    %d = arith.subf %w, %t : tensor<64x65536xf32, #gir.at<reg>>
    %r = gir.move %d : tensor<64x65536xf32, #gir.at<reg>> -> tensor<64x65536xf32, #gir.at<dram>>
    gir.return %r : tensor<64x65536xf32, #gir.at<dram>>
  }
  return %y : tensor<64x65536xf32>
}

// CHECK-LABEL: func.func @computed
// CACHE:       gir.move %{{.*}} : tensor<64x65536xf32, #gir.at<reg>> -> tensor<64x65536xf32, #gir.at<sram>>
// PAD-NOT:     tensor<64x65536xf32, #gir.at<sram>>
// PAD:         gir.move %{{.*}} : tensor<64x65536xbf16, #gir.at<reg>> -> tensor<64x65536xbf16, #gir.at<sram>>
// PAD-NOT:     tensor<64x65536xf32, #gir.at<sram>>
// CHECK:       return
func.func @computed(%x: tensor<64x65536xbf16>, %o: tensor<64x65536xbf16>) -> tensor<64x65536xf32> {
  %m = gir.kernel "sum" (%a = %x : tensor<64x65536xbf16>, %z = %o : tensor<64x65536xbf16>) -> (tensor<64xf32>) {
    %zero = arith.constant dense<0.0> : tensor<64xf32, #gir.at<reg>>
    %l = gir.move %a : tensor<64x65536xbf16, #gir.at<dram>> -> tensor<64x65536xbf16, #gir.at<reg>>
    %k = gir.move %z : tensor<64x65536xbf16, #gir.at<dram>> -> tensor<64x65536xbf16, #gir.at<reg>>
    %v = arith.extf %l : tensor<64x65536xbf16, #gir.at<reg>> to tensor<64x65536xf32, #gir.at<reg>>
    %u = arith.extf %k : tensor<64x65536xbf16, #gir.at<reg>> to tensor<64x65536xf32, #gir.at<reg>>
    %e = arith.addf %v, %u : tensor<64x65536xf32, #gir.at<reg>>
    %n = arith.truncf %e : tensor<64x65536xf32, #gir.at<reg>> to tensor<64x65536xbf16, #gir.at<reg>>
    %w = arith.extf %n : tensor<64x65536xbf16, #gir.at<reg>> to tensor<64x65536xf32, #gir.at<reg>>
    %s = gir.reduce %w into %zero dims [1] kinds [#vector.kind<add>] : tensor<64x65536xf32, #gir.at<reg>> into tensor<64xf32, #gir.at<reg>>
    %r = gir.move %s : tensor<64xf32, #gir.at<reg>> -> tensor<64xf32, #gir.at<dram>>
    gir.return %r : tensor<64xf32, #gir.at<dram>>
  }
  %y = gir.kernel "difference" (%a = %x : tensor<64x65536xbf16>, %z = %o : tensor<64x65536xbf16>, %b = %m : tensor<64xf32>) -> (tensor<64x65536xf32>) {
    %l = gir.move %a : tensor<64x65536xbf16, #gir.at<dram>> -> tensor<64x65536xbf16, #gir.at<reg>>
    %k = gir.move %z : tensor<64x65536xbf16, #gir.at<dram>> -> tensor<64x65536xbf16, #gir.at<reg>>
    %v = arith.extf %l : tensor<64x65536xbf16, #gir.at<reg>> to tensor<64x65536xf32, #gir.at<reg>>
    %u = arith.extf %k : tensor<64x65536xbf16, #gir.at<reg>> to tensor<64x65536xf32, #gir.at<reg>>
    %e = arith.addf %v, %u : tensor<64x65536xf32, #gir.at<reg>>
    %n = arith.truncf %e : tensor<64x65536xf32, #gir.at<reg>> to tensor<64x65536xbf16, #gir.at<reg>>
    %w = arith.extf %n : tensor<64x65536xbf16, #gir.at<reg>> to tensor<64x65536xf32, #gir.at<reg>>
    %s = gir.move %b : tensor<64xf32, #gir.at<dram>> -> tensor<64xf32, #gir.at<reg>>
    %t = gir.broadcast %s dims [1] : tensor<64xf32, #gir.at<reg>> -> tensor<64x65536xf32, #gir.at<reg>>
    %d = arith.subf %w, %t : tensor<64x65536xf32, #gir.at<reg>>
    %r = gir.move %d : tensor<64x65536xf32, #gir.at<reg>> -> tensor<64x65536xf32, #gir.at<dram>>
    gir.return %r : tensor<64x65536xf32, #gir.at<dram>>
  }
  return %y : tensor<64x65536xf32>
}
