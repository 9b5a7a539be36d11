// RUN: pf-opt --gir-ledger=machine=sm_90 --split-input-file %s -o /dev/null 2>&1 | FileCheck %s
// RUN: pf-opt "--gir-ledger=machine=sm_90 format=table" %s --split-input-file -o /dev/null 2>&1 | FileCheck %s --check-prefix=TABLE
// RUN: pf-opt "--gir-ledger=machine=sm_90 format=json output=%t.json" %s --split-input-file -o /dev/null
// RUN: FileCheck %s --check-prefix=JSON < %t.json

// Each movement says what it reads and writes: 4 rows of 12 bytes, 80 bytes apart from byte 40 on, lie in six transactions of
// 32 bytes.
// CHECK: remark: reads 48 B of global (issued 192 B), writes 48 B to registers
// CHECK: remark: reads 48 B of registers, writes 48 B to global (issued 64 B)
// TABLE: instruction {{.*}} useful issued arriving
// TABLE: 4 {{ *}} gir.move {{ *}} slice {{ *}} global {{ *}} read {{ *}} 48 {{ *}} 192 {{ *}} 192
func.func @slice(%x: tensor<9x10xf32>) -> tensor<4x3xf32> {
  %0 = gir.kernel "slice" (%a = %x : tensor<9x10xf32>) -> (tensor<4x3xf32>) {
    %1 = gir.slice %a [1, 0] [4, 3] [2, 1] : tensor<9x10xf32, #gir.at<dram>> -> tensor<4x3xf32, #gir.at<dram>>
    %2 = gir.move %1 : tensor<4x3xf32, #gir.at<dram>> -> tensor<4x3xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<4x3xf32, #gir.at<reg>> -> tensor<4x3xf32, #gir.at<dram>>
    gir.return %3 : tensor<4x3xf32, #gir.at<dram>>
  }
  return %0 : tensor<4x3xf32>
}

// -----

// A placed kernel's loads happen in the loops that they depend on: the row's tile once per step, the column's vector once
// per unit and step of the columns, for each of the four rows that the unit takes.
// CHECK: remark: reads 4096 B of global (issued 4096 B), writes 4096 B to registers
// CHECK: remark: reads 4096 B of global (issued 4096 B), writes 4096 B to registers
// CHECK: remark: reads 4096 B of registers, writes 4096 B to global (issued 4096 B)
// TABLE: peak of registers: 128 B
func.func @bias(%x: tensor<16x64xf32>, %v: tensor<64xf32>) -> tensor<16x64xf32> {
  %0 = gir.kernel "bias" (%a = %x : tensor<16x64xf32>, %b = %v : tensor<64xf32>)
      nest <[r = 16 : 8 : 4 : 1, c = 64 : 64 : 64 : 16]> -> (tensor<16x64xf32>) {
    %1 = gir.move %a over ["r", "c"] : tensor<16x64xf32, #gir.at<dram>> -> tensor<16x64xf32, #gir.at<reg>>
    %2 = gir.move %b over ["c"] : tensor<64xf32, #gir.at<dram>> -> tensor<64xf32, #gir.at<reg>>
    %3 = gir.broadcast %2 dims [0] : tensor<64xf32, #gir.at<reg>> -> tensor<16x64xf32, #gir.at<reg>>
    %4 = arith.addf %1, %3 : tensor<16x64xf32, #gir.at<reg>>
    %5 = gir.move %4 over ["r", "c"] : tensor<16x64xf32, #gir.at<reg>> -> tensor<16x64xf32, #gir.at<dram>>
    gir.return %5 : tensor<16x64xf32, #gir.at<dram>>
  }
  return %0 : tensor<16x64xf32>
}

// -----

// In tile form a clipped loop over an open size moves that size; how many transactions that is depends on where rows begin.
// CHECK: remark: reads 4*arg0[0] B of global (issued at most
// TABLE: gir.load {{ *}} read {{ *}} global {{ *}} read {{ *}} 4*arg0[0]
// JSON: "useful": "4*arg0[0]"
// JSON: "bounds": [
// JSON-NEXT: "arriving",
// JSON-NEXT: "issued"
func.func @read(%x: memref<?xf32>) {
  gir.kernel "read" (%a = %x : memref<?xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c20 = arith.constant 20 : index
    %n = memref.dim %a, %c0 : memref<?xf32, #gir.at<dram>>
    gir.parallel <group> (%g) in (%c1) {
      scf.for %j = %c0 to %n step %c20 {
        %v = affine.min affine_map<(d0)[s0] -> (20, s0 - d0)>(%j)[%n]
        %0 = gir.load %a[%j] valid [%v] : memref<?xf32, #gir.at<dram>> -> tensor<20xf32, #gir.at<reg>>
      }
    }
    gir.return
  }
  return
}
