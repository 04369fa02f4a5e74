// Q8_0: 32 signed bytes a block. They become unsigned with an offset of 128.
// Included once for each instruction set.

#if defined(WEFT_BACKEND_CPU_SOURCE_Q8_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WEFT_BACKEND_CPU_SOURCE_Q8_INL_H_
#undef WEFT_BACKEND_CPU_SOURCE_Q8_INL_H_
#else
#define WEFT_BACKEND_CPU_SOURCE_Q8_INL_H_
#endif

#include "backend/cpu/source_q4_q5-inl.h"
#include "formats/blocks.h"

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {

struct SourceQ8_0 {
  using Block = formats::BlockQ8_0;
  static constexpr size_t kLoads = 2;
  static constexpr size_t kRuns = 1;
  static constexpr size_t column(size_t load, size_t /*run*/) { return load * 16; }

  static HWY_INLINE Runs<1> load(const TileRows& rows, size_t row, size_t load) {
    const V8 quants = load_16_bytes(rows, row, offsetof(Block, qs) + load * 16);
    return {{hn::Xor(quants, hn::Set(D8(), 128))}};
  }
};

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per target
