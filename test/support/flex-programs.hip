// Programs of FLEX_ATTENTION over the same rows, keys and scores, interpreted and generated. FLEX_PROGRAMS
// names the file with the generated ones: each in namespace program_<number>, then FLEX_GENERATED(number).
#include "flex_program.h"

constexpr int kRows = 64;  // one a lane

struct KernelArguments {
  const Word* program;
  const int* rows;      // [kRows, 6]: the inputs of a row, and its first key
  const float* scores;  // [kRows, kLaneKeys]
  Word* results;        // [2, kRows, kLaneKeys]: of the mask, then of the score
};

template <typename AnyProgram>
static inline __device__ void compute(const KernelArguments& of) {
  AnyProgram program(of.program);
  const int lane = threadIdx.x;
  const int* row = of.rows + 6 * lane;
  program.begin({row[0], row[1], row[2], row[3], row[4]});
  Floats8 scores;
  for (int e = 0; e < kLaneKeys; e++) scores[e] = of.scores[lane * kLaneKeys + e];
  const Words8 seen = program.sees(row[5]);
  scores = program.score(row[5], scores);
  for (int e = 0; e < kLaneKeys; e++) {
    of.results[lane * kLaneKeys + e] = seen[e];
    of.results[(kRows + lane) * kLaneKeys + e] = as_word(scores[e]);
  }
}

extern "C" __global__ __launch_bounds__(kRows) void interpreted(KernelArguments of) { compute<Program>(of); }

#define FLEX_GENERATED(number)                                                                 \
  extern "C" __global__ __launch_bounds__(kRows) void generated_##number(KernelArguments of) { \
    compute<program_##number::GeneratedProgram>(of);                                           \
  }
#include FLEX_PROGRAMS
