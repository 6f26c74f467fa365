#pragma once

// Two kinds of chance, never mixed up: SeededRandom repeats a run from its seed (tests, simulation,
// generated data); SecureRandom fills keys and nonces from the operating system.

#include <array>
#include <cstdint>
#include <span>

#include "base/result.h"

namespace fuqi {

// xoshiro256** [Blackman and Vigna 2021], seeded through splitmix64. The same seed gives the same
// numbers on every machine and in every version; not for secrets.
class SeededRandom {
 public:
  explicit SeededRandom(uint64_t seed);
  uint64_t Next();
  // Uniform in [0, bound), without bias. bound > 0.
  uint64_t Below(uint64_t bound);
  // Uniform in [low, high].
  int64_t Between(int64_t low, int64_t high);
  // Uniform in [0, 1) with 53 bits.
  double Unit();
  bool Chance(double probability) { return Unit() < probability; }
  // Standard normal (polar method; libm's log and sqrt only).
  double Normal();
  // A generator whose stream does not overlap this one's in practice; for giving each part of a run
  // its own.
  SeededRandom Fork() { return SeededRandom(Next()); }

 private:
  std::array<uint64_t, 4> state_;
};

// Fills `out` from the operating system's generator; kIo where there is none.
Result<void> SecureRandom(std::span<uint8_t> out);

}  // namespace fuqi
