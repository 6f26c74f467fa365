// Any bytes are a document or a placed kConfig; walking a document with every kind of question
// ends, and places lie within the text.

#include <algorithm>
#include <string>

#include "base/check.h"
#include "base/toml.h"

namespace {

using fuqi::TomlNode;

void CheckPlace(const fuqi::Where& where, int lines) {
  FUQI_CHECK(where.line >= 1 && where.line <= lines && where.column >= 1);
}

void Walk(const TomlNode& node, int lines) {
  CheckPlace(node.where(), lines);
  (void)node.As<int>();
  (void)node.As<double>();
  (void)node.As<bool>();
  (void)node.As<fuqi::Duration>();
  (void)node.Optional<int>("key");
  if (const auto text = node.As<std::string>()) {
    fuqi::Where last = node.where();
    for (size_t i = 0; i <= std::min<size_t>(text->size(), 64); ++i) {
      const fuqi::Where place = node.At(i);
      CheckPlace(place, lines);
      FUQI_CHECK(place.line > last.line ||
                 (place.line == last.line && place.column >= last.column));
      last = place;
    }
  }
  if (const auto items = node.As<std::vector<TomlNode>>()) {
    for (const TomlNode& item : *items) {
      Walk(item, lines);
    }
  }
  if (const auto entries = node.Entries()) {
    for (const TomlNode::Entry& entry : *entries) {
      CheckPlace(entry.where, lines);
      Walk(entry.value, lines);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto root = TomlNode::Parse(text, "input");
  if (!root) {
    FUQI_CHECK(root.error().code() == fuqi::ErrorCode::kConfig);
    FUQI_CHECK(root.error().where() && root.error().where()->file == "input");
    return 0;
  }
  (void)root->CheckNoUnknownKeys();
  Walk(*root, static_cast<int>(std::ranges::count(text, '\n')) + 1);
  FUQI_CHECK(root->CheckNoUnknownKeys().has_value());
  return 0;
}
