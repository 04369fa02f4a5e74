#include "hub/digest.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

#include <openssl/evp.h>

namespace weft::hub {

Result<std::string> digest_of(const std::filesystem::path& file, DigestKind kind,
                              const std::function<void(uint64_t bytes)>& on_bytes) {
  std::ifstream in(file, std::ios::binary);
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(file, error);
  if (!in || error) return fail("Could not open '{}': {}.", file.string(), std::strerror(errno));
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(),
                                                                   EVP_MD_CTX_free);
  const bool is_sha256 = kind == DigestKind::kSha256;
  EVP_DigestInit_ex(context.get(), is_sha256 ? EVP_sha256() : EVP_sha1(), nullptr);
  if (!is_sha256) {
    const std::string head = fmt::format("blob {}", size);
    EVP_DigestUpdate(context.get(), head.c_str(), head.size() + 1);
  }
  std::vector<char> piece(size_t{1} << 20);
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())), in.gcount() > 0) {
    EVP_DigestUpdate(context.get(), piece.data(), static_cast<size_t>(in.gcount()));
    if (on_bytes) on_bytes(static_cast<uint64_t>(in.gcount()));
  }
  if (in.bad()) return fail("Could not read '{}'.", file.string());
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  EVP_DigestFinal_ex(context.get(), bytes, &n);
  std::string hex;
  for (unsigned i = 0; i < n; ++i) hex += fmt::format("{:02x}", bytes[i]);
  return hex;
}

}  // namespace weft::hub
