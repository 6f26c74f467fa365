// Casts, as DuckDB 1.4 makes them. What a text may look like is DuckDB's too; where its arithmetic
// on the way to a number loses digits
// ('5e-2'::DECIMAL(4,0) is 1 there), this one is exact.

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string>

#include "base/decimal.h"
#include "base/time.h"
#include "sql/functions_internal.h"

namespace fuqi::sql::internal {
namespace {

bool FailCast(const Operation& operation, Machine& machine, Datum& out) {
  if (operation.try_cast) {
    out = Datum::Null();
    return true;
  }
  return machine.Fail(Err(ErrorCode::kOutOfRange,
                          "the {} cannot be cast to {}: it is beyond what the type holds",
                          operation.args[0].ToString(), operation.result.ToString()));
}

bool FailText(const Operation& operation, Machine& machine, Datum& out) {
  if (operation.try_cast) {
    out = Datum::Null();
    return true;
  }
  return machine.Fail(Err(
      ErrorCode::kParse,
      "the text cannot be cast to {}: it is not written as one, or is beyond what the type holds",
      operation.result.ToString()));
}

bool GiveBounded(const Operation& operation, int128 value, Machine& machine, Datum& out) {
  if (value < operation.low || value > operation.high) {
    return FailCast(operation, machine, out);
  }
  return Give(Datum::Int(value), out);
}

// ---- Between numbers.

bool RunSame(const Operation&, Args args, Machine&, Datum& out) { return Give(*args[0], out); }

bool RunNull(const Operation&, Args, Machine&, Datum& out) { return Give(Datum::Null(), out); }

bool RunToBoolean(const Operation&, Args args, Machine&, Datum& out) {
  return Give(
      Datum::Bool(args[0]->kind == Datum::Kind::kDouble ? args[0]->d != 0 : args[0]->i != 0), out);
}

// Integers and booleans to integers.
bool RunBounded(const Operation& operation, Args args, Machine& machine, Datum& out) {
  return GiveBounded(operation, args[0]->i, machine, out);
}

// BOOLEAN to DECIMAL: parameter is what true becomes.
bool RunBooleanToDecimal(const Operation& operation, Args args, Machine&, Datum& out) {
  return Give(Datum::Int(args[0]->i * operation.parameter), out);
}

// Integer to DECIMAL, DECIMAL to a larger scale: times `parameter`.
bool RunScaleUp(const Operation& operation, Args args, Machine& machine, Datum& out) {
  int128 scaled;
  if (__builtin_mul_overflow(args[0]->i, operation.parameter, &scaled)) {
    return FailCast(operation, machine, out);
  }
  return GiveBounded(operation, scaled, machine, out);
}

// DECIMAL to integer: over `parameter`, halves away from zero.
bool RunScaleDown(const Operation& operation, Args args, Machine& machine, Datum& out) {
  return GiveBounded(operation, DivideRounded(args[0]->i, operation.parameter), machine, out);
}

// DECIMAL to a smaller scale. Where the result might not fit, DuckDB asks whether the value rounded
// to a whole number would: so 9.93 is no DECIMAL(2,1) to it.
bool RunScaleDownDecimal(const Operation& operation, Args args, Machine& machine, Datum& out) {
  const Type from = operation.args[0];
  const int target_width = operation.result.width + from.scale - operation.result.scale;
  if (from.width >= target_width) {
    const int128 whole = kPowersOfTen[from.scale];
    int128 rounded = args[0]->i < 0 ? -args[0]->i : args[0]->i;
    if (rounded % whole >= whole / 2) {
      rounded += whole;
    }
    // A width of more than 38 holds every value.
    if (target_width <= kDecimalWidthMax && rounded >= kPowersOfTen[target_width]) {
      return FailCast(operation, machine, out);
    }
  }
  return RunScaleDown(operation, args, machine, out);
}

bool RunIntegerToDouble(const Operation& operation, Args args, Machine&, Datum& out) {
  const bool huge = operation.args[0].id == TypeId::kHugeInt;
  return Give(
      Datum::Double(huge ? HugeToReal<double>(args[0]->i) : static_cast<double>(args[0]->i)), out);
}

// 10^0 … 10^38, each the nearest double.
double DoublePower(int exponent) {
  static const auto kPowers = [] {
    std::array<double, kDecimalWidthMax + 1> powers{};
    for (int i = 0; i <= kDecimalWidthMax; ++i) {
      powers[i] = std::strtod(("1e" + std::to_string(i)).c_str(), nullptr);
    }
    return powers;
  }();
  return kPowers[exponent];
}

// Over 10^scale; beyond 2^53 the whole part and the rest each for itself. A width of more than 18
// is a HUGEINT to DuckDB.
bool RunDecimalToDouble(const Operation& operation, Args args, Machine&, Datum& out) {
  constexpr int128 kExact = int128{1} << 53;
  const int128 value = args[0]->i;
  const Type from = operation.args[0];
  const auto real = [&](int128 part) {
    return from.width > 18 ? HugeToReal<double>(part) : static_cast<double>(part);
  };
  if ((value <= kExact && value >= -kExact) || from.scale == 0) {
    return Give(Datum::Double(real(value) / DoublePower(from.scale)), out);
  }
  const int128 power = kPowersOfTen[from.scale];
  return Give(Datum::Double(real(value / power) + real(value % power) / DoublePower(from.scale)),
              out);
}

// A whole double as an integer; it must lie within ±2^127.
bool WholeToInt(double value, int128& out) {
  constexpr double kTwoTo127 = 0x1p127;
  if (!(value >= -kTwoTo127 && value < kTwoTo127)) {
    return false;
  }
  out = static_cast<int128>(value);
  return true;
}

// Halves to even. Before rounding the value must not lie below the type: -0.4 is no unsigned
// integer to DuckDB. (Above, DuckDB lets 127.6 become the TINYINT -128; that is refused here.)
bool RunDoubleToInteger(const Operation& operation, Args args, Machine& machine, Datum& out) {
  int128 whole;
  if (!(args[0]->d >= HugeToReal<double>(operation.low)) ||
      !WholeToInt(std::nearbyint(args[0]->d), whole)) {
    return FailCast(operation, machine, out);
  }
  return GiveBounded(operation, whole, machine, out);
}

// round(value × 10^scale), in double.
bool RunDoubleToDecimal(const Operation& operation, Args args, Machine& machine, Datum& out) {
  int128 whole;
  const double scaled = std::round(args[0]->d * DoublePower(operation.result.scale));
  // The bound is 10^width as a double, which beyond 10^22 is not the number itself.
  const double bound = DoublePower(operation.result.width);
  if (!(scaled > -bound && scaled < bound) || !WholeToInt(scaled, whole)) {
    return FailCast(operation, machine, out);
  }
  return GiveBounded(operation, whole, machine, out);
}

// ---- Texts to numbers.

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string_view TrimLeft(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) {
    text.remove_prefix(1);
  }
  return text;
}

// Reads digits into `digits`, with single underscores between them; false on an underscore
// elsewhere.
bool ReadDigits(std::string_view& text, std::string& digits) {
  while (!text.empty() && IsDigit(text.front())) {
    digits += text.front();
    text.remove_prefix(1);
    if (!text.empty() && text.front() == '_') {
      text.remove_prefix(1);
      if (text.empty() || !IsDigit(text.front())) {
        return false;
      }
    }
  }
  return true;
}

// [spaces][+-]digits[.digits][e[+-]digits][spaces], as digits × 10^exponent.
struct NumberText {
  bool negative = false;
  std::string digits;  // without leading zeros
  int64_t exponent = 0;
};

bool ReadExponent(std::string_view& text, int64_t& exponent) {
  const bool negative = !text.empty() && text.front() == '-';
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    text.remove_prefix(1);
  }
  std::string digits;
  if (!ReadDigits(text, digits) || digits.empty()) {
    return false;
  }
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.size() > 5 || std::atoi(digits.c_str()) > INT16_MAX) {
    return false;
  }
  exponent += negative ? -std::atoi(digits.c_str()) : std::atoi(digits.c_str());
  return true;
}

