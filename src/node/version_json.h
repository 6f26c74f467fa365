#pragma once

// Versions of a pack and their proposals as clients see them, docs/api/openapi.json.

#include <span>
#include <string>
#include <string_view>

#include "node/print.h"
#include "node/publisher.h"

namespace fuqi::node {

// {"pack","hash","record","versions":[{"record","hash"}],"proposal":{…}}
OrderedJson LifeJson(const LifeStatus& status, int64_t now_us);
// [{"part","name","before","after"}]; before or after left out where there was none.
OrderedJson ChangesJson(std::span<const decide::ChangedPart> changes);

// What a version that watches decides otherwise:
// {"events","different","failed","actions":[{"decided",
// "shadow","events"}],"rules":[{"rule","decided","shadow"}],"newest":[{"decision_id","decided",
// "shadow","rules"}]}
OrderedJson ShadowJson(const decide::ShadowReport& report, std::string_view pack);

// {"files":{path: content},"reason","expires_in","shadow"} or the same with "hash" for files.
// As ParseBody; kInvalidArgument: an unknown or missing member, or one of another kind.
Result<void> ParseProposing(std::string_view json, Proposing& proposing);
// {"reason"}; gives it.
Result<std::string> ParseReason(std::string_view json);
// 64 hexadecimal digits. kInvalidArgument.
Result<Digest> ParseVersionHash(std::string_view text);

// What a client needs of answers that it did not make, whoever made them.
// Of all routes of versions but the next; `changes` may be missing.
bool IsLifeJson(const OrderedJson& json);
// Of the route of one version.
bool IsVersionJson(const OrderedJson& json);

}  // namespace fuqi::node
