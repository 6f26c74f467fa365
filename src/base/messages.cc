#include "base/messages.h"

#include <algorithm>

#include "base/messages_internal.h"

namespace fuqi {

std::string_view Translate(std::string_view english, Language language) {
  if (language == Language::kEnglish) {
    return english;
  }
  const auto table = internal::ChineseMessages();
  const auto found = std::ranges::lower_bound(table, english, {}, &internal::Message::english);
  return found != table.end() && found->english == english ? found->translated : english;
}

Language LanguageFromTag(std::string_view tag) {
  const bool chinese = tag.size() >= 2 && (tag[0] == 'z' || tag[0] == 'Z') &&
                       (tag[1] == 'h' || tag[1] == 'H') &&
                       (tag.size() == 2 || tag[2] == '-' || tag[2] == '_' || tag[2] == '.');
  return chinese ? Language::kChinese : Language::kEnglish;
}

}  // namespace fuqi
