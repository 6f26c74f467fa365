#pragma once

// What tools/compile_messages.py writes from i18n/zh/*.toml.

#include <span>
#include <string_view>

namespace fuqi::internal {

struct Message {
  std::string_view english;
  std::string_view translated;
};

// Sorted bytewise by `english`, each once.
std::span<const Message> ChineseMessages();

}  // namespace fuqi::internal
