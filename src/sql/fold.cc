#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <type_traits>

#include "base/decimal.h"
#include "base/utf8.h"
#include "sql/fold_internal.h"

namespace fuqi::sql::internal {
namespace {

Result<Datum> FiniteDouble(const WindowPlan& window, double value) {
  if (!std::isfinite(value)) {
    return Err(ErrorCode::kOutOfRange, "'{}' over a window is not a finite number", window.name);
  }
  return Datum::Double(value);
}

Result<void> RestoreDistinct(DistinctTable& table, const WindowPlan& window, ByteReader& in) {
  const bool text = window.arg.id == TypeId::kVarchar;
  const uint64_t count = in.Varint();
  std::string_view previous;
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    const std::string_view value = in.Text();
    const auto key = DistinctKey::FromBytes(value, text);
    if ((i > 0 && value <= previous) || !key || (text && !IsUtf8(value))) {
      return Malformed();
    }
    previous = value;
    table.Put(*key, {.ts = INT64_MIN});
  }
  return {};
}

}  // namespace

Needs NeedsOf(Fold function) {
  switch (function) {
    case Fold::kSum:
    case Fold::kAvg:
    case Fold::kAnd:
    case Fold::kOr:
      return Needs::kSum;
    case Fold::kSumDouble:
    case Fold::kAvgDouble:
    case Fold::kVarSamp:
    case Fold::kVarPop:
    case Fold::kStddevSamp:
    case Fold::kStddevPop:
    case Fold::kCorr:
      return Needs::kSums;
    case Fold::kMin:
    case Fold::kMax:
    case Fold::kArgMin:
    case Fold::kArgMax:
      return Needs::kExtreme;
    case Fold::kDistinct:
    case Fold::kJoin:
      return Needs::kDifferent;
    case Fold::kQuantile:
      return Needs::kOrder;
    case Fold::kCount:
    case Fold::kFirst:
    case Fold::kLast:
    case Fold::kLag:
      break;
  }
  return Needs::kNothing;
}

Summary& Summary::operator=(const Summary& other) {
  if (this == &other) {
    return *this;
  }
  count = other.count;
  if (const auto* best = std::get_if<std::unique_ptr<Best>>(&other.state)) {
    auto copy = std::make_unique<Best>();
    copy->value.Set((*best)->value.value());
    copy->by.Set((*best)->by.value());
    state = std::move(copy);
    return *this;
  }
  std::visit(
      [&](const auto& value) {
        if constexpr (std::is_copy_constructible_v<std::decay_t<decltype(value)>>) {
          state = value;
        }
      },
      other.state);
  return *this;
}

namespace {

uint64_t BytesOf(const Sums& sums) {
  uint64_t bytes = sums.capacity() * sizeof(ExactSum);
  for (const ExactSum& sum : sums) {
    bytes += sum.bytes();
  }
  return bytes;
}

// How many sums the function takes.
size_t SumsOf(Fold function) {
  switch (function) {
    case Fold::kSumDouble:
    case Fold::kAvgDouble:
      return 1;
    case Fold::kCorr:
      return 5;
    default:
      return 2;
  }
}

bool TakesBoth(Fold function) { return function == Fold::kArgMin || function == Fold::kArgMax; }

}  // namespace

uint64_t Summary::bytes() const {
  if (const auto* sums = std::get_if<Sums>(&state)) {
    return BytesOf(*sums);
  }
  if (const auto* best = std::get_if<std::unique_ptr<Best>>(&state)) {
    return sizeof(Best) + (*best)->value.bytes() + (*best)->by.bytes();
  }
  const auto* values = std::get_if<RankList>(&state);
  return values != nullptr ? values->bytes() : 0;
}