bool ReadNumber(std::string_view text, NumberText& number) {
  text = TrimLeft(text);
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    number.negative = text.front() == '-';
    text.remove_prefix(1);
  }
  if (!ReadDigits(text, number.digits)) {
    return false;
  }
  bool any = !number.digits.empty();
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    const size_t before = number.digits.size();
    if (!ReadDigits(text, number.digits)) {
      return false;
    }
    number.exponent -= static_cast<int64_t>(number.digits.size() - before);
    any = !number.digits.empty();
  }
  if (!any) {
    return false;
  }
  if (!text.empty() && (text.front() == 'e' || text.front() == 'E')) {
    text.remove_prefix(1);
    if (!ReadExponent(text, number.exponent)) {
      return false;
    }
  }
  number.digits.erase(0, std::min(number.digits.find_first_not_of('0'), number.digits.size()));
  return TrimLeft(text).empty();
}

// The number × 10^scale, rounded, halves away from zero; false beyond 38 digits.
bool ToUnscaled(const NumberText& number, int scale, int128& out) {
  std::string digits = number.digits;
  const int64_t shift = number.exponent + scale;
  bool up = false;
  if (!digits.empty() && shift > 0) {
    if (shift + static_cast<int64_t>(digits.size()) > kDecimalWidthMax + 1) {
      return false;
    }
    digits.append(static_cast<size_t>(shift), '0');
  } else if (shift < 0) {
    const auto drop = static_cast<size_t>(-shift);
    up = drop <= digits.size() && digits[digits.size() - drop] >= '5';
    digits.resize(digits.size() - std::min(drop, digits.size()));
  }
  int128 value = 0;
  for (char digit : digits) {
    if (__builtin_mul_overflow(value, int128{10}, &value) ||
        __builtin_sub_overflow(value, int128{digit - '0'}, &value)) {
      return false;
    }
  }
  if (up && __builtin_sub_overflow(value, int128{1}, &value)) {
    return false;
  }
  // Counted downwards, since the least value has no positive counterpart.
  if (!number.negative) {
    if (value == kInt128Min) {
      return false;
    }
    value = -value;
  }
  out = value;
  return true;
}

