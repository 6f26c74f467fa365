#pragma once

// Why a name met one of a list, as people and programs read it.

#include <string>

#include "base/messages.h"
#include "decide/screening.h"
#include "node/print.h"

namespace fuqi::node {

// "张 = zhang (by pinyin), 伟 = wei (by pinyin); only listed: junior; in another order".
std::string WordsOf(const decide::ScreeningHit& hit, Language language);
// Adds "matches", "query_left", "entry_left" and "notes".
void AddWords(const decide::ScreeningHit& hit, OrderedJson& json);

}  // namespace fuqi::node
