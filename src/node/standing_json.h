#pragma once

// What stands, as programs read it: JSON.

#include <string>

#include "decide/standing.h"
#include "node/print.h"

namespace fuqi::node {

// One action that stands for a subject: {"subject","action","above","until","record","decision_id",
// "rule","by","reason":{"zh","en"}}; what is empty or without bound left out.
OrderedJson StandingJson(const decide::Pack& pack, const decide::StandingKind& kind,
                         const std::string& subject, const decide::StandingState::Entry& entry);

}  // namespace fuqi::node
