#include "decide/decision.h"

#include <charconv>

namespace fuqi::decide {
namespace {

constexpr size_t kSeqDigits = 20;  // of the greatest uint64_t, so that ids sort as their numbers do

}  // namespace

std::string_view FlagName(Flag flag) {
  switch (flag) {
    case kLate:
      return "late";
    case kFuture:
      return "future";
    case kEvaluationError:
      return "evaluation_error";
    case kTruncated:
      return "truncated";
    case kShadowError:
      return "shadow_error";
  }
  return "unknown";
}

std::vector<std::string_view> FlagNames(uint32_t flags) {
  std::vector<std::string_view> names;
  for (uint32_t bit = 1; bit <= kLastFlag; bit <<= 1) {
    if ((flags & bit) != 0) {
      names.push_back(FlagName(static_cast<Flag>(bit)));
    }
  }
  return names;
}

std::vector<const Score::Points*> PointsGiven(const Pack& pack, const Rule& rule,
                                              const table::Row& features) {
  std::vector<const Score::Points*> given;
  if (rule.score >= 0) {
    for (const Score::Points& points : pack.scores[rule.score].points) {
      const table::Datum& value = features[points.feature];
      if (!value.is_null() && value.i != 0) {
        given.push_back(&points);
      }
    }
  }
  return given;
}

std::string DecisionId(std::string_view pack, uint64_t decision_seq) {
  return fmt::format("{}-{:0{}}", pack, decision_seq, kSeqDigits);
}

Result<DecisionRef> ParseDecisionId(std::string_view id) {
  DecisionRef ref;
  if (id.size() > kSeqDigits + 1 && id[id.size() - kSeqDigits - 1] == '-') {
    const char* end = id.data() + id.size();
    auto [parsed, failure] = std::from_chars(end - kSeqDigits, end, ref.seq);
    if (failure == std::errc() && parsed == end && ref.seq != 0) {
      ref.pack = id.substr(0, id.size() - kSeqDigits - 1);
      return ref;
    }
  }
  return Err(ErrorCode::kParse,
             "'{}' is no decision id: it reads as <pack>-<{} digits>, for example {}",
             id.substr(0, 100), kSeqDigits, DecisionId("aml", 17));
}

}  // namespace fuqi::decide
