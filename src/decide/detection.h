#pragma once

// What labels say of events, how well alerts find what is bad, and how much money is in it.

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "decide/source.h"

namespace fuqi::decide {

// How well one way of alerting finds what is known to be bad.
struct Detection {
  uint64_t alerted = 0;  // of those of which something is known
  uint64_t bad_alerted = 0;
  uint64_t bad = 0;
  double precision() const { return alerted == 0 ? 0 : double(bad_alerted) / double(alerted); }
  double recall() const { return bad == 0 ? 0 : double(bad_alerted) / double(bad); }
  // One of what is counted: known to be bad or good, alerted or not.
  void Count(bool is_bad, bool is_alerted) {
    bad += is_bad;
    alerted += is_alerted;
    bad_alerted += is_bad && is_alerted;
  }
};

// The event's column of money that is meant: the one asked for, else the first of this class, -1 if
// there is none. kNotFound: no such column; kTypeMismatch: it holds no exact number.
inline constexpr std::string_view kAmountClass = "业务-交易-金额";
Result<int> AmountColumn(const CompiledPack& pack, const std::string& asked);

// Looks the entities of events up. `labels` and `pack` outlive it.
class LabelLookup {
 public:
  LabelLookup(const Labels& labels, const CompiledPack& pack) : labels_(labels), pack_(pack) {}

  struct Known {
    // Of the event: bad if one of its entities is; none where nothing is known of any.
    std::optional<bool> bad;
    std::vector<size_t> entities;  // those of which something is known, each once
  };
  // Valid until the next call.
  const Known& Look(const Event& event);
  // From here on the entities that the labels list and no event showed are known, too.
  void LookAtAll();

  struct Entity {
    std::string name;
    bool bad;
  };
  // As Known numbers them.
  const std::vector<Entity>& entities() const { return entities_; }

 private:
  std::optional<size_t> Find(const std::string& name);

  const Labels& labels_;
  const CompiledPack& pack_;
  std::vector<Entity> entities_;
  std::unordered_map<std::string, size_t> index_;
  Known known_;
};

}  // namespace fuqi::decide
