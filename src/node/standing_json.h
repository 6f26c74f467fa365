#pragma once

// What stands and changes of it, as people and programs write and read them.

#include <string>
#include <string_view>

#include "decide/change.h"
#include "decide/standing.h"
#include "node/print.h"

namespace fuqi::node {

// One action that stands for a subject: {"kind","subject","action","above","allow","per","from",
// "used":[{"begins","used","remains"}],"until","record","decision_id","rule","by",
// "reason":{"zh","en"}}; what is empty or without bound left out. `used` has the periods that
// events may still fall into and in which something was used up.
OrderedJson StandingJson(const decide::Pack& pack, const decide::StandingKind& kind,
                         const std::string& subject, const decide::StandingState::Entry& entry);

// What an action that is to stand is made of, as texts; empty: not given.
struct StandingTexts {
  std::string action;
  std::string above;
  std::string allow;
  std::string per;
  std::string from;
  std::string until;
};
// Makes `change` set it. kInvalidArgument, placed by the member's name: what is none, or
// contradicts another.
Result<void> ReadStanding(const StandingTexts& texts, decide::StandingChange& change);

// {"op":"set","kind","subject","action","above" or "allow","per","from","until","reason"},
// {"op":"release","kind","subject","record","reason"} or {"op":"undo","decision_id","reason"};
// `reason` a text or {"zh","en"}. As ParseBody; kInvalidArgument: an unknown or missing member, a
// value that is none, a decision of another pack. `head` is left as it is.
Result<void> ParseStandingChange(std::string_view json, std::string_view pack,
                                 decide::StandingChange& change);

}  // namespace fuqi::node
