#include "sample/params.h"

#include <cmath>
#include <string_view>

namespace weft::sample {
namespace {

Result<void> in_range(std::string_view name, float value, float low, float high) {
  // Written so that NaN fails.
  if (value >= low && value <= high) return {};
  if (std::isinf(high)) return fail("{} is {}, and must be a number from {} up.", name, value, low);
  return fail("{} is {}, and must be a number from {} to {}.", name, value, low, high);
}

}  // namespace

bool Params::has_penalties() const {
  return repeat_last_n != 0 &&
         (repeat_penalty != 1.0F || frequency_penalty != 0.0F || presence_penalty != 0.0F);
}

Result<void> check_params(const Params& params) {
  constexpr float kInfinity = HUGE_VALF;
  constexpr float kLargest = 3e38F;
  WEFT_TRY(in_range("The temperature", params.temperature, 0, kLargest));
  WEFT_TRY(in_range("typical_p", params.typical_p, 0, 1));
  WEFT_TRY(in_range("top_p", params.top_p, 0, 1));
  WEFT_TRY(in_range("min_p", params.min_p, 0, 1));
  WEFT_TRY(in_range("The repeat penalty", params.repeat_penalty, 1e-3F, 1e3F));
  WEFT_TRY(in_range("The frequency penalty", params.frequency_penalty, -1e3F, 1e3F));
  WEFT_TRY(in_range("The presence penalty", params.presence_penalty, -1e3F, 1e3F));
  if (params.repeat_last_n < -1) {
    return fail("repeat_last_n is {}, and must be -1 (all tokens), 0 or more.",
                params.repeat_last_n);
  }
  for (const LogitBias& bias : params.logit_bias) {
    if (std::isnan(bias.bias) || bias.bias == kInfinity) {
      return fail("The logit bias of token {} is {}, and must be a number or -infinity.",
                  bias.token, bias.bias);
    }
  }
  return {};
}

}  // namespace weft::sample
