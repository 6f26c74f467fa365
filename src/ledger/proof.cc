#include "ledger/proof.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "ledger/merkle.h"

namespace fuqi::ledger {
namespace {

using nlohmann::json;

constexpr std::string_view kFormat = "fuqi-record-proof-1";

Error Malformed(MessageTemplate message, std::string field) {
  return Err(ErrorCode::kParse, message).At({.field = std::move(field)});
}

// The object without any other than its one reading: a repeated key would let two readers see two
// proofs.
Result<json> ParseObject(std::string_view text) {
  std::set<std::string> keys;
  std::string repeated;
  json parsed = json::parse(
      text,
      [&](int depth, json::parse_event_t event, json& value) {
        if (depth == 1 && event == json::parse_event_t::key) {
          const auto& key = value.get_ref<const std::string&>();
          if (!keys.insert(key).second) {
            repeated = key;
          }
        }
        return true;
      },
      /*allow_exceptions=*/false);
  if (!parsed.is_object()) {
    return Err(ErrorCode::kParse, "a proof is one JSON object");
  }
  if (!repeated.empty()) {
    return Malformed("the key stands twice in the proof", repeated);
  }
  constexpr std::array<std::string_view, 7> kKeys = {"format", "origin", "index", "size",
                                                     "root",   "record", "path"};
  for (const std::string_view key : kKeys) {
    if (!keys.contains(std::string(key))) {
      return Malformed("the key is missing in the proof", std::string(key));
    }
  }
  for (const std::string& key : keys) {
    if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end()) {
      return Malformed("the key is not one of a proof", key);
    }
  }
  return parsed;
}

Result<Bytes> ReadBytes(const json& value, const std::string& field) {
  if (!value.is_string()) {
    return Malformed("the value is a text in base64", field);
  }
  return FromBase64(value.get_ref<const std::string&>()).At({.field = field});
}

Result<Digest> ReadDigest(const json& value, const std::string& field) {
  FUQI_ASSIGN_OR_RETURN(const Bytes bytes, ReadBytes(value, field));
  Digest digest;
  if (bytes.size() != digest.size()) {
    return Malformed("a hash is of 32 bytes", field);
  }
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

Result<uint64_t> ReadNumber(const json& value, const std::string& field) {
  if (!value.is_number_unsigned()) {
    return Malformed("the value is a whole number, not negative and less than 2^64", field);
  }
  return value.get<uint64_t>();
}

}  // namespace

// RFC 9162 §2.1.3.2.
bool VerifyInclusion(uint64_t index, uint64_t size, const Digest& leaf,
                     std::span<const Digest> path, const Digest& root) {
  if (index >= size) {
    return false;
  }
  uint64_t node = index;
  uint64_t last = size - 1;
  Digest hash = leaf;
  for (const Digest& sibling : path) {
    if (last == 0) {
      return false;
    }
    if ((node & 1) != 0 || node == last) {
      hash = NodeHash(sibling, hash);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = NodeHash(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && hash == root;
}

// RFC 9162 §2.1.4.2, with the trees that it leaves out: every tree continues the empty one and
// itself.
bool VerifyConsistency(uint64_t first, uint64_t second, std::span<const Digest> path,
                       const Digest& first_root, const Digest& second_root) {
  if (first > second) {
    return false;
  }
  if (first == second) {
    return path.empty() && first_root == second_root;
  }
  if (first == 0) {
    return path.empty() && first_root == EmptyRoot();
  }
  uint64_t node = first - 1;
  uint64_t last = second - 1;
  while ((node & 1) != 0) {
    node >>= 1;
    last >>= 1;
  }
  // A first tree that is a complete subtree is its own start of the path.
  Digest old_hash = first_root;
  if (node != 0) {
    if (path.empty()) {
      return false;
    }
    old_hash = path.front();
    path = path.subspan(1);
  }
  Digest new_hash = old_hash;
  for (const Digest& sibling : path) {
    if (last == 0) {
      return false;
    }
    if ((node & 1) != 0 || node == last) {
      old_hash = NodeHash(sibling, old_hash);
      new_hash = NodeHash(sibling, new_hash);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      new_hash = NodeHash(new_hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && old_hash == first_root && new_hash == second_root;
}

std::string ToJson(const RecordProof& proof) {
  nlohmann::ordered_json path = nlohmann::ordered_json::array();
  for (const Digest& hash : proof.path) {
    path.push_back(ToBase64(hash));
  }
  return nlohmann::ordered_json{
      {"format", kFormat},      {"origin", proof.origin},       {"index", proof.index},
      {"size", proof.size},     {"root", ToBase64(proof.root)}, {"record", ToBase64(proof.record)},
      {"path", std::move(path)}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<RecordProof> ParseRecordProof(std::string_view text) {
  FUQI_ASSIGN_OR_RETURN(const json object, ParseObject(text));
  if (object["format"] != kFormat) {
    return Malformed("the value is 'fuqi-record-proof-1'", "format");
  }
  if (!object["origin"].is_string()) {
    return Malformed("the value is a text", "origin");
  }
  if (!object["path"].is_array()) {
    return Malformed("the value is a list of hashes", "path");
  }
  RecordProof proof{.origin = object["origin"].get<std::string>()};
  FUQI_ASSIGN_OR_RETURN(proof.index, ReadNumber(object["index"], "index"));
  FUQI_ASSIGN_OR_RETURN(proof.size, ReadNumber(object["size"], "size"));
  FUQI_ASSIGN_OR_RETURN(proof.root, ReadDigest(object["root"], "root"));
  FUQI_ASSIGN_OR_RETURN(proof.record, ReadBytes(object["record"], "record"));
  for (const json& hash : object["path"]) {
    FUQI_ASSIGN_OR_RETURN(proof.path.emplace_back(), ReadDigest(hash, "path"));
  }
  return proof;
}

Result<void> CheckRecordProof(const RecordProof& proof, const std::optional<Head>& head) {
  if (head && (proof.origin != head->origin || proof.size != head->size)) {
    return Err(ErrorCode::kCorrupt,
               "the proof is for {} records of '{}', the head for {} records of '{}'", proof.size,
               proof.origin, head->size, head->origin);
  }
  if (head && proof.root != head->root) {
    return Err(ErrorCode::kCorrupt, "the proof leads to another root than the head's");
  }
  if (!VerifyInclusion(proof.index, proof.size, LeafHash(proof.record), proof.path, proof.root)) {
    return Err(ErrorCode::kCorrupt, "the proof does not lead from record {} to the root",
               proof.index);
  }
  return {};
}

}  // namespace fuqi::ledger
