#include <cmath>

#include "kernels/sigmoid_gate/sigmoid_gate.h"

namespace weft::kernels {

double sigmoid_gate_ref(double y, double gate) { return y / (1 + std::exp(-gate)); }

}  // namespace weft::kernels
