// BERT masked softmax: exported by examples/export.py with torch 2.13.0, torch-mlir 20261001.
#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map1 = affine_map<(d0, d1, d2, d3) -> ()>
#map2 = affine_map<(d0, d1, d2, d3) -> (d0, 0, 0, d3)>
#map3 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map4 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
module {
  func.func @bert_masked_softmax(%arg0: tensor<1x12x512x512xf32>, %arg1: tensor<1x512xi64>) -> tensor<1x12x512x512xf32> {
    %c0_i64 = arith.constant 0 : i64
    %cst = arith.constant 0xFF800000 : f32
    %cst_0 = arith.constant 0.000000e+00 : f32
    %cst_1 = arith.constant dense<1.000000e+00> : tensor<f32>
    %cst_2 = arith.constant -3.40282347E+38 : f32
    %cst_3 = arith.constant 8.000000e+00 : f32
    %expanded = tensor.expand_shape %arg1 [[0], [1, 2, 3]] output_shape [1, 1, 1, 512] : tensor<1x512xi64> into tensor<1x1x1x512xi64>
    %0 = tensor.empty() : tensor<1x1x1x512xf32>
    %1 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded : tensor<1x1x1x512xi64>) outs(%0 : tensor<1x1x1x512xf32>) {
    ^bb0(%in: i64, %out: f32):
      %18 = arith.sitofp %in : i64 to f32
      linalg.yield %18 : f32
    } -> tensor<1x1x1x512xf32>
    %2 = linalg.generic {indexing_maps = [#map1, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%cst_1, %1 : tensor<f32>, tensor<1x1x1x512xf32>) outs(%0 : tensor<1x1x1x512xf32>) {
    ^bb0(%in: f32, %in_5: f32, %out: f32):
      %18 = arith.subf %in, %in_5 : f32
      linalg.yield %18 : f32
    } -> tensor<1x1x1x512xf32>
    %3 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%2 : tensor<1x1x1x512xf32>) outs(%0 : tensor<1x1x1x512xf32>) {
    ^bb0(%in: f32, %out: f32):
      %18 = arith.mulf %in, %cst_2 : f32
      linalg.yield %18 : f32
    } -> tensor<1x1x1x512xf32>
    %4 = tensor.empty() : tensor<1x12x512x512xf32>
    %5 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg0 : tensor<1x12x512x512xf32>) outs(%4 : tensor<1x12x512x512xf32>) {
    ^bb0(%in: f32, %out: f32):
      %18 = arith.divf %in, %cst_3 : f32
      linalg.yield %18 : f32
    } -> tensor<1x12x512x512xf32>
    %6 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%5, %3 : tensor<1x12x512x512xf32>, tensor<1x1x1x512xf32>) outs(%4 : tensor<1x12x512x512xf32>) {
    ^bb0(%in: f32, %in_5: f32, %out: f32):
      %18 = arith.addf %in, %in_5 : f32
      linalg.yield %18 : f32
    } -> tensor<1x12x512x512xf32>
    %7 = tensor.empty() : tensor<1x12x512xi64>
    %8 = linalg.fill ins(%c0_i64 : i64) outs(%7 : tensor<1x12x512xi64>) -> tensor<1x12x512xi64>
    %9 = tensor.empty() : tensor<1x12x512xf32>
    %10 = linalg.fill ins(%cst : f32) outs(%9 : tensor<1x12x512xf32>) -> tensor<1x12x512xf32>
    %11:2 = linalg.generic {indexing_maps = [#map, #map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%6 : tensor<1x12x512x512xf32>) outs(%10, %8 : tensor<1x12x512xf32>, tensor<1x12x512xi64>) {
    ^bb0(%in: f32, %out: f32, %out_5: i64):
      %18 = linalg.index 3 : index
      %19 = arith.index_cast %18 : index to i64
      %20 = arith.maximumf %in, %out : f32
      %21 = arith.cmpf ogt, %in, %out : f32
      %22 = arith.select %21, %19, %out_5 : i64
      linalg.yield %20, %22 : f32, i64
    } -> (tensor<1x12x512xf32>, tensor<1x12x512xi64>)
    %expanded_4 = tensor.expand_shape %11#0 [[0], [1], [2, 3]] output_shape [1, 12, 512, 1] : tensor<1x12x512xf32> into tensor<1x12x512x1xf32>
    %12 = linalg.generic {indexing_maps = [#map, #map4, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%6, %expanded_4 : tensor<1x12x512x512xf32>, tensor<1x12x512x1xf32>) outs(%4 : tensor<1x12x512x512xf32>) {
    ^bb0(%in: f32, %in_5: f32, %out: f32):
      %18 = arith.subf %in, %in_5 : f32
      linalg.yield %18 : f32
    } -> tensor<1x12x512x512xf32>
    %13 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%12 : tensor<1x12x512x512xf32>) outs(%4 : tensor<1x12x512x512xf32>) {
    ^bb0(%in: f32, %out: f32):
      %18 = math.exp %in : f32
      linalg.yield %18 : f32
    } -> tensor<1x12x512x512xf32>
    %14 = tensor.empty() : tensor<1x12x512x1xf32>
    %15 = linalg.fill ins(%cst_0 : f32) outs(%14 : tensor<1x12x512x1xf32>) -> tensor<1x12x512x1xf32>
    %16 = linalg.generic {indexing_maps = [#map, #map4], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%13 : tensor<1x12x512x512xf32>) outs(%15 : tensor<1x12x512x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %18 = arith.addf %in, %out : f32
      linalg.yield %18 : f32
    } -> tensor<1x12x512x1xf32>
    %17 = linalg.generic {indexing_maps = [#map, #map4, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%13, %16 : tensor<1x12x512x512xf32>, tensor<1x12x512x1xf32>) outs(%4 : tensor<1x12x512x512xf32>) {
    ^bb0(%in: f32, %in_5: f32, %out: f32):
      %18 = arith.divf %in, %in_5 : f32
      linalg.yield %18 : f32
    } -> tensor<1x12x512x512xf32>
    return %17 : tensor<1x12x512x512xf32>
  }
}