uint64_t Moving::bytes() const {
  if (const auto* sums = std::get_if<Sums>(&state)) {
    return BytesOf(*sums);
  }
  if (const auto* candidates = std::get_if<Candidates>(&state)) {
    return candidates->indexes.capacity() * sizeof(uint64_t);
  }
  if (const auto* table = std::get_if<DistinctTable>(&state)) {
    return table->bytes();
  }
  const auto* values = std::get_if<RankList>(&state);
  return values != nullptr ? values->bytes() : 0;
}

bool Beats(Fold function, const Datum& a, const Datum& b) {
  const bool least = function == Fold::kMin || function == Fold::kArgMin;
  return least ? Compare(a, b) < 0 : Compare(a, b) > 0;
}

bool Supersedes(const WindowPlan& window, const Datum& later, const Datum& earlier) {
  return Beats(window.function, later, earlier) ||
         (!TakesBoth(window.function) && table::Identical(later, earlier));
}

Result<Datum> FinishExact(const WindowPlan& window, uint64_t count, const Sum& sum) {
  const auto total = sum.Value();
  if (!total) {
    return Err(ErrorCode::kOutOfRange, "'{}' over a window goes beyond 128 bits", window.name);
  }
  if (window.function == Fold::kAnd || window.function == Fold::kOr) {
    return Datum::Bool(window.function == Fold::kAnd ? *total == int128{count} : *total > 0);
  }
  if (window.function == Fold::kSum) {
    return Datum::Int(*total);
  }
  // As DuckDB: in 80 bits, but in 64 where the argument is kept in 16 bits.
  const double scale = HugeToReal<double>(kPowersOfTen[window.arg.scale]);
  const bool narrow = window.arg.id == TypeId::kDecimal ? window.arg.width <= 4
                                                        : window.arg.id == TypeId::kSmallInt;
  if (narrow) {
    return Datum::Double(static_cast<double>(static_cast<int64_t>(*total)) /
                         (static_cast<double>(count) * scale));
  }
  const long double divisor = static_cast<long double>(count) * scale;
  return Datum::Double(static_cast<double>(HugeToReal<long double>(*total) / divisor));
}

namespace {

// NaN where one of the two does not vary, as DuckDB has it: an expression may ask isnan of it, a
// result may not be it.
Result<Datum> FinishCorrelation(const WindowPlan& window, uint64_t count, const Sums& sums) {
  const long double xx = Spread(count, sums[0], sums[0], sums[2]);
  const long double yy = Spread(count, sums[1], sums[1], sums[3]);
  const long double xy = Spread(count, sums[0], sums[1], sums[4]);
  if (!std::isfinite(xx) || !std::isfinite(yy) || !std::isfinite(xy)) {
    return FiniteDouble(window, std::numeric_limits<double>::infinity());
  }
  if (xx == 0 || yy == 0) {
    return Datum::Double(std::numeric_limits<double>::quiet_NaN());
  }
  return Datum::Double(static_cast<double>(xy / (std::sqrt(xx) * std::sqrt(yy))));
}

}  // namespace

Result<Datum> FinishSums(const WindowPlan& window, uint64_t count, const Sums& sums) {
  const auto n = static_cast<long double>(count);
  switch (window.function) {
    case Fold::kSumDouble:
      return FiniteDouble(window, static_cast<double>(ToReal(sums[0].Value())));
    case Fold::kAvgDouble:
      return FiniteDouble(window, static_cast<double>(ToReal(sums[0].Value()) / n));
    case Fold::kCorr:
      return FinishCorrelation(window, count, sums);
    default:
      break;
  }
  const bool sample = window.function == Fold::kVarSamp || window.function == Fold::kStddevSamp;
  if (sample && count == 1) {
    return Datum::Null();
  }
  const auto unit = HugeToReal<long double>(kPowersOfTen[window.arg.scale]);
  const long double variance =
      Spread(count, sums[0], sums[0], sums[1]) / (n * (sample ? n - 1 : n)) / (unit * unit);
  const bool root = window.function == Fold::kStddevSamp || window.function == Fold::kStddevPop;
  return FiniteDouble(window, static_cast<double>(root ? std::sqrt(variance) : variance));
}

