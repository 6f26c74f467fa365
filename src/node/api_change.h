#pragma once

// What the routes that change committed state share.

#include <functional>
#include <string>
#include <string_view>

#include "decide/change.h"
#include "node/http.h"
#include "node/pack_runner.h"
#include "node/problem.h"

namespace fuqi::node {

// An error about a change as a client is told it; a route may give some of them a type of its own
// before.
HttpResponse ChangeRefusal(const Error& error, Language language);

// Makes the change and tells when it is on disk: {"record":N}.
void SubmitChange(PackRunner& runner, decide::Change change, const HttpRequest& request,
                  Refuse refuse, Reply reply);

// Gives `take` each parameter of a query, percent-decoded; false as soon as one has no value, is
// malformed, or `take` does not want it.
bool ReadQuery(std::string_view query,
               const std::function<bool(std::string_view name, const std::string& text)>& take);

// How much a page of what is held may have.
inline constexpr size_t kPageMost = 1'000;
// The parameter `limit` of a query: 1 to kPageMost.
bool ReadLimit(const std::string& text, size_t& limit);

}  // namespace fuqi::node