// 0x1F, 0b101: of integers up to 64 bits, without sign.
bool ReadBits(std::string_view text, int128& out) {
  text = TrimLeft(text);
  if (text.size() < 3 || text[0] != '0') {
    return false;
  }
  const char marker = static_cast<char>(text[1] | 0x20);
  const int base = marker == 'x' ? 16 : 2;
  if (marker != 'x' && marker != 'b') {
    return false;
  }
  std::string digits;
  for (size_t i = 2; i < text.size(); ++i) {
    if (text[i] != '_') {
      digits += text[i];
    } else if (i == 2 || i + 1 == text.size() || text[i - 1] == '_') {
      return false;
    }
  }
  uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  out = value;
  return error == std::errc() && end == digits.data() + digits.size();
}

bool RunTextToInteger(const Operation& operation, Args args, Machine& machine, Datum& out) {
  NumberText number;
  int128 value;
  if (ReadNumber(args[0]->text(), number)) {
    // DuckDB refuses a sign before an unsigned number, but for zero written in digits alone.
    if (!ToUnscaled(number, 0, value) ||
        (number.negative && operation.low == 0 && !number.digits.empty())) {
      return FailText(operation, machine, out);
    }
  } else if (operation.result.id == TypeId::kHugeInt || !ReadBits(args[0]->text(), value)) {
    return FailText(operation, machine, out);
  }
  if (value < operation.low || value > operation.high) {
    return FailText(operation, machine, out);
  }
  return Give(Datum::Int(value), out);
}

bool RunTextToDecimal(const Operation& operation, Args args, Machine& machine, Datum& out) {
  NumberText number;
  int128 value;
  if (!ReadNumber(args[0]->text(), number) || !ToUnscaled(number, operation.result.scale, value) ||
      value < operation.low || value > operation.high) {
    return FailText(operation, machine, out);
  }
  return Give(Datum::Int(value), out);
}

