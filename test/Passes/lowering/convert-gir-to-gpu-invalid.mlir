// RUN: %pf-opt %s --convert-gir-to-gpu --split-input-file --verify-diagnostics

// Units that scatter at once would meet in one place; scheduling has one group take all elements.

func.func @scattered(%x: memref<32xi32>, %y: memref<10xi32>) {
  gir.kernel "scattered" (%a = %x : memref<32xi32>, %b = %y : memref<10xi32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    gir.parallel <group> (%g) in (%c1) {
      %0 = gir.load %a[%c0] : memref<32xi32, #gir.at<dram>> -> tensor<32xi32, #gir.at<reg>>
      %1 = arith.index_cast %0 : tensor<32xi32, #gir.at<reg>> to tensor<32xindex, #gir.at<reg>>
      gir.parallel <unit> (%u) in (%c2) {
        // expected-error @+1 {{a scatter by several units at once can't be lowered to gpu}}
        gir.scatter %0 into %b[%1] kind <add> : tensor<32xi32, #gir.at<reg>> into memref<10xi32, #gir.at<dram>>[tensor<32xindex, #gir.at<reg>>]
      }
    }
    gir.return
  }
  return
}

// -----

// Groups share one number of units; those that wait for one another can't be fewer than that.

func.func @apart(%x: memref<32xf32>) {
  gir.kernel "apart" (%a = %x : memref<32xf32>) -> () {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c4 = arith.constant 4 : index
    gir.parallel <group> (%g) in (%c1) {
      // expected-error @+2 {{2 units that wait for one another can't be lowered to gpu in a group of 4}}
      // expected-note @+1 {{help: units that meet must be as many in every part of a kernel}}
      gir.parallel <unit> (%u) in (%c2) {
        gir.sync <group>
      }
      gir.parallel <unit> (%u) in (%c4) {
        gir.sync <group>
      }
    }
    gir.return
  }
  return
}

// -----

// A buffer has a place once memory is planned.

func.func @unplanned(%x: memref<32xf32>) {
  gir.kernel "unplanned" (%a = %x : memref<32xf32>) -> () {
    %c1 = arith.constant 1 : index
    gir.parallel <group> (%g) in (%c1) {
      // expected-error @+2 {{a buffer without an offset can't be lowered to gpu}}
      // expected-note @+1 {{help: run gir-plan-scratch first}}
      %0 = gir.alloc : memref<32xf32, #gir.at<sram>>
    }
    gir.return
  }
  return
}
