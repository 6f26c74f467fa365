#include <algorithm>
#include <cmath>
#include <set>

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

bool Beats(Fold function, const Datum& a, const Datum& b) {
  return function == Fold::kMin ? Compare(a, b) < 0 : Compare(a, b) > 0;
}

Result<Datum> FinishExact(const WindowPlan& window, uint64_t count, const Sum& sum) {
  const auto total = sum.Value();
  if (!total) {
    return Err(ErrorCode::kOutOfRange, "'{}' over a window goes beyond 128 bits", window.name);
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

Result<Datum> Finish(const WindowPlan& window, const Summary& summary) {
  if (window.function == Fold::kCount) {
    return Datum::Int(summary.count);
  }
  if (summary.count == 0) {
    return Datum::Null();
  }
  switch (window.function) {
    case Fold::kSum:
    case Fold::kAvg:
      return FinishExact(window, summary.count, summary.sum);
    case Fold::kSumDouble:
      return FiniteDouble(window, summary.real);
    case Fold::kAvgDouble:
      return FiniteDouble(window, summary.real / static_cast<double>(summary.count));
    default:
      return summary.held.value();
  }
}

Moving NewMoving(const WindowPlan& window) {
  switch (window.function) {
    case Fold::kMin:
    case Fold::kMax:
      return {.state = Candidates()};
    case Fold::kDistinct:
      return {.state = DistinctTable(DistinctTable::Texts::kBorrowed)};
    default:
      return {.state = Sum()};
  }
}

void AddTo(Summary& summary, const WindowPlan& window, const EntryLayout& layout,
           const uint8_t* entry) {
  const auto value = [&] { return ValueOf(entry, layout.slots[window.slot]); };
  ++summary.count;
  switch (window.function) {
    case Fold::kSum:
    case Fold::kAvg:
      summary.sum.Add(value().i);
      break;
    case Fold::kSumDouble:
    case Fold::kAvgDouble:
      summary.real += value().d;
      break;
    case Fold::kMin:
    case Fold::kMax:
      if (summary.count == 1 || Beats(window.function, value(), summary.held.value())) {
        summary.held.Set(value());
      }
      break;
    case Fold::kFirst:
      if (summary.count == 1) {
        summary.held.Set(value());
      }
      break;
    default:
      break;
  }
}

// ---- Stored form.

Error Malformed() { return Err(ErrorCode::kParse, "the stored windows are not well formed"); }

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
    case Datum::Kind::kInt: {
      value = Datum::Int(in.Fixed<int128>());
      const Bounds bounds = BoundsOf(type);
      // A sum of a level below may be wider than its DECIMAL(38, s).
      const bool wide = type.id == TypeId::kDecimal && type.width == kDecimalWidthMax;
      return wide || (value.i >= bounds.low && value.i <= bounds.high);
    }
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

void SaveGrowing(const Growing& growing, const WindowPlan& window, int64_t open, ByteWriter& out) {
  if (window.function == Fold::kDistinct) {
    // What came first before the horizon; the entries have the rest.
    std::set<std::string> values;
    growing.first.ForEach([&](const DistinctKey& key, const EventPlace& place) {
      if (place.ts < open) {
        values.insert(key.ToBytes());
      }
    });
    out.Varint(values.size());
    for (const std::string& value : values) {
      out.Text(value);
    }
    return;
  }
  const Summary& base = growing.base;
  out.Varint(base.count);
  if (base.count == 0) {
    return;
  }
  switch (window.function) {
    case Fold::kSum:
    case Fold::kAvg:
      base.sum.Save(out);
      break;
    case Fold::kSumDouble:
    case Fold::kAvgDouble:
      out.Fixed(base.real);
      break;
    case Fold::kMin:
    case Fold::kMax:
    case Fold::kFirst:
      out.Fixed(static_cast<uint8_t>(base.held.value().is_null() ? 0 : 1));
      SaveValue(base.held.value(), out);
      break;
    default:
      break;
  }
}

Result<void> RestoreGrowing(Growing& growing, const WindowPlan& window, ByteReader& in) {
  if (window.function == Fold::kDistinct) {
    return RestoreDistinct(growing.first, window, in);
  }
  Summary& base = growing.base;
  base.count = in.Varint();
  if (base.count > INT64_MAX) {
    return Malformed();
  }
  if (base.count == 0) {
    return {};
  }
  switch (window.function) {
    case Fold::kSum:
    case Fold::kAvg:
      base.sum.Restore(in);
      break;
    case Fold::kSumDouble:
    case Fold::kAvgDouble:
      base.real = in.Fixed<double>();
      break;
    case Fold::kMin:
    case Fold::kMax:
    case Fold::kFirst: {
      const auto present = in.Fixed<uint8_t>();
      Datum value;
      if (present > 1 || (present == 0 && window.function != Fold::kFirst) ||
          (present == 1 && !RestoreValue(window.arg, in, value)) || !in.ok()) {
        return Malformed();
      }
      base.held.Set(value);
      break;
    }
    default:
      break;
  }
  growing.now = base;
  return {};
}

}  // namespace fuqi::sql::internal
