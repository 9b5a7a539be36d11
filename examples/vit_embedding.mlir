// ViT embedding, batch ?: exported by examples/export.py with torch 2.13.0, torch-mlir 20261001.
#map = affine_map<(d0, d1, d2) -> (d1, d2)>
#map1 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map2 = affine_map<(d0, d1, d2) -> (0, d1, d2)>
#map3 = affine_map<(d0, d1, d2) -> (d0, d1, 0)>
#map4 = affine_map<(d0, d1, d2) -> (d2)>
module {
  func.func @vit_embedding(%arg0: tensor<?x768x8x8xf32>, %arg1: tensor<1x1x768xf32>, %arg2: tensor<1x65x768xf32>, %arg3: tensor<768xf32>, %arg4: tensor<768xf32>) -> (tensor<?x65x768xf32>, tensor<?x65x768xf32>) {
    %c0_i64 = arith.constant 0 : i64
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %cst = arith.constant 0.000000e+00 : f64
    %cst_0 = arith.constant 0.000000e+00 : f32
    %cst_1 = arith.constant 9.9999999999999998E-13 : f64
    %cst_2 = arith.constant 7.680000e+02 : f64
    %cst_3 = arith.constant 7.680000e+02 : f32
    %dim = tensor.dim %arg0, %c0 : tensor<?x768x8x8xf32>
    %0 = arith.index_cast %dim : index to i64
    %collapsed = tensor.collapse_shape %arg0 [[0], [1], [2, 3]] : tensor<?x768x8x8xf32> into tensor<?x768x64xf32>
    %1 = tensor.empty(%dim) : tensor<?x64x768xf32>
    %transposed = linalg.transpose ins(%collapsed : tensor<?x768x64xf32>) outs(%1 : tensor<?x64x768xf32>) permutation = [0, 2, 1] 
    %2 = arith.cmpi slt, %0, %c0_i64 : i64
    %3 = arith.select %2, %c1, %dim : index
    %4 = tensor.empty(%3) : tensor<?x1x768xf32>
    %collapsed_4 = tensor.collapse_shape %arg1 [[0, 1], [2]] : tensor<1x1x768xf32> into tensor<1x768xf32>
    %5 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%collapsed_4 : tensor<1x768xf32>) outs(%4 : tensor<?x1x768xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x1x768xf32>
    %concat = tensor.concat dim(1) %5, %transposed : (tensor<?x1x768xf32>, tensor<?x64x768xf32>) -> tensor<?x65x768xf32>
    %dim_5 = tensor.dim %5, %c0 : tensor<?x1x768xf32>
    %6 = tensor.empty(%dim_5) : tensor<?x65x768xf32>
    %7 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%concat, %arg2 : tensor<?x65x768xf32>, tensor<1x65x768xf32>) outs(%6 : tensor<?x65x768xf32>) {
    ^bb0(%in: f32, %in_6: f32, %out: f32):
      %29 = arith.addf %in, %in_6 : f32
      linalg.yield %29 : f32
    } -> tensor<?x65x768xf32>
    %8 = tensor.empty(%dim_5) : tensor<?x65x768xf64>
    %9 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%7 : tensor<?x65x768xf32>) outs(%8 : tensor<?x65x768xf64>) {
    ^bb0(%in: f32, %out: f64):
      %29 = arith.extf %in : f32 to f64
      linalg.yield %29 : f64
    } -> tensor<?x65x768xf64>
    %10 = tensor.empty(%dim_5) : tensor<?x65x1xf64>
    %11 = linalg.fill ins(%cst : f64) outs(%10 : tensor<?x65x1xf64>) -> tensor<?x65x1xf64>
    %12 = linalg.generic {indexing_maps = [#map1, #map3], iterator_types = ["parallel", "parallel", "reduction"]} ins(%9 : tensor<?x65x768xf64>) outs(%11 : tensor<?x65x1xf64>) {
    ^bb0(%in: f64, %out: f64):
      %29 = arith.addf %in, %out : f64
      linalg.yield %29 : f64
    } -> tensor<?x65x1xf64>
    %13 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%12 : tensor<?x65x1xf64>) outs(%10 : tensor<?x65x1xf64>) {
    ^bb0(%in: f64, %out: f64):
      %29 = arith.divf %in, %cst_2 : f64
      linalg.yield %29 : f64
    } -> tensor<?x65x1xf64>
    %14 = linalg.generic {indexing_maps = [#map1, #map3, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%9, %13 : tensor<?x65x768xf64>, tensor<?x65x1xf64>) outs(%8 : tensor<?x65x768xf64>) {
    ^bb0(%in: f64, %in_6: f64, %out: f64):
      %29 = arith.subf %in, %in_6 : f64
      linalg.yield %29 : f64
    } -> tensor<?x65x768xf64>
    %15 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%14, %14 : tensor<?x65x768xf64>, tensor<?x65x768xf64>) outs(%8 : tensor<?x65x768xf64>) {
    ^bb0(%in: f64, %in_6: f64, %out: f64):
      %29 = arith.mulf %in, %in_6 : f64
      linalg.yield %29 : f64
    } -> tensor<?x65x768xf64>
    %16 = linalg.generic {indexing_maps = [#map1, #map3], iterator_types = ["parallel", "parallel", "reduction"]} ins(%15 : tensor<?x65x768xf64>) outs(%11 : tensor<?x65x1xf64>) {
    ^bb0(%in: f64, %out: f64):
      %29 = arith.addf %in, %out : f64
      linalg.yield %29 : f64
    } -> tensor<?x65x1xf64>
    %17 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%16 : tensor<?x65x1xf64>) outs(%10 : tensor<?x65x1xf64>) {
    ^bb0(%in: f64, %out: f64):
      %29 = arith.divf %in, %cst_2 : f64
      linalg.yield %29 : f64
    } -> tensor<?x65x1xf64>
    %18 = tensor.empty(%dim_5) : tensor<?x65x1xf32>
    %19 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%17 : tensor<?x65x1xf64>) outs(%18 : tensor<?x65x1xf32>) {
    ^bb0(%in: f64, %out: f32):
      %29 = arith.truncf %in : f64 to f32
      linalg.yield %29 : f32
    } -> tensor<?x65x1xf32>
    %20 = linalg.fill ins(%cst_0 : f32) outs(%18 : tensor<?x65x1xf32>) -> tensor<?x65x1xf32>
    %21 = linalg.generic {indexing_maps = [#map1, #map3], iterator_types = ["parallel", "parallel", "reduction"]} ins(%7 : tensor<?x65x768xf32>) outs(%20 : tensor<?x65x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %29 = arith.addf %in, %out : f32
      linalg.yield %29 : f32
    } -> tensor<?x65x1xf32>
    %22 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%21 : tensor<?x65x1xf32>) outs(%18 : tensor<?x65x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %29 = arith.divf %in, %cst_3 : f32
      linalg.yield %29 : f32
    } -> tensor<?x65x1xf32>
    %23 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%19 : tensor<?x65x1xf32>) outs(%18 : tensor<?x65x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %29 = arith.truncf %cst_1 : f64 to f32
      %30 = arith.addf %in, %29 : f32
      linalg.yield %30 : f32
    } -> tensor<?x65x1xf32>
    %24 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%23 : tensor<?x65x1xf32>) outs(%18 : tensor<?x65x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %29 = math.rsqrt %in : f32
      linalg.yield %29 : f32
    } -> tensor<?x65x1xf32>
    %25 = linalg.generic {indexing_maps = [#map1, #map3, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%7, %22 : tensor<?x65x768xf32>, tensor<?x65x1xf32>) outs(%6 : tensor<?x65x768xf32>) {
    ^bb0(%in: f32, %in_6: f32, %out: f32):
      %29 = arith.subf %in, %in_6 : f32
      linalg.yield %29 : f32
    } -> tensor<?x65x768xf32>
    %26 = linalg.generic {indexing_maps = [#map1, #map3, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%25, %24 : tensor<?x65x768xf32>, tensor<?x65x1xf32>) outs(%6 : tensor<?x65x768xf32>) {
    ^bb0(%in: f32, %in_6: f32, %out: f32):
      %29 = arith.mulf %in, %in_6 : f32
      linalg.yield %29 : f32
    } -> tensor<?x65x768xf32>
    %27 = linalg.generic {indexing_maps = [#map1, #map4, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%26, %arg3 : tensor<?x65x768xf32>, tensor<768xf32>) outs(%6 : tensor<?x65x768xf32>) {
    ^bb0(%in: f32, %in_6: f32, %out: f32):
      %29 = arith.mulf %in, %in_6 : f32
      linalg.yield %29 : f32
    } -> tensor<?x65x768xf32>
    %28 = linalg.generic {indexing_maps = [#map1, #map4, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%27, %arg4 : tensor<?x65x768xf32>, tensor<768xf32>) outs(%6 : tensor<?x65x768xf32>) {
    ^bb0(%in: f32, %in_6: f32, %out: f32):
      %29 = arith.addf %in, %in_6 : f32
      linalg.yield %29 : f32
    } -> tensor<?x65x768xf32>
    return %7, %28 : tensor<?x65x768xf32>, tensor<?x65x768xf32>
  }
}
