// Local time: a moment as clocks of one zone tell it, told by the clocks of another.

#include "base/time.h"
#include "sql/functions_internal.h"

namespace fuqi::sql {

struct ZoneChange {
  TimeZone from;
  TimeZone to;
};

namespace internal {
namespace {

// A local time that happened twice is the later of the two, one that never happened is read with
// the offset before the gap.
bool RunZoneChange(const Operation& operation, Args args, Machine& machine, Datum& out) {
  const auto us = static_cast<int64_t>(args[2]->i);
  if (!IsFiniteTimestamp(us)) {
    return Give(*args[2], out);
  }
  const ZoneChange& zones = *operation.zones;
  auto utc = zones.from.ToUtc(us, TimeZone::Fold::kLater, TimeZone::Gap::kShift);
  if (!utc) {
    return machine.Fail(std::move(utc).error());
  }
  auto local = zones.to.ToLocal(*utc);
  if (!local) {
    return machine.Fail(std::move(local).error());
  }
  return IsFiniteTimestamp(*local) ? Give(Datum::Int(*local), out) : FailRange(operation, machine);
}

// timezone(to, from, time): DuckDB's timezone(to, timezone(from, time)).
Result<void> BindZoneChange(const std::vector<Expr>& children, Operation& operation) {
  if (operation.args.size() != 3 || operation.args[2].id != TypeId::kTimestamp ||
      operation.result.id != TypeId::kTimestamp) {
    return NoSuchOverload(operation);
  }
  FUQI_ASSIGN_OR_RETURN(const std::string_view to, ConstantText(children, 0, operation));
  FUQI_ASSIGN_OR_RETURN(const std::string_view from, ConstantText(children, 1, operation));
  FUQI_ASSIGN_OR_RETURN(TimeZone to_zone, TimeZone::Find(std::string(to)));
  FUQI_ASSIGN_OR_RETURN(TimeZone from_zone, TimeZone::Find(std::string(from)));
  operation.zones =
      std::make_shared<const ZoneChange>(ZoneChange{std::move(from_zone), std::move(to_zone)});
  operation.kernel = RunZoneChange;
  return {};
}

}  // namespace

std::span<const Function> ZoneFunctions() {
  static constexpr Function kFunctions[] = {{"timezone", BindZoneChange}};
  return kFunctions;
}

}  // namespace internal
}  // namespace fuqi::sql
