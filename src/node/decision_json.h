#pragma once

// A decision as clients see it. The same decision gives the same bytes whenever and however it is
// asked for.

#include <memory>
#include <string>

#include "decide/compiled_pack.h"
#include "decide/decision.h"
#include "decide/records.h"

namespace fuqi::node {

// What of a pack version is needed to tell its decisions.
struct PackView {
  std::shared_ptr<const decide::Pack> pack;
  table::Schema features;
  table::Type key;  // type of the event table's key

  static PackView Of(std::shared_ptr<const decide::CompiledPack> pack);
  // Of an earlier version, from its Publish record.
  static Result<PackView> Of(const decide::PublishRecord& publish);
};

// {"decision_id","pack","pack_hash","event_id","action","hits":[{"rule","action","reason":{"zh","en"},"clause"}],"flags":[…],
//  "features":{…}}; "shadow":true in hits that do not act; "error" where a feature or rule could
//  not be evaluated. `view` must be of the version that decided.
std::string DecisionJson(const PackView& view, const table::Datum& event_key,
                         const decide::Decision& decision);

}  // namespace fuqi::node
