#pragma once

// SHA-256 (FIPS 180-4) by OpenSSL.

#include "base/bytes.h"

namespace fuqi::crypto {

Digest Sha256(ByteView bytes);

// Hashes a message given in parts.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(const Sha256Stream&) = delete;
  Sha256Stream& operator=(const Sha256Stream&) = delete;
  void Update(ByteView bytes);
  // The digest of all parts; the object then starts anew.
  Digest Finish();

 private:
  void* context_;  // EVP_MD_CTX
};

// True when both are equal; takes the same time wherever they differ. Lengths are not secret.
bool ConstantTimeEqual(ByteView a, ByteView b);

}  // namespace fuqi::crypto