// Gives an error, not NULL, on "inf" and "nan" under TRY_CAST: those are numbers to DuckDB, but not
// to us.
bool RunTextToDouble(const Operation& operation, Args args, Machine& machine, Datum& out) {
  std::string_view text = TrimLeft(args[0]->text());
  if (!text.empty() && text.front() == '+') {
    text.remove_prefix(1);
  }
  while (!text.empty() && IsSpace(text.back())) {
    text.remove_suffix(1);
  }
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_') {
      if (i == 0 || i + 1 == text.size() || !IsDigit(text[i - 1]) || !IsDigit(text[i + 1])) {
        return FailText(operation, machine, out);
      }
    } else {
      plain += text[i];
    }
  }
  double value = 0;
  const auto [end, error] = std::from_chars(plain.data(), plain.data() + plain.size(), value);
  if (error == std::errc::invalid_argument || end != plain.data() + plain.size()) {
    return FailText(operation, machine, out);
  }
  if (error == std::errc::result_out_of_range) {
    value =
        std::strtod(plain.c_str(), nullptr);  // infinity, or what is left of a number next to zero
  }
  return GiveDouble(operation, value, machine, out);
}

bool RunTextToBoolean(const Operation& operation, Args args, Machine& machine, Datum& out) {
  std::string lower(args[0]->text().substr(0, 6));
  for (char& c : lower) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  }
  for (const char* yes : {"t", "true", "1", "y", "yes"}) {
    if (lower == yes) {
      return Give(Datum::Bool(true), out);
    }
  }
  for (const char* no : {"f", "false", "0", "n", "no"}) {
    if (lower == no) {
      return Give(Datum::Bool(false), out);
    }
  }
  return FailText(operation, machine, out);
}

// ---- Texts to times.

// One or two digits.
bool ReadPair(std::string_view& text, int& out) {
  if (text.empty() || !IsDigit(text.front())) {
    return false;
  }
  out = 0;
  for (int i = 0; i < 2 && !text.empty() && IsDigit(text.front()); ++i) {
    out = out * 10 + (text.front() - '0');
    text.remove_prefix(1);
  }
  return true;
}

bool EatWord(std::string_view& text, std::string_view word) {
  if (text.size() < word.size()) {
    return false;
  }
  for (size_t i = 0; i < word.size(); ++i) {
    if ((text[i] | 0x20) != word[i]) {
      return false;
    }
  }
  text.remove_prefix(word.size());
  return true;
}

// The range of years that DATE's 32 bits reach; the exact ends are checked on the number of days.
constexpr int64_t kYearMax = 5'881'580;

// [spaces][-]year sep month sep day[ (BC)], or infinity or epoch; leaves what follows in `text`.
// Infinities are DATE's.
bool ReadDate(std::string_view& text, int64_t& days, bool& special) {
  text = TrimLeft(text);
  special = false;
  const bool minus = !text.empty() && text.front() == '-';
  if (minus) {
    text.remove_prefix(1);
  }
  if (text.empty()) {
    return false;
  }
  if (!IsDigit(text.front())) {
    if (EatWord(text, "infinity") || EatWord(text, "inf")) {
      days = minus ? -kDateInfinity : kDateInfinity;
    } else if (EatWord(text, "epoch")) {
      days = 0;
    } else {
      return false;
    }
    special = true;
    text = TrimLeft(text);
    return text.empty();
  }
  int64_t year = 0;
  while (!text.empty() && IsDigit(text.front())) {
    if (year >= 100'000'000) {
      return false;
    }
    year = year * 10 + (text.front() - '0');
    text.remove_prefix(1);
  }
  year = minus ? -year : year;
  int month = 0;
  int day = 0;
  const char separator = text.empty() ? '\0' : text.front();
  if (separator != '-' && separator != '/' && separator != ' ' && separator != '\\') {
    return false;
  }
  text.remove_prefix(1);
  if (!ReadPair(text, month) || text.empty() || text.front() != separator) {
    return false;
  }
  text.remove_prefix(1);
  if (!ReadPair(text, day)) {
    return false;
  }
  if (text.size() >= 5 && IsSpace(text[0]) && text[1] == '(' && (text[2] | 0x20) == 'b' &&
      (text[3] | 0x20) == 'c' && text[4] == ')') {
    if (minus || year == 0) {
      return false;
    }
    year = 1 - year;
    text.remove_prefix(5);
  }
  if (!text.empty() && IsDigit(text.front())) {
    return false;
  }
  if (year > kYearMax || year < -kYearMax || month < 1 || month > 12 || day < 1 ||
      day > DaysInMonth(year, month)) {
    return false;
  }
  days = DaysFromCivil({.year = static_cast<int32_t>(year), .month = month, .day = day});
  return IsFiniteDate(days);
}

