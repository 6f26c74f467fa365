#include "node/keys.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/random.h"
#include "crypto/sha256.h"
#include "node/as_config.h"

namespace fuqi::node {
namespace {

constexpr std::string_view kPrefix = "fuqi_";  // so that scanners for leaked secrets can find one
constexpr std::string_view kScheme = "Bearer ";
constexpr uint64_t kFileBytesMax = 1 << 20;

bool IsName(std::string_view name) {
  auto allowed = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           c == '-' || c == '.';
  };
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), allowed);
}

std::string_view Trimmed(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

constexpr std::array<std::pair<std::string_view, Role>, 6> kRoleNames = {{
    {"decide", Role::kDecide},
    {"list", Role::kList},
    {"standing", Role::kStanding},
    {"outbox", Role::kOutbox},
    {"propose", Role::kPropose},
    {"approve", Role::kApprove},
}};

// "list,propose"; nothing where a word of it is no role.
std::optional<Roles> ParseRoles(std::string_view text) {
  Roles roles = 0;
  for (bool more = true; more;) {
    const std::string_view word = text.substr(0, text.find(','));
    more = word.size() < text.size();
    text.remove_prefix(more ? word.size() + 1 : word.size());
    const auto found =
        std::ranges::find(kRoleNames, Trimmed(word), &std::pair<std::string_view, Role>::first);
    if (found == kRoleNames.end()) {
      return std::nullopt;
    }
    roles |= static_cast<Roles>(found->second);
  }
  return roles;
}

bool SameWord(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

}  // namespace

Result<ApiKeys> ApiKeys::Load(Disk& disk, const std::string& path) {
  FUQI_ASSIGN_OR_RETURN(Bytes bytes, AsConfig(ReadFile(disk, path, kFileBytesMax)));
  return Parse(AsText(bytes), path);
}

Result<ApiKeys> ApiKeys::Parse(std::string_view text, const std::string& file) {
  ApiKeys keys;
  for (int line = 1; !text.empty(); ++line) {
    std::string_view content = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), content.size() + 1));
    content = Trimmed(content);
    if (content.empty() || content.front() == '#') {
      continue;
    }
    const Where where{.file = file, .line = line};
    const auto part = [&content] {
      const std::string_view text = content.substr(0, content.find(':'));
      const bool last = text.size() == content.size();
      content = last ? std::string_view() : content.substr(text.size() + 1);
      return std::pair(Trimmed(text), last);
    };
    const std::string_view name = part().first;
    const auto [digits, no_roles] = part();
    const Result<Bytes> hash = FromHex(digits);
    const std::optional<Roles> roles = no_roles ? Role::kDecide | Role::kList : ParseRoles(content);
    // SECURITY: the message does not repeat the line; someone may have put a key there instead of
    // its hash. Test: ApiKeys.RefusesABadFileWithItsLineAndWithoutItsContent.
    if (!IsName(name) || !hash || hash->size() != sizeof(Digest) || !roles) {
      return Err(ErrorCode::kConfig,
                 "a line is `name:sha256` or `name:sha256:roles`, with the hash as 64 hexadecimal "
                 "digits and roles of decide, list, standing, outbox, propose, approve; `fuqi key "
                 "new NAME` makes one")
          .At(where);
    }
    Entry entry{{std::string(name), *roles}, {}};
    std::copy(hash->begin(), hash->end(), entry.hash.begin());
    for (const Entry& other : keys.entries_) {
      if (other.holder.name == name) {
        return Err(ErrorCode::kConfig, "the name {} is given twice", name).At(where);
      }
      // SECURITY: one key under two names could be two persons: ApiKeys.OneKeyHasOneName.
      if (other.hash == entry.hash) {
        return Err(ErrorCode::kConfig, "{} and {} have the same key", other.holder.name, name)
            .At(where);
      }
    }
    keys.entries_.push_back(std::move(entry));
  }
  if (keys.entries_.empty()) {
    return Err(ErrorCode::kConfig, "there is no key in the file; `fuqi key new NAME` makes one")
        .At({.file = file});
  }
  return keys;
}

std::optional<KeyHolder> ApiKeys::Caller(std::string_view authorization) const {
  if (authorization.size() <= kScheme.size() ||
      !SameWord(authorization.substr(0, kScheme.size()), kScheme)) {
    return std::nullopt;
  }
  const Digest presented = crypto::Sha256(AsBytes(authorization.substr(kScheme.size())));
  // No early exit: how long it takes must not tell which name a key is near to.
  const Entry* found = nullptr;
  for (const Entry& entry : entries_) {
    if (crypto::ConstantTimeEqual(presented, entry.hash)) {
      found = &entry;
    }
  }
  return found == nullptr ? std::nullopt : std::optional<KeyHolder>(found->holder);
}

Result<NewKey> MakeKey(std::string_view name, const std::vector<std::string>& roles) {
  if (!IsName(name)) {
    return Err(ErrorCode::kUsage, "a key's name is 1 to 64 letters, digits, '_', '-' or '.'");
  }
  const std::string joined = fmt::format("{}", fmt::join(roles, ","));
  if (!roles.empty() && !ParseRoles(joined)) {
    return Err(ErrorCode::kUsage,
               "a key's roles are of decide, list, standing, outbox, propose, approve");
  }
  std::array<uint8_t, 32> secret{};
  FUQI_RETURN_IF_ERROR(SecureRandom(secret));
  NewKey made;
  made.key = std::string(kPrefix) + ToHex(secret);
  made.line = fmt::format("{}:{}{}{}", name, ToHex(crypto::Sha256(AsBytes(made.key))),
                          roles.empty() ? "" : ":", joined);
  return made;
}

}  // namespace fuqi::node