// The element max(1, ⌈n·q⌉), counted from 1; of a DECIMAL q in whole numbers.
Datum FinishOrder(const WindowPlan& window, const RankList& values) {
  const uint64_t n = values.size();
  const Datum& quantile = window.parameter[0];
  uint64_t above = 0;
  if (quantile.kind == Datum::Kind::kDouble) {
    const auto real = static_cast<double>(n);
    above = static_cast<uint64_t>(std::floor(real - real * quantile.d));
  } else {
    const int128 unit = kPowersOfTen[window.parameter_type.scale];
    above = static_cast<uint64_t>((unit - quantile.i) * n / unit);
  }
  return RankList::ValueOf(values.At(std::max<uint64_t>(n - above, 1) - 1),
                           window.arg.id == TypeId::kDouble);
}

Result<Datum> FinishJoin(const WindowPlan& window, std::vector<std::string_view> texts,
                         std::string& text) {
  if (texts.empty()) {
    return Datum::Null();
  }
  std::sort(texts.begin(), texts.end());
  const std::string_view separator = window.parameter[0].text();
  text.clear();
  for (size_t i = 0; i < texts.size(); ++i) {
    text.append(i == 0 ? std::string_view() : separator).append(texts[i]);
    if (text.size() > kJoinedMax) {
      return Err(ErrorCode::kResourceExhausted, "'{}' over a window makes more than {} bytes",
                 window.name, kJoinedMax);
    }
  }
  return Datum::Text(text);
}

Result<Datum> Finish(const WindowPlan& window, const Summary& summary) {
  if (window.function == Fold::kCount) {
    return Datum::Int(summary.count);
  }
  if (summary.count == 0) {
    return Datum::Null();
  }
  switch (NeedsOf(window.function)) {
    case Needs::kSum:
      return FinishExact(window, summary.count, std::get<Sum>(summary.state));
    case Needs::kSums:
      return FinishSums(window, summary.count, std::get<Sums>(summary.state));
    case Needs::kOrder:
      return FinishOrder(window, std::get<RankList>(summary.state));
    default:
      return std::get<std::unique_ptr<Best>>(summary.state)->value.value();
  }
}

Moving NewMoving(const WindowPlan& window) {
  switch (NeedsOf(window.function)) {
    case Needs::kNothing:
    case Needs::kExtreme:    // made when the rows
    case Needs::kDifferent:  // are many
      return {};
    case Needs::kSum:
      return {.state = Sum()};
    case Needs::kSums:
      return {.state = Sums(SumsOf(window.function))};
    case Needs::kOrder:
      return {.state = RankList()};
  }
  return {};
}

void AddTo(Sums& sums, const WindowPlan& window, const EntryLayout& layout, const uint8_t* entry,
           ExactSum::Sign sign) {
  const Datum x = window.Value(layout, entry);
  sums[0].Add(x, sign);
  if (sums.size() == 2) {
    sums[1].AddProduct(x, x, sign);
  } else if (sums.size() > 2) {
    const Datum y = window.By(layout, entry);
    sums[1].Add(y, sign);
    sums[2].AddProduct(x, x, sign);
    sums[3].AddProduct(y, y, sign);
    sums[4].AddProduct(x, y, sign);
  }
}

namespace {

// First and last take any row, an extreme one that beats those before it.
void AddToBest(Summary& summary, const WindowPlan& window, const EntryLayout& layout,
               const uint8_t* entry) {
  if (summary.count == 1) {
    summary.state = std::make_unique<Best>();
  }
  Best& best = *std::get<std::unique_ptr<Best>>(summary.state);
  const bool extreme = NeedsOf(window.function) == Needs::kExtreme;
  const bool both = TakesBoth(window.function);
  const bool takes = summary.count == 1 || window.function == Fold::kLast ||
                     (extreme && Beats(window.function, window.By(layout, entry),
                                       both ? best.by.value() : best.value.value()));
  if (takes) {
    best.value.Set(window.Value(layout, entry));
    if (both) {
      best.by.Set(window.By(layout, entry));
    }
  }
}

}  // namespace

