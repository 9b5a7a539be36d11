// Views as they are written: custom form, generic form and bytecode, each written and read again.
// RUN: %pf-opt %s | %pf-opt | FileCheck %s
// RUN: %pf-opt %s --mlir-print-op-generic | %pf-opt | FileCheck %s
// RUN: %pf-opt %s --emit-bytecode | %pf-opt | FileCheck %s
// RUN: %pf-opt %s --verify-roundtrip -o /dev/null

// Every view is one at every level. A layout is no part of the place: it has the tile's rank.
// CHECK-LABEL: @levels
// CHECK:       gir.slice %{{.*}} [1, 0] [1, 4] [1, 2] drop [0] : tensor<4x8xf8E5M2, #gir.at<reg>> -> tensor<4xf8E5M2, #gir.at<reg>>
// CHECK:       gir.slice %{{.*}} [1, 0] [2, 4] [1, 2] : tensor<4x8xi1, #gir.at<sram>> -> tensor<2x4xi1, #gir.at<sram>>
// CHECK:       gir.concat %{{.*}}, %{{.*}} dim 0 : (tensor<4x8xi1, #gir.at<sram>>, tensor<4x8xi1, #gir.at<sram>>) -> tensor<8x8xi1, #gir.at<sram>>
// CHECK:       gir.permute %{{.*}} [1, 0] : tensor<4x8xi1, #gir.at<sram>> -> tensor<8x4xi1, #gir.at<sram>>
// CHECK:       gir.broadcast %{{.*}} dims [0] : tensor<4xi64, #gir.at<dram>> -> tensor<2x4xi64, #gir.at<dram>>
// CHECK:       gir.broadcast %{{.*}} dims [0] : tensor<32xf16, #gir.at<reg, layout = <[32], [1]>>> -> tensor<2x32xf16, #gir.at<reg, layout = <[1, 32], [1, 1]>>>
func.func @levels(%x: tensor<4x8xf8E5M2, #gir.at<reg>>, %s: tensor<4x8xi1, #gir.at<sram>>, %d: tensor<4xi64, #gir.at<dram>>,
                  %l: tensor<32xf16, #gir.at<reg, layout = <[32], [1]>>>) {
  %0 = gir.slice %x [1, 0] [1, 4] [1, 2] drop [0] : tensor<4x8xf8E5M2, #gir.at<reg>> -> tensor<4xf8E5M2, #gir.at<reg>>
  %1 = gir.slice %s [1, 0] [2, 4] [1, 2] : tensor<4x8xi1, #gir.at<sram>> -> tensor<2x4xi1, #gir.at<sram>>
  %2 = gir.concat %s, %s dim 0 : (tensor<4x8xi1, #gir.at<sram>>, tensor<4x8xi1, #gir.at<sram>>) -> tensor<8x8xi1, #gir.at<sram>>
  %3 = gir.permute %s [1, 0] : tensor<4x8xi1, #gir.at<sram>> -> tensor<8x4xi1, #gir.at<sram>>
  %4 = gir.broadcast %d dims [0] : tensor<4xi64, #gir.at<dram>> -> tensor<2x4xi64, #gir.at<dram>>
  %5 = gir.broadcast %l dims [0] : tensor<32xf16, #gir.at<reg, layout = <[32], [1]>>> -> tensor<2x32xf16, #gir.at<reg, layout = <[1, 32], [1, 1]>>>
  return
}

// The first pass isn't written.
// CHECK-LABEL: @passes
// CHECK:       gir.broadcast %{{.*}} dims [1] sizes(%arg1) :
// CHECK:       gir.broadcast %{{.*}} dims [1] pass 2 sizes(%arg1) {note} :
func.func @passes(%v: tensor<4xf32, #gir.at<reg>>, %n: index) {
  %0 = gir.broadcast %v dims [1] pass 0 sizes(%n) : tensor<4xf32, #gir.at<reg>> -> tensor<4x?xf32, #gir.at<reg>>
  %1 = gir.broadcast %v dims [1] pass 2 sizes(%n) {note} : tensor<4xf32, #gir.at<reg>> -> tensor<4x?xf32, #gir.at<reg>>
  return
}

// The last window of 9 in steps of 2 with 3 elements starts at 6; dynamic sizes stay dynamic.
// CHECK-LABEL: @window
// CHECK:       gir.window %{{.*}} dims [1, 2] sizes [3, 3] strides [2, 1] dilations [1, 2] : tensor<2x9x8xf32, #gir.at<dram>> -> tensor<2x4x4x3x3xf32, #gir.at<dram>>
// CHECK:       gir.window %{{.*}} dims [0] sizes [2] strides [3] dilations [4] {note} : tensor<?xi8, #gir.at<reg>> -> tensor<?x2xi8, #gir.at<reg>>
// CHECK:       gir.window %{{.*}} dims [] sizes [] strides [] dilations [] : tensor<?xi8, #gir.at<reg>> -> tensor<?xi8, #gir.at<reg>>
func.func @window(%x: tensor<2x9x8xf32, #gir.at<dram>>, %y: tensor<?xi8, #gir.at<reg>>) {
  %0 = gir.window %x dims [1, 2] sizes [3, 3] strides [2, 1] dilations [1, 2] : tensor<2x9x8xf32, #gir.at<dram>> -> tensor<2x4x4x3x3xf32, #gir.at<dram>>
  %1 = gir.window %y dims [0] sizes [2] strides [3] dilations [4] {note} : tensor<?xi8, #gir.at<reg>> -> tensor<?x2xi8, #gir.at<reg>>
  %2 = gir.window %y dims [] sizes [] strides [] dilations [] : tensor<?xi8, #gir.at<reg>> -> tensor<?xi8, #gir.at<reg>>
  return
}

// CHECK-LABEL: @reshape
// CHECK:       gir.reshape %{{.*}} sizes(%arg2, %arg2) : tensor<?x6xf32, #gir.at<dram>> -> tensor<?x2x?xf32, #gir.at<dram>>
// CHECK:       gir.reshape %{{.*}} : tensor<1xbf16, #gir.at<sram, space = "shared">> -> tensor<bf16, #gir.at<sram, space = "shared">>
// CHECK:       gir.reshape %{{.*}} : tensor<?x6xf32, #gir.at<dram>> -> tensor<24xf32, #gir.at<dram>>
func.func @reshape(%x: tensor<?x6xf32, #gir.at<dram>>, %y: tensor<1xbf16, #gir.at<sram, space = "shared">>, %n: index) {
  %0 = gir.reshape %x sizes(%n, %n) : tensor<?x6xf32, #gir.at<dram>> -> tensor<?x2x?xf32, #gir.at<dram>>
  %1 = gir.reshape %y : tensor<1xbf16, #gir.at<sram, space = "shared">> -> tensor<bf16, #gir.at<sram, space = "shared">>
  %2 = gir.reshape %x : tensor<?x6xf32, #gir.at<dram>> -> tensor<24xf32, #gir.at<dram>>
  return
}