bool RunTextToDate(const Operation& operation, Args args, Machine& machine, Datum& out) {
  std::string_view text = args[0]->text();
  int64_t days = 0;
  bool special = false;
  if (!ReadDate(text, days, special)) {
    return FailText(operation, machine, out);
  }
  return Give(Datum::Int(days), out);  // what follows is ignored
}

// hours:minutes[:seconds[.fraction]], digits beyond microseconds cut off.
bool ReadTime(std::string_view& text, int64_t& us) {
  text = TrimLeft(text);
  int64_t hours = 0;
  int digits = 0;
  for (; !text.empty() && IsDigit(text.front()); text.remove_prefix(1)) {
    if (++digits > 9) {
      return false;
    }
    hours = hours * 10 + (text.front() - '0');
  }
  if (digits == 0 || text.empty() || text.front() != ':') {
    return false;
  }
  text.remove_prefix(1);
  int minutes = 0;
  int seconds = 0;
  if (!text.empty()) {
    if (!ReadPair(text, minutes) || minutes >= 60) {
      return false;
    }
    if (!text.empty()) {
      if (text.front() != ':') {
        return false;
      }
      text.remove_prefix(1);
      if (!text.empty() && (!ReadPair(text, seconds) || seconds >= 60)) {
        return false;
      }
    }
  }
  us = hours * kHourUs + minutes * kMinuteUs + seconds * kSecondUs;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    for (int64_t unit = kSecondUs / 10; !text.empty() && IsDigit(text.front());
         unit /= 10, text.remove_prefix(1)) {
      us += (text.front() - '0') * unit;
    }
  }
  return true;
}

// Z, ±hh[[:]mm[:ss]] (its offset is dropped, as DuckDB does for TIMESTAMP) or " UTC".
bool SkipZone(std::string_view& text) {
  if (text.front() == 'Z') {
    text.remove_prefix(1);
    return true;
  }
  if (text.size() >= 3 && (text[0] == '+' || text[0] == '-') && IsDigit(text[1]) &&
      IsDigit(text[2])) {
    text.remove_prefix(3);
    const bool colon = !text.empty() && text.front() == ':';
    for (int i = 0; i < (colon ? 2 : 1); ++i) {
      if (colon) {
        if (text.empty() || text.front() != ':') {
          break;
        }
        text.remove_prefix(1);
      }
      if (text.size() < 2 || !IsDigit(text[0]) || !IsDigit(text[1])) {
        break;
      }
      text.remove_prefix(2);
    }
    return true;
  }
  if (text.front() != ' ') {
    return false;
  }
  text.remove_prefix(1);
  EatWord(text, "utc");
  return true;
}

bool RunTextToTimestamp(const Operation& operation, Args args, Machine& machine, Datum& out) {
  std::string_view text = args[0]->text();
  int64_t days = 0;
  int64_t us = 0;
  bool special = false;
  if (!ReadDate(text, days, special)) {
    return FailText(operation, machine, out);
  }
  int64_t time = 0;
  if (!text.empty()) {
    if (text.front() == ' ' || text.front() == 'T') {
      text.remove_prefix(1);
    }
    if (!ReadTime(text, time) || time > kDayUs || (!text.empty() && !SkipZone(text)) ||
        !TrimLeft(text).empty()) {
      return FailText(operation, machine, out);
    }
  }
  if (!DateToTimestamp(days, us) ||
      (IsFiniteTimestamp(us) &&
       (__builtin_add_overflow(us, time, &us) || !IsFiniteTimestamp(us)))) {
    return FailText(operation, machine, out);
  }
  return Give(Datum::Int(us), out);
}