void AddTo(Summary& summary, const WindowPlan& window, const EntryLayout& layout,
           const uint8_t* entry) {
  ++summary.count;
  switch (NeedsOf(window.function)) {
    case Needs::kSum:
      if (summary.count == 1) {
        summary.state = Sum();
      }
      std::get<Sum>(summary.state).Add(window.Value(layout, entry).i);
      break;
    case Needs::kSums:
      if (summary.count == 1) {
        summary.state = Sums(SumsOf(window.function));
      }
      AddTo(std::get<Sums>(summary.state), window, layout, entry, ExactSum::Sign::kPlus);
      break;
    case Needs::kOrder:
      if (summary.count == 1) {
        summary.state = RankList();
      }
      std::get<RankList>(summary.state).Insert(RankList::KeyOf(window.Value(layout, entry)));
      break;
    default:
      if (window.function != Fold::kCount) {
        AddToBest(summary, window, layout, entry);
      }
  }
}

// ---- Stored form.

Error Malformed() { return Err(ErrorCode::kParse, "the stored windows are not well formed"); }

namespace {

// Whether an exact type holds the value, or a double's bits do.
bool IsOfType(int128 value, Type type) {
  if (type.id == TypeId::kDouble) {
    return value >= INT64_MIN && value <= INT64_MAX;
  }
  const Bounds bounds = BoundsOf(type);
  // A sum of a level below may be wider than its DECIMAL(38, s).
  const bool wide = type.id == TypeId::kDecimal && type.width == kDecimalWidthMax;
  return wide || (value >= bounds.low && value <= bounds.high);
}

}  // namespace

void SaveValue(const Datum& value, ByteWriter& out) {
  switch (value.kind) {
    case Datum::Kind::kNull:
      break;
    case Datum::Kind::kInt:
      out.Fixed(value.i);
      break;
    case Datum::Kind::kDouble:
      out.Fixed(value.d);
      break;
    case Datum::Kind::kText:
      out.Text(value.text());
      break;
    case Datum::Kind::kInterval:
      out.Fixed(value.interval.months);
      out.Fixed(value.interval.days);
      out.Fixed(value.interval.micros);
      break;
  }
}

bool RestoreValue(Type type, ByteReader& in, Datum& value) {
  switch (table::KindOf(type)) {
    case Datum::Kind::kNull:
      return false;
    case Datum::Kind::kInt:
      value = Datum::Int(in.Fixed<int128>());
      return IsOfType(value.i, type);
    case Datum::Kind::kDouble:
      value = Datum::Double(in.Fixed<double>());
      return true;
    case Datum::Kind::kText:
      value = Datum::Text(in.Text());
      return IsUtf8(value.text());
    case Datum::Kind::kInterval: {
      table::Interval interval;
      interval.months = in.Fixed<int32_t>();
      interval.days = in.Fixed<int32_t>();
      interval.micros = in.Fixed<int64_t>();
      value = Datum::Of(interval);
      return true;
    }
  }
  return false;
}

