#include "sql/helpers.h"

#include <fmt/format.h>

#include <array>

#include "sql/given_calls.h"

namespace fuqi::sql {
namespace {

constexpr std::array<std::string_view, 1> kHelpers = {"haversine_km"};

// 2 r asin √h, where 0 ≤ h ≤ 1 but for rounding. What rounding puts beyond either end is turned
// back by as much, since neither sqrt nor asin has a value there: abs at 0, and 1 - |1 - x| at 1,
// which takes no more than a nanometre off a distance and, unlike greatest and least, leaves NULL
// as it is. (Arguments stand on lines of their own, for comments' sake.)
std::string Haversine(const std::vector<Fragment>& args) {
  return fmt::format(
      "(12742.0176 * asin(1.0 - abs(1.0 - sqrt(abs("
      "pow(sin(radians((\n{2}\n) - (\n{0}\n)) / 2.0), 2.0) + cos(radians(\n{0}\n)) * "
      "cos(radians(\n{2}\n)) * pow(sin(radians((\n{3}\n) - (\n{1}\n)) / 2.0), 2.0))))))",
      args[0].text, args[1].text, args[2].text, args[3].text);
}

}  // namespace

Result<Fragment> WriteOutHelpers(const Fragment& fragment) {
  FUQI_ASSIGN_OR_RETURN(std::vector<GivenCall> calls, FindGivenCalls(fragment, kHelpers));
  std::vector<std::string> texts;
  for (const GivenCall& call : calls) {
    if (call.args.size() != 4) {
      return fragment.At(
          call.begin,
          Err(ErrorCode::kInvalidArgument,
              "haversine_km has four arguments, latitude and longitude of one place and of "
              "another; here are {}",
              call.args.size()));
    }
    texts.push_back(Haversine(call.args));
  }
  return calls.empty() ? fragment : ReplaceCalls(fragment, calls, texts);
}

}  // namespace fuqi::sql
