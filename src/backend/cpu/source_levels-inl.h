// Sources with numbers of levels in four bits: IQ4_NL, IQ4_XS, MXFP4.
// Included once for each instruction set.

#if defined(WEFT_BACKEND_CPU_SOURCE_LEVELS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WEFT_BACKEND_CPU_SOURCE_LEVELS_INL_H_
#undef WEFT_BACKEND_CPU_SOURCE_LEVELS_INL_H_
#else
#define WEFT_BACKEND_CPU_SOURCE_LEVELS_INL_H_
#endif

#include "backend/cpu/source_q4_q5-inl.h"
#include "formats/blocks.h"

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {

using SourceIQ4_NL = SourceQ4Q5<formats::BlockIQ4_NL, false>;
using SourceMXFP4 = SourceQ4Q5<formats::BlockMXFP4, false>;

struct SourceIQ4_XS {
  using Block = formats::BlockIQ4_XS;
  static constexpr size_t kLoads = 8;  // a group of 32 columns each
  static constexpr size_t kRuns = 2;
  static constexpr size_t column(size_t load, size_t run) { return load * 32 + run * 16; }

  static HWY_INLINE Runs<2> load(const TileRows& rows, size_t row, size_t load) {
    return split_nibbles(load_16_bytes(rows, row, offsetof(Block, qs) + load * 16));
  }
};

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per target
