#include "testing/safetensors_writer.h"

#include "testing/gguf_writer.h"

namespace weft::testing {

Bytes safetensors_bytes(std::string_view header, Bytes data) {
  Bytes out;
  put_string(out, header);
  put_bytes(out, data);
  return out;
}

}  // namespace weft::testing