namespace {

void SaveHeld(const Datum& value, ByteWriter& out) {
  out.Fixed(static_cast<uint8_t>(value.is_null() ? 0 : 1));
  SaveValue(value, out);
}

bool RestoreHeld(Type type, bool nullable, ByteReader& in, Held& held) {
  const auto present = in.Fixed<uint8_t>();
  Datum value;
  if (present > 1 || (present == 0 && !nullable) ||
      (present == 1 && !RestoreValue(type, in, value)) || !in.ok()) {
    return false;
  }
  held.Set(value);
  return true;
}

void SaveOrder(const RankList& values, ByteWriter& out) {
  uint64_t different = 0;
  values.ForEach([&](RankList::Key, uint64_t) { ++different; });
  out.Varint(different);
  values.ForEach([&](RankList::Key key, uint64_t count) {
    out.Fixed(key);
    out.Varint(count);
  });
}

bool RestoreOrder(const WindowPlan& window, uint64_t total, ByteReader& in, RankList& values) {
  const uint64_t different = in.Varint();
  int128 previous = 0;
  for (uint64_t i = 0; i < different && in.ok(); ++i) {
    const auto key = in.Fixed<int128>();
    const uint64_t count = in.Varint();
    if (!in.ok() || (i > 0 && key <= previous) || !IsOfType(key, window.arg) || count == 0 ||
        count > total - values.size()) {
      return false;
    }
    previous = key;
    values.Insert(key, count);
  }
  return in.ok() && values.size() == total;
}

void SaveSummary(const Summary& summary, const WindowPlan& window, ByteWriter& out) {
  out.Varint(summary.count);
  if (summary.count == 0 || window.function == Fold::kCount) {
    return;
  }
  if (const auto* sum = std::get_if<Sum>(&summary.state)) {
    sum->Save(out);
  } else if (const auto* sums = std::get_if<Sums>(&summary.state)) {
    std::for_each(sums->begin(), sums->end(), [&](const ExactSum& s) { s.Save(out); });
  } else if (const auto* values = std::get_if<RankList>(&summary.state)) {
    SaveOrder(*values, out);
  } else {
    const Best& best = *std::get<std::unique_ptr<Best>>(summary.state);
    SaveHeld(best.value.value(), out);
    if (TakesBoth(window.function)) {
      SaveHeld(best.by.value(), out);
    }
  }
}

bool RestoreState(const WindowPlan& window, ByteReader& in, Summary& summary) {
  switch (NeedsOf(window.function)) {
    case Needs::kSum:
      summary.state.emplace<Sum>().Restore(in);
      return true;
    case Needs::kSums: {
      auto& sums = summary.state.emplace<Sums>(SumsOf(window.function));
      return std::all_of(sums.begin(), sums.end(), [&](ExactSum& s) { return s.Restore(in); });
    }
    case Needs::kOrder:
      return RestoreOrder(window, summary.count, in, summary.state.emplace<RankList>());
    default:
      break;
  }
  if (window.function == Fold::kCount) {
    return true;
  }
  auto& best = summary.state.emplace<std::unique_ptr<Best>>(std::make_unique<Best>());
  const bool nullable = NeedsOf(window.function) == Needs::kNothing;
  return RestoreHeld(window.arg, nullable, in, best->value) &&
         (!TakesBoth(window.function) || RestoreHeld(window.by_type, false, in, best->by));
}

}  // namespace

void SaveGrowing(const Growing& growing, const WindowPlan& window, const EventPlace& begin,
                 ByteWriter& out) {
  if (NeedsOf(window.function) != Needs::kDifferent) {
    return SaveSummary(growing.base, window, out);
  }
  std::set<std::string> values;
  growing.first.ForEach([&](const DistinctKey& key, const EventPlace& place) {
    if (place < begin) {
      values.insert(key.ToBytes());
    }
  });
  out.Varint(values.size());
  for (const std::string& value : values) {
    out.Text(value);
  }
}

Result<void> RestoreGrowing(Growing& growing, const WindowPlan& window, ByteReader& in) {
  if (NeedsOf(window.function) == Needs::kDifferent) {
    return RestoreDistinct(growing.first, window, in);
  }
  Summary& base = growing.base;
  base.count = in.Varint();
  if (base.count > INT64_MAX || (base.count > 0 && !RestoreState(window, in, base))) {
    return Malformed();
  }
  growing.now = base;
  return {};
}

}  // namespace fuqi::sql::internal
