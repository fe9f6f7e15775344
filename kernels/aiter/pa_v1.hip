// AITER's paged decode: bfloat16, head size 128, pages of 16 tokens, 8 query heads for each KV head. The
// first kernel attends to 256 keys in each workgroup, the second merges the results of up to 64 of those.
#include "pa_v1.cuh"

constexpr int kBlockSize = 16;
constexpr int kHeadSize = 128;
constexpr int kGroup = 8;
constexpr int kThreads = 256;
constexpr int kPartition = 256;
using Element = __hip_bfloat16;
using Variant = ck_tile::ComposedAttention<0>;

template __global__ void paged_attention_ll4mi_QKV_mfma16_kernel<
    Element, Element, vllm::Fp8KVCacheDataType::kAuto, kBlockSize, kHeadSize, kThreads, /*ALiBi*/ false,
    kGroup, /*query tokens*/ 1, Variant,
    /*window*/ false>(const Element* query, const Element* keys, const Element* values, float scale,
                      const int* blockTable, const int* queryStarts, const int* lengths,
                      int blocksPerSequence, const float* alibiSlopes, int queryStride, int blockStride,
                      int headStride, int tokenStride, float* sums, float* maxima, Element* partial,
                      float softCap, float inverseSoftCap, const float* queryScale, const float* keyScale,
                      const float* valueScale, const Variant* variant, int window);

template __global__ void paged_attention_ll4mi_reduce_kernel<Element, Element, kHeadSize, kHeadSize,
                                                             kPartition, /*64 partitions each*/ 1>(
    Element* output, const float* sums, const float* maxima, const Element* partial, const int* queryStarts,
    const int* lengths, int partitions, const float* outputScale);
