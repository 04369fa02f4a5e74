#include "cli/profile_report.h"

#include <algorithm>

#include <fmt/format.h>

namespace weft::cli {
namespace {

using backend::KernelTime;
using Json = nlohmann::ordered_json;

constexpr std::string_view kWithin = "between kernels of a step";

double gb_s(const KernelTime& kernel) {
  return static_cast<double>(kernel.bytes) / kernel.seconds * 1e-9;
}

double tflop_s(const KernelTime& kernel) {
  return static_cast<double>(kernel.flops) / kernel.seconds * 1e-12;
}

std::string percent(double share) { return fmt::format("{:.1f}%", 100 * share); }

// The first columns.
std::string row(std::string_view name, size_t width, std::string_view count, double seconds,
                double wall_s) {
  return fmt::format("{:<{}} {:>7} {:>10.3f} {:>7}", name, width, count, seconds * 1e3,
                     percent(seconds / wall_s));
}

}  // namespace

std::string profile_text(const engine::ThroughputCase& test, const engine::Profile& profile,
                         const std::optional<Peak>& peak) {
  const double wall = profile.time.wall_s;
  std::string text = fmt::format(
      "\n{} at depth {}, {} sequence(s): {} steps of {:.3f} ms, {} of it computing; the thread "
      "that "
      "submits is busy {}\n"
      "Measuring each kernel takes {:.2f} times as long; their times are scaled back to {:.3f} "
      "ms.\n",
      test.name(), test.depth, test.batch, profile.steps,
      wall * 1e3 / static_cast<double>(profile.steps), percent(profile.computing_s / wall),
      percent(profile.time.thread_s / wall), profile.measured_s / profile.computing_s,
      profile.computing_s * 1e3);
  size_t width = kWithin.size();
  for (const KernelTime& kernel : profile.kernels) width = std::max(width, kernel.name.size());
  text += fmt::format("{:<{}} {:>7} {:>10} {:>7} {:>8} {:>7} {:>8} {:>7}\n", "kernel", width,
                      "count", "ms", "share", "GB/s", "of peak", "TFLOP/s", "of peak");
  for (const KernelTime& kernel : profile.kernels) {
    text += row(kernel.name, width, fmt::to_string(kernel.count), kernel.seconds, wall);
    text += fmt::format(" {:>8.1f} {:>7} {:>8.2f} {:>7}\n", gb_s(kernel),
                        peak ? percent(gb_s(kernel) / peak->gb_s) : "-", tflop_s(kernel),
                        peak ? percent(tflop_s(kernel) / peak->tflop_s) : "-");
  }
  const double in_kernels = profile.accounted() * wall;
  text += row(kWithin, width, "", std::max(0.0, profile.computing_s - in_kernels), wall) + "\n";
  text += row("between steps", width, "", wall - profile.computing_s, wall) + "\n";
  text += fmt::format("Kernels account for {} of the time.\n", percent(profile.accounted()));
  return text;
}

Json profile_json(const engine::Profile& profile, const std::optional<Peak>& peak) {
  Json json = {{"steps", profile.steps},
               {"wall_s", profile.time.wall_s},
               {"computing_s", profile.computing_s},
               {"thread_s", profile.time.thread_s},
               {"measured_s", profile.measured_s},
               {"accounted", profile.accounted()},
               {"peak_gb_s", peak ? Json(peak->gb_s) : Json()},
               {"peak_tflop_s", peak ? Json(peak->tflop_s) : Json()},
               {"profile", Json::array()}};
  for (const KernelTime& kernel : profile.kernels) {
    json["profile"].push_back({{"kernel", kernel.name},
                               {"count", kernel.count},
                               {"seconds", kernel.seconds},
                               {"share", kernel.seconds / profile.time.wall_s},
                               {"bytes", kernel.bytes},
                               {"flops", kernel.flops}});
  }
  return json;
}

}  // namespace weft::cli
