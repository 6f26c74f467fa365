#include "crypto/sha256.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace fuqi::crypto {

Sha256Stream::Sha256Stream() : context_(EVP_MD_CTX_new()) {
  FUQI_CHECK(context_ != nullptr);
  FUQI_CHECK(EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_), EVP_sha256(), nullptr) == 1);
}

Sha256Stream::~Sha256Stream() { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_)); }

void Sha256Stream::Update(ByteView bytes) {
  FUQI_CHECK(EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), bytes.data(), bytes.size()) == 1);
}

Digest Sha256Stream::Finish() {
  Digest digest;
  auto* context = static_cast<EVP_MD_CTX*>(context_);
  FUQI_CHECK(EVP_DigestFinal_ex(context, digest.data(), nullptr) == 1);
  FUQI_CHECK(EVP_DigestInit_ex(context, nullptr, nullptr) == 1);
  return digest;
}

Digest Sha256(ByteView bytes) {
  thread_local Sha256Stream stream;
  stream.Update(bytes);
  return stream.Finish();
}

bool ConstantTimeEqual(ByteView a, ByteView b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace fuqi::crypto