bool RunDateToTimestamp(const Operation& operation, Args args, Machine& machine, Datum& out) {
  int64_t us;
  return DateToTimestamp(args[0]->i, us) ? Give(Datum::Int(us), out)
                                         : FailCast(operation, machine, out);
}

bool RunTimestampToDate(const Operation&, Args args, Machine&, Datum& out) {
  return Give(Datum::Int(TimestampToDate(static_cast<int64_t>(args[0]->i))), out);
}

bool RunToText(const Operation& operation, Args args, Machine& machine, Datum& out) {
  return Give(machine.Keep(table::ToText(*args[0], operation.args[0])), out);
}

// ---- Which cast is which.

Operation::Kernel FromText(Type to) {
  switch (to.id) {
    case TypeId::kBoolean:
      return RunTextToBoolean;
    case TypeId::kDecimal:
      return RunTextToDecimal;
    case TypeId::kDouble:
      return RunTextToDouble;
    case TypeId::kDate:
      return RunTextToDate;
    case TypeId::kTimestamp:
      return RunTextToTimestamp;
    default:
      return IsInteger(to) ? RunTextToInteger : nullptr;
  }
}

Operation::Kernel FromNumber(Type from, Type to, Operation& operation) {
  const bool boolean = from.id == TypeId::kBoolean;
  if (to.id == TypeId::kBoolean) {
    return RunToBoolean;
  }
  if (IsDouble(to)) {
    return from.id == TypeId::kDecimal ? RunDecimalToDouble : RunIntegerToDouble;
  }
  if (to.id != TypeId::kDecimal) {
    operation.parameter = from.id == TypeId::kDecimal ? kPowersOfTen[from.scale] : 1;
    return IsInteger(to) ? (from.id == TypeId::kDecimal ? RunScaleDown : RunBounded) : nullptr;
  }
  if (boolean) {
    // DuckDB makes true 0.1 where nothing stands before the point.
    operation.parameter = to.width > to.scale ? kPowersOfTen[to.scale] : 1;
    return RunBooleanToDecimal;
  }
  const int scale = from.id == TypeId::kDecimal ? from.scale : 0;
  operation.parameter = kPowersOfTen[scale > to.scale ? scale - to.scale : to.scale - scale];
  return scale > to.scale ? RunScaleDownDecimal : RunScaleUp;
}

Operation::Kernel FindCast(Type from, Type to, Operation& operation) {
  if (from == to) {
    return RunSame;
  }
  if (from.id == TypeId::kNull) {
    return RunNull;
  }
  if (IsText(to)) {
    return RunToText;
  }
  if (IsText(from)) {
    return FromText(to);
  }
  if (IsExact(from) || from.id == TypeId::kBoolean) {
    return FromNumber(from, to, operation);
  }
  if (IsDouble(from)) {
    if (to.id == TypeId::kDecimal) {
      return RunDoubleToDecimal;
    }
    return to.id == TypeId::kBoolean ? RunToBoolean
                                     : (IsInteger(to) ? RunDoubleToInteger : nullptr);
  }
  if (from.id == TypeId::kDate && to.id == TypeId::kTimestamp) {
    return RunDateToTimestamp;
  }
  if (from.id == TypeId::kTimestamp && to.id == TypeId::kDate) {
    return RunTimestampToDate;
  }
  return nullptr;
}

}  // namespace

Result<void> BindCast(Operation& operation) {
  FUQI_CHECK(operation.args.size() == 1);
  operation.kernel = FindCast(operation.args[0], operation.result, operation);
  if (operation.kernel == nullptr) {
    return Err(ErrorCode::kUnsupported, "a cast from {} to {} cannot run as a stream",
               operation.args[0].ToString(), operation.result.ToString());
  }
  return {};
}

}  // namespace fuqi::sql::internal
